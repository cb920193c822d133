"""LivePage: a document that grows while any number of readers follow it. PageShelf: the pages that are kept in memory.

    page = shelf.new(owner="ann")
    page.append("<h1>Hello"); page.append("</h1>"); page.finish("stop")
    async for chunk in page.read(): ...

The bytes are kept once. A reader pulls from them by its own offset, whenever it is ready for more, so a slow or stuck one
costs nothing but its place in the buffer, and a late one first gets everything at once. All of it belongs to one event
loop and takes no locks.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from htmlgen.engine import FinishReason
from htmlgen.errors import PageNotFound

if TYPE_CHECKING:
    from htmlgen.store import Store

CHUNK = 65_536
"""Bytes handed to a reader at a time: what a stuck reader holds in memory at most, next to its socket's buffer."""

FRAME = 1 / 60
"""Seconds between two pieces for a reader: no screen shows more, and fifty readers of a fast model cost little."""


class LivePage:
    """An append-only document. Its id is 192 random bits, in the letters that URLs may have."""

    def __init__(self, owner: str = "local", id: str | None = None) -> None:
        self.id = id or secrets.token_urlsafe(24)
        self.owner = owner
        """The user who may read it; "local" without a log-in."""
        self.finished = False
        """No more comes, unless the page is reopened."""
        self.finish_reason: FinishReason | None = None
        """Why the engine stopped; None while the page grows, and after a failure."""
        self._data = bytearray()
        self._html: str | None = ""
        self._change = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return len(self._data)

    @property
    def html(self) -> str:
        """The document so far."""
        if self._html is None:
            self._html = self._data.decode()
        return self._html

    def append(self, text: str) -> None:
        """Adds `text`; readers that wait for more are woken. Halves of surrogate pairs, which UTF-8 lacks, become "?"."""
        assert not self.finished, "append() to a finished page: reopen() it first"
        if text:
            self._data += text.encode(errors="replace")
            self._html = None
            self._wake()

    def finish(self, reason: FinishReason | None) -> None:
        """Ends the page and every reader's stream. `reason` is None when the generation failed."""
        self.finished, self.finish_reason = True, reason
        self._wake()

    def reopen(self) -> None:
        """Lets a finished page grow again. Readers that come from now on get all of it, then what is new."""
        self.finished, self.finish_reason = False, None

    def _wake(self) -> None:
        # One event wakes everybody who waits at this moment; who is busy sending sees the new bytes when he comes back.
        self._change.set()
        self._change = asyncio.Event()

    async def read(self, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Yields the bytes from `start` on, then what is new up to 60 times a second; ends when the page is finished.

        Pieces are at most 64 KiB and may cut a character in two: decode them incrementally.
        """
        clock = asyncio.get_running_loop().time
        position, sent_at = start, 0.0
        while True:
            while position < len(self._data):
                chunk = bytes(self._data[position : position + CHUNK])
                position, sent_at = position + len(chunk), clock()
                yield chunk
            if self.finished:
                return
            await self._change.wait()
            if not self.finished and (early := sent_at + FRAME - clock()) > 0:
                await asyncio.sleep(early)


def no_such_page() -> PageNotFound:
    """What is said of a page that is not there, and of one that is not the asker's."""
    return PageNotFound(
        "There is no such page. It may have been deleted, or never saved: ask for it again in the chat."
    )


class PageShelf:
    """Keeps pages by id: at most `max_pages`, of which the one unused the longest goes first.

    A page that is still being written is never dropped, so there may be more of them than that for a while. What was
    dropped, or was there before a restart, comes back from `store`, which the server sets once it is open.
    """

    def __init__(self, max_pages: int, store: "Store | None" = None) -> None:
        assert max_pages >= 1
        self.max_pages, self.store = max_pages, store
        self._pages: OrderedDict[str, LivePage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def new(self, owner: str = "local") -> LivePage:
        """An empty page with an id of its own."""
        return self.keep(LivePage(owner))

    def keep(self, page: LivePage) -> LivePage:
        """Puts a page on the shelf, in place of what has its id there."""
        self._pages[page.id] = page
        surplus = len(self._pages) - self.max_pages
        if surplus > 0:
            finished = [other.id for other in self._pages.values() if other.finished and other is not page]
            for page_id in finished[:surplus]:
                del self._pages[page_id]
        return page

    def get(self, page_id: str) -> LivePage:
        """The page with that id, if it is in memory.

        Raises:
            PageNotFound: there is none, or it is no longer kept.
        """
        try:
            self._pages.move_to_end(page_id)
        except KeyError as error:
            raise no_such_page() from error
        return self._pages[page_id]

    async def find(self, page_id: str) -> LivePage:
        """The page with that id, from memory or from the store.

        Raises:
            PageNotFound: it is in neither.
            StorageFailed: it is not in memory, and the store cannot be read.
        """
        if page_id in self._pages or self.store is None:
            return self.get(page_id)
        version = await self.store.version(page_id)
        if version is None or page_id in self._pages:  # while we waited, another reader has found it
            return self.get(page_id)
        page = LivePage(version.owner, version.id)
        page.append(version.html)
        page.finish(_FINISH_REASONS.get(version.state))
        # One that another process is writing right now is not kept: it would stay as it is at this moment.
        return page if version.state == "writing" else self.keep(page)

    def forget(self, page_id: str) -> None:
        """Takes a page off the shelf, when its chat is deleted. Readers that have it open read it to its end."""
        self._pages.pop(page_id, None)


_FINISH_REASONS: dict[str, FinishReason] = {"finished": "stop", "cut": "length", "stopped": "cancelled"}
"""What ended a version, in the engine's words; None is a failure."""

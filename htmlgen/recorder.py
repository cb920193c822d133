"""Recorder: keeps one page in the store while it is written, so that a crash takes a second of it at most.

    recorder = Recorder(store, record, request, model, page, text)
    version = await recorder.begin()
    ...                                     # the page grows; the recorder saves it every second by itself
    await recorder.end("finished", usage)
    recorder.version, recorder.error        # one of them is None

The page never waits for the disk but for a moment at its begin and for the last save at its end. A save that fails is
tried again every second until then; what counts is whether the last one worked.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from htmlgen.engine import GenerationRequest, Usage
from htmlgen.errors import PageNotFound, StorageFailed
from htmlgen.models import Model
from htmlgen.page import LivePage
from htmlgen.store import Record, State, Store, Version

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two saves."""

HEAD_START = 1.0
"""Seconds that the page waits for its row, so that it has a number when it opens. A slow database does not hold it up longer."""


class Recorder:
    """`text` is the studio's list of all that the model has written, which grows with the page."""

    def __init__(
        self,
        store: Store,
        record: Record,
        request: GenerationRequest,
        model: Model,
        page: LivePage,
        text: Sequence[str],
    ) -> None:
        self.version: Version | None = None
        """What is in the store: from `begin` on the row, at the end all of it. None while nothing is saved."""
        self.error: StorageFailed | None = None
        """Why the newest text is not saved."""
        self._store, self._record, self._request, self._model = store, record, request, model
        self._page, self._text = page, text
        self._begun, self._over = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._state: State = "stopped"
        self._usage: Usage | None = None

    async def begin(self) -> Version | None:
        """Starts to save. Returns the version, or None if the database takes its time or cannot."""
        self._task = asyncio.create_task(self._run())
        begun = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait((begun, self._task), timeout=HEAD_START, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
        return self.version

    async def end(self, state: State, usage: Usage | None = None) -> None:
        """Saves all of it and what ended it; may be called again, and then waits for the same."""
        assert self._task is not None, "end() before begin()"
        if not self._over.is_set():
            self._state, self._usage = state, usage
            self._over.set()
        # Shielded: whoever is cancelled while he waits does not take the last save with him.
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            before = await self._keep()
            await self._finish(before)
        except PageNotFound:
            self.version = None  # the chat was deleted meanwhile: nothing of it is kept
        except Exception:
            log.exception("Page %s could not be saved", self._page.id)
            self.version = None
            self.error = StorageFailed("This page is not saved: something went wrong, and the server's log has it.")

    async def _keep(self) -> str | None:
        """Saves every second until the end. Returns the text that the version had before, if it is being continued."""
        before, saved = None, None
        while True:
            try:
                if self.version is None:
                    self.version = await self._begin()
                    before = saved = self.version.text
                    self._begun.set()
                if not self._over.is_set() and (text := "".join(self._text)) != saved:
                    await self._store.save(self._page.id, self._page.html, text)
                    saved = text
                self.error = None
            except StorageFailed as error:
                self.error = error
            if self._over.is_set():
                return before
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._over.wait(), INTERVAL)

    async def _begin(self) -> Version:
        model = self._model
        return await self._store.begin(
            self._page.id, self._record, self._request, model=model.id, adapter=model.adapter
        )

    async def _finish(self, before: str | None) -> None:
        text = "".join(self._text)
        if self._state in ("stopped", "failed") and text == before:
            return  # a continuation that never began: the page is as it was
        try:
            if self.version is None:
                self.version = await self._begin()
            self.version = await self._store.end(
                self._page.id, self._state, html=self._page.html, text=text, usage=self._usage
            )
            self.error = None
        except StorageFailed as error:
            self.version, self.error = None, error

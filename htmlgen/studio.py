"""One generation: queue -> engine -> extractor -> live page -> store. Chat, API, command line and evaluation all go through it.

    studio = Studio(engine, PageShelf(settings.max_pages), settings)
    await studio.start()
    async with aclosing(studio.generate(GenerationRequest("a login page"))) as events:
        async for event in events: ...

The engine writes as many pages at once as it has places. Everybody else stands in line, first come first served, and
hears of every step forward. Whoever closes the iterator (or is cancelled in it) leaves the line or ends the generation
within one token.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, cast

from htmlgen.engine import Delta, Engine, FinishReason, GenerationRequest, Usage
from htmlgen.errors import Busy, GenerationFailed, HtmlgenError, ModelError, NotReady, RequestError, StorageFailed
from htmlgen.extract import HtmlExtractor
from htmlgen.metrics import Generation, Metrics
from htmlgen.models import Model, find_model
from htmlgen.page import LivePage, PageShelf
from htmlgen.recorder import Recorder
from htmlgen.settings import Settings
from htmlgen.store import Record, State, Version

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.25
"""Seconds between two `Progress` events: often enough to look alive, rare enough to cost nothing."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting. `position` is 1 when nobody is ahead but those whose pages are being written."""

    position: int


@dataclass(frozen=True, slots=True)
class Started:
    """The engine has taken the request up."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """The engine loads the model that was asked for; `status` is a sentence for users. Comes between Started and text."""

    status: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A piece of what the model says outside the page; the pieces joined are the whole."""

    text: str


@dataclass(frozen=True, slots=True)
class PageOpened:
    """The page has begun: `page` can be read from now on, while it grows."""

    page: LivePage
    version: Version | None = None
    """Its row in the store, which has its number; None without a record, and while the database cannot or will not yet."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """A piece of the model's text, and what it added to the page; the pieces joined are `Finished.text` and the page."""

    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Pieces of text so far, which is tokens but for characters that took several, and pieces per second."""

    new_tokens: int
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The end. `page` is None when the model wrote no HTML; `text` is all that it wrote, `prefix` included."""

    page: LivePage | None
    text: str
    finish_reason: FinishReason
    usage: Usage | None
    """None when the page was cut at HTMLGEN_MAX_PAGE_BYTES, before the engine had counted."""
    version: Version | None = None
    """The page as it is saved; None when it is not, or when nobody asked for that."""
    unsaved: StorageFailed | None = None
    """Why a page that should be saved is not: tell it, for nothing else does."""


_STATES: dict[FinishReason, State] = {"stop": "finished", "length": "cut", "cancelled": "stopped"}

Event = Queued | Started | Preparing | Prose | PageOpened | Wrote | Progress | Finished


class Studio:
    """Owns the engine's turn-taking. Everything here runs on one event loop."""

    def __init__(self, engine: Engine, shelf: PageShelf, settings: Settings) -> None:
        self.engine, self.shelf, self.settings = engine, shelf, settings
        self.state: Literal["loading", "ready", "failed"] = "loading"
        self.error: HtmlgenError | None = None
        self.metrics = Metrics(self)
        self._loading: asyncio.Task[None] | None = None
        self._line: list[asyncio.Event] = []
        """Who is being served (as many as the engine has places) and who waits, in order; each is told when somebody
        ahead has left."""
        self._recorders: set[Recorder] = set()
        self._winding_down: Literal["no", "finish", "cut"] = "no"

    @property
    def status(self) -> str:
        """What the model is doing, in a sentence for users."""
        if self.error is not None:
            return str(self.error)
        return self.engine.status

    @property
    def waiting(self) -> int:
        """Requests in line behind those being served."""
        return max(0, len(self._line) - self.engine.places)

    @property
    def running(self) -> int:
        """Requests being served now."""
        return min(len(self._line), self.engine.places)

    async def start(self) -> None:
        """Begins to load the model in the background; `wait_ready` tells when that is done."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())

    async def _load(self) -> None:
        try:
            await self.engine.load()
        except HtmlgenError as error:
            log.error("The model cannot be loaded: %s", error)
            self.error, self.state = error, "failed"
        except Exception as error:
            log.exception("The model cannot be loaded")
            self.error = ModelError(f"The model cannot be loaded: {error}. The server's log has the details.")
            self.state = "failed"
        else:
            self.state = "ready"

    async def wait_ready(self) -> None:
        """Returns when the model can generate.

        Raises:
            HtmlgenError: it never will; the message says why and what to do.
        """
        await self.start()
        assert self._loading is not None
        # Shielded: whoever stops waiting must not stop the loading for everybody else.
        await asyncio.shield(self._loading)
        if self.error is not None:
            raise self.error

    async def wind_down(self, seconds: float) -> None:
        """Takes no more requests, sends away those who wait, and ends what is being written after `seconds` at the latest."""
        self._winding_down = "finish"
        for turn in self._line:
            turn.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._line and loop.time() < deadline:  # noqa: ASYNC110  everybody in line has an event of his own
            await asyncio.sleep(0.05)
        self._winding_down = "cut"

    async def close(self) -> None:
        """Saves the pages that are being written, stops loading and frees the model."""
        await asyncio.gather(*(recorder.end("stopped") for recorder in self._recorders))
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self.engine.close()

    async def generate(
        self, request: GenerationRequest, page: LivePage | None = None, record: Record | None = None
    ) -> AsyncGenerator[Event, None]:
        """Writes one page and tells what happens, ending in `Finished`.

        `page` given: continues that finished page from its exact end; `request.prefix` is then the text of `Finished`.
        `record` given: the page is its owner's, and is saved while it is written, if the shelf has a store. A generation
        that fails or is closed leaves its page finished, with what was written.

        Raises:
            NotReady: the model is still loading, or the server is being shut down.
            Busy: as many wait already as may.
            RequestError: the request is too long, `page` is being written right now, or there is no such model.
            HtmlgenError: whatever the engine raises; the next generation is not harmed.
        """
        with self.metrics.generation() as counted:
            model = self._admit(request, page)
            turn = asyncio.Event()
            self._line.append(turn)
            try:
                while (position := self._line.index(turn) - self.engine.places + 1) > 0:
                    yield Queued(position)
                    await turn.wait()
                    turn.clear()
                    self._check_open()
                counted.start()
                yield Started()
                async with aclosing(self._write(request, model, page, record, counted)) as events:
                    async for event in events:
                        yield event
            finally:
                place = self._line.index(turn)
                del self._line[place]
                for behind in self._line[place:]:
                    behind.set()

    def _check_open(self) -> None:
        if self._winding_down != "no":
            raise NotReady("The server is being shut down. Try again when it is back.")

    def _admit(self, request: GenerationRequest, page: LivePage | None) -> Model:
        """The model that is asked for."""
        self._check_open()
        if self.error is not None:
            raise self.error
        if self.state != "ready":
            raise NotReady(f"The model is still loading: {self.engine.status} Try again in a minute.")
        chars = len(request.instruction) + len(request.page or "")
        if chars > self.settings.max_prompt_chars:
            most = f"{chars:,} characters long and at most {self.settings.max_prompt_chars:,} are read"
            raise RequestError(
                f"The request is {most}. Shorten it."
                if request.page is None
                else f"The request and the current page are {most}. Shorten the request, or start a new chat to drop the page."
            )
        if page is not None and not page.finished:
            raise RequestError("This page is being written right now. Wait until it is finished, or stop it.")
        model = find_model(self.engine.models, request.model)
        if len(self._line) >= self.settings.queue_size + self.engine.places:
            raise Busy(self.waiting)
        return model

    async def _write(
        self,
        request: GenerationRequest,
        model: Model,
        page: LivePage | None,
        record: Record | None,
        counted: Generation,
    ) -> AsyncGenerator[Event, None]:
        extractor = HtmlExtractor()
        text = [request.prefix]
        already = 0 if page is None else len(page.html)
        if page is not None:
            page.reopen()
            self.shelf.keep(page)  # it may have been dropped, and read from the store again as it was
        failed = False
        reason: FinishReason = "cancelled"  # what stands if this generator is closed before its end
        usage: Usage | None = None
        recorder: Recorder | None = None
        new_tokens, first_at, told_at, full, chars = 0, 0.0, 0.0, False, 0

        def progress() -> Progress:
            seconds = time.monotonic() - first_at
            return Progress(new_tokens, (new_tokens - 1) / seconds if new_tokens > 1 and seconds > 0 else 0.0)

        try:
            # What the page holds was made from the prefix: reading it again puts the extractor where it was at the cut.
            already -= len(extractor.feed(request.prefix))
            said = len(extractor.prose)
            if page is not None:
                recorder = self._recorder(record, request, model, page, text)
                yield PageOpened(page, None if recorder is None else await recorder.begin())
            stream = cast(AsyncGenerator[Delta, None], self.engine.stream(request))
            async with aclosing(stream):
                async for delta in stream:
                    if delta.status:
                        yield Preparing(delta.status)
                    text.append(delta.text)
                    chars += len(delta.text)
                    html = extractor.feed(delta.text)
                    if delta.finish_reason is not None:
                        reason, usage = delta.finish_reason, delta.usage
                        if not (reason == "length" and extractor.found):
                            # A cut page keeps its undecided last characters out, so that Continue can decide them.
                            html += extractor.close()
                    if len(extractor.prose) > said:
                        yield Prose(extractor.prose[said:])
                        said = len(extractor.prose)
                    if already > 0:
                        html, already = html[already:], already - len(html)
                    if html:
                        opens = page is None
                        if page is None:
                            page = self.shelf.new(record.owner if record else "local")
                        kept = self._append(page, html)
                        full, html = len(kept) < len(html), kept
                        if opens:
                            recorder = self._recorder(record, request, model, page, text)
                            yield PageOpened(page, None if recorder is None else await recorder.begin())
                    if delta.text:
                        counted.write()
                    if delta.text or html:
                        yield Wrote(delta.text, html)
                    if full or chars > self.settings.max_page_bytes:  # words around a page fill the memory too
                        reason = "length"
                        break
                    if delta.text:
                        now = time.monotonic()
                        new_tokens += 1
                        first_at = first_at or now
                        if now - told_at >= PROGRESS_SECONDS:
                            told_at = now
                            yield progress()
                    if delta.finish_reason is not None:
                        break
                    if self._winding_down == "cut":
                        reason = "cancelled"
                        break
            if page is not None:
                page.finish(reason)
            counted.finish(reason, usage)
            if recorder is None:
                yield Finished(page, "".join(text), reason, usage)
            else:
                await recorder.end(_STATES[reason], usage)
                yield Finished(page, "".join(text), reason, usage, recorder.version, recorder.error)
        except HtmlgenError:
            failed = True
            yield progress()
            raise
        except Exception as error:
            failed = True
            log.exception("The engine broke off")
            yield progress()
            raise GenerationFailed(
                "The model broke off in the middle of this page. Try again; the server's log has the details."
            ) from error
        finally:
            if page is not None and not page.finished:
                page.finish(None if failed else reason)
            if recorder is not None:
                self._recorders.discard(recorder)
                await recorder.end("failed" if failed else _STATES[reason], usage)

    def _recorder(
        self, record: Record | None, request: GenerationRequest, model: Model, page: LivePage, text: list[str]
    ) -> Recorder | None:
        store = self.shelf.store
        if record is None or store is None:
            return None
        recorder = Recorder(store, record, request, model, page, text)
        self._recorders.add(recorder)
        return recorder

    def _append(self, page: LivePage, html: str) -> str:
        """Appends what fits and returns it: less than `html` when the page is full."""
        room = self.settings.max_page_bytes - page.size
        data = html.encode(errors="replace")
        kept = html if len(data) <= room else data[:room].decode(errors="ignore")
        page.append(kept)
        return kept

"""A generation and whoever reads it over HTTP: each at its own pace, and neither outlives the other.

    events = relay(studio.generate(request))
    first = await first_of(http_request, events)
    return Stream(as_bytes(first, events), events, media_type="text/event-stream")

The generation runs in a task of its own, so that a reader who stalls holds up no one else in the line. The moment the reader
is gone the task is cancelled, and its place is free.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi.sse import format_sse_event
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from htmlgen.studio import Event, Finished, Wrote

T = TypeVar("T")

QUIET_SECONDS = 15.0
"""Seconds without an event after which a stream says that it is alive: proxies close silent connections after 30 or 60."""


async def relay(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event | None, None]:
    """The events, and None whenever there was none for `QUIET_SECONDS`; raises what they raise.

    What is written while the reader is busy comes in one `Wrote`. Closing this ends the generation.
    """
    pending: deque[Event] = deque()
    news = asyncio.Event()

    async def run() -> None:
        async with aclosing(events):
            async for event in events:
                pending.append(event)
                news.set()

    task = asyncio.create_task(run())
    task.add_done_callback(lambda _: news.set())
    try:
        while True:
            while pending:
                event = pending.popleft()
                if isinstance(event, Wrote) and pending and isinstance(pending[0], Wrote):
                    event = _joined(event, pending)
                yield event
            if task.done():
                task.result()
                return
            news.clear()
            try:
                await asyncio.wait_for(news.wait(), QUIET_SECONDS)
            except asyncio.TimeoutError:
                yield None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _joined(first: Wrote, pending: deque[Event]) -> Wrote:
    pieces = [first]
    while pending and isinstance(pending[0], Wrote):
        pieces.append(pending.popleft())  # type: ignore[arg-type]
    return Wrote("".join(piece.text for piece in pieces), "".join(piece.html for piece in pieces))


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled when the client hangs up. The body must have been read.

    Raises:
        ClientDisconnect: the client hung up first.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, watch = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def last_of(events: AsyncGenerator[Event, None]) -> Finished:
    """The end of a generation that nobody watches.

    Raises:
        HtmlgenError: it was refused or broke off.
    """
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Finished):
                return event
    raise AssertionError("a generation ends in Finished or an exception")


async def first_of(request: Request, events: AsyncGenerator[Event | None, None]) -> Event | None:
    """The first event, before the response begins: a request that is refused still gets a status of its own.

    Raises:
        ClientDisconnect: the client hung up.
        HtmlgenError: the request is refused.
    """

    async def first() -> Event | None:
        return await anext(events)

    return await unless_gone(request, first())


EVENT_SCHEMA = {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}}
"""One event of a stream, for its description."""


def sse(data: Any, event: str | None = None) -> bytes:
    return format_sse_event(data_str=json.dumps(data), event=event)


STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
"""Nothing on the way may gather the stream into blocks: neither nginx nor a compressor."""


class Stream(StreamingResponse):
    """A streaming response made of the events of `source`, which is closed before the response returns, however it ends."""

    def __init__(
        self, content: AsyncGenerator[bytes, None], source: AsyncGenerator[Event | None, None], **options: Any
    ) -> None:
        super().__init__(content, **options)
        self._content, self._source = content, source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Both: a generator that was never begun does nothing when it is closed, not even its `finally`.
        async with aclosing(self._source), aclosing(self._content):
            await super().__call__(scope, receive, send)

"""A generation and whoever reads it over HTTP: each at its own pace, and neither outlives the other.

    events = relay(studio.generate(request))
    return Stream(events_as_bytes(events), media_type="text/event-stream")

The generation runs in a task of its own, so that a reader who stalls holds up no one else in the line. The moment the reader
is gone the task is cancelled, and its place is free.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from htmlgen.studio import Event, Wrote

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


class Stream(StreamingResponse):
    """A streaming response that closes its generator before it returns, however it ends."""

    def __init__(self, content: AsyncGenerator[bytes, None], **options: Any) -> None:
        super().__init__(content, **options)
        self._generator = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._generator):
            await super().__call__(scope, receive, send)

"""SIGTERM and Ctrl-C while pages are being written: what can be finished soon is, the rest is cut and saved, and the process ends.

uvicorn waits for connections to close before it lets the app close, and a page that streams keeps one open. So the
studio hears of the signal at the same moment, and its pages end first.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from htmlgen.studio import Studio

log = logging.getLogger(__name__)

FINISH_SECONDS = 4.0
"""What pages have to finish."""

EXIT_SECONDS = 8.0
"""After which connections that do not close are dropped. Process managers kill after 10 (docker stop) or more."""


def end_on_signals(studio: Studio, close: Callable[[], Awaitable[None]]) -> None:
    """Called in the event loop once the server has set its own handlers, which are called too.

    `close` saves and frees everything; it is called here only if the server itself never gets to it.
    """
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        log.info("Shutting down: pages have %.0f s to finish.", FINISH_SECONDS)
        await studio.wind_down(FINISH_SECONDS)
        await asyncio.sleep(EXIT_SECONDS - FINISH_SECONDS)
        log.warning("Some connections did not close; they are dropped.")
        await close()
        os._exit(0)

    def begin() -> None:
        if not ending:
            ending.append(loop.create_task(end()))

    def install(number: int) -> None:
        server: Any = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None) -> None:
            if not ending:
                # Nothing that hangs may hold up the end: not the loop, not a thread, not a full disk.
                watchdog = threading.Timer(EXIT_SECONDS + 1.5, os._exit, (1,))
                watchdog.daemon = True
                watchdog.start()
                loop.call_soon_threadsafe(begin)
            if callable(server):
                server(number, frame)

        signal.signal(number, handle)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            install(number)

"""A streamed page against a page sent again every 300 ms: python benchmarks/preview.py [--kilobytes 5 20 50 200]

The same text arrives at 100 tokens a second in two plain pages: one whose iframe is our live route, and one that does what
other tools do, a message with the whole document so far every 300 ms that becomes the iframe's `srcdoc`. For each size:
bytes that left the server, CPU time of the browser's main thread (frame and page share a process here), documents that
the frame loaded after its first, and how often a reader who had scrolled was thrown somewhere else.

A token is 16 characters, as for a tokenizer that knows markup, so that 200 KB take two minutes.
"""

import argparse
import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Error, Frame, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.preview_code import make_page, task_seconds
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import make_preview

TOKEN, RATE, AGAIN = 16, 100, 0.3
"""Characters of a token, tokens a second, seconds between two documents."""
READER = 150
"""Pixels from the top to where the reader scrolls, once there is that much."""
LIVE = '<iframe id="frame" sandbox="allow-scripts" style="width:900px;height:600px" src="/pages/{id}/live"></iframe>'
RESENT = """<iframe id="frame" sandbox="allow-scripts" style="width:900px;height:600px"></iframe>
<script>new EventSource("/again").onmessage = event => {
  const data = JSON.parse(event.data); if (data === null) event.target.close(); else frame.srcdoc = data }</script>"""


@dataclass
class Measured:
    """One way, one size."""

    way: str
    kilobytes: float
    sent: int
    """Bytes of all responses' bodies."""
    busy: float
    """Seconds of the main thread."""
    reloads: int
    jumps: int


class Site:
    """Both ways on one server; a page begins to grow when its frame is there, and `sent` counts every byte."""

    def __init__(self, text: str) -> None:
        self.text, self.sent, self.shelf = text, 0, PageShelf(10)
        self.page: LivePage | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        routes = [Route("/live", self.live), Route("/resent", self.resent), Route("/again", self.again)]
        preview = make_preview(self.shelf, may_read=lambda *_: True).routes
        self.app = Starlette(routes=[*routes, *preview])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counted(message: Any) -> None:
            self.sent += len(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, counted)

    async def live(self, request: Request) -> Response:
        self.page = self.shelf.new()
        task = asyncio.create_task(self.write(self.page))
        self.tasks.add(task)
        return HTMLResponse(LIVE.format(id=self.page.id))

    async def resent(self, request: Request) -> Response:
        return HTMLResponse(RESENT)

    async def again(self, request: Request) -> Response:
        async def documents() -> AsyncIterator[str]:
            started = time.monotonic()
            while True:
                await asyncio.sleep(AGAIN)
                count = int((time.monotonic() - started) * RATE * TOKEN)
                yield f"data: {json.dumps(self.text[:count])}\n\n"
                if count >= len(self.text):
                    yield "data: null\n\n"
                    return

        return StreamingResponse(documents(), media_type="text/event-stream")

    async def write(self, page: LivePage) -> None:
        started = time.monotonic()
        for number, at in enumerate(range(0, len(self.text), TOKEN), 1):
            page.append(self.text[at : at + TOKEN])
            await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))
        page.finish("stop")


def measure(browser: Any, way: str, text: str, watched: bool = True) -> Measured:
    site = Site(text)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    loads = [0]

    def navigated(frame: Frame) -> None:
        loads[0] += frame.parent_frame is not None and frame.url != "about:blank"

    page.on("framenavigated", navigated)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    path = "live" if way == "streamed" else "resent"
    page.goto(f"http://127.0.0.1:{listening.getsockname()[1]}/{path}", wait_until="commit")
    page.wait_for_selector("iframe", state="attached")  # on a busy machine the frame comes later
    before, ends = task_seconds(session), time.monotonic() + len(text) / TOKEN / RATE + 2 * AGAIN
    jumps, scrolled = 0, False
    while time.monotonic() < ends:
        page.wait_for_timeout(100)
        if not watched:
            continue
        with suppress(Error):  # the frame is between two documents
            frame = page.frames[1]
            at = frame.evaluate("[scrollY, document.documentElement.scrollHeight - innerHeight]")
            if scrolled and at[0] != READER:
                jumps, scrolled = jumps + 1, False
            if not scrolled and at[1] > 2 * READER:  # not at the bottom, where the page takes its reader along
                frame.evaluate(f"scrollTo(0, {READER})")
                scrolled = True
    busy = task_seconds(session) - before
    page.close()
    server.should_exit = True
    thread.join(20)
    return Measured(way, len(text) / 1000, site.sent, busy, max(0, loads[0] - 1), jumps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kilobytes", type=int, nargs="+", default=[5, 20, 50, 200], help="sizes of the page")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    parser.add_argument("--unwatched", action="store_true", help="nobody scrolls or asks the frame: its own time alone")
    given = parser.parse_args()
    # One process for page and frame, so that one figure holds the work of both.
    flags = ["--no-sandbox", "--disable-gpu", "--disable-features=IsolateSandboxedIframes", "--disable-site-isolation-trials"]  # fmt: skip
    print(f"{'way':10} {'KB':>5} {'sent':>10} {'of the page':>12} {'main thread':>12} {'reloads':>8} {'jumps':>6}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=flags)
        for kilobytes in given.kilobytes:
            text = make_page(kilobytes * 1000)
            for way in ("streamed", "sent again"):
                found = measure(browser, way, text, not given.unwatched)
                print(
                    f"{found.way:10} {found.kilobytes:5.0f} {found.sent:10,} {found.sent / len(text.encode()):11.2f}× "
                    f"{found.busy:10.2f} s {found.reloads:8} {found.jumps:6}",
                    flush=True,
                )
        browser.close()


if __name__ == "__main__":
    main()

"""A real Chromium, real servers on free ports, and a place for screenshots.

Browser tests are plain functions: Playwright's synchronous interface keeps an event loop running in this thread while
it is open, which asyncio tests cannot share. So the browser is opened once for this package and closed behind it.
"""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

T = TypeVar("T")

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def find_chromium() -> str:
    """The browser in HTMLGEN_CHROMIUM, else the first one on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("HTMLGEN_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail("No Chromium: install one (Debian: apt-get install chromium), or name it in HTMLGEN_CHROMIUM.")
    return found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser, shared by all tests of this package."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: no cookies, no cache."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def tab(context: BrowserContext) -> Page:
    """An empty tab in a fresh profile."""
    return context.new_page()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """The folder for screenshots, which git ignores; tests/pictures.py takes from it what the documents show."""
    folder = Path(__file__).parents[2] / "runs/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(seconds: float, ready: Callable[[], T], what: str) -> T:
    """What `ready` returns, once it is true. Not for use while Playwright should go on: that needs tab.wait_for_timeout."""
    end = time.monotonic() + seconds
    while not (result := ready()):
        assert time.monotonic() < end, f"{what}: not within {seconds} seconds"
        time.sleep(0.02)
    return result


class AppServer:
    """An ASGI app under uvicorn in a thread of its own, on a free port of this machine."""

    def __init__(self, app: Any) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_for(20, lambda: self._server.started, "the server starts")

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Runs `function` on the server's event loop, where its pages belong, and returns what it returns."""

        async def run() -> T:
            return function(*arguments)

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for what takes its time."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], AppServer]]:
    """serve(app) -> AppServer; stopped when the test ends."""
    servers: list[AppServer] = []

    def start(app: Any) -> AppServer:
        servers.append(AppServer(app))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()

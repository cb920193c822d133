"""A real Chromium, real servers on free ports, and a place for screenshots.

Browser tests are plain functions: Playwright's synchronous interface keeps an event loop running in this thread while
it is open, which asyncio tests cannot share. So the browser is opened once for this package and closed behind it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.chat import Tab, new_context, open_chat
from tests.server import AppServer, Server, run_server

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


@pytest.fixture(scope="package")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one model and room for one who waits."""
    yield from run_server(tmp_path_factory.mktemp("scripted"), "tests/browser/scripted_app.py", HTMLGEN_QUEUE_SIZE="1")


@pytest.fixture(scope="module")
def desk(chromium: Browser) -> Iterator[tuple[BrowserContext, dict[str, list[Page]]]]:
    """A profile and the tabs that are open in it, by server: Chainlit's megabytes are started once for each."""
    context = new_context(chromium, (1280, 800), color_scheme="light")
    yield context, {}
    context.close()


@pytest.fixture
def tabs(chromium: Browser, desk: tuple[BrowserContext, dict[str, list[Page]]]) -> Iterator[Any]:
    """Opens tabs with an empty chat each. With a size or options, a tab gets a profile of its own."""
    context, open_tabs = desk
    contexts: list[BrowserContext] = []
    given: list[Page] = []

    def make(server: Server, size: tuple[int, int] | None = None, **options: Any) -> Tab:
        pool = open_tabs.setdefault(server.url, [])
        if size or options:
            contexts.append(new_context(chromium, size or (1280, 800), **options))
            page = contexts[-1].new_page()
            open_chat(page, server.url)
        elif free := [page for page in pool if page not in given and not page.is_closed()]:
            page = free[0]
            page.locator("#header #new-chat-button").click()  # ends what the chat was about, as closing its tab would
            expect(page.locator(".step")).to_have_count(0)
            page.wait_for_url(lambda url: "/thread/" not in url)  # Chainlit empties the chat before it leaves it
        else:
            page = context.new_page()
            pool.append(page)
            open_chat(page, server.url)
        given.append(page)
        tab = Tab(page)
        tab.watch()
        expect(page.locator("#welcome-screen #chat-input")).to_be_visible()
        return tab

    yield make
    for other in contexts:
        other.close()


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two models and room for two pages at once."""
    folder = tmp_path_factory.mktemp("bench")
    script = {"chunks": [], "models": ["baker", "miller"], "places": 2}
    yield from run_server(folder, "tests/browser/scripted_app.py", script=script)


@pytest.fixture(scope="package")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one model: where there are two, Chainlit's page connects twice, and what was uploaded in between is lost."""
    yield from run_server(tmp_path_factory.mktemp("alone"), "tests/browser/scripted_app.py")

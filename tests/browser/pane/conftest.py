"""The pane over a server of its own, at a desk and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.pane.app import PaneApp, PaneTab, open_context
from tests.browser.pane.bakery import SIZES


@pytest.fixture(scope="module")
def app() -> Iterator[PaneApp]:
    app = PaneApp()
    yield app
    app.server.stop()


@pytest.fixture(scope="module")
def contexts(chromium: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A profile a device."""
    made = {
        name: open_context(chromium, size, color_scheme="light", has_touch=name == "phone")
        for name, size in SIZES.items()
    }
    for context in made.values():
        context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def desk(app: PaneApp, contexts: dict[str, BrowserContext]) -> Iterator[PaneTab]:
    yield from open_tab(app, contexts["desk"])


@pytest.fixture(params=list(SIZES))
def pane(app: PaneApp, contexts: dict[str, BrowserContext], request: pytest.FixtureRequest) -> Iterator[PaneTab]:
    """The pane, at a desk and on a phone."""
    yield from open_tab(app, contexts[request.param])


def open_tab(app: PaneApp, context: BrowserContext) -> Iterator[PaneTab]:
    tab = PaneTab(app, context.new_page())
    yield tab
    mine = [error for error in tab.errors if "/public/" in error]
    tab.page.close()
    assert mine == []

"""The log-in in a real browser: what it says, that it lets in, and that one user's page is not another's."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from htmlgen.accounts import Accounts
from htmlgen.database import connect, migrate
from tests.browser.axe import serious
from tests.browser.chat import DESKTOP, PHONE
from tests.browser.script import document, tokens
from tests.server import Server, run_server

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two accounts."""
    folder = tmp_path_factory.mktemp("login")

    async def make_accounts() -> None:
        engine = connect(f"sqlite:///{folder}/data/htmlgen.db")
        await migrate(engine)
        for name in ("ann", "ben"):
            await Accounts(lambda: engine).set(name, PASSWORD)
        await engine.dispose()

    run_apart(make_accounts)
    script = {"chunks": tokens(document(3))}
    yield from run_server(folder, "tests/browser/scripted_app.py", script=script, HTMLGEN_DATA=str(folder / "data"))


def run_apart(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a coroutine where no event loop is: Playwright keeps one in this thread."""
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()


def log_in(context: BrowserContext, server: Server, name: str, password: str) -> Page:
    page = context.new_page()
    page.goto(server.url)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()
    return page


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_serious_where_one_logs_in(
    server: Server, chromium: Browser, size: tuple[int, int], scheme: Any, screenshots: Path
) -> None:
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(server.url)
    expect(page.get_by_label("Name", exact=True)).to_be_visible()
    assert serious(page) == []
    page.screenshot(path=screenshots / f"login-{scheme}.png")
    log_in(context, server, "ann", "wrong password")
    refused = context.pages[-1]
    expect(refused.get_by_text("The name or the password is wrong.")).to_be_visible()
    assert serious(refused) == []
    context.close()


def test_a_wrong_password_is_told_and_the_right_one_lets_in(
    server: Server, chromium: Browser, screenshots: Path
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    refused: list[str] = []
    context.on(
        "console", lambda message: refused.append(message.text) if "Content Security Policy" in message.text else None
    )
    page = log_in(context, server, "ann", "wrong password")
    expect(page.get_by_text("The name or the password is wrong.")).to_be_visible()
    page.screenshot(path=screenshots / "login.png")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator("#chat-input").fill("a bakery")
    page.get_by_role("button", name="Send", exact=True).click()
    frame = page.frame_locator('iframe[src*="/pages/"]')
    expect(frame.locator("h1")).to_have_text("Sunny Crumb")
    address = next(found.url for found in page.frames if "/pages/" in found.url)
    chat = page.url

    other = chromium.new_context()
    ben = log_in(other, server, "ben", PASSWORD)
    expect(ben.locator("#chat-input")).to_be_visible()
    ben.goto(address)
    expect(ben.get_by_role("heading", name="No such page")).to_be_visible()
    ben.goto(chat)
    ben.wait_for_timeout(3_000)
    expect(ben.get_by_text("a bakery")).to_have_count(0)
    stranger = chromium.new_context().new_page()
    stranger.goto(address)
    expect(stranger).to_have_url(f"{server.url}/login")
    # The app's page keeps to its own policy; that a generated page may not do something is not meant.
    assert [text for text in refused if "/pages/" not in text] == []
    for opened in (context, other, stranger.context):
        opened.close()

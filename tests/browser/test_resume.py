"""A server that is killed in the middle of a page, and its chat opened again: the same on SQLite and PostgreSQL."""

from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, chat_id, tools
from tests.browser.script import document, page, tokens
from tests.server import Server, run_server


def kill(server: Server) -> None:
    """kill -9 to the server of these tests that listens on that port."""
    port = server.url.rsplit(":", 1)[1]
    (process,) = [child for child in psutil.Process().children() if port in child.cmdline()]
    process.kill()
    process.wait()


def test_a_chat_goes_on_after_kill_9_with_all_that_was_shown_two_seconds_before(
    tmp_path: Path, tabs: Any, database_url: str
) -> None:
    app, env = "tests/browser/scripted_app.py", {"HTMLGEN_DATABASE_URL": database_url}
    for server in run_server(tmp_path, app, **env):
        server.play(page("First"), {"chunks": tokens(document(500).replace("Sunny Crumb", "Second")), "delay": 0.02})
        tab = tabs(server, size=DESKTOP)
        tab.say("a page")
        tab.wait_finished()
        tab.say("a longer page")
        expect(tab.answers.nth(1).locator(".pc-row").nth(12)).to_be_attached(timeout=60_000)
        shown = tab.code(1)
        tab.page.wait_for_timeout(2_000)
        chat = chat_id(tab)
        kill(server)

    for server in run_server(tmp_path, app, **env):
        server.play(page("Third"))
        tab = tabs(server, size=DESKTOP)
        tab.page.goto(f"{server.url}/thread/{chat}")
        expect(tab.page.get_by_text("a longer page").first).to_be_visible()
        assert tab.wait_finished(2).startswith("Stopped")
        expect(tab.answers.nth(1).locator(".pc-row").nth(12)).to_be_attached()
        assert tab.code(1).startswith(shown)
        expect(tab.answers.nth(0).locator(".pc-name")).to_have_text("First")
        assert tab.frame().locator("h1").inner_text() == "Second"
        tools(tab, 0).get_by_role("button", name="Good page").click()
        expect(tools(tab, 0).get_by_role("button", name="Good page")).to_have_attribute("aria-pressed", "true")
        tab.say("make it blue")
        tab.wait_finished(3)
        assert server.requests[0]["page"].startswith(shown)
        expect(tab.page.locator(f"#thread-{chat}")).to_be_visible()

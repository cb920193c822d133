"""Lost connections, closed tabs, a killed server."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, chat_id, disconnect, tools, versions
from tests.browser.script import document, page, play, tokens
from tests.server import Server, run_server, wait_for


def test_a_killed_server_gives_the_chat_back(tmp_path: Path, tabs: Any) -> None:
    """kill -9 in the middle of a page: what was on the screen is there again, as a page that can be continued."""
    target, whole = "tests/browser/scripted_app.py", document(150)
    script = {"chunks": tokens(whole), "delay": 0.03}
    running = run_server(tmp_path, target, script=script)
    server = next(running)
    tab = tabs(server, size=DESKTOP)
    tab.say("a long page")
    expect(tab.frame().locator("p.line").nth(10)).to_be_attached(timeout=60_000)
    chat, seen = chat_id(tab), tab.code()
    tab.page.wait_for_timeout(2_000)
    server.process.kill()
    running.close()
    tab.page.close()
    for again in run_server(tmp_path, target, script={**script, "delay": 0}):
        tab = tabs(again, size=DESKTOP)
        tab.page.goto(f"{again.url}/thread/{chat}")
        assert tab.wait_finished().startswith("Stopped")
        expect(tab.answers.first.locator(".pc-row").nth(10)).to_be_attached()
        kept = tab.code(0)
        assert kept.startswith(seen)
        assert whole.startswith(kept)
        tools(tab).get_by_role("button", name="Continue").click()
        expect(tab.answers.locator(".pc-facts b[data-outcome=finished]")).to_be_visible(timeout=60_000)
        assert again.source(tab.page_id) == whole.rstrip("\n")


def test_a_page_is_written_on_while_its_tab_has_no_connection(bench: Server, tabs: Any) -> None:
    """Lost in the middle of a page and found again; and lost until a page that began meanwhile is finished."""
    play(bench, page("One", 40), page("Two"))
    tab = tabs(bench, size=DESKTOP)
    with bench.hold(60):
        tab.say("a page")
        expect(tab.frame().locator("p.line").first).to_be_attached()
        open_before = tab.page.evaluate("sockets.length")
        disconnect(tab)
        tab.page.wait_for_function(
            "before => sockets.length > before && sockets.at(-1).readyState === 1", arg=open_before
        )
    assert tab.wait_finished().startswith("Finished")
    assert tab.answers.count() == len(tab.loads) == 1
    expect(tools(tab).get_by_role("button", name="Regenerate")).to_be_enabled()

    with bench.hold(0):
        tab.say("make it blue")
        wait_for(20, lambda: len(bench.requests) == 2, "the second page is asked for")
        tab.page.context.set_offline(True)
        disconnect(tab)
    wait_for(20, lambda: [v["state"] for v in versions(bench, tab)] == ["finished"] * 2, "the second page is finished")
    tab.page.context.set_offline(False)
    assert tab.wait_finished(2).startswith("Finished")
    expect(tab.answers.nth(1).locator(".pc-name")).to_have_text("Two")
    expect(tab.page.locator("#stop-button")).to_have_count(0)
    assert tab.frame(after=versions(bench, tab)[0]["id"]).locator("h1").inner_text() == "Two"


def test_a_lost_tab_makes_room_for_who_waits(alone: Server, tabs: Any) -> None:
    alone.play(page("Endless", 4_000, delay=0.02), page("Two"))
    lost, other = tabs(alone, size=DESKTOP), tabs(alone, size=DESKTOP)
    lost.say("a page")
    expect(lost.frame().locator("p.line").nth(2)).to_be_attached()
    lost.page.context.set_offline(True)
    disconnect(lost)
    other.say("another page")
    assert other.wait_finished(seconds=8).startswith("Finished"), "before the grace of ten seconds is over"


@pytest.mark.parametrize("how", ["reload", "lost"])
def test_a_page_that_nobody_comes_back_for_is_stopped(bench: Server, tabs: Any, how: str) -> None:
    """Soon where the tab said that it goes, and after a while where it did not; the chat can go on from it."""
    play(bench, page("Endless", 4_000, delay=0.02))
    tab = tabs(bench, size=DESKTOP)
    tab.say("a page")
    expect(tab.frame().locator("p.line").nth(2)).to_be_attached()
    chat_id(tab)
    if how == "lost":
        tab.page.context.set_offline(True)
        disconnect(tab)
        wait_for(40, lambda: [v["state"] for v in versions(bench, tab)] == ["stopped"], "the page is stopped")
        tab.page.context.set_offline(False)
    else:
        tab.page.reload()
    assert tab.wait_finished().startswith("Stopped")
    expect(tools(tab).get_by_role("button", name="Continue")).to_be_enabled()

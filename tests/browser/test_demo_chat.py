"""The chat over the demo model in NF4, which is what a newcomer gets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import same_as_loaded_at_once
from tests.server import Server, run_server

SLOW = 300
"""Seconds for a page of the demo model, which takes five alone on a machine."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """app.py as it is, but that `Server.hold` can stop its model in the middle of a page."""
    env = {"HTMLGEN_MODEL": "demo", "HTMLGEN_QUANTIZATION": "4bit", "HTMLGEN_ADAPTER": ""}
    yield from run_server(tmp_path_factory.mktemp("demo"), "tests/browser/held_app.py", **env)


def test_the_demo_models_page_draws_itself_and_its_script_runs_once(demo: Server, tabs: Any, screenshots: Path) -> None:
    tab = tabs(demo, size=(1440, 900))
    elements = "document.querySelectorAll('*').length"
    with demo.hold(20):
        tab.page.get_by_role("button", name="To-do list").click()
        frame = tab.frame()
        frame.wait_for_function(f"{elements} > 3")  # what every document has is there, and more
        assert frame.evaluate("document.readyState") == "loading"
        identity, drawn = frame.evaluate("window.documentId"), frame.evaluate(elements)
        debugger = tab.page.context.new_cdp_session(frame)
        ran: list[str] = []
        debugger.on("Debugger.scriptParsed", lambda script: "/pages/" in script["url"] and ran.append(script["hash"]))
        debugger.send("Debugger.enable")  # tells of the scripts before, too
    assert tab.wait_finished(seconds=SLOW).startswith("Finished")
    assert frame.evaluate(elements) > drawn
    assert frame.evaluate("window.documentId") == identity
    assert len(tab.loads) == len(tab.navigations) == 1
    scripts = frame.locator("script").count()
    assert scripts >= 1
    assert len(ran) == len(set(ran)) == scripts + 1  # and the prelude
    same_as_loaded_at_once(tab)
    tab.page.screenshot(path=screenshots / "todo.png")


def test_the_demo_model_changes_its_page_and_is_stopped(demo: Server, tabs: Any, screenshots: Path) -> None:
    tab = tabs(demo, size=(1440, 900), color_scheme="light")
    with demo.hold(120):
        tab.page.locator("#starters button").first.click()
        expect(tab.frame().locator("body *").nth(6)).to_be_attached(timeout=SLOW * 1000)
        tab.page.screenshot(path=screenshots / "screenshot.png")
    assert tab.wait_finished(seconds=SLOW).startswith("Finished")
    before = tab.page_id, demo.source(tab.page_id)
    tab.say("make the header green")
    assert tab.wait_finished(2, seconds=SLOW).startswith("Finished")
    after = tab.page_id, demo.source(tab.page_id)
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert "Sunny Crumb" in after[1], "the change begins from the page that was there"
    expect(tab.answers.last.locator(".pc-version")).to_have_text("v2")
    tab.page.get_by_text("New page").click()
    with demo.hold(60):
        tab.say("A pricing page with three plans: Free, Pro and Team")
        third = "[...document.querySelectorAll('.pc')][2]?.querySelectorAll('.pc-row').length > 3"
        tab.page.wait_for_function(third, timeout=SLOW * 1000)
        tab.page.locator("#stop-button").click()
        assert tab.wait_finished(3).startswith("Stopped")
    kept = demo.source(tab.page_id)
    assert kept.count("\n") >= 3
    assert "</html>" not in kept


def test_two_tabs_ask_the_demo_model_at_once(demo: Server, tabs: Any) -> None:
    one, two = tabs(demo), tabs(demo)
    one.page.locator("#chat-input").fill('A restaurant menu for "Trattoria Lume" with bruschetta, risotto and tiramisu')
    two.page.locator("#chat-input").fill("A login page for Acme with a green button")
    one.page.locator("#chat-submit").click()
    two.page.locator("#chat-submit").click()
    assert one.wait_finished(seconds=SLOW).startswith("Finished")
    assert two.wait_finished(seconds=SLOW).startswith("Finished")
    assert "Lume" in one.frame().inner_text("body")
    assert "Acme" in two.frame().inner_text("body")

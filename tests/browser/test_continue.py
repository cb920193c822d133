"""A page that was cut, and what continues it."""

from typing import Any

from playwright.sync_api import expect

from tests.browser.chat import same_as_loaded_at_once
from tests.browser.script import document, tokens
from tests.server import Server


def test_a_cut_page_says_so_and_continues_from_the_exact_cut(scripted: Server, tabs: Any) -> None:
    text = document(20)
    whole = {"chunks": tokens(text), "delay": 0.004}
    scripted.play({**whole, "cut": 60}, {**whole, "cut": 60}, whole)
    tab = tabs(scripted)
    tab.say("a page")
    facts = tab.wait_finished()
    assert facts.startswith("Cut at the limit of 60 tokens"), facts
    page_id, cut = tab.page_id, scripted.source(tab.page_id)
    assert text.startswith(cut)
    assert len(cut) < len(text) / 2
    for part in (2, 3):
        tab.page.get_by_role("button", name="Continue").click()
        expect(tab.page.locator(f".pc[data-part='{part}']")).to_be_visible()
        facts = tab.wait_finished()
        assert tab.page_id == page_id
        assert len(tab.loads) == part, "one load for each continuation"
    assert facts.startswith("Finished")
    assert tab.answers.count() == 1
    assert scripted.requests[1]["prefix"] == text[: 60 * 6]
    assert tab.code() == scripted.source(page_id) == text.rstrip("\n")
    assert tab.frame().locator("p.line").count() == 20
    expect(tab.page.get_by_role("button", name="Continue")).to_have_count(0)
    same_as_loaded_at_once(tab)


def test_stop_also_stops_a_continuation(scripted: Server, tabs: Any) -> None:
    whole = {"chunks": tokens(document(4_000)), "delay": 0.01}
    scripted.play({**whole, "cut": 40}, whole)
    tab = tabs(scripted)
    tab.say("a page")
    tab.wait_finished()
    tab.page.get_by_role("button", name="Continue").click()
    expect(tab.page.locator(".pc[data-part='2']")).to_be_visible()
    expect(tab.frame().locator("p.line").nth(2)).to_be_attached(timeout=30_000)
    tab.page.locator("#stop-button").click()
    assert tab.wait_finished().startswith("Stopped")


def test_a_continuation_that_is_refused_can_be_asked_for_again(scripted: Server, tabs: Any) -> None:
    slow = {"chunks": tokens(document(4_000)), "delay": 0.05}
    whole = {"chunks": tokens(document(3))}
    scripted.play({**whole, "cut": 30}, slow, slow, whole)
    one, two, three = tabs(scripted), tabs(scripted), tabs(scripted)
    one.say("a page")
    assert one.wait_finished().startswith("Cut")
    two.say("first in line")
    two.frame()
    three.say("second in line")
    expect(three.page.get_by_text("Waiting in the queue, place 1.")).to_be_visible()
    one.page.get_by_role("button", name="Continue").click()
    expect(one.page.get_by_text("Busy: 1 requests are waiting")).to_be_visible()
    assert one.wait_finished().startswith("Cut")
    three.page.locator("#stop-button").click()
    expect(three.page.get_by_text("Stopped.")).to_be_visible()
    two.page.locator("#stop-button").click()
    two.wait_finished()
    scripted.play(whole)
    one.page.get_by_role("button", name="Continue").click()
    expect(one.page.locator(".pc[data-part='2']")).to_be_visible()
    assert one.wait_finished().startswith("Finished")
    assert one.code() == document(3).rstrip("\n")

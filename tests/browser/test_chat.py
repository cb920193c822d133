"""The chat in a real browser: real Chainlit server, real Chromium, real streams.

app.py runs over a scripted engine (scripted_app.py), whose speed the tests choose; test_demo_chat.py runs it over the demo model.
"""

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.chat import growth, same_as_loaded_at_once
from tests.browser.script import document, tokens
from tests.server import Server


def test_the_page_draws_itself_while_it_is_written_and_is_never_reloaded(scripted: Server, tabs: Any) -> None:
    text = document(40)
    scripted.play({"chunks": tokens("Here is your page:\n\n" + text), "delay": 0.012})
    tab = tabs(scripted)
    tab.page.locator("#starters button").first.click()
    frame = tab.frame()
    tab.page.locator(".pc .pc-code").evaluate("box => box.mark = 'kept'")
    identity = frame.evaluate("window.documentId")
    facts = tab.wait_finished()
    assert len(growth(tab)) >= 4, f"the DOM grew only so: {growth(tab)}"
    assert frame.evaluate("window.documentId") == identity
    assert len(tab.loads) == 1
    assert len(tab.navigations) == 1
    assert re.search(
        r"Finished [\d,]+ tokens \d+ tokens/s first after \d+\.\d s [\d,]+ left before the limit [\d.]+ KB", facts
    ), facts
    expect(tab.page.get_by_text("Here is your page:")).to_be_visible()
    expect(tab.page.locator(".pv-facts")).to_contain_text(re.compile(r"[\d.]+ KB"))
    assert tab.frame() == frame
    assert tab.console.count("the script ran") == 1
    assert frame.evaluate("document.body.dataset.born") == "once"
    assert tab.page.locator(".pc .pc-code").evaluate("box => box.mark") == "kept"
    same_as_loaded_at_once(tab)
    assert len(tab.loads) == 1
    assert tab.code() == scripted.source(tab.page_id) == text.rstrip("\n")


def test_stop_keeps_what_is_there_and_frees_the_model(scripted: Server, tabs: Any) -> None:
    text = document(4_000)
    scripted.play({"chunks": tokens(text), "delay": 0.02}, {"chunks": tokens(document(1))})
    tab = tabs(scripted)
    tab.say("a long page")
    expect(tab.frame().locator("p.line").nth(2)).to_be_attached(timeout=30_000)
    tab.page.locator("#stop-button").click()
    facts = tab.wait_finished()
    assert facts.startswith("Stopped about ")
    kept = scripted.source(tab.page_id)
    assert text.startswith(kept)
    assert 100 < len(kept) < len(text) / 2
    tab.page.wait_for_timeout(500)
    assert scripted.source(tab.page_id) == kept
    assert tab.code() == kept
    assert tab.frame().locator("p.line").count() > 2
    expect(tab.page.get_by_text("Task manually stopped")).to_have_count(0)
    tab.say("another one")
    assert tab.wait_finished(2).startswith("Finished")


def test_a_follow_up_changes_the_page_and_new_page_begins_an_empty_one(scripted: Server, tabs: Any) -> None:
    first, second = document(3), document(3).replace("#b5651d", "green")
    third = "<!DOCTYPE html>\n<html><head><title>Other</title></head><body><p>Other</p></body></html>"
    scripted.play({"chunks": tokens(first)}, {"chunks": tokens(second)}, {"chunks": tokens(third)})
    tab = tabs(scripted)
    tab.say("a bakery")
    tab.wait_finished(1)
    first_id = tab.page_id
    tab.say("make the header green")
    tab.wait_finished(2)
    assert [request["page"] for request in scripted.requests] == [None, first.rstrip("\n")]
    assert tab.page_id != first_id
    assert tab.frame().evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 128, 0)"
    expect(tab.answers.last.locator(".pc-version")).to_have_text("v2")
    assert scripted.source(first_id) == first.rstrip("\n")  # the old version is still there
    tab.answers.first.get_by_text("Preview").click()
    expect(tab.page.locator(f"iframe[src*='{first_id}']")).to_be_visible()
    tab.say("make the one in the pane blue")
    tab.wait_finished(3)
    assert scripted.requests[2]["page"] == first.rstrip("\n")
    tab.page.get_by_text("New page").click()
    tab.say("something else")
    tab.wait_finished(4)
    assert scripted.requests[3]["page"] is None
    expect(tab.answers.last.locator(".pc-version")).to_have_text("v4")
    assert tab.page.locator("iframe.pv-frame").count() == 1


def test_a_new_page_that_is_refused_is_still_a_new_page(scripted: Server, tabs: Any) -> None:
    page = {"chunks": tokens(document(3))}
    scripted.play(page, {"chunks": [], "error": "The model broke off."}, page)
    tab = tabs(scripted)
    tab.say("a bakery")
    tab.wait_finished(1)
    tab.page.get_by_text("New page").click()
    tab.say("a login page")
    expect(tab.page.get_by_text("The model broke off.")).to_be_visible()
    tab.say("a login page")
    tab.wait_finished(2)
    assert [request["page"] for request in scripted.requests] == [None, None, None]


def test_on_a_phone_the_pane_can_stop_the_model(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(4_000)), "delay": 0.01})
    tab = tabs(scripted, size=(390, 844), has_touch=True)
    tab.say("a page")
    tab.page.get_by_role("button", name="Stop writing").click()
    assert tab.wait_finished().startswith("Stopped")


def test_two_tabs_at_once_one_waits_and_sees_its_place(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(40))}, {"chunks": tokens(document(2, "Second."))})
    one, two, three = tabs(scripted), tabs(scripted), tabs(scripted)
    with scripted.hold(60):
        one.say("first")
        one.frame()
        two.say("second")
        expect(two.page.get_by_text("Waiting in the queue, place 1.")).to_be_visible()
        three.say("third")  # HTMLGEN_QUEUE_SIZE=1
        expect(three.page.get_by_text("Busy: 1 requests are waiting already. Try again")).to_be_visible()
        assert one.page.locator(".pc-facts b[data-outcome]").count() == 0
    assert one.wait_finished().startswith("Finished")
    assert two.wait_finished().startswith("Finished")
    expect(two.page.get_by_text("Waiting in the queue")).to_have_count(0)
    assert one.frame().locator("p.line").count() == 40
    assert two.frame().locator("p.line").count() == 2
    assert [request["instruction"] for request in scripted.requests] == ["first", "second"]


def test_a_closed_tab_frees_its_place(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(4_000)), "delay": 0.05}, {"chunks": tokens(document(1))})
    one, two = tabs(scripted), tabs(scripted)
    one.say("a page that takes minutes")
    one.frame()
    two.say("a short one")
    expect(two.page.get_by_text("Waiting in the queue, place 1.")).to_be_visible()
    one.page.close()
    assert two.wait_finished().startswith("Finished")


def test_an_error_is_one_readable_message(scripted: Server, tabs: Any) -> None:
    scripted.play(
        {"chunks": tokens(document(3))[:30], "error": "The GPU is out of memory. Ask for a shorter page."},
        {"chunks": [], "error": "The prompt is too long."},
        {"chunks": tokens(document(1))},
    )
    tab = tabs(scripted)
    tab.say("a page")
    assert tab.wait_finished().startswith("Broke off")
    expect(tab.page.get_by_text("The GPU is out of memory. Ask for a shorter page.")).to_be_visible()
    assert tab.frame().locator("h1").count() == 1
    tab.say("again")
    expect(tab.page.get_by_text("The prompt is too long.")).to_be_visible()
    assert tab.answers.count() == 1
    tab.say("again")
    assert tab.wait_finished(2).startswith("Finished")
    assert "Traceback" not in tab.page.content()


def test_text_that_never_becomes_a_page_is_shown_as_text(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": ["I can only ", "write web ", "pages."]})
    tab = tabs(scripted)
    tab.say("what is the weather?")
    expect(tab.page.get_by_text("I can only write web pages.")).to_be_visible()
    expect(tab.page.locator("#stop-button")).to_have_count(0)
    assert tab.answers.count() == 0
    assert tab.page.locator("iframe.pv-frame").count() == 0


def test_the_pane_stays_closed_until_there_is_something_new(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(20))})
    tab = tabs(scripted)
    with scripted.hold(60):
        tab.say("a page")
        tab.frame()
        tab.page.locator("#side-view-title button").click()
    tab.wait_finished()
    tab.page.wait_for_timeout(300)
    assert tab.page.locator("iframe.pv-frame").count() == 0
    tab.page.locator(".pc-open").click()
    expect(tab.frame().locator("p.line").nth(19)).to_be_attached()


def test_settings_reach_the_engine(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(1))})
    tab = tabs(scripted)
    tab.page.locator("#chat-settings-open-modal").click()
    tab.page.locator("#max_new_tokens").fill("123")
    tab.page.locator("#seed").fill("7")
    tab.page.get_by_role("button", name="Confirm").click()
    tab.say("a page")
    tab.wait_finished()
    sampling = scripted.requests[0]["sampling"]
    assert (sampling["max_new_tokens"], sampling["seed"], sampling["temperature"]) == (123, 7, 0.2)

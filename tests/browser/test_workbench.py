"""What a chat lets one do with its pages: regenerate, edit, bring along, compare, vote, choose a model, find it all again."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, PHONE, Tab, close_pane, tools, versions
from tests.browser.script import document, page, play, tokens
from tests.server import Server, rows


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_regenerate_writes_a_sibling_with_another_seed(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("One"), page("Two"))
    tab = tabs(bench, size=size)
    tab.say("a page")
    tab.wait_finished()
    close_pane(tab)
    tools(tab).get_by_role("button", name="Regenerate").click()
    assert tab.wait_finished(2).startswith("Finished")
    first, second = bench.requests
    assert (second["instruction"], second["page"]) == (first["instruction"], None)
    assert second["sampling"]["seed"] is not None
    assert first["sampling"]["temperature"] < second["sampling"]["temperature"], "else it is often the same page"
    one, two = versions(bench, tab)
    assert (one["number"], two["number"], one["parent"], two["parent"]) == (1, 2, None, None)
    assert "<title>One</title>" in one["html"]
    assert "<title>Two</title>" in two["html"]


IN_SIGHT = """code => {
  let chat = code.parentElement
  while (chat.scrollHeight <= chat.clientHeight || getComputedStyle(chat).overflowY !== "auto") chat = chat.parentElement
  const [inner, outer] = [code.getBoundingClientRect(), chat.getBoundingClientRect()]
  return inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1
}"""
"""A whole answer's code lies within what the chat shows."""


def expect_in_sight(tab: Tab, index: int) -> None:
    tab.page.wait_for_function(IN_SIGHT, arg=tab.answers.nth(index).element_handle(), timeout=5_000)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_what_a_button_asks_for_is_scrolled_to_unless_the_reader_scrolls(
    bench: Server, tabs: Any, size: tuple[int, int]
) -> None:
    answers = [page(name, 40) for name in ("Two", "Three", "Four", "Five", "Six", "Seven")]
    play(bench, page("One", 40, cut=80), *answers)
    tab = tabs(bench, size=size)
    tab.say("a page")
    tab.wait_finished()
    close_pane(tab)
    for count in (2, 3, 4):
        tools(tab, 0).get_by_role("button", name="Regenerate").click()
        tab.wait_finished(count)
        close_pane(tab)
        expect_in_sight(tab, count - 1)

    with bench.hold(20):
        tools(tab, 0).get_by_role("button", name="Regenerate").click()
        expect(tab.answers).to_have_count(5)
        close_pane(tab)
        tab.page.mouse.move(18, 200)  # the chat's edge: code scrolls by itself
        tab.page.mouse.wheel(0, -10_000)
        expect_in_sight(tab, 0)
    tab.wait_finished(5)
    tab.page.wait_for_timeout(500)
    expect_in_sight(tab, 0)  # still, for the reader is reading there

    tools(tab, 0).get_by_role("button", name="Continue").click()
    expect(tab.answers.first.locator(".pc-facts b[data-outcome=finished]")).to_be_visible(timeout=60_000)
    expect_in_sight(tab, 0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_an_edited_message_branches_from_where_it_started(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("One"), page("Two"), page("Three"))
    tab = tabs(bench, size=size)
    tab.say("a page")
    tab.wait_finished()
    close_pane(tab)
    tab.say("make it blue")
    tab.wait_finished(2)
    close_pane(tab)
    message = tab.page.locator(".step[data-step-type=user_message]").nth(1)
    message.hover()
    message.locator(".edit-message").click()
    tab.page.locator("#edit-chat-input").fill("make it green")
    tab.page.locator(".confirm-edit").click()
    expect(tab.answers.nth(1).locator(".pc-name")).to_have_text("Three", timeout=30_000)
    assert tab.wait_finished(2).startswith("Finished")
    assert tab.answers.count() == 2
    close_pane(tab)
    assert "<title>One</title>" in bench.requests[2]["page"], "the change begins where the first one did"
    one, two, three = versions(bench, tab)
    assert two["parent"] == three["parent"] == one["id"]
    # The first message goes back to no page at all.
    message = tab.page.locator(".step[data-step-type=user_message]").first
    message.hover()
    message.locator(".edit-message").click()
    tab.page.locator("#edit-chat-input").fill("another page")
    tab.page.locator(".confirm-edit").click()
    expect(tab.answers).to_have_count(1)
    tab.page.wait_for_timeout(300)
    tab.wait_finished()
    assert bench.requests[3]["page"] is None
    assert bench.requests[3]["instruction"] == "another page"


def test_stop_ends_an_edited_message_too_and_it_can_be_continued(bench: Server, tabs: Any) -> None:
    whole = document(150)
    play(bench, page("One"), {"chunks": tokens(whole)}, {"chunks": tokens(whole)})
    tab = tabs(bench)
    tab.say("a page")
    tab.wait_finished()
    first = tab.page_id
    message = tab.page.locator(".step[data-step-type=user_message]").first
    message.hover()
    message.locator(".edit-message").click()
    tab.page.locator("#edit-chat-input").fill("a long page")
    with bench.hold(100):
        tab.page.locator(".confirm-edit").click()
        expect(tab.page.locator("#stop-button")).to_be_visible()
        expect(tab.frame(after=first).locator("p.line").nth(2)).to_be_attached()
        tab.page.locator("#stop-button").click()
        assert tab.wait_finished().startswith("Stopped")
    tools(tab).get_by_role("button", name="Continue").click()
    expect(tab.answers.locator(".pc-facts b[data-outcome=finished]")).to_be_visible(timeout=60_000)
    assert bench.source(tab.page_id) == whole.rstrip("\n")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nonsense_in_the_settings_is_refused_at_once(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("One"))
    tab = tabs(bench, size=size)
    for field, value, complaint in (
        ("#max_new_tokens", "0", "Longest page, in tokens is 0 but must be between 1 and 1000000."),
        ("#seed", "soup", "Seed must be a whole number, not 'soup'."),
    ):
        tab.page.locator("#chat-settings-open-modal").click()
        tab.page.locator(field).fill(value)
        tab.page.get_by_role("button", name="Confirm").click()
        expect(tab.page.get_by_text(complaint)).to_be_visible()
        expect(tab.page.locator("#welcome-screen")).to_be_visible()
    tab.page.locator("#chat-settings-open-modal").click()
    expect(tab.page.locator("#max_new_tokens")).to_have_value("2048")
    expect(tab.page.locator("#seed")).to_have_value("")
    tab.page.get_by_role("button", name="Confirm").click()
    tab.say("a page")
    tab.wait_finished()
    assert bench.requests[0]["sampling"]["max_new_tokens"] == 2048


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_chat_profile_is_a_model(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("Default"), by_model={"miller": page("By the miller")})
    tab = tabs(bench, size=size)
    tab.page.locator("#chat-profiles").click()
    tab.page.get_by_role("option", name="Miller").click()
    tab.say("a page")
    facts = tab.wait_finished()
    assert "Miller" in facts
    assert bench.requests[0]["model"] == "miller"
    expect(tab.answers.last.locator(".pc-name")).to_have_text("By the miller")
    assert versions(bench, tab)[0]["model"] == "miller"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_vote_with_a_comment_is_kept(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("One"))
    tab = tabs(bench, size=size)
    tab.say("a page")
    tab.wait_finished()
    close_pane(tab)
    tools(tab).get_by_role("button", name="Bad page").click()
    tools(tab).get_by_label("Comment on your vote").fill("too grey")
    tools(tab).get_by_role("button", name="Send").click()
    expect(tools(tab).get_by_text("“too grey”")).to_be_visible()
    (version,) = versions(bench, tab)
    vote = "SELECT value, comment, owner FROM votes WHERE version_id = ?"
    assert rows(bench, vote, version["id"]) == [{"value": -1, "comment": "too grey", "owner": "local"}]
    tools(tab).get_by_role("button", name="Good page").click()
    expect(tools(tab).get_by_role("button", name="Good page")).to_have_attribute("aria-pressed", "true")
    tools(tab).get_by_role("button", name="Skip").click()
    tools(tab).get_by_role("button", name="Good page").click()
    expect(tools(tab).get_by_role("button", name="Good page")).to_have_attribute("aria-pressed", "false")
    tab.page.wait_for_timeout(300)
    assert rows(bench, vote, version["id"]) == []


def test_what_the_pane_asks_for_is_done_in_the_chat(bench: Server, tabs: Any) -> None:
    """An error is mended, an element changed, an edit by hand kept, an older version restored: each is a version of its own."""
    broken = document(2).replace('console.log("the script ran");', "nobody.home();")
    play(bench, {"chunks": tokens(broken)}, page("Mended"), page("Changed"), page("Last"))
    tab = tabs(bench, size=DESKTOP)
    pane = tab.page.locator(".pv")
    tab.say("a page")
    tab.wait_finished()
    pane.get_by_role("tab", name="Console").click()
    pane.get_by_role("button", name="Fix it").click()
    tab.wait_finished(2)
    mend = bench.requests[1]
    assert re.fullmatch(
        r"Fix this error in line \d+: Uncaught ReferenceError: nobody is not defined", mend["instruction"]
    )
    assert mend["page"] == broken.rstrip("\n")
    expect(tab.page.locator(".step[data-step-type=user_message]").last).to_contain_text("Fix this error")

    pane.get_by_role("tab", name="Preview").click()
    pane.get_by_role("button", name="Point at an element to change it").click()
    tab.frame(after=versions(bench, tab)[0]["id"]).locator("h1").click()
    words = tab.page.get_by_label("What should change about this element")
    words.fill("make it green")
    words.press("Enter")
    tab.wait_finished(3)
    assert bench.requests[2]["instruction"].startswith(
        "make it green\n\nChange only this element (body > h1):\n<h1>Mended</h1>"
    )

    pane.get_by_role("tab", name="Code").click()
    tab.page.locator(".pv-edit").click()
    area = tab.page.get_by_label("HTML source. Tab indents")
    expect(area).to_have_value(re.compile("Changed"))
    typed = area.input_value().replace("<h1>Changed</h1>", "<h1>By hand</h1>")
    area.fill(typed)
    pane.get_by_role("button", name="Save version").click()
    assert tab.wait_finished(4).startswith("Edited by hand")
    expect(pane.locator(".pv-number")).to_have_text("v4 of 4")

    pane.get_by_role("button", name="Version before").click()
    pane.locator(".pv-old").get_by_role("button", name="Restore").click()
    assert tab.wait_finished(5).startswith("Restored")
    first, mended, changed, edited, restored = versions(bench, tab)
    assert [v["origin"] for v in versions(bench, tab)] == ["model", "model", "model", "hand", "restore"]
    assert (mended["parent"], changed["parent"], edited["parent"]) == (first["id"], mended["id"], changed["id"])
    assert (edited["html"], restored["html"], restored["parent"]) == (typed, changed["html"], changed["id"])
    ids = [v["id"] for v in versions(bench, tab)]
    found = rows(bench, "SELECT * FROM preferences WHERE chosen IN (?, ?, ?, ?, ?) ORDER BY created_at", *ids)
    assert [(row["kind"], row["chosen"], row["rejected"]) for row in found] == [
        ("fix", mended["id"], first["id"]),
        ("hand", edited["id"], changed["id"]),
    ]
    tab.say("go on")
    tab.wait_finished(6)
    assert bench.requests[3]["page"] == changed["html"], "the restored page is the current one"

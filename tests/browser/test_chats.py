"""The list of chats, and a chat found again."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, PHONE, chat_id, close_pane, tools, versions
from tests.browser.script import page, play
from tests.server import Server, left_of


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_new_chat_after_an_old_one_begins_empty(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("Old"), page("New"))
    tab = tabs(bench, size=size)
    tab.page.locator("#chat-settings-open-modal").click()
    tab.page.locator("#seed").fill("7")
    tab.page.get_by_role("button", name="Confirm").click()
    tab.say("a page")
    tab.wait_finished()
    old = chat_id(tab)
    tab.page.goto(f"{bench.url}/thread/{old}")
    expect(tab.page.locator("iframe.pv-frame")).to_be_visible()
    close_pane(tab)
    tab.page.locator("#header #new-chat-button").click()
    tab.page.wait_for_url(f"{bench.url}/")
    expect(tab.page.locator("#starters")).to_be_visible()
    expect(tab.page.locator("iframe.pv-frame")).to_have_count(0)
    expect(tab.answers).to_have_count(0)
    expect(tab.page.locator("[id='command-New page']")).to_have_count(0)
    tab.page.locator("#chat-settings-open-modal").click()
    expect(tab.page.locator("#seed")).to_have_value("")
    tab.page.get_by_role("button", name="Cancel").click()
    tab.say("another page")
    tab.wait_finished()
    asked = bench.requests[-1]
    assert (asked["page"], asked["sampling"]["seed"]) == (None, None)
    assert [(version["number"], version["parent"]) for version in versions(bench, tab)] == [(1, None)]
    assert chat_id(tab) != old


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_reload_brings_the_chat_back(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("One", cut=40), page("Two"), page("Three"))
    tab = tabs(bench, size=size)
    tab.page.locator("#chat-settings-open-modal").click()
    tab.page.locator("#seed").fill("7")
    tab.page.get_by_role("button", name="Confirm").click()
    tab.say("a page")
    before = tab.wait_finished()
    assert before.startswith("Cut")
    close_pane(tab)
    tools(tab).get_by_role("button", name="Good page").click()
    tools(tab).get_by_role("button", name="Skip").click()
    code = tab.code(0)
    chat_id(tab)
    tab.page.reload()
    expect(tab.page.locator("iframe.pv-frame")).to_be_visible()
    close_pane(tab)
    assert tab.wait_finished() == before
    expect(tab.answers.first.locator(".pc-row").nth(5)).to_be_attached()
    assert tab.code(0) == code
    expect(tools(tab, 0).get_by_role("button", name="Good page")).to_have_attribute("aria-pressed", "true")
    tab.page.locator("#chat-settings-open-modal").click()
    expect(tab.page.locator("#seed")).to_have_value("7")
    tab.page.get_by_role("button", name="Confirm").click()
    tools(tab, 0).get_by_role("button", name="Continue").click()
    expect(tab.answers.first.locator(".pc-facts b[data-outcome=finished]")).to_be_visible(timeout=60_000)
    assert bench.requests[1]["prefix"] == code
    assert bench.requests[1]["sampling"]["seed"] == 7
    close_pane(tab)
    tab.say("make it blue")
    tab.wait_finished(2)
    assert bench.requests[2]["page"].startswith(code), "the page in the pane is the one that is changed"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_sidebar_finds_renames_and_deletes_chats(
    bench: Server, tabs: Any, screenshots: Path, size: tuple[int, int]
) -> None:
    play(bench, page("One"))
    tab = tabs(bench, size=size)
    tab.say("a page about walruses")
    tab.wait_finished()
    page_id, chat = tab.page_id, chat_id(tab)
    close_pane(tab)
    tab.page.locator("#header #sidebar-trigger-button").click()
    entry = tab.page.locator(f"#thread-{chat}")
    expect(entry).to_contain_text("a page about walruses")
    if size == DESKTOP:
        tab.page.screenshot(path=screenshots / "history.png")
    tab.page.locator("#search-chats-button").click()
    search = tab.page.get_by_placeholder("Search conversations...")
    search.fill("WALRUS")
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_text("a page about walruses")).to_be_visible()
    search.fill("narwhal")
    expect(dialog.get_by_text("a page about walruses")).to_have_count(0)
    tab.page.keyboard.press("Escape")
    entry.hover()
    entry.locator("#thread-options").click()
    tab.page.locator("#rename-thread").click()
    expect(dialog.get_by_text("Rename the chat")).to_be_visible()
    tab.page.locator("#name").fill("Tusks")
    tab.page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(entry).to_contain_text("Tusks")
    entry.hover()
    entry.locator("#thread-options").click()
    tab.page.locator("#delete-thread").click()
    tab.page.get_by_role("alertdialog").get_by_role("button", name="Confirm").click()
    expect(entry).to_have_count(0)
    # The tab begins a new chat, and what is said there is kept.
    expect(tab.page.locator("#welcome-screen #chat-input")).to_be_visible()
    assert left_of(bench, chat) == {}
    assert httpx.get(f"{bench.url}/pages/{page_id}/live", trust_env=False).status_code == 404
    if size == PHONE:  # the list lies over the chat
        tab.page.keyboard.press("Escape")
    tab.say("a page about seals")
    tab.wait_finished()
    assert chat_id(tab) != chat
    if size == PHONE:
        close_pane(tab)
        tab.page.locator("#header #sidebar-trigger-button").click()
    expect(tab.page.locator(f"#thread-{chat_id(tab)}")).to_contain_text("a page about seals")
    assert left_of(bench, chat) == {}


def test_a_chat_deleted_in_one_tab_is_gone_in_the_other_too(bench: Server, tabs: Any) -> None:
    """Even while a page is being written there, which then frees the model."""
    play(bench, page("Endless", 4_000, delay=0.02), page("Two"))
    tab = tabs(bench, size=DESKTOP)
    tab.say("a page about walruses")
    expect(tab.frame().locator("p.line").nth(2)).to_be_attached()
    chat = chat_id(tab)
    asked = {"data": {"threadId": chat}, "headers": {"Origin": bench.url}}
    assert tab.page.context.request.delete(f"{bench.url}/project/thread", **asked).ok
    expect(tab.page.locator("#welcome-screen #chat-input")).to_be_visible()
    tab.say("a page about seals")
    assert tab.wait_finished().startswith("Finished")
    assert chat_id(tab) != chat
    assert left_of(bench, chat) == {}

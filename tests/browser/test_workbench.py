"""What a chat lets one do with its pages: regenerate, edit, bring along, compare, vote, choose a model, find it all again."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for
from tests.browser.test_chat import Server, Tab, desk, document, run_server, tabs, tokens

__all__ = ["desk", "tabs"]  # fixtures

DESKTOP, PHONE = (1440, 900), (390, 844)

PAGE = "<!DOCTYPE html>\n<html><head><title>Brought along</title></head>\n<body><h1>Mine</h1></body></html>"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two models and room for two pages at once."""
    folder = tmp_path_factory.mktemp("bench")
    script = {"chunks": [], "models": ["baker", "miller"], "places": 2}
    yield from run_server(folder, "tests/browser/scripted_app.py", script=script)


def play(server: Server, *answers: dict[str, Any], by_model: dict[str, Any] | None = None) -> None:
    """What the engine writes from now on, by which of two models."""
    server.log.unlink(missing_ok=True)
    script = {"answers": answers, "models": ["baker", "miller"], "places": 2, "by_model": by_model or {}}
    server.script.write_text(json.dumps(script))


def page(title: str, lines: int = 3, **more: Any) -> dict[str, Any]:
    return {"chunks": tokens(document(lines).replace("Sunny Crumb", title)), **more}


def rows(server: Server, query: str, *values: Any) -> list[dict[str, Any]]:
    """What is in the server's database."""
    with sqlite3.connect(f"file:{server.script.parent}/data/htmlgen.db?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def left_of(server: Server, chat: str) -> dict[str, list[dict[str, Any]]]:
    """What the database has of a chat, by table."""
    columns = {"threads": "id", "steps": "threadId", "elements": "threadId", "versions": "chat"}
    found = {table: rows(server, f"SELECT * FROM {table} WHERE {key} = ?", chat) for table, key in columns.items()}
    return {table: kept for table, kept in found.items() if kept}


def chat_id(tab: Tab) -> str:
    """From its address, which it gets a little after its first message."""
    tab.page.wait_for_url("**/thread/*")
    return tab.page.url.rsplit("/", 1)[1]


def versions(server: Server, tab: Tab) -> list[dict[str, Any]]:
    return rows(server, "SELECT * FROM versions WHERE chat = ? ORDER BY number", chat_id(tab))


def close_pane(tab: Tab) -> None:
    """On a phone the pane lies over the chat."""
    if tab.page.viewport_size and tab.page.viewport_size["width"] < 768:
        tab.page.keyboard.press("Escape")
        expect(tab.page.locator("iframe.pv-frame")).to_have_count(0)


def tools(tab: Tab, index: int = -1) -> Any:
    """The buttons under a page."""
    return tab.page.locator(".pa").nth(index if index >= 0 else tab.page.locator(".pa").count() - 1)


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


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one model: where there are two, Chainlit's page connects twice, and what was uploaded in between is lost."""
    yield from run_server(tmp_path_factory.mktemp("alone"), "tests/browser/scripted_app.py")


def attach(tab: Tab, file: Path) -> None:
    """Adds a file to the message, once the tab is connected."""
    chosen = tab.page.locator("#upload-button-input")
    for _ in range(30):
        with tab.page.expect_response(lambda answer: "/project/file" in answer.url) as answered:
            chosen.set_input_files(str(file))
        if answered.value.ok:
            break
        chosen.set_input_files([])  # the same file once more would be no change
        tab.page.wait_for_timeout(500)
    expect(tab.page.locator("#chat-submit")).to_be_enabled()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_an_uploaded_page_is_the_current_one(alone: Server, tabs: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    file = tmp_path / "mine.html"
    file.write_text(PAGE)
    alone.play(page("Changed"))
    tab = tabs(alone, size=size)
    attach(tab, file)
    tab.say("make it green")
    assert tab.wait_finished(1).startswith("Uploaded")
    assert tab.wait_finished(2).startswith("Finished")
    assert alone.requests[0]["page"] == PAGE
    assert alone.requests[0]["instruction"] == "make it green"
    brought, changed = versions(alone, tab)
    assert (brought["origin"], brought["html"], changed["parent"]) == ("upload", PAGE, brought["id"])
    link = tab.page.locator("a[href*='/project/file/']")
    served = tab.page.request.get(link.first.get_attribute("href") or "")
    assert served.headers["content-type"].startswith("text/plain")
    assert served.headers["content-disposition"] == "attachment"


def test_what_is_no_page_is_refused(alone: Server, tabs: Any, tmp_path: Path) -> None:
    tab = tabs(alone)
    for name, data in (("x.html", b"\0\1\2"), ("big.html", b"<p>" * 700_000)):
        file = tmp_path / name
        file.write_bytes(data)
        if name == "x.html":
            attach(tab, file)
            tab.page.locator("#chat-submit").click()
            expect(tab.page.get_by_text("x.html is not text. Send an HTML file.")).to_be_visible()
        else:
            tab.page.locator("#upload-button-input").set_input_files(str(file))
            expect(
                tab.page.get_by_text(re.compile("larger than|too large|exceed", re.IGNORECASE)).first
            ).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_pasted_page_is_the_current_one(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("Changed"))
    tab = tabs(bench, size=size)
    tab.say(f"{PAGE}")
    assert tab.wait_finished().startswith("Uploaded")
    assert bench.requests == []
    expect(tab.frame().locator("h1")).to_have_text("Mine")
    close_pane(tab)
    tab.say("make it green")
    tab.wait_finished(2)
    assert bench.requests[0]["page"] == PAGE


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
def test_compare_two_models_side_by_side_and_pick_one(
    bench: Server, tabs: Any, size: tuple[int, int], screenshots: Path
) -> None:
    play(bench, by_model={"baker": page("Baker's", 30), "miller": page("Miller's", 30)})
    tab = tabs(bench, size=size)
    tab.page.locator("#command-Compare").click()
    sides = tab.page.locator(".cp-side")
    with bench.hold(60):
        tab.say("a page")
        expect(tab.page.locator(".cp-paper iframe")).to_have_count(2)
        for side in sides.all():
            expect(side).to_have_attribute("data-state", "writing")  # both at once
    expect(sides.first).to_have_attribute("data-state", "finished", timeout=60_000)
    expect(sides.last).to_have_attribute("data-state", "finished")
    name = "phone" if size == PHONE else "desktop"
    tab.page.screenshot(path=screenshots / f"compare-{name}.png")
    assert "Miller" not in tab.page.locator(".cp").inner_text(), "who wrote which is told afterwards"
    if size == PHONE:
        tab.page.get_by_role("group", name="Which page to show").get_by_role("button", name="B").click()
    expect(sides.last.locator("iframe")).to_be_visible()
    tab.page.get_by_role("button", name="B is better").click()
    expect(sides.last.locator(".cp-verdict")).to_have_text("Better")
    expect(sides.last.locator(".cp-who")).to_have_text(re.compile("Miller|Baker"))
    chosen = re.search(r"/pages/([\w-]+)/", sides.last.locator("iframe").get_attribute("src") or "")
    assert chosen
    found = rows(bench, "SELECT * FROM preferences WHERE chosen = ?", chosen[1])
    assert [(row["kind"], row["tie"]) for row in found] == [("compare", 0)]
    expect(tab.page.locator(f"iframe.pv-frame[src*='{chosen[1]}']")).to_be_visible()
    close_pane(tab)
    play(bench, page("Next"))
    tab.say("make it green")
    tab.wait_finished()
    assert bench.requests[0]["page"] == bench.source(chosen[1]), "the pick is the page that the next message changes"


def test_the_arrow_to_the_newest_message_covers_no_comparison(bench: Server, tabs: Any, screenshots: Path) -> None:
    play(bench, page("Both", 30))
    tab = tabs(bench, size=DESKTOP)
    tab.page.locator("#header #sidebar-trigger-button").click()
    tab.page.locator("#command-Compare").click()
    tab.say("a page")
    tab.page.locator(".cp-pick").first.wait_for()
    tab.page.mouse.move(tab.page.locator("#chat-input").bounding_box()["x"] + 10, 120)
    tab.page.mouse.wheel(0, -100)
    arrow = tab.page.get_by_role("button", name="To the newest message")
    expect(arrow).to_be_visible()
    expect(tab.page.locator("#thread-history")).to_be_visible()
    tab.page.screenshot(path=screenshots / "compare-arrow.png")
    over, under = arrow.bounding_box(), tab.page.locator(".cp").bounding_box()
    assert over["x"] >= under["x"] + under["width"], "it lies over the comparison"
    strip = arrow.locator("xpath=..").evaluate("strip => getComputedStyle(strip).pointerEvents")
    assert strip == "none", "its row takes the clicks of what lies under it"
    arrow.click()
    expect(arrow).to_have_count(0)


def test_a_tie_is_kept_as_one(bench: Server, tabs: Any) -> None:
    play(bench, page("Both"))
    tab = tabs(bench)
    tab.page.locator("#command-Compare").click()
    tab.say("a page")
    tab.page.get_by_role("button", name="It’s a tie").click()
    expect(tab.page.locator(".cp-verdict")).to_have_text(["Tie", "Tie"])
    ids = [version["id"] for version in versions(bench, tab)]
    (found,) = rows(bench, "SELECT * FROM preferences WHERE chosen IN (?, ?)", *ids)
    assert found["tie"] == 1
    assert {found["chosen"], found["rejected"]} == set(ids)


def test_a_comparison_with_oneself_is_refused(bench: Server, tabs: Any) -> None:
    play(bench, page("One"))
    tab = tabs(bench, size=DESKTOP)
    tab.page.locator("#chat-settings-open-modal").click()
    tab.page.locator("#other_model").click()
    tab.page.get_by_role("option", name="Baker").click()
    tab.page.locator("#seed").fill("7")
    tab.page.get_by_role("button", name="Confirm").click()
    tab.page.locator("#command-Compare").click()
    tab.say("a page")
    expect(tab.page.get_by_text("Both would write the same page.")).to_be_visible()
    assert bench.requests == []


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


def disconnect(tab: Tab) -> None:
    """Ends the chat's connection as a network does, without a word; public/studio.js knows its sockets."""
    tab.page.evaluate("sockets.forEach(socket => socket.close())")


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


def test_the_composer_asks_for_a_page(bench: Server, tabs: Any) -> None:
    tab = tabs(bench)
    expect(tab.page.locator("#chat-input")).to_have_attribute("placeholder", "Say what page you want…")


def serious(page: Page) -> list[Any]:
    """What axe finds that keeps people out: rule, and the first elements."""
    for _ in range(20):  # names are given twice a second
        page.wait_for_timeout(700)
        found = Axe().run(page, options={"iframes": False, "resultTypes": ["violations"]}).response["violations"]
        problems = [
            (v["id"], [node["html"][:120] for node in v["nodes"][:3]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        if not problems:
            break
    return problems


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_serious_in_the_chat(
    bench: Server, tabs: Any, size: tuple[int, int], scheme: str, screenshots: Path
) -> None:
    play(bench, page("One", 40), page("Two"))
    tab = tabs(bench, size=size, color_scheme=scheme, has_touch=size == PHONE)
    found, where = {}, "phone" if size == PHONE else "desktop"

    def look(state: str) -> None:
        if problems := serious(tab.page):
            found[state] = problems
        tab.page.screenshot(path=screenshots / f"chat-{where}-{scheme}-{state}.png")

    tab.page.locator("#command-Compare").wait_for()
    look("welcome")
    tab.page.locator("#chat-settings-open-modal").click()
    look("settings")
    tab.page.get_by_role("button", name="Confirm").click()
    with bench.hold(100):
        tab.say("a page")
        expect(tab.answers.first.locator(".pc-row").nth(3)).to_be_attached()
        look("writing")
        close_pane(tab)
        if size == PHONE:
            look("writing-behind-the-pane")
    tab.wait_finished()
    look("page")
    close_pane(tab)
    tools(tab).get_by_role("button", name="Good page").click()
    look("vote")
    tools(tab).get_by_role("button", name="Skip").click()
    tab.page.locator("#command-Compare").click()
    look("command")
    chosen = tab.page.locator("#command-Compare").evaluate(
        "button => [button, ...button.querySelectorAll('svg')].map(part => getComputedStyle(part).color)"
    )
    assert len(chosen) == 3, chosen  # the icon and the cross, which axe does not judge
    assert len(set(chosen)) == 1, chosen
    tab.say("twice")
    tab.page.locator(".cp-pick").first.wait_for()
    look("compare")
    tab.page.locator(".cp-expand").click()
    look("compare-large")
    tab.page.keyboard.press("Escape")
    tab.page.locator(".cp-pick:visible").first.click()
    expect(tab.page.locator("iframe.pv-frame")).to_be_visible()
    close_pane(tab)
    look("compare-picked")
    tab.page.locator("#header #sidebar-trigger-button").click()
    expect(tab.page.locator("#thread-history")).to_be_visible()
    if size == PHONE:  # a finger hovers over nothing
        expect(tab.page.locator("#thread-history #thread-options").first).to_have_css("opacity", "1")
    look("history")
    assert not found, json.dumps(found, indent=1)

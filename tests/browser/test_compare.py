"""One prompt, two contenders, side by side."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, PHONE, close_pane, versions
from tests.browser.script import page, play
from tests.server import Server, rows


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

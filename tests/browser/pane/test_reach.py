"""Everything by key, and in sight of those who do not see."""

import json
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.pane.app import PaneApp, PaneTab, open_context, version
from tests.browser.pane.bakery import BUY, EDITOR, SIZES, three


def test_everything_can_be_reached_by_key(desk: PaneTab) -> None:
    three(desk, publishable=True)
    active = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    order = []
    for _ in range(16):
        desk.page.keyboard.press("Tab")
        order.append(desk.page.evaluate(active))
    assert order[:5] == [
        "Version before",
        "Version 3 of 3: show all versions",
        "Point at an element to change it",
        "Load the page again",
        "Open in a new tab",
    ]
    assert order[5:9] == ["Download the HTML", "Print", "Full screen", "More"]
    assert order[9:11] == ["Preview", "As wide as the pane"]
    desk.page.locator("[role=tab]").first.focus()
    desk.page.keyboard.press("ArrowRight")
    expect(desk.page.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")
    expect(desk.page.get_by_role("tab", name="Code")).to_be_focused()
    for key, check in (("3", "[data-state] .pl"), ("1", ".pv-stage"), ("v", ".vl"), ("?", ".pv-keys")):
        desk.page.keyboard.press(key)
        expect(desk.page.locator(check)).to_be_visible()
        if key in "v?":
            desk.page.keyboard.press("Escape")
            expect(desk.page.locator(check)).to_be_hidden()
    desk.page.keyboard.press("d")
    expect(desk.page.locator(".df")).to_be_visible()
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("[")
    expect(desk.page.locator(".pv-number")).to_have_text("v2 of 3")
    desk.page.keyboard.press("]")
    expect(desk.page.locator(".pv-number")).to_have_text("v3 of 3")
    more = desk.button("More")
    more.focus()
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("menuitem", name="Publish…")).to_be_focused()
    desk.page.keyboard.press("ArrowUp")
    expect(desk.page.get_by_role("menuitem", name="Keyboard shortcuts")).to_be_focused()
    desk.page.keyboard.press("Escape")
    expect(more).to_be_focused()
    desk.page.keyboard.press("e")
    area = desk.page.get_by_label(EDITOR)
    expect(area).to_be_focused()
    desk.page.keyboard.press("Tab")
    desk.page.keyboard.type("<i>")
    expect(area).to_have_value("  <i>" + BUY)
    desk.page.keyboard.press("Escape")
    expect(desk.button("Save version")).to_be_focused()
    desk.page.keyboard.press("Control+s")
    expect(desk.page.locator(".pe")).to_have_count(0)
    assert desk.asked[-1]["html"] == "  <i>" + BUY


def test_a_shortcut_in_a_text_is_a_letter(desk: PaneTab) -> None:
    three(desk)
    desk.button("Good page").click()
    words = desk.page.locator(".vo-words")
    words.press_sequentially("1p[ e?d")
    expect(words).to_have_value("1p[ e?d")
    assert [asked["name"] for asked in desk.asked] == ["vote"]


STATES = ["preview", "code", "console", "versions", "difference", "editing", "picking", "changing", "menu", "shortcuts"]


def bring(pane: PaneTab, state: str) -> None:
    """Brings the pane into a state that a picture shows and axe looks at."""
    noisy = BUY.replace(
        "</body>",
        '<img src="https://pictures.invalid/a.png">\n<script>\nconsole.log("9 loaves", { open: true })\nconsole.warn("The oven is old")\nbake()\n</script>\n</body>',
    )
    pages = three(pane, publishable=True)
    last = pane.app.new(noisy)
    versions = [*pane.page.evaluate("pane.props.versions")[:2], version(last, 3, "the buttons say Buy", origin="hand")]
    pane.update(last, version=3, versions=versions, title="Sunny Crumb", publishable=True, vote=1)
    expect(pane.page.get_by_text("1 remote file blocked")).to_be_visible()
    assert pages
    if state in ("code", "editing"):
        pane.open("Code")
        expect(pane.page.locator(".pv-code .pc-t").first).to_be_attached()
    if state == "console":
        pane.open("Console")
    if state == "versions":
        pane.page.locator(".pv-number").click()
    if state == "difference":
        pane.page.locator(".pv-number").focus()
        pane.page.keyboard.press("d")
        expect(pane.page.locator(".df-row").first).to_be_visible()
    if state == "editing":
        pane.page.locator(".pv-edit").click()
        area = pane.page.get_by_label(EDITOR)
        area.fill(noisy.replace("Bread with a crackle.", "Bread with a crackle, from five."))
        area.press("Control+Home")
        expect(pane.frame.locator("header p")).to_have_text("Bread with a crackle, from five.")
    if state in ("picking", "changing"):
        pane.button("Point at an element to change it").click()
        card = pane.page.frames[-1].locator(".card").nth(1)
        card.hover(force=True)
        if state == "changing":
            card.locator("h2").click()
            pane.page.locator(".pk-words").fill("call it Einkorn and say that it is from the valley")
    if state in ("menu", "shortcuts"):
        pane.button("More").click()
    if state == "shortcuts":
        pane.page.get_by_role("menuitem", name="Keyboard shortcuts").click()
        expect(pane.page.locator(".pv-keys")).to_be_visible()
    pane.page.wait_for_timeout(150)


@pytest.mark.parametrize(("device", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_axe_finds_nothing_serious_in_any_state(
    app: PaneApp, chromium: Browser, screenshots: Path, device: str, scheme: Any
) -> None:
    context = open_context(chromium, SIZES[device], color_scheme=scheme, has_touch=device == "phone")
    found = {}
    for state in STATES:
        tab = PaneTab(app, context.new_page())
        bring(tab, state)
        result = Axe().run(tab.page, context=".pv", options={"iframes": False, "resultTypes": ["violations"]})
        serious = [v for v in result.response["violations"] if v["impact"] in ("serious", "critical")]
        if serious:
            found[state] = [
                (v["id"], [(n["html"][:120], n["failureSummary"][:300]) for n in v["nodes"][:2]]) for v in serious
            ]
        tab.page.locator(".pv").screenshot(path=screenshots / f"pane-{device}-{scheme}-{state}.png")
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[device][0], f"{state} is {width} px wide"
        tab.page.close()
    context.close()
    assert not found, json.dumps(found, indent=1)

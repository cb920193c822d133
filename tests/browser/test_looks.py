"""The chat's looks: welcome, theme, phone, and who reads it with a machine."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.axe import serious
from tests.browser.chat import DESKTOP, PHONE, close_pane, tools
from tests.browser.script import document, page, play, tokens
from tests.server import Server


def test_the_welcome_screen_is_the_projects_own(scripted: Server, tabs: Any) -> None:
    tab = tabs(scripted)
    assert tab.page.title() == "HTMLGen Studio"
    icons = tab.page.locator("#starters button img")
    expect(icons).to_have_count(6)
    for image in (*icons.all(), tab.page.locator("img.logo")):
        expect(image).to_be_visible()
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert "Chainlit" not in tab.page.inner_text("body")
    logo = httpx.get(f"{scripted.url}/logo?theme=dark", trust_env=False).text
    assert "HTMLGen" in logo
    assert "d9480f" in httpx.get(f"{scripted.url}/favicon", trust_env=False).text
    tab.page.get_by_text("Readme").click()
    expect(tab.page.get_by_text("you watch the page draw itself")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system(scripted: Server, tabs: Any, scheme: str) -> None:
    tab = tabs(scripted, color_scheme=scheme)
    background = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(value) for value in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) if scheme == "light" else (brightness < 60)


def test_on_a_phone_everything_fits(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(20))})
    tab = tabs(scripted, size=(390, 844), has_touch=True)
    tab.say("a page")
    tab.wait_finished()
    expect(tab.page.locator("iframe.pv-frame")).to_be_visible()
    width = tab.page.locator("iframe.pv-frame").evaluate("frame => frame.clientWidth")
    assert 380 <= width <= 390
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("iframe.pv-frame")).to_have_count(0)
    for selector in (".pc", "#chat-input", ".pc-facts"):
        box = tab.page.locator(selector).first.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_composer_asks_for_a_page(bench: Server, tabs: Any) -> None:
    tab = tabs(bench)
    expect(tab.page.locator("#chat-input")).to_have_attribute("placeholder", "Say what page you want…")


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

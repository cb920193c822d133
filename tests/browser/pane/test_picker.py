"""Pointing at an element."""

from playwright.sync_api import expect

from tests.browser.pane.app import PaneTab
from tests.browser.pane.bakery import three


def test_an_element_is_pointed_at_and_its_change_asked_for(pane: PaneTab) -> None:
    pages = three(pane)
    frame = pane.page.frames[-1]
    pane.button("Point at an element to change it").click()
    expect(pane.page.get_by_text("Click the element to change.")).to_be_visible()
    frame.locator(".card").nth(1).locator("h2").click()
    expect(pane.page.locator(".pk-path")).to_have_text("body > main.cards > section.card:nth-of-type(2) > h2")
    expect(pane.page.locator(".pk-markup")).to_have_text("<h2>Spelt</h2>")
    expect(frame.locator("htmlgen-outline")).to_have_count(1)
    words = pane.page.get_by_label("What should change about this element")
    expect(words).to_be_focused()
    words.fill("call it Einkorn")
    words.press("Enter")
    expect(pane.page.locator(".pk")).to_be_hidden()
    expect(frame.locator("htmlgen-outline")).to_have_count(0)
    path = "body > main.cards > section.card:nth-of-type(2) > h2"
    change = {"page": pages[2].id, "path": path, "markup": "<h2>Spelt</h2>", "instruction": "call it Einkorn"}
    assert pane.asked == [{"name": "change_element", **change}]
    expect(pane.button("Point at an element to change it")).to_have_attribute("aria-pressed", "false")


def test_pointing_works_with_the_keyboard_and_keeps_the_page_from_acting(desk: PaneTab) -> None:
    desk.update(desk.app.new('<body><div id="one" onclick="document.title = 1"><a href="#x">link</a></div><p>two</p>'))
    frame = desk.page.frames[-1]
    frame.wait_for_load_state("load")
    pick = desk.button("Point at an element to change it")
    pick.click()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowDown"):
        desk.page.keyboard.press(key)
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator(".pk-path")).to_have_text("div#one > a")
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(".pk")).to_be_hidden()
    expect(frame.locator("htmlgen-outline")).to_have_count(0)
    pick.click()
    desk.page.keyboard.press("ArrowDown")
    expect(frame.locator("htmlgen-outline")).to_have_count(1)
    desk.page.keyboard.press("Escape")
    expect(pick).to_have_attribute("aria-pressed", "false")
    expect(frame.locator("htmlgen-outline")).to_have_count(0)
    pick.click()
    frame.locator("a").click()
    expect(desk.page.locator(".pk-path")).to_have_text("div#one > a")
    assert frame.evaluate("[document.title, location.hash]") == ["", ""]
    assert desk.asked == []

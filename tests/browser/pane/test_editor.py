"""Editing by hand."""

import random

from playwright.sync_api import Route, expect

from tests.browser.pane.app import PaneTab
from tests.browser.pane.bakery import BUY, EDITOR, three


def test_what_is_typed_is_previewed_and_saved_as_a_version(pane: PaneTab) -> None:
    pages = three(pane)
    pane.open("Code")
    pane.page.locator(".pv-edit").click()
    area = pane.page.get_by_label(EDITOR)
    expect(area).to_have_value(BUY)
    save = pane.button("Save version")
    expect(save).to_be_disabled()
    area.fill(BUY.replace("Sunny Crumb</h1>", "Rainy Crust</h1>"))
    expect(pane.frame.locator("h1")).to_have_text("Rainy Crust")
    typed = BUY.replace("Sunny Crumb</h1>", "Rainy Crust</h1>")
    assert "\n".join(pane.page.locator(".pe-row").all_inner_texts()).strip() == typed.strip()
    frame = pane.page.frames[-1]
    assert frame.evaluate("origin") == "null"
    assert pages[2].id not in frame.url
    save.click()
    expect(pane.page.locator(".pe")).to_have_count(0)
    assert pane.asked == [{"name": "save_edit", "page": pages[2].id, "html": typed}]


def test_typing_is_followed_without_a_flicker_and_the_place_is_kept(desk: PaneTab) -> None:
    desk.update(desk.app.new("<!DOCTYPE html><style>p { margin: 0; line-height: 100px }</style>" + "<p>x</p>\n" * 60))
    desk.open("Code")
    desk.page.keyboard.press("e")
    area = desk.page.get_by_label(EDITOR)
    expect(area).to_be_focused()
    frame = desk.page.frames[-1]
    frame.wait_for_load_state("load")
    frame.evaluate("scrollTo(0, 1500)")
    desk.page.evaluate("""() => {
      window.blank = 0
      const look = () => {
        const frames = [...document.querySelectorAll("iframe")].filter((frame) => getComputedStyle(frame).visibility === "visible")
        if (frames.length !== 1) window.blank += 1
        requestAnimationFrame(look)
      }
      look()
    }""")
    for n in range(4):
        area.press("Control+End")
        area.press_sequentially(f"<b>{n}</b>", delay=5)
        desk.page.wait_for_timeout(150 * n)
    expect(desk.frame.locator("b").last).to_have_text("3")
    desk.page.wait_for_timeout(200)
    assert desk.page.frames[-1].evaluate("scrollY") == 1500
    assert desk.page.evaluate("blank") == 0
    assert desk.page.locator("iframe").count() == 1


def test_an_edit_survives_a_closed_pane_a_refusal_and_a_new_version(desk: PaneTab) -> None:
    page = desk.app.new("<h1>One</h1>")
    desk.update(page)
    desk.open("Code")
    desk.page.locator(".pv-edit").click()
    desk.page.get_by_label(EDITOR).fill("<h1>Mine</h1>")
    desk.page.evaluate("""() => {
      const { host, props } = pane
      pane.close()
      const root = document.getElementById("pane")
      window.pane = new pane.constructor(root, host)
      pane.update(props)
    }""")
    expect(desk.frame.locator("h1")).to_have_text("One")
    desk.open("Code")
    desk.page.locator(".pv-edit").click()
    expect(desk.page.get_by_label(EDITOR)).to_have_value("<h1>Mine</h1>")
    expect(desk.frame.locator("h1")).to_have_text("Mine")
    desk.page.evaluate("window.answer = { success: true, response: { error: 'the disk is full' } }")
    desk.button("Save version").click()
    expect(desk.page.get_by_role("alert")).to_contain_text("your text is still here: the disk is full")
    expect(desk.page.get_by_label(EDITOR)).to_have_value("<h1>Mine</h1>")
    desk.page.evaluate("window.refuse = 'no network'")
    desk.button("Save version").click()
    expect(desk.page.get_by_role("alert")).to_contain_text("no network")
    new = desk.app.new("<h1>New</h1>")
    desk.update(new, version=2)
    expect(desk.page.get_by_text("A new version is there.")).to_be_visible()
    expect(desk.page.get_by_label(EDITOR)).to_have_value("<h1>Mine</h1>")
    desk.button("Discard and show it").click()
    expect(desk.frame.locator("h1")).to_have_text("New")


def test_the_coloured_lines_are_what_was_typed_whatever_that_is(desk: PaneTab) -> None:
    """After any edits: each row holds its line, coloured as if the text had been pasted whole."""
    check = """async (steps) => {
      const { Editor } = await import("/public/pane/editor.js")
      const editor = document.body.appendChild(new Editor("x", () => {}).element) && new Editor("x", () => {})
      const fresh = new Editor("x", () => {})
      for (const text of steps) {
        editor.text = text
        fresh.paper.replaceChildren()
        Object.assign(fresh, { lines: [], rows: [], states: fresh.states.slice(0, 1) })
        fresh.text = text
        if (editor.rows.map((row) => row.textContent).join("\\n") !== text) return text
        if (editor.paper.innerHTML !== fresh.paper.innerHTML) return text
      }
      return "same"
    }"""
    rng = random.Random(1)
    pieces = [
        "<p>",
        "</p>",
        "<script>",
        "</script>",
        "/*",
        "*/",
        "'",
        '"',
        "`",
        "<!--",
        "-->",
        "\n",
        "\n",
        "a = 1",
        "<style>",
        "😀",
        "{",
        "}",
    ]
    steps, text = [], ""
    for _ in range(400):
        a, b = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        if len(text) > 200 or rng.random() < 0.3:
            text = text[:a] + text[min(b, a + 40) :]
        text = text[:a] + "".join(rng.choice(pieces) for _ in range(rng.randrange(4))) + text[a:]
        steps.append(text)
    assert desk.page.evaluate(check, steps) == "same"


def test_what_is_typed_while_an_edit_is_saved_stays(desk: PaneTab) -> None:
    page = desk.app.new("<h1>One</h1>")
    desk.update(page)
    desk.open("Code")
    desk.page.locator(".pv-edit").click()
    area = desk.page.get_by_label(EDITOR)
    area.fill("<h1>Two</h1>")
    desk.page.evaluate("void (window.answer = new Promise((resolve) => (window.answerNow = resolve)))")
    desk.button("Save version").click()
    area.fill("<h1>Two</h1><p>and more</p>")
    desk.page.evaluate("answerNow({ success: true, response: {} })")
    expect(desk.button("Save version")).to_be_enabled()
    expect(area).to_have_value("<h1>Two</h1><p>and more</p>")
    assert [asked["html"] for asked in desk.asked] == ["<h1>Two</h1>"]


def test_line_ends_stay_as_they_were(desk: PaneTab) -> None:
    desk.update(desk.app.new("<h1>One</h1>\r\n<p>Two</p>\r\n"))
    desk.open("Code")
    desk.page.locator(".pv-edit").click()
    area = desk.page.get_by_label(EDITOR)
    expect(desk.button("Save version")).to_be_disabled()
    area.fill("<h1>One</h1>\n<p>Three</p>\n")
    desk.button("Save version").click()
    expect(desk.page.locator(".pe")).to_have_count(0)
    assert [asked["html"] for asked in desk.asked] == ["<h1>One</h1>\r\n<p>Three</p>\r\n"]


def test_a_draft_that_was_thrown_away_while_it_loaded_is_not_shown(desk: PaneTab) -> None:
    desk.update(desk.app.new("<h1>One</h1>"))
    desk.open("Code")
    desk.page.locator(".pv-edit").click()
    held: list[Route] = []
    desk.page.route("**/live*", lambda route: held.append(route))
    desk.page.get_by_label(EDITOR).fill("<h1>Thrown away</h1>")
    expect(desk.page.locator("iframe.pv-coming")).to_be_attached()
    desk.button("Discard").click()
    for route in held:
        route.continue_()
    desk.page.unroute("**/live*")
    desk.page.wait_for_timeout(3_500)
    assert desk.page.locator("iframe").count() == 1
    expect(desk.frame.locator("h1")).to_have_text("One")

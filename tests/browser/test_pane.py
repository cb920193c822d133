"""The pane in a real browser, at a desk and on a phone: every tool in it, and pages that try to misuse it."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from htmlgen.page import LivePage
from tests.browser.pane_app import PaneApp, PaneTab, open_context, version

EDITOR = "HTML source. Tab indents"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}

STYLE = """
body { font-family: system-ui, sans-serif; margin: 0; color: #3b2a1a; background: #fffdf9 }
header { background: #a85617; color: white; padding: 3rem 2rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; padding: 2rem }
.card { border: 1px solid #e8d8c4; border-radius: 12px; padding: 1.2rem }
.card button { background: #a85617; color: white; border: 0; border-radius: 6px; padding: .5rem 1rem }
"""
LOAVES = ["Rye", "Spelt", "Baguette", "Walnut", "Focaccia", "Brioche", "Pumpernickel", "Ciabatta", "Milk bread"]
CARDS = "".join(
    f'<section class="card"><h2>{loaf}</h2><p>Baked since five.</p><button>Order</button></section>\n'
    for loaf in LOAVES
)
BAKERY = (
    f"<!DOCTYPE html>\n<html lang='en'>\n<head>\n<title>Sunny Crumb</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    f'<header id="top"><h1>Sunny Crumb</h1><p>Bread with a crackle.</p></header>\n<main class="cards">\n{CARDS}</main>\n'
    "</body>\n</html>\n"
)
GREEN = BAKERY.replace("#a85617", "#2b6a3b")
BUY = GREEN.replace("Order", "Buy").replace("</main>", "</main>\n<footer>Open from five.</footer>")


@pytest.fixture(scope="module")
def app() -> Iterator[PaneApp]:
    app = PaneApp()
    yield app
    app.server.stop()


@pytest.fixture(scope="module")
def contexts(chromium: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A profile a device."""
    made = {
        name: open_context(chromium, size, color_scheme="light", has_touch=name == "phone")
        for name, size in SIZES.items()
    }
    for context in made.values():
        context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def desk(app: PaneApp, contexts: dict[str, BrowserContext]) -> Iterator[PaneTab]:
    yield from open_tab(app, contexts["desk"])


@pytest.fixture(params=list(SIZES))
def pane(app: PaneApp, contexts: dict[str, BrowserContext], request: pytest.FixtureRequest) -> Iterator[PaneTab]:
    """The pane, at a desk and on a phone."""
    yield from open_tab(app, contexts[request.param])


def open_tab(app: PaneApp, context: BrowserContext) -> Iterator[PaneTab]:
    tab = PaneTab(app, context.new_page())
    yield tab
    mine = [error for error in tab.errors if "/public/" in error]
    tab.page.close()
    assert mine == []


def three(pane: PaneTab, **props: Any) -> list[LivePage]:
    """Three versions of the bakery, the last one on show."""
    pages = [pane.app.new(html) for html in (BAKERY, GREEN, BUY)]
    said = ["A landing page for the bakery Sunny Crumb", "make the header green", "the buttons say Buy"]
    origins = ["model", "model", "hand"]
    versions = [
        version(page, n + 1, said[n], origin=origins[n], state="stopped" if n == 1 else "finished")
        for n, page in enumerate(pages)
    ]
    pane.update(pages[2], version=3, versions=versions, title="Sunny Crumb", **props)
    expect(pane.frame.locator("h1")).to_have_text("Sunny Crumb")
    return pages


def rows(page: Page, selector: str = ".pv-code .pc-row") -> str:
    """The source as the rows of the code show it."""
    read = "rows => rows.map(row => [row.dataset.n, row.textContent])"
    return "".join(("\n" if n and n != "1" else "") + text for n, text in page.locator(selector).evaluate_all(read))


# The code


def test_the_code_is_coloured_numbered_and_live_while_the_page_is_written(pane: PaneTab) -> None:
    page = pane.app.new(BAKERY[:300], finish=False)
    pane.update(page, writing=True)
    pane.open("Code")
    expect(pane.page.locator(".pv-code .pc-row").first).to_have_text("<!DOCTYPE html>")
    assert rows(pane.page) == BAKERY[:300]
    pane.app.append(page, BAKERY[300:])
    expect(pane.page.locator(".pv-code .pc-row[data-n='20']")).to_be_attached()
    pane.app.finish(page)
    expect(pane.page.locator(".pv-code .pc-t").filter(has_text="</html")).to_be_attached()
    assert rows(pane.page) == BAKERY
    for kind in ("pc-t", "pc-a", "pc-s", "pc-n", "pc-c"):
        assert pane.page.locator(f".pv-code .{kind}").count(), kind
    pane.button("Copy the code").click()
    expect(pane.page.locator(".pv [aria-live]").filter(has_text="Copied")).to_be_attached()
    assert pane.page.evaluate("navigator.clipboard.readText()") == BAKERY


def test_long_lines_wrap_unless_their_reader_wants_them_long(pane: PaneTab) -> None:
    pane.update(pane.app.new("<p>" + "word " * 150))
    pane.open("Code")
    row = pane.page.locator(".pv-code .pc-row").first
    expect(row).to_contain_text("word")
    wide = "box => box.scrollWidth > box.clientWidth"
    assert not pane.page.locator(".pv-code").evaluate(wide)
    pane.button("Wrap long lines").click()
    assert pane.page.locator(".pv-code").evaluate(wide)
    expect(pane.button("Wrap long lines")).to_have_attribute("aria-pressed", "false")


def test_the_place_in_the_code_is_its_readers(desk: PaneTab) -> None:
    page = desk.app.new("\n".join(f"<p>{n}" for n in range(200)), finish=False)
    desk.update(page, writing=True)
    desk.open("Code")
    box = desk.page.locator(".pv-code")
    place, left = "box => Math.round(box.scrollTop)", "box => box.scrollHeight - box.scrollTop - box.clientHeight"
    expect(desk.page.locator(".pv-code .pc-row[data-n='200']")).to_be_visible()
    assert box.evaluate(left) < 24
    box.evaluate("box => (box.scrollTop = 900)")
    desk.page.wait_for_timeout(100)
    before = box.evaluate(place)
    desk.app.append(page, "\n".join(f"<p>{n}" for n in range(200)))
    expect(desk.page.locator(".pv-code .pc-row[data-n='399']")).to_be_attached()
    assert box.evaluate(place) == before
    box.evaluate("box => (box.scrollTop = box.scrollHeight)")
    desk.page.wait_for_timeout(100)
    desk.app.append(page, "\n".join(f"<p>{n}" for n in range(200)))
    expect(desk.page.locator(".pv-code .pc-row[data-n='598']")).to_be_attached()
    desk.page.wait_for_timeout(200)
    assert box.evaluate(left) < 24
    desk.app.finish(page)


def test_chat_and_pane_read_the_source_in_one_stream(desk: PaneTab) -> None:
    page = desk.app.new("<p>one", finish=False)
    asked: list[str] = []
    desk.page.on("request", lambda request: "/source" in request.url and asked.append(request.url))
    follow = """async (page) => {
      const { follow } = await window.htmlgen.pane
      window.heard = ""
      window.leave = follow(page, 1, `/pages/${page}/source`, { text: (piece) => (heard += piece), end: (how) => (heard += how) })
    }"""
    desk.page.evaluate(follow, page.id)
    desk.page.wait_for_function("heard === '<p>one'")
    desk.update(page, writing=True)
    desk.open("Code")
    desk.app.append(page, " two")
    expect(desk.page.locator(".pv-code .pc-row").first).to_have_text("<p>one two")
    desk.app.finish(page)
    desk.page.wait_for_function("heard === '<p>one twoended'")
    assert len(asked) == 1


# The console

NOISY = """<!DOCTYPE html>
<html><head><title>x</title></head><body><h1>Noisy</h1>
<script>
console.log("hello", { a: 1 })
console.warn("careful")
for (let i = 0; i < 3; i++) console.info("again")
console.assert(1 > 2, "sums")
nobody.home()
</script></body></html>"""


def test_the_console_shows_what_the_page_says_and_an_error_can_be_sent_to_be_mended(pane: PaneTab) -> None:
    page = pane.app.new(NOISY)
    pane.update(page)
    tab = pane.page.get_by_role("tab", name="Console, 2 errors")
    tab.click()
    entries = pane.page.locator(".pl-row")
    expect(entries).to_have_count(5)
    assert [entry.get_attribute("data-level") for entry in entries.all()] == ["log", "warn", "info", "error", "error"]
    expect(entries.nth(0)).to_contain_text('hello {"a":1}')
    expect(entries.nth(2).locator(".pl-times")).to_have_text("×3")
    expect(entries.nth(3)).to_contain_text("Assertion failed: sums")
    error = entries.nth(4)
    expect(error).to_contain_text("nobody is not defined")
    error.get_by_role("button", name="Fix it").click()
    line = NOISY[: NOISY.index("nobody.home")].count("\n") + 1
    said = "Uncaught ReferenceError: nobody is not defined"
    assert pane.asked == [{"name": "fix_error", "page": page.id, "message": said, "line": line}]
    error.get_by_role("button", name=f"line {line}").click()
    expect(pane.page.locator(".pv-code .pc-here")).to_have_text("nobody.home()")
    expect(pane.page.locator(".pv-code .pc-here")).to_be_in_viewport()
    pane.open("Console")
    pane.button("Clear the console").click()
    expect(entries).to_have_count(0)
    expect(pane.page.locator(".pv-badge")).to_be_hidden()


def test_nothing_is_sent_to_be_mended_while_the_model_writes(desk: PaneTab) -> None:
    page = desk.app.new(NOISY, finish=False)
    desk.update(page, writing=True)
    desk.open("Console")
    desk.page.get_by_role("button", name="Fix it").first.click()
    expect(desk.page.get_by_role("alert")).to_contain_text("still writing")
    assert desk.asked == []
    desk.app.finish(page)


FORGED = """<!DOCTYPE html><title>x</title><body><script>
// The page takes the prelude's channel from it and says what it likes.
const send = MessagePort.prototype.postMessage
MessagePort.prototype.postMessage = function (...given) { window.stolen = this; return send.apply(this, given) }
console.log("<img src=x onerror=parent.hacked=1><b>bold</b>")
function forge() {
  const say = (message) => send.call(stolen, message)
  say({ kind: "error", text: "<script>top.hacked = 1<" + "/script>", line: "<b>1</b>" })
  say({ kind: "error", text: { toString: "x" }, line: -5 })
  say({ kind: "error", text: "x".repeat(1e6), line: 1e99 })
  say({ kind: "console", level: "<b>", text: "levels" })
  say({ kind: "console", level: "constructor", text: "constructor" })
  say({ kind: "blocked", url: "javascript:alert(1)", directive: "img-src" })
  say({ kind: "blocked", url: "https://x.invalid/\\"><b>", directive: "connect-src" })
  say({ kind: "picked", path: "p", markup: "<p>", text: "" })
  say({ kind: "scroll", x: "1e9", y: NaN })
  say({ kind: "__proto__", text: "x" })
  say(null); say("x"); say(7); say([{}])
  say({ kind: "console", level: "log", text: "done" })
}
function knock() {  // by itself: a new channel ends the one that the page took
  for (const message of [{ htmlgen: "port" }, null, { htmlgen: "ready" }, "knocked"]) parent.postMessage(message, "*")
}
</script></body>"""


def test_what_a_page_forges_is_shown_as_text_and_does_nothing(desk: PaneTab) -> None:
    desk.update(desk.app.new(FORGED))
    desk.open("Console")
    expect(desk.page.locator(".pl-row")).to_have_count(1)
    desk.page.frames[-1].evaluate("forge()")
    expect(desk.page.locator(".pl-row").filter(has_text="done")).to_be_attached()
    texts = desk.page.locator(".pl-text").all_inner_texts()
    assert texts[0] == "<img src=x onerror=parent.hacked=1><b>bold</b>"
    assert texts[1] == "<script>top.hacked = 1</script>"
    assert texts[2] == "An error without a message"
    assert len(texts[3]) == 2000
    desk.page.evaluate(
        "() => { window.knocked = new Promise(done => onmessage = ({ data }) => data === 'knocked' && done()) }"
    )
    desk.page.frames[-1].evaluate("knock()")
    desk.page.evaluate("knocked")
    levels = [row.get_attribute("data-level") for row in desk.page.locator(".pl-row").all()]
    assert set(levels) == {"log", "error", "warn"}
    assert desk.page.locator(".pl-line").count() == 0, "no line that is no line"
    assert desk.page.evaluate("[typeof hacked, document.querySelectorAll('.pl b, .pl img, .pl script').length]") == [
        "undefined",
        0,
    ]
    assert desk.page.locator(".pk").is_hidden(), "nobody is choosing an element"
    assert desk.page.locator(".pv-remote").is_hidden()
    assert desk.asked == []


def test_a_page_that_floods_the_console_is_no_longer_listened_to(desk: PaneTab) -> None:
    flood = FORGED.replace(
        "function forge() {",
        "function forge() { for (let i = 0; i < 20000; i++) send.call(stolen, { kind: 'console', level: 'log', text: i + 'x'.repeat(5000) })\n",
    )
    desk.update(desk.app.new(flood))
    desk.open("Console")
    expect(desk.page.locator(".pl-row")).to_have_count(1)
    desk.page.frames[-1].evaluate("forge()")
    expect(desk.page.locator(".pl-row").filter(has_text="not listened to")).to_be_attached()
    assert desk.page.locator(".pl-row").count() <= 301
    assert desk.page.locator(".pl-row").filter(has_text="done").count() == 0
    desk.button("Load the page again").click()
    desk.open("Console")
    expect(desk.page.locator(".pl-row")).to_have_count(1)


def test_a_page_that_floods_the_chat_with_messages_is_taken_out(desk: PaneTab) -> None:
    desk.update(
        desk.app.new(
            "<script>setInterval(() => { for (let i = 0; i < 500; i++) parent.postMessage(i, '*') }, 20)</script>"
        )
    )
    expect(desk.page.get_by_text("it was taken out")).to_be_visible()
    assert desk.page.locator("iframe").count() == 0


# How wide it is


def test_a_page_is_shown_as_wide_as_devices_are_and_scaled_to_fit(pane: PaneTab) -> None:
    three(pane)
    room = pane.page.locator(".pv-stage").evaluate("stage => stage.clientWidth")
    inside = pane.page.frames[-1]
    shown = pane.page.locator(".pv-size:visible")
    for name, width in (("phone", 390), ("tablet", 820), ("desktop", 1280)):
        pane.page.get_by_role("radio", name=f"As wide as a {name}").click()
        pane.page.wait_for_timeout(60)
        assert inside.evaluate("innerWidth") == width
        box = pane.page.locator("iframe").bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(min(width, room), abs=1)
        scale = "" if width <= room else f" · {round(100 * room / width)}%"
        expect(shown).to_have_text(f"{width} px{scale}")
    pane.page.keyboard.press("w")
    expect(pane.page.get_by_role("radio", name="As wide as the pane")).to_have_attribute("aria-checked", "true")
    assert inside.evaluate("innerWidth") == room
    expect(shown).to_have_text(f"{room} px")
    assert pane.page.frames[-1] == inside, "never a reload"


# Loading, opening, printing


def test_reload_keeps_the_place_and_full_screen_fills_the_screen(pane: PaneTab) -> None:
    pane.update(pane.app.new("<!DOCTYPE html><style>p { margin: 0; line-height: 100px }</style>" + "<p>x</p>" * 60))
    frame = pane.page.frames[-1]
    frame.wait_for_load_state("load")
    frame.evaluate("scrollTo(0, 1234)")
    pane.page.wait_for_timeout(200)
    pane.button("Load the page again").click()
    pane.page.wait_for_function("!document.querySelector('iframe').src.includes('nothing')")
    expect(pane.frame.locator("p").nth(59)).to_be_attached()
    pane.page.wait_for_timeout(200)
    assert pane.page.frames[-1] != frame
    assert pane.page.frames[-1].evaluate("scrollY") == 1234
    if pane.page.evaluate("innerWidth") == SIZES["phone"][0]:
        expect(pane.button("Full screen")).to_have_count(0)  # the pane is a sheet over the whole screen there
        return
    pane.button("Full screen").click()
    pane.page.wait_for_function("document.fullscreenElement?.classList.contains('pv')")
    pane.button("Full screen").click()
    pane.page.wait_for_function("!document.fullscreenElement")


def test_a_new_tab_a_file_and_the_printer(pane: PaneTab) -> None:
    page = pane.app.new(BAKERY)
    pane.update(page, publishable=True)
    more = pane.button("More")
    more.click()
    with pane.page.context.expect_page() as opening:
        pane.page.get_by_role("menuitem", name="Open in a new tab").click()
    opened = opening.value
    expect(opened.locator("h1")).to_have_text("Sunny Crumb")
    assert opened.evaluate("[origin, window.opener]") == ["null", None]
    opened.close()
    more.click()
    with pane.page.expect_download() as saving:
        pane.page.get_by_role("menuitem", name="Download the HTML").click()
    assert saving.value.suggested_filename == "sunny-crumb.html"
    assert Path(saving.value.path()).read_text() == BAKERY
    more.click()
    pane.page.context.add_init_script("window.print = () => (window.printed = (window.printed ?? 0) + 1)")
    with pane.page.context.expect_page() as printing:
        pane.page.get_by_role("menuitem", name="Print").click()
    printing.value.wait_for_function("window.printed === 1")
    assert printing.value.evaluate("origin") == "null"
    printing.value.close()
    more.click()
    with pane.page.context.expect_page() as publishing:
        pane.page.get_by_role("menuitem", name="Publish…").click()
    assert publishing.value.url.endswith(f"/published?page={page.id}")


def test_remote_files_are_blocked_until_their_reader_wants_them_page_by_page(pane: PaneTab) -> None:
    went: list[str] = []
    pane.page.on("requestfailed", lambda request: request.failure != "csp" and went.append(request.url))
    pages = [
        pane.app.new(f'<h1>{n}</h1><img src="https://one.invalid/a.png"><img src="https://two.invalid/b.png">')
        for n in (1, 2)
    ]
    versions = [version(page, n + 1, "x") for n, page in enumerate(pages)]
    pane.update(pages[1], version=2, versions=versions)
    expect(pane.page.get_by_text("2 remote files blocked")).to_be_visible()
    assert went == []
    pane.button("Load them").click()
    expect(pane.page.locator(".pv-remote")).to_be_hidden()
    expect(pane.frame.locator("h1")).to_have_text("2")
    pane.page.wait_for_function("document.querySelector('iframe').src.includes('?remote=')")
    pane.page.wait_for_timeout(300)
    assert sorted(went) == ["https://one.invalid/a.png", "https://two.invalid/b.png"]
    pane.button("Version before").click()
    expect(pane.frame.locator("h1")).to_have_text("1")
    expect(pane.page.get_by_text("2 remote files blocked")).to_be_visible()
    pane.button("Version after").click()
    expect(pane.frame.locator("h1")).to_have_text("2")
    assert re.fullmatch(
        rf"/pages/{pages[1].id}/live\?remote=\w{{64}}", str(pane.page.locator("iframe").get_attribute("src"))
    )


# Versions


def test_versions_are_stepped_through_listed_and_restored(pane: PaneTab) -> None:
    pages = three(pane)
    header = pane.frame.locator("header")
    number = pane.page.locator(".pv-number")
    expect(number).to_have_text("v3 of 3")
    expect(pane.button("Version after")).to_be_disabled()
    pane.button("Version before").click()
    pane.button("Version before").click()
    expect(number).to_have_text("v1 of 3")
    expect(header).to_have_css("background-color", "rgb(168, 86, 23)")
    expect(pane.button("Version before")).to_be_disabled()
    expect(pane.page.get_by_text("This is v1; the newest is v3.")).to_be_visible()
    assert [(asked["name"], asked["page"]) for asked in pane.asked] == [
        ("show_page", page.id) for page in (pages[1], pages[0])
    ]
    expect(pane.page.locator(".pv-facts")).to_contain_text("v1 · A landing page for the bakery Sunny Crumb")
    pane.page.locator(".pv-number").click()
    entries = pane.page.locator(".vl-row")
    expect(entries).to_have_count(3)
    expect(entries.nth(0)).to_contain_text("the buttons say Buy")
    expect(entries.nth(0)).to_contain_text("edited by hand")
    expect(entries.nth(1)).to_contain_text("Stopped")
    expect(entries.nth(2)).to_contain_text("demo")
    expect(entries.nth(2).locator("[aria-current=true]")).to_be_focused()
    entries.nth(1).locator(".vl-show").click()
    expect(number).to_have_text("v2 of 3")
    expect(pane.page.locator(".vl")).to_be_hidden()
    pane.page.locator(".pv-old").get_by_role("button", name="Restore").click()
    assert pane.asked[-1] == {"name": "restore", "page": pages[1].id}


def test_the_difference_between_any_two_versions_is_highlighted(pane: PaneTab) -> None:
    three(pane)
    pane.page.locator(".pv-number").click()
    pane.button("Compare v1 with the version on show").click()
    expect(pane.page.locator(".df-sum")).to_contain_text("+12 −11")
    removed = pane.page.locator(".df-row[data-kind=removed]")
    assert "<button>Order</button>" in removed.nth(2).inner_text()
    assert removed.locator("mark").first.inner_text() == "a85617"
    added = pane.page.locator(".df-row[data-kind=added]")
    assert added.locator("mark").first.inner_text() == "2b6a3b"
    assert added.last.locator(".df-text").inner_text().endswith("<footer>Open from five.</footer>")
    hidden = pane.page.locator(".df-more").first
    shown = pane.page.locator(".df-row").count()
    count = int(hidden.inner_text().split()[0])
    hidden.click()
    assert pane.page.locator(".df-row").count() == shown + count
    pane.page.get_by_label("Compare from version").select_option(index=1)
    expect(pane.page.locator(".df-sum")).to_contain_text("+10 −9")
    pane.page.get_by_label("to version").select_option(index=1)
    expect(pane.page.get_by_text("These two are the same")).to_be_visible()
    pane.page.keyboard.press("Escape")
    expect(pane.page.locator(".df")).to_be_hidden()


def test_differences_are_complete_and_short(desk: PaneTab) -> None:
    """Both texts can be read off the rows, whatever they are; and no shorter way is missed by much."""
    check = """async (cases) => {
      const { compare, pairs } = await import("/public/pane/diff.js")
      const longest = (a, b) => {
        const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0))
        for (let i = a.length - 1; i >= 0; i--)
          for (let j = b.length - 1; j >= 0; j--)
            table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1])
        return table[0][0]
      }
      let kept = 0, possible = 0
      for (const [a, b] of cases) {
        const rows = compare(a, b)
        const side = (other) => rows.filter((row) => row.kind !== other).map((row) => row.text).join("\\n")
        if (side("added") !== a || side("removed") !== b) return [a, b]
        for (const row of rows) for (const [from, to] of row.marks) if (!(from < to && to <= row.text.length)) return [a, b]
        kept += pairs(a.split("\\n"), b.split("\\n")).length
        possible += longest(a.split("\\n"), b.split("\\n"))
      }
      return kept / possible
    }"""
    rng = random.Random(0)
    pieces = ["<p>", "a b", "é😀", "</p>", "", "x", "y"]
    make = lambda: "\n".join(rng.choice(pieces) for _ in range(rng.randrange(12)))  # noqa: E731
    share = desk.page.evaluate(check, [[make(), make()] for _ in range(2_000)])
    assert isinstance(share, float), f"not the texts: {share}"
    assert 0.95 < share <= 1


def test_two_long_pages_are_compared_at_once(desk: PaneTab) -> None:
    made = """async () => {
      const { compare } = await import("/public/pane/diff.js")
      let seed = 1
      const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647
      const text = () => Array.from({ length: 7000 }, (_, n) => `line ${n % 50} ${random() < 0.3 ? random() : ""}`).join("\\n")
      const [a, b] = [text(), text()]
      const begun = performance.now()
      compare(a, b)
      return performance.now() - begun
    }"""
    assert desk.page.evaluate(made) < 5_000


def test_what_the_server_answers_late_does_not_throw_the_reader_back(desk: PaneTab) -> None:
    pages = three(desk)
    number = desk.page.locator(".pv-number")
    versions = desk.page.evaluate("pane.props.versions")
    desk.button("Version before").click()
    desk.button("Version before").click()
    desk.update(pages[1], version=2, versions=versions)
    expect(number).to_have_text("v1 of 3")
    desk.update(pages[0], version=1, versions=versions)
    expect(number).to_have_text("v1 of 3")
    new = desk.app.new("<h1>New</h1>")
    desk.update(new, version=4, versions=[*versions, version(new, 4, "new")])
    expect(number).to_have_text("v4 of 4")
    expect(desk.frame.locator("h1")).to_have_text("New")


# Editing by hand


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


# Pointing at an element


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


# The state, the votes


def test_the_dot_tells_how_a_page_ended(desk: PaneTab) -> None:
    looks = set()
    for state, says in (
        ("finished", "Finished"),
        ("cut", "Cut at a limit"),
        ("stopped", "Stopped"),
        ("failed", "Failed"),
    ):
        page = desk.app.new("<p>x")
        desk.update(page, versions=[version(page, 1, "x", state=state)])
        dot = desk.page.locator(".pv-bar .pc-dot")
        expect(dot).to_have_attribute("aria-label", says)
        expect(desk.page.locator(".pv-outcome")).to_have_text("" if state == "finished" else says.split()[0])
        read = "dot => { const s = getComputedStyle(dot); return [s.borderRadius, s.backgroundColor, s.boxShadow, s.clipPath].join() }"
        looks.add(dot.evaluate(read))
    assert len(looks) == 4
    page = desk.app.new("<p>x", finish=False)
    desk.update(page, writing=True, versions=[version(page, 1, "x", state="writing")])
    expect(dot).to_have_attribute("aria-label", "Being written")
    listed = desk.page.locator(".vl-facts")
    expect(listed).to_contain_text("Being written")
    desk.page.get_by_role("button", name="Stop writing").click()
    assert desk.asked == [{"name": "stop"}]
    desk.app.finish(page)
    desk.page.evaluate("page => htmlgen.names.learn(page, { title: 'Its own name', outcome: 'stopped' })", page.id)
    expect(dot).to_have_attribute("aria-label", "Stopped")
    expect(listed).to_contain_text("Stopped")  # the server's list is as old as the page's beginning
    expect(desk.page.locator(".pv-title")).to_have_text("Its own name")


def test_votes_are_sent_with_a_comment_and_taken_back(pane: PaneTab) -> None:
    page = pane.app.new(BAKERY)
    pane.update(page, vote=0)
    up, down = pane.button("Good page"), pane.button("Bad page")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    pane.page.get_by_label("Comment on your vote", exact=True).last.fill("fine bread")
    pane.button("Send").click()
    up.click()
    expect(up).to_have_attribute("aria-pressed", "false")
    pane.page.evaluate("window.answer = { success: true, response: { error: 'the disk is full' } }")
    down.click()
    expect(pane.page.get_by_role("alert")).to_contain_text("The vote was not kept: the disk is full")
    expect(down).to_have_attribute("aria-pressed", "false")
    votes = [(1, ""), (1, "fine bread"), (0, ""), (-1, "")]
    assert pane.asked == [{"name": "vote", "page": page.id, "value": v, "comment": c} for v, c in votes]


# Keys, screen readers, looks


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

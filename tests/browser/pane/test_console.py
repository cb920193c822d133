"""The console, and pages that misuse it."""

from playwright.sync_api import expect

from tests.browser.pane.app import PaneTab

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
        """() => {
          window.knocked = new Promise((done) =>
            htmlgenPages.addEventListener("message", ({ said }) => said.data === "knocked" && done())
          )
        }"""
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

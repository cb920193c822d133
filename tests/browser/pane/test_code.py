"""The code tab."""

from playwright.sync_api import expect

from tests.browser.pane.app import PaneTab
from tests.browser.pane.bakery import BAKERY, rows


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


def test_names_that_begin_with_an_underscore_are_code_like_any_other(desk: PaneTab) -> None:
    html = "<style>body { color: #111 }\n._card { _height: 1px; background: url(img/_l.png) }\n</style>\n<h1>Hello</h1>"
    desk.update(desk.app.new(html))
    desk.open("Code")
    expect(desk.page.locator(".pv-code .pc-row[data-n='4']")).to_be_attached()
    assert rows(desk.page) == html
    assert desk.errors == []

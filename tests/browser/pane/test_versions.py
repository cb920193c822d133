"""Versions, and the difference between any two."""

import random

from playwright.sync_api import expect

from tests.browser.pane.app import PaneTab, version
from tests.browser.pane.bakery import three


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


def test_a_comparison_shows_no_others_lines_and_hides_nothing(desk: PaneTab) -> None:
    pages = three(desk)
    desk.page.get_by_role("tab", name="Preview").press("d")
    expect(desk.page.locator(".df-plus")).to_be_visible()
    desk.open("Console")
    expect(desk.page.locator(".df-plus")).to_be_hidden()
    desk.open("Preview")
    unfinished = desk.app.new("<h1>Three</h1>", finish=False)
    listed = [version(page, n + 1, "x") for n, page in enumerate([*pages, unfinished])]
    listed[-1]["state"] = "writing"
    desk.update(unfinished, version=4, versions=listed, writing=True)
    desk.page.get_by_role("tab", name="Preview").press("d")
    expect(desk.page.get_by_text("Reading both…")).to_be_visible()
    expect(desk.page.locator(".df-plus")).to_have_count(0)

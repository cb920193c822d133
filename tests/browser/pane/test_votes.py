"""How a page ended, and what its reader says of it."""

from playwright.sync_api import expect

from tests.browser.pane.app import PaneTab, version
from tests.browser.pane.bakery import BAKERY


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
    desk.update(page, writing=True, versions=[version(page, 1, "x", state="writing", size=0)])
    expect(dot).to_have_attribute("aria-label", "Being written")
    listed = desk.page.locator(".vl-facts")
    expect(listed).to_contain_text("Being written")
    desk.page.get_by_role("button", name="Stop writing").click()
    assert desk.asked == [{"name": "stop"}]
    desk.app.finish(page)
    desk.page.evaluate("page => htmlgen.names.learn(page, { title: 'Its own name', outcome: 'stopped' })", page.id)
    expect(dot).to_have_attribute("aria-label", "Stopped")
    expect(listed).to_contain_text("Stopped")  # the server's list is as old as the page's beginning
    desk.page.evaluate("page => htmlgen.names.learn(page, { size: 2000 })", page.id)
    expect(listed).to_contain_text(" · 2.0 KB · ")
    expect(desk.page.locator(".pv-facts")).to_contain_text("2.0 KB")
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

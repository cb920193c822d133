"""The page on its stage: widths, reload, full screen, new tab, file, printer, remote files."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pane.app import PaneTab, version
from tests.browser.pane.bakery import BAKERY, SIZES, three


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


LEAVING = {
    "reload": '<button onclick="location.reload()">Go</button>',
    "address": "<button onclick=\"location.href='about.html'\">Go</button>",
}


@pytest.mark.parametrize("way", LEAVING)
def test_a_page_that_left_is_told_of_and_comes_back(desk: PaneTab, way: str) -> None:
    desk.update(desk.app.new(f"<!DOCTYPE html><h1>Game</h1>{LEAVING[way]}"))
    desk.frame.get_by_text("Go").click()
    expect(desk.page.locator(".pv-away")).to_contain_text("tried to go to another address or to load itself anew")
    desk.button("Load the page again").click()
    expect(desk.frame.locator("h1")).to_have_text("Game")
    expect(desk.page.locator(".pv-away")).to_be_hidden()


def test_a_page_that_writes_itself_anew_has_not_left(desk: PaneTab) -> None:
    anew = "document.open(); document.write('<h1>Two</h1>'); document.close()"
    desk.update(desk.app.new(f'<!DOCTYPE html><h1>One</h1><button onclick="{anew}">Go</button>'))
    desk.frame.get_by_text("Go").click()
    expect(desk.frame.locator("h1")).to_have_text("Two")
    desk.page.wait_for_timeout(1_500)
    expect(desk.frame.locator("h1")).to_have_text("Two")
    expect(desk.page.locator(".pv-away")).to_be_hidden()


@pytest.mark.parametrize(
    "link",
    [
        '<div onclick="event.stopPropagation()"><a href="https://example.com/x">Go</a></div>',
        '<svg width="90" height="30"><a xlink:href="https://example.com/x"><text y="20">Go</text></a></svg>',
    ],
    ids=["in a menu", "in a drawing"],
)
def test_no_link_leads_away(desk: PaneTab, link: str) -> None:
    desk.update(desk.app.new(f"<!DOCTYPE html><h1>Here</h1>{link}"))
    desk.frame.get_by_text("Go").click()
    desk.open("Console")
    expect(desk.page.locator(".pv-console, [role=tabpanel]").filter(has_text="https://example.com/x")).to_be_visible()
    desk.open("Preview")
    expect(desk.frame.locator("h1")).to_have_text("Here")


def test_a_link_that_its_page_handles_is_its_own(desk: PaneTab) -> None:
    own = "event.stopPropagation(); event.preventDefault(); document.body.append('handled')"
    desk.update(desk.app.new(f'<!DOCTYPE html><body><a href="/x" onclick="{own}">Go</a>'))
    desk.frame.get_by_text("Go").click()
    expect(desk.frame.locator("body")).to_contain_text("handled")
    desk.open("Console")
    expect(desk.page.get_by_text("/x")).to_have_count(0)


def test_a_dialogs_own_form_closes_it(desk: PaneTab) -> None:
    desk.update(
        desk.app.new("<!DOCTYPE html><dialog open><form method=dialog><button>Close it</button></form></dialog>")
    )
    desk.frame.get_by_text("Close it").click()
    expect(desk.frame.locator("dialog")).to_be_hidden()


def test_a_page_is_being_written_until_its_end_whatever_its_reader_does(desk: PaneTab) -> None:
    page = desk.app.new("<!DOCTYPE html><h1>Half</h1>", finish=False)
    desk.update(page, writing=True)
    expect(desk.frame.locator("h1")).to_have_text("Half")
    desk.button("Load the page again").click()
    expect(desk.frame.locator("h1")).to_have_text("Half")
    expect(desk.button("Stop writing")).to_be_visible()
    desk.app.finish(page)
    expect(desk.button("Stop writing")).to_be_hidden()


def test_a_page_that_is_never_drawn_whole_can_be_edited_once_it_has_ended(desk: PaneTab) -> None:
    """As one whose script does not end."""
    page = desk.app.new("<!DOCTYPE html><h1>Busy</h1>", finish=False)
    desk.update(page, writing=True)
    expect(desk.page.locator(".pv-edit")).to_be_disabled()
    desk.page.evaluate("id => pane.host.names.learn(id, { outcome: 'finished' })", page.id)
    expect(desk.page.locator(".pv-edit")).to_be_enabled()

"""The script tools, in a real Chromium: they count, add, switch and calculate, and no page overflows a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from train.synthetic.catalogue import KINDS
from train.synthetic.draft import Ask, look

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def tab(browser: sync_api.Browser) -> Iterator[sync_api.Page]:
    opened = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def built(ask: Ask) -> str:
    return KINDS[ask.kind].build(ask, look(ask, Random(1)), Random(1)).html


def press(tab: sync_api.Page, *names: str) -> None:
    for name in names:
        tab.get_by_role("button", name=name, exact=True).click()


def test_counter_counts_from_start_by_step(tab: sync_api.Page) -> None:
    tab.set_content(built(Ask("counter", facts={"start": "10", "step": "5"})))
    press(tab, "+", "+", "−")
    assert tab.text_content("output") == "15"
    press(tab, "Reset")
    assert tab.text_content("output") == "10"


def test_stopwatch_runs_stops_and_resets(tab: sync_api.Page) -> None:
    tab.set_content(built(Ask("timer")))
    press(tab, "Start")
    tab.wait_for_function("document.querySelector('output').textContent >= '0.3'")
    press(tab, "Stop")
    stopped = tab.text_content("output")
    tab.wait_for_timeout(250)
    assert tab.text_content("output") == stopped
    press(tab, "Reset")
    assert tab.text_content("output") == "0.0"


def test_todo_adds_ticks_and_removes(tab: sync_api.Page) -> None:
    tab.set_content(built(Ask("todo", items=["buy milk"])))
    tab.get_by_label("New task").fill("<b>call Bo</b>")
    tab.keyboard.press("Enter")
    tab.get_by_label("New task").fill("sing")
    press(tab, "Add")
    assert tab.locator("#list span").all_text_contents() == ["buy milk", "<b>call Bo</b>", "sing"]
    tab.get_by_text("buy milk").click()
    assert tab.locator("li.done span").all_text_contents() == ["buy milk"]
    tab.get_by_role("button", name="Remove").first.click()
    assert tab.locator("#list span").all_text_contents() == ["<b>call Bo</b>", "sing"]


def test_tabs_show_one_panel(tab: sync_api.Page) -> None:
    tab.set_content(built(Ask("tabs", items=["alpha", "beta", "gamma"])))
    for index, name in enumerate(("alpha", "beta", "gamma")):
        tab.get_by_role("tab", name=name).click()
        assert [panel.is_visible() for panel in tab.locator(".panel").all()] == [place == index for place in range(3)]
        assert tab.locator("[aria-selected=true]").all_text_contents() == [name]


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("7+8=", "15"),
        ("9−12=", "-3"),
        ("6×7=", "42"),
        ("8÷5=", "1.6"),
        ("1+2×3=", "9"),
        ("0.1+0.2=", "0.3"),
        ("12C", "0"),
        ("2+3=4", "4"),
        ("1÷0=", "Infinity"),
    ],
)
def test_calculator(tab: sync_api.Page, keys: str, shown: str) -> None:
    tab.set_content(built(Ask("calculator")))
    press(tab, *keys)
    assert tab.text_content("output") == shown


def test_dark_mode_switches_both_ways(tab: sync_api.Page) -> None:
    tab.set_content(built(Ask("theme", button="Night")))
    colour = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(colour)
    press(tab, "Night")
    assert tab.evaluate(colour) != light
    press(tab, "Night")
    assert tab.evaluate(colour) == light


def test_a_form_validates_and_answers(tab: sync_api.Page) -> None:
    tab.set_content(built(Ask("login")))
    button = tab.locator("form button")
    button.click()
    assert button.is_visible()
    tab.get_by_label("Email").fill("ann@example.org")
    tab.get_by_label("Password").fill("secret")
    button.click()
    assert tab.text_content("form") == "Welcome back!"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_page_is_wider_than_a_phone(tab: sync_api.Page, kind: str) -> None:
    tab.set_content(built(Ask(kind, name="Saltmarsh Lantern")))
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390

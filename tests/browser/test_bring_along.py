"""A page that a person brings along: uploaded or pasted."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, PHONE, attach, close_pane, versions
from tests.browser.script import page, play
from tests.server import Server

PAGE = "<!DOCTYPE html>\n<html><head><title>Brought along</title></head>\n<body><h1>Mine</h1></body></html>"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_an_uploaded_page_is_the_current_one(alone: Server, tabs: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    file = tmp_path / "mine.html"
    file.write_text(PAGE)
    alone.play(page("Changed"))
    tab = tabs(alone, size=size)
    attach(tab, file)
    tab.say("make it green")
    assert tab.wait_finished(1).startswith("Uploaded")
    assert tab.wait_finished(2).startswith("Finished")
    assert alone.requests[0]["page"] == PAGE
    assert alone.requests[0]["instruction"] == "make it green"
    brought, changed = versions(alone, tab)
    assert (brought["origin"], brought["html"], changed["parent"]) == ("upload", PAGE, brought["id"])
    link = tab.page.locator("a[href*='/project/file/']")
    served = tab.page.request.get(link.first.get_attribute("href") or "")
    assert served.headers["content-type"].startswith("text/plain")
    assert served.headers["content-disposition"] == "attachment"


def test_what_is_no_page_is_refused(alone: Server, tabs: Any, tmp_path: Path) -> None:
    tab = tabs(alone)
    for name, data in (("x.html", b"\0\1\2"), ("big.html", b"<p>" * 700_000)):
        file = tmp_path / name
        file.write_bytes(data)
        if name == "x.html":
            attach(tab, file)
            tab.page.locator("#chat-submit").click()
            expect(tab.page.get_by_text("x.html is not text. Send an HTML file.")).to_be_visible()
        else:
            tab.page.locator("#upload-button-input").set_input_files(str(file))
            expect(
                tab.page.get_by_text(re.compile("larger than|too large|exceed", re.IGNORECASE)).first
            ).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_pasted_page_is_the_current_one(bench: Server, tabs: Any, size: tuple[int, int]) -> None:
    play(bench, page("Changed"))
    tab = tabs(bench, size=size)
    tab.say(f"{PAGE}")
    assert tab.wait_finished().startswith("Uploaded")
    assert bench.requests == []
    expect(tab.frame().locator("h1")).to_have_text("Mine")
    close_pane(tab)
    tab.say("make it green")
    tab.wait_finished(2)
    assert bench.requests[0]["page"] == PAGE

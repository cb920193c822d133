"""The contact sheet: a model's pages at two widths, scripts run, pages that are missing shown as missing."""

from pathlib import Path

import pytest

pytest.importorskip("playwright")

from PIL import Image, ImageColor

from train.__main__ import main
from train.evaluation import render
from train.evaluation.render import Renderer, _find_chromium
from train.sheet import COLUMNS, EDGE, GUTTER, LAPTOP, PHONE, WIDTH, compose, screens

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(_find_chromium() is None, reason="no Chromium here"),
]


def test_screens_are_what_each_device_shows_once_the_scripts_ran() -> None:
    page = (
        "<!DOCTYPE html><meta name=viewport content='width=device-width'><body style='margin:0'>"
        "<style>div{height:3000px;background:#00f}@media(max-width:500px){div{background:#f00}}</style>"
        "<script>document.body.append(document.createElement('div'))</script></body>"
    )
    with Renderer() as renderer:
        laptop, phone = screens(page, renderer)
        assert screens(None, renderer) == (None, None)
    assert laptop is not None
    assert phone is not None
    assert laptop.size == LAPTOP
    assert phone.size == PHONE
    assert laptop.getpixel((5, LAPTOP[1] - 5)) == (0, 0, 255)
    assert phone.getpixel((5, PHONE[1] - 5)) == (255, 0, 0)


def test_the_sheet_places_every_page_in_the_grid() -> None:
    red, blue = Image.new("RGB", LAPTOP, "#f00"), Image.new("RGB", PHONE, "#00f")
    sheet = compose([("A prompt " * 40, (red, blue))] * 3 + [("Nothing came of this one", (None, None))])
    assert sheet.width == WIDTH
    cell = (WIDTH - GUTTER) // COLUMNS
    colours = [
        {sheet.getpixel((x, y)) for x in range(column * cell, column * cell + cell, 7) for y in rows}
        for rows in (range(0, sheet.height // 2, 7), range(sheet.height // 2, sheet.height, 7))
        for column in range(COLUMNS)
    ]
    for place in colours[:3]:
        assert {(255, 0, 0), (0, 0, 255)} <= place
    assert ImageColor.getrgb(EDGE) in colours[3]
    assert not {(255, 0, 0), (0, 0, 255)} & colours[3]


def test_the_command_draws_the_pages_of_the_model_it_is_given(
    tiny_llama_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A random model writes no page, which the sheet shows and the command says."""
    monkeypatch.setenv("HTMLGEN_MODEL", str(tiny_llama_dir))
    monkeypatch.setenv("HTMLGEN_MAX_NEW_TOKENS", "8")
    prompts, out = tmp_path / "prompts.txt", tmp_path / "new" / "sheet.png"
    prompts.write_text("A login page\n\nA menu\n", "utf-8")
    assert main(["sheet", "--prompts", str(prompts), "--out", str(out)]) == 0
    assert "0 of 2 prompts gave a page" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        assert picture.width == WIDTH
    prompts.write_text("\n", "utf-8")
    assert main(["sheet", "--prompts", str(prompts)]) == 1
    assert "Write a prompt a line" in capsys.readouterr().err


@pytest.mark.parametrize("when", ["for(;;){}", "onload=()=>setTimeout(()=>{for(;;){}},0)"])
def test_a_page_that_never_comes_to_rest_is_given_up(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TIMEOUT_MS", 2_000)
    with Renderer() as renderer:
        assert renderer.render(f"<p>busy</p><script>{when}</script>", scripts=True).problem is not None
        assert renderer.render("<p>the next one</p>", scripts=True).ok

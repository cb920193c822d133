"""Pages drawn in a real Chromium: what is seen is found, and what is hostile gets nowhere."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

pytest.importorskip("playwright")
pytest.importorskip("skimage")

from htmlgen.errors import SettingsError
from train.evaluation import render
from train.evaluation.render import Renderer, _find_chromium
from train.evaluation.visual_metrics import block_scores, ssim

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    if _find_chromium() is None:
        pytest.skip("no Chromium here")
    with Renderer() as found:
        yield found


def test_text_blocks_have_place_and_colour(renderer: Renderer) -> None:
    page = (
        "<!DOCTYPE html><style>body{margin:0;font:20px/20px monospace}p{margin:0}</style>"
        "<p style='position:absolute;left:640px;top:400px;width:128px;color:rgb(200,0,0)'>one</p>"
        "<p style='color:rgb(0 0 0 / 50%)'>half</p><p style='display:none'>none</p><p style='visibility:hidden'>hidden</p>"
        "<p style='opacity:0'>clear</p><title>title</title><script>document.write('script')</script><style>s{}</style>"
    )
    drawn = renderer.render(page)
    assert drawn.ok
    assert drawn.problem is None
    assert drawn.image is not None
    assert drawn.image.shape == (800, 1280, 3)
    found = {block.text: block for block in drawn.blocks}
    assert found.keys() == {"one", "half"}
    left, top, width, height = found["one"].box
    assert (left, top) == pytest.approx((0.5, 0.5), abs=4e-3)
    assert width == pytest.approx(36 / 1280, abs=4e-3), "three monospaced letters"
    assert 18 / 800 < height < 30 / 800
    assert found["one"].colour == (200, 0, 0)
    assert found["half"].colour == pytest.approx((127, 127, 127), abs=1), "what the eye sees on white"


def test_a_tall_page_is_drawn_whole_and_an_endless_one_cut(renderer: Renderer) -> None:
    tall = renderer.render("<div style='height:2000px'></div><p>below the fold</p>")
    assert tall.image is not None
    assert 2000 < tall.image.shape[0] < 2200
    assert tall.blocks[0].box[1] > 0.9
    endless = renderer.render("<div style='height:9000000px;background:red'></div><p>never seen")
    assert endless.image is not None
    assert endless.image.shape[0] == render.MOST_HEIGHT
    assert endless.blocks == ()


@pytest.mark.parametrize("page", ["", "<!DOCTYPE html><html></html>", "<p style='color:white'>white on white</p>"])
def test_a_blank_page_is_no_success(renderer: Renderer, page: str) -> None:
    assert not renderer.render(page).ok


def test_a_page_is_like_itself_and_less_like_another(renderer: Renderer) -> None:
    page = "<body style='background:#123;color:#fff'><h1>Bakery</h1><p>Fresh <b>bread</b> every day</p><button>Order now</button>"
    one, again, other = (
        renderer.render(html) for html in (page, page, page.replace("#123", "#fed").replace("bread", "cake"))
    )
    assert one.image is not None
    assert again.image is not None
    assert other.image is not None
    assert np.array_equal(one.image, again.image)
    itself = block_scores(one.blocks, again.blocks)
    assert (itself.match, itself.text, itself.position, itself.colour) == pytest.approx((1, 1, 1, 1))
    assert ssim(one.image, other.image) < 0.95
    changed = block_scores(other.blocks, one.blocks)
    assert changed.text < 1 or changed.match < 1


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that writes down every path asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_page_reaches_nothing_and_runs_nothing(renderer: Renderer, listener: tuple[str, list[str]]) -> None:
    address, asked = listener
    page = (
        f"<link rel=stylesheet href={address}/css><link rel=prefetch href={address}/prefetch><link rel=dns-prefetch href={address}>"
        f"<style>@import url({address}/import);@font-face{{font-family:f;src:url({address}/font)}}body{{font-family:f;background:url({address}/bg)}}</style>"
        f"<meta http-equiv=refresh content='0;url={address}/refresh'><img src={address}/img><iframe src={address}/frame></iframe>"
        f"<object data={address}/object></object><video src={address}/video autoplay></video>"
        f"<script src={address}/script></script><script>fetch('{address}/fetch');location='{address}/nav';document.title='ran'</script>"
        f"<iframe srcdoc=\"<img src='{address}/inner'>\"></iframe><p>still here</p>"
    )
    drawn = renderer.render(page)
    assert "still here" in [block.text for block in drawn.blocks]
    time.sleep(0.3)
    assert asked == []


def test_an_endless_script_is_no_hang(renderer: Renderer) -> None:
    assert renderer.render("<p>quick</p><script>for(;;){}</script>").ok


def test_the_browser_is_replaced_and_goes_on(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "PAGES_PER_BROWSER", 1)
    before = renderer._browser
    assert renderer.render("<p>one</p>").ok
    assert renderer.render("<p>two</p>").ok
    assert renderer._browser is not before


def test_no_chromium_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="Install Debian's `chromium`"), Renderer("/nowhere/chromium"):
        pass

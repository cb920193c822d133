"""The command from end to end: a real tiny base and adapter, NF4 as served, and the gallery in a real Chromium."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from htmlgen.local import LocalEngine
from htmlgen.presets import find_preset
from train.__main__ import main
from train.answers import Answer
from train.config import AdapterConfig, DataConfig, TrainConfig, save_config
from train.data import Record
from train.evaluate import System, draw
from train.evaluation.report import gallery
from train.weights import adapter_digest

WORDS = ["bees", "cats", "dogs", "elks", "fish", "goats", "hens", "ibex", "jays", "kiwi", "lynx", "mice"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_llama_dir: Path, tiny_adapter_dir: Path) -> Path:
    """A folder with data, a run's folder with an adapter, and the evaluation of base and adapter on the held-out half."""
    folder = tmp_path_factory.mktemp("evaluation")
    rows = [
        {
            "instruction": f"A page about {word}",
            "output": f"<!DOCTYPE html>\n<html><head><title>{word}</title></head><body><h1>{word}</h1><p>{word * 5}</p></body></html>",
            "spec": {"kind": "landing", "title": word},
        }
        for word in WORDS
    ]
    for row in rows[::2]:
        row["spec"] = None
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shutil.copytree(tiny_adapter_dir, folder / "pages" / "adapter")
    data = DataConfig(path=str(folder / "rows.jsonl"), test_size=0.5, split_seed=4)
    config = TrainConfig(dataset=data, adapter=AdapterConfig(r=4), base=str(tiny_llama_dir), out=str(folder / "pages"))
    save_config(config, folder / "pages" / "config.yaml")
    assert evaluate(folder) == 0
    return folder


def evaluate(folder: Path, *flags: str) -> int:
    return main([
        "evaluate", "--adapter", "none", "--adapter", str(folder / "pages"), "--out", str(folder / "out"), "--max-new-tokens", "24",
        "--batch-size", "4", "--resamples", "100", "--trials", "100", *flags,
    ])  # fmt: skip


@pytest.fixture
def report(finished: Path) -> Any:
    return json.loads((finished / "out" / "report.json").read_text())


def test_base_and_adapter_are_judged_on_the_rows_that_the_run_held_out(report: Any, finished: Path) -> None:
    assert report["data"]["evaluated"] == 6
    assert report["data"]["settings"]["split_seed"] == 4
    assert [system["name"] for system in report["systems"]] == ["base", "pages"]
    assert [system["adapter"] for system in report["systems"]] == [None, str(finished / "pages" / "adapter")]
    assert report["systems"][1]["adapter_sha256"] == adapter_digest(finished / "pages" / "adapter")
    assert [system["prompt_format"] for system in report["systems"]] == ["alpaca", "alpaca"]
    assert [page["row"] for page in report["pages"]] == report["data"]["rows"]


def test_every_score_is_there_with_its_interval(report: Any) -> None:
    names = {metric["name"] for metric in report["metrics"]}
    assert names >= {
        "exact_match", "normalised_match", "bleu", "bleu_0_1", "bleu_model_tokens", "chrf", "rouge_1", "rouge_2", "rouge_l",
        "perplexity", "bits_per_byte", "stopped", "closed", "parse_errors_per_kb", "tree_bleu_recall", "tree_bleu_precision",
        "tag_f1", "attribute_f1", "visible_text", "checks_all", "check_title",
    }  # fmt: skip
    for system in report["systems"]:
        for name, score in system["scores"].items():
            if score["score"] is not None:
                assert score["low"] - 1e-6 <= score["score"] <= score["high"] + 1e-6, name
        assert system["scores"]["perplexity"]["score"] > 1
    (comparison,) = report["comparisons"]
    assert (comparison["baseline"], comparison["system"]) == ("base", "pages")
    with_specification = sum(row % 2 for row in report["data"]["rows"])
    assert 0 < with_specification < 6
    assert {system["scores"]["checks_all"]["pages"] for system in report["systems"]} == {with_specification}
    first, second = (system["scores"]["perplexity"]["score"] for system in report["systems"])
    assert comparison["tests"]["perplexity"]["difference"] == pytest.approx(second - first, abs=1e-4)
    assert abs(second - first) > 1, "the adapter changes what the model finds likely"


def test_the_report_tells_all_that_repeats_it(report: Any) -> None:
    assert report["settings"]["sampling"] == {
        "temperature": 0.0, "top_p": 0.95, "top_k": 50, "repetition_penalty": 1.0, "max_new_tokens": 24, "seed": 0,
    }  # fmt: skip
    assert report["settings"]["quantization"] == "4bit"
    assert {"python", "torch", "transformers", "sacrebleu", "html5lib", "code", "device"} <= report["versions"].keys()
    assert len(report["data"]["sha256"]) == 64
    assert report["systems"][0]["base_identity"] == report["systems"][1]["base_identity"]
    assert report["systems"][0]["base_identity"].startswith("sha256:")
    signatures = {metric["name"]: metric["signature"] for metric in report["metrics"]}
    assert "version:" in signatures["bleu"]
    assert "tok:13a" in signatures["bleu"]


def test_a_second_call_asks_nothing_again(
    finished: Path, report: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(*_: object) -> None:
        pytest.fail("the model was asked again")

    monkeypatch.setattr(LocalEngine, "generate_batch", refuse)
    assert evaluate(finished) == 0
    again = json.loads((finished / "out" / "report.json").read_text())
    for one, two in zip(report["systems"], again["systems"], strict=True):
        assert one["scores"] == two["scores"]
    printed = capsys.readouterr().out
    assert "BLEU, 0–1" in printed
    assert "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp" in printed
    assert "All checks passed" in printed


def test_mistakes_are_explained(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags, message in (
        (["--adapter", str(tmp_path)], "There is no adapter"),
        (["--adapter", "none"], "--adapter none is named twice"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--temperature", "9"], "temperature is 9.0"),
        (["--data", str(tmp_path / "none.jsonl")], "there is no such file"),
    ):
        assert evaluate(finished, *flags) == 1
        assert message in capsys.readouterr().err


def test_settings_come_from_a_file_too(finished: Path, report: Any, tmp_path: Path) -> None:
    settings = (
        f"adapters: [none, {finished / 'pages'}]\nout: {tmp_path / 'out'}\nmax_new_tokens: 5\nbatch_size: 8\n"
        f"dataset:\n  test_size: 0.5\n"
    )
    (tmp_path / "evaluate.yaml").write_text(settings)
    assert (
        main(
            [
                "evaluate",
                "--config",
                str(tmp_path / "evaluate.yaml"),
                "--limit",
                "2",
                "--quantization",
                "none",
                "--resamples",
                "100",
                "--trials",
                "100",
            ]
        )
        == 0
    )
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [system["name"] for system in found["systems"]] == ["base", "pages"]
    assert found["settings"]["sampling"]["max_new_tokens"] == 5
    assert set(found["data"]["rows"]) < set(report["data"]["rows"])


@pytest.mark.browser
def test_drawing_adds_the_visual_scores() -> None:
    pytest.importorskip("skimage")
    from train.evaluation.render import _find_chromium

    if _find_chromium() is None:
        pytest.skip("no Chromium here")
    page = "<!DOCTYPE html><body style='background:#246;color:#fff'><h1>Bees</h1><p>Buzz</p>"
    records = [Record("bees", None, page, 0), Record("none", None, page, 1)]
    answers = [Answer(0, page, "stop", 1, 1), Answer(1, "I would rather not.", "stop", 1, 1)]
    system = System("pages", find_preset("demo"), answers=answers, statistics=[{}, {}])
    draw([system], records)
    perfect, none = system.statistics
    assert perfect == {name: (pytest.approx(1), 1) for name in perfect}
    assert none == {name: (0, 1) for name in none}
    assert (
        perfect.keys()
        == none.keys()
        == {"rendered", "ssim", "block_match", "block_text", "block_position", "block_colour"}
    )


HOSTILE = (
    "<p>seen</p><script>parent.document.title='owned';document.body.append('script ran')</script>"
    "<img src='{0}/img'><link rel=stylesheet href='{0}/css'><style>body{{background:url({0}/bg)}}@import '{0}/import';</style>"
    "<meta http-equiv=refresh content='0;url={0}/refresh'><iframe src='{0}/frame'></iframe><a id=link href='{0}/link' target=_self>go</a>"
    "<a id=top href='{0}/top' target=_top>top</a><form action='{0}/form'><button id=send>send</button></form>"
    "</script></textarea><!--<script>"
)


def content(pages: list[Record], answers: dict[str, list[str]], scores: dict[str, list[float]]) -> dict[str, Any]:
    """What `write_report` puts into the gallery, of pages and chrF scores given."""
    interval = {"score": 50.0, "low": 40.0, "high": 60.0, "pages": 3}
    return {
        "created": "2026-01-01T00:00:00+00:00", "settings": {"sampling": {"temperature": 0.0, "seed": 0, "max_new_tokens": 64}, "quantization": "4bit"},
        "versions": {"device": "CPU"}, "data": {"settings": {"path": "a/rows.jsonl"}, "part": "test", "evaluated": len(pages), "rows": [], "warnings": []},
        "metrics": [{"name": "chrf", "label": "chrF", "group": "text", "higher_is_better": True, "digits": 2, "signature": "s"}],
        "reference": {},
        "comparisons": [{"baseline": "base", "system": "pages", "tests": {"chrf": {"difference": 2.5, "low": 1.0, "high": 4.0, "p_value": 0.01}}}],
        "systems": [{"name": name, "adapter": None if name == "base" else "a", "scores": {"chrf": interval}} for name in answers],
        "pages": [
            {"row": record.row, "instruction": record.instruction, "input": record.input, "reference": record.html,
             "systems": {n: {"finish_reason": "stop", "new_tokens": 9, "scores": {"chrf": scores[n][at]}} for n in answers},
             "answers": {n: {"page": texts[at], "text": texts[at]} for n, texts in answers.items()}}
            for at, record in enumerate(pages)
        ],
    }  # fmt: skip


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
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


@pytest.fixture
async def browser() -> Any:
    playwright = pytest.importorskip("playwright.async_api")
    from train.evaluation.render import _find_chromium

    if (executable := _find_chromium()) is None:
        pytest.skip("no Chromium here")
    async with playwright.async_playwright() as running:
        chromium = await running.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield chromium
        await chromium.close()


@pytest.mark.browser
async def test_the_gallery_shows_pages_side_by_side_and_sorts_by_worst(browser: Any, tmp_path: Path) -> None:
    pages = [
        Record(f"Prompt {n} <b>bold</b>", "<p>before</p>" if n == 0 else None, f"<h1>Reference {n}</h1>", n)
        for n in range(3)
    ]
    answers = {name: [f"<h1>{name} {n}</h1>" for n in range(3)] for name in ("base", "pages")}
    (tmp_path / "report.html").write_text(
        gallery(content(pages, answers, {"base": [1.0, 2.0, 3.0], "pages": [30.0, 10.0, 20.0]})), "utf-8"
    )
    page = await browser.new_page(viewport={"width": 1600, "height": 1400})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto((tmp_path / "report.html").as_uri())
    await page.wait_for_selector("iframe")
    prompts = page.locator("article h2")
    assert await prompts.all_inner_texts() == [
        "#1Prompt 1 <b>bold</b>",
        "#2Prompt 2 <b>bold</b>",
        "#0Prompt 0 <b>bold</b>",
    ], "worst first"
    await page.wait_for_function("document.querySelectorAll('article iframe').length >= 6")
    first = page.locator("article").first
    texts = [await (await frame.element_handle()).content_frame() for frame in await first.locator("iframe").all()]
    assert [await frame.inner_text("h1") for frame in texts] == ["Reference 1", "base 1", "pages 1"]
    await page.select_option("#order", "gain")
    assert (await prompts.all_inner_texts())[0].startswith("#0"), "29 points gained"
    await page.select_option("#system", "base")
    await page.select_option("#order", "best")
    assert (await prompts.all_inner_texts())[0].startswith("#2")
    await page.fill("#search", "prompt 0")
    assert await prompts.count() == 1
    assert await page.inner_text("#count") == "1 of 3 pages"
    await first.locator(".sides button", has_text="Code").nth(1).click()
    assert await first.locator(".sides pre").inner_text() == "<h1>base 0</h1>"
    assert (await page.locator("#scores .delta").all_inner_texts()) == ["+2.50, p = 0.010"]
    await page.select_option("#baseline", "pages")
    assert (await page.locator("#scores .delta").all_inner_texts()) == ["−2.50, p = 0.010"], "the other way round"
    await page.click("#theme")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert problems == []
    await page.close()


@pytest.mark.browser
async def test_a_hostile_page_gets_nowhere_from_the_gallery(
    browser: Any, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    address, asked = listener
    hostile = HOSTILE.format(address)
    pages = [Record(hostile, hostile, hostile, 0)]
    (tmp_path / "report.html").write_text(gallery(content(pages, {"base": [hostile]}, {"base": [1.0]})), "utf-8")
    page = await browser.new_page(viewport={"width": 1600, "height": 1400})
    await page.goto((tmp_path / "report.html").as_uri())
    handle = await page.wait_for_selector("iframe")
    await page.wait_for_timeout(400)
    frame = await handle.content_frame()
    assert "seen" in await frame.inner_text("body")
    assert "script ran" not in await frame.inner_text("body")
    for selector in ("#send", "#top", "#link"):
        await frame.click(selector, force=True, no_wait_after=True)
        await page.wait_for_timeout(200)
    assert await page.title() == "Evaluation · rows.jsonl"
    assert page.url.startswith("file:")
    assert asked == []
    await page.close()

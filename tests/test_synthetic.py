"""The generator's promises: every pair passes its checks, sizes, variety, contrast, nothing remote."""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from bs4 import BeautifulSoup

from htmlgen.errors import SettingsError
from train.synthetic import PAGE_LIMIT, Pair, asks, pairs, phrasing
from train.synthetic.catalogue import KINDS
from train.synthetic.checker import check, kind_of
from train.synthetic.command import add_arguments, run
from train.synthetic.palette import HUES, PALETTES, STYLES, channels, contrast, distance
from train.synthetic.requests import requests
from train.synthetic.stylesheet import LAYOUTS
from train.synthetic.trades import TRADES
from train.synthetic.translations import TRANSLATIONS


@pytest.fixture(scope="module")
def sample() -> list[Pair]:
    return list(pairs(11, 2000))


@pytest.fixture(scope="module")
def fresh() -> list[Pair]:
    return list(pairs(12, 1500, edits=0.0))


def failed(pair: Pair, html: str | None = None) -> list[str]:
    return [verdict.name for verdict in check(pair.spec, pair.output if html is None else html) if not verdict.passed]


def test_every_pair_passes_its_own_checks(sample: list[Pair]) -> None:
    assert [(pair.instruction, failed(pair)) for pair in sample if failed(pair)] == []


def test_a_pair_depends_on_seed_and_index_alone(sample: list[Pair]) -> None:
    assert list(pairs(11, 50)) == sample[:50] == list(islice(pairs(11), 50))
    assert list(pairs(13, 50)) != sample[:50]


def test_pairs_are_the_same_in_every_process(sample: list[Pair]) -> None:
    """Sets of strings have another order in each."""
    code = "from train.synthetic import pairs; print([p.instruction for p in pairs(11, 300)])"
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ast.literal_eval(out.stdout) == [pair.instruction for pair in sample[:300]]


def test_a_share_of_pairs_are_edits(sample: list[Pair]) -> None:
    share = sum(bool(pair.input) for pair in sample) / len(sample)
    assert 0.2 < share < 0.3
    assert all(not pair.input for pair in pairs(1, 50, edits=0.0))
    assert all(pair.input and pair.input != pair.output for pair in pairs(1, 200, edits=1.0))
    with pytest.raises(ValueError, match="share"):
        next(pairs(1, edits=2.0))


def test_copied_strings_stand_in_prompt_and_page(sample: list[Pair]) -> None:
    for pair in sample:
        for text in pair.copied:
            assert text in pair.instruction, (text, pair.instruction)
            assert text.replace("&", "&amp;") in pair.output, (text, pair.instruction)


def test_most_names_are_open_vocabulary(fresh: list[Pair]) -> None:
    names = [pair.spec["name"] for pair in fresh if "name" in pair.spec]
    assert len(set(names)) > 0.85 * len(names)
    others = {pair.spec.get("name") for pair in pairs(99, 1500, edits=0.0)}
    assert sum(name not in others for name in names) > 0.8 * len(names)


def test_sizes(sample: list[Pair]) -> None:
    sizes = sorted(len(pair.output.encode()) for pair in sample)
    assert sizes[-1] <= PAGE_LIMIT
    assert sizes[len(sizes) // 2] <= 3000
    assert sizes[0] >= 1200


def test_variety(sample: list[Pair], fresh: list[Pair]) -> None:
    assert {pair.kind for pair in sample} == set(KINDS)
    assert len(KINDS) >= 20
    assert len(TRADES) >= 40
    assert len({trade.name for trade in TRADES}) == len(TRADES)
    assert len(PALETTES) >= 10
    assert sum(palette.dark for palette in PALETTES.values()) >= 3
    assert len(STYLES) >= 6
    assert len(LAYOUTS) >= 5
    assert len({pair.spec["phrasing"] for pair in fresh}) >= 60
    operations = {pair.spec["edit"]["op"] for pair in sample if "edit" in pair.spec}
    assert len(operations) >= 20


def test_pages_load_nothing_remote(sample: list[Pair]) -> None:
    for pair in sample[:500]:
        soup = BeautifulSoup(pair.output, "html5lib")
        links = [str(tag.get(name)) for name in ("src", "href", "action", "srcset") for tag in soup.select(f"[{name}]")]
        assert all(link.startswith("#") for link in links), links
        ids = {str(tag["id"]) for tag in soup.select("[id]")}
        if pair.spec.get("edit", {}).get("op") != "no footer":
            assert {link[1:] for link in links if link != "#"} <= ids
        assert "url(" not in pair.output
        assert "@import" not in pair.output


def test_form_controls_have_labels(sample: list[Pair]) -> None:
    for pair in sample[:500]:
        for control in BeautifulSoup(pair.output, "html5lib").select("input, textarea"):
            assert control.find_parent("label") or control.get("aria-label"), pair.instruction


def blended(below: str, share: float) -> str:
    """A colour under a veil of white, as the rings of the hero are."""
    return "#" + "".join(f"{round(c + (255 - c) * share):02x}" for c in channels(below))


@pytest.mark.parametrize(("hue", "dark"), sorted(PALETTES))
def test_contrast(hue: str, dark: bool) -> None:
    palette = PALETTES[hue, dark]
    texts = [
        (palette.ink, palette.bg),
        (palette.ink, palette.card),
        (palette.ink, palette.line),
        (palette.soft, palette.bg),
        (palette.soft, palette.card),
        (palette.on, palette.main),
        (palette.main, palette.card),
        (palette.main, palette.bg),
        ("#fff", blended(palette.start, 1 / 15)),
        ("#fff", blended(palette.end, 1 / 15)),
        (palette.start, "#fff"),
        ("#fff", PALETTES[hue, False].main),
    ]
    if not dark:  # the background edit
        texts += [(other.ink, palette.line) for other in PALETTES.values() if not other.dark]
        texts += [(other.soft, palette.line) for other in PALETTES.values() if not other.dark]
    assert [(pair, round(contrast(*pair), 2)) for pair in texts if contrast(*pair) < 4.5] == []


def first(kind: str, key: str, *, edits: float = 0.0, op: str | None = None) -> Pair:
    """The first pair of a kind whose spec holds `key`."""
    for pair in pairs(21, 20000, edits=edits):
        if kind in ("", pair.kind) and key in pair.spec and (op is None or pair.spec["edit"]["op"] == op):
            return pair
    raise AssertionError((kind, key))


def without_last_tags(html: str) -> str:
    return html[: html.rindex("</main>")]


def recoloured(pair: Pair, name: str) -> str:
    """The page in the hue that is next to its own."""
    found = re.search(rf"{name}:(#[0-9a-f]+)", pair.output)
    assert found is not None
    mains = {palette.main for palette in PALETTES.values()} - twins(found[1])
    other = min(mains, key=lambda main: distance(main, found[1]))
    return pair.output.replace(f"{name}:{found[1]}", f"{name}:{other}")


def twins(colour: str) -> set[str]:
    """The main colours, light and dark, of the hue that has this one."""
    return {
        PALETTES[hue, dark].main
        for hue in HUES
        if colour in (PALETTES[hue, False].main, PALETTES[hue, True].main)
        for dark in (False, True)
    }


MUTATIONS: list[tuple[str, str, str, Callable[[Pair], str]]] = [
    ("closed", "", "title", lambda p: without_last_tags(p.output)),
    ("closed", "", "title", lambda p: p.output.replace("</footer>", "")),
    ("title", "", "name", lambda p: p.output.replace("<title>", "<title>x")),
    ("heading", "", "name", lambda p: p.output.replace("</h1>", "x</h1>")),
    ("kind", "login", "title", lambda p: p.output.replace("form", "div")),
    ("items", "menu", "items", lambda p: p.output.replace(f"<h3>{p.spec['items']['texts'][0]}</h3>", "<h3>other</h3>")),
    ("count", "menu", "items", lambda p: p.output.replace("</ul>", "<li><h3>one more</h3></li></ul>")),
    (
        "fields",
        "contact",
        "fields",
        lambda p: p.output.replace(f"<label>{p.spec['fields']['texts'][-1]}<", "<label>x<"),
    ),
    ("columns", "table", "columns", lambda p: p.output.replace(f"<th>{p.spec['columns']['texts'][0]}<", "<th>x<")),
    ("texts", "event", "texts", lambda p: p.output.replace(p.spec["texts"][0], "some day")),
    ("button", "landing", "button", lambda p: p.output.replace(f">{p.spec['button']}<", ">other<")),
    ("colour", "", "hue", lambda p: p.output.replace("--main:#", "--main:#fedcba;--x:#")),
    ("dark", "landing", "dark", lambda p: p.output.replace("--bg:#", "--bg:#ffffff;--x:#")),
    ("button colour", "", "button_hue", lambda p: p.output.replace("--btn:#", "--btn:#fedcba;--x:#")),
    ("header colour", "", "header_hue", lambda p: p.output.replace("--head:#", "--head:#fedcba;--x:#")),
    ("colour", "", "hue", lambda p: recoloured(p, "--main")),
    ("button colour", "", "button_hue", lambda p: recoloured(p, "--btn")),
    ("header colour", "", "header_hue", lambda p: recoloured(p, "--head")),
    ("texts", "pricing", "texts", lambda p: p.output.replace(p.spec["texts"][0], f"{p.spec['texts'][0]}99")),
    ("texts", "counter", "start", lambda p: re.sub(r'(id="show">)\d+', r"\g<1>0", p.output)),
    ("style", "", "style", lambda p: p.output.replace("--font:", "--font:fantasy;--x:")),
]


@pytest.mark.parametrize(("name", "kind", "key", "mutate"), MUTATIONS)
def test_a_mutated_page_fails_the_right_check(name: str, kind: str, key: str, mutate: Callable[[Pair], str]) -> None:
    pair = first(kind, key)
    changed = mutate(pair)
    assert changed != pair.output
    assert name in failed(pair, changed)


def test_an_edit_that_was_not_made_fails(sample: list[Pair]) -> None:
    edited = [pair for pair in sample if pair.input]
    assert [pair.instruction for pair in edited if "edit" not in failed(pair, pair.input)] == []


def test_a_change_elsewhere_fails_untouched(sample: list[Pair]) -> None:
    for pair in [pair for pair in sample if pair.input][:100]:
        assert failed(pair, pair.output.replace('charset="utf-8"', 'charset="UTF-8"')) == ["untouched"]


@pytest.mark.parametrize(
    "html",
    ["", "<", "a plain sentence", "<table><svg><html a=1>", "<!DOCTYPE html><html><head><style>:root{--main:red}"],
)
def test_broken_pages_fail_without_raising(sample: list[Pair], html: str) -> None:
    for pair in sample[:100]:
        assert "closed" in failed(pair, html)


def test_a_pages_kind_is_recognised(fresh: list[Pair]) -> None:
    assert all(pair.kind in kind_of(pair.output) for pair in fresh[:300])


def test_whole_requests_are_filled_for_every_kind() -> None:
    assert requests().keys() == KINDS.keys()
    for kind, lines in requests().items():
        assert len({line.text for line in lines}) == len(lines) >= 15, kind
        for at, line in enumerate(lines):
            rng = Random(f"{kind}:{at}")
            ask = asks.requested(line, rng)
            text, copied, _ = phrasing.whole(line, ask, rng, lower=False)
            assert not set("{}\x02\x03") & set(text), text
            assert ask.button is None or ask.button in text
            if ask.name:
                assert ask.name in text
                assert ask.name in copied
            assert all(item in text for item in ask.items)
    made = list(pairs(5, 300, edits=0.0, whole=0.5))
    assert 100 < sum(pair.spec["phrasing"] == "whole" for pair in made) < 200
    assert [(pair.instruction, failed(pair)) for pair in made if failed(pair)] == []


def test_command_writes_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["-n", "7", "-o", str(tmp_path / "pairs.jsonl"), "--seed", "7"])) == 0
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["output"] for row in rows] == [pair.output for pair in pairs(7, 7)]
    assert {"instruction", "input", "output", "kind", "spec"} <= set(rows[0])
    run(parser.parse_args(["-n", "7", "--seed", "7"]))
    assert [json.loads(line) for line in io.StringIO(capsys.readouterr().out)] == rows
    run(parser.parse_args(["-n", "7", "--seed", "7", "--reworded", "1"]))
    reworded = [json.loads(line) for line in io.StringIO(capsys.readouterr().out)]
    assert [row["kind"] for row in reworded] == [row["kind"] for row in rows]
    assert sum(new["output"] != old["output"] for new, old in zip(reworded, rows, strict=True)) >= 3
    nowhere = str(tmp_path / "none" / "x.jsonl")
    for wrong in (
        ["-n", "-1"],
        ["--reworded", "2"],
        ["--edits", "2"],
        ["-o", nowhere],
        ["--reworded", "1", "--tokenizer", nowhere],
    ):
        with pytest.raises(SettingsError, match=wrong[-2] if wrong[0] != "-n" else "--count"):
            run(parser.parse_args(wrong))


def test_specs_are_json(sample: list[Pair]) -> None:
    assert json.loads(json.dumps([pair.spec for pair in sample])) == [pair.spec for pair in sample]


def test_translations_have_four_languages() -> None:
    assert all(len(set(texts) - {""}) >= 3 for texts in TRANSLATIONS.values())
    assert len(HUES) >= 10

"""Rows to judge on: the ones that the run held out, whatever else is asked for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from htmlgen.errors import SettingsError
from train.config import DataConfig, TrainConfig
from train.data import Record, load_split
from train.evaluation.heldout import data_config, held_out
from train.learned import Learned

WORDS = [
    "bees",
    "cats",
    "dogs",
    "elks",
    "fish",
    "goats",
    "hens",
    "ibex",
    "jays",
    "kiwi",
    "lynx",
    "mice",
    "newts",
    "owls",
    "pigs",
    "quail",
    "rats",
    "seals",
    "toads",
    "voles",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"instruction": f"A page about {w}", "output": f"<html><body><h1>{w}</h1><p>{w * 9}</p></body></html>"}
        for w in WORDS
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def trained(data: Path, **settings: object) -> TrainConfig:
    return TrainConfig(dataset=DataConfig(path=str(data), **settings), out="run")  # type: ignore[arg-type]


def test_rows_are_those_that_the_run_held_out(data: Path) -> None:
    run = trained(data, split_seed=3, test_size=0.3)
    held = held_out({}, {"run": run}, "test", limit=None, seed=0)
    split = load_split(run.dataset)
    assert held.records == split.test
    assert held.available == len(held.records) == 6
    assert not {r.row for r in held.records} & {r.row for r in split.train}
    other = held_out({"path": str(data)}, {}, "test", limit=None, seed=0)
    assert {r.row for r in other.records} != {r.row for r in held.records}, (
        "without the run the default split is another"
    )
    assert held.warnings == ()


def test_the_same_file_by_another_path_is_the_same_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    config, warnings = data_config({"path": "rows.jsonl"}, {"run": trained(data, split_seed=3)})
    assert config.split_seed == 3
    assert warnings == []


def test_other_data_is_not_parted_as_the_runs_was(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(data.read_text())
    config, warnings = data_config({"path": str(other)}, {"run": trained(data, split_seed=3)})
    assert config == DataConfig(path=str(other))
    assert warnings == []


def test_runs_with_different_parts_are_refused(data: Path) -> None:
    runs = {"one": trained(data, split_seed=1), "two": trained(data, split_seed=2)}
    with pytest.raises(SettingsError, match=r"one, two parted .* in different ways \(split_seed\)"):
        data_config({}, runs)


def test_a_split_that_holds_learned_rows_is_warned_of(data: Path) -> None:
    _, warnings = data_config({"split_seed": 9}, {"run": trained(data)})
    assert warnings == ["run was trained with split seed 0, but rows are parted by 9: some may be rows it has learned."]
    held = held_out({}, {"run": trained(data)}, "train", limit=None, seed=0)
    assert "were trained on" in held.warnings[0]


def test_what_was_learned_is_left_out_when_the_data_has_grown(data: Path) -> None:
    run = trained(data)
    split = load_split(run.dataset)
    learned = {"run": Learned.of(split.train, split.validation)}
    assert held_out({}, {"run": run}, "test", limit=None, seed=0, learned=learned).warnings == ()
    own = held_out({}, {"run": run}, "validation", limit=None, seed=0, learned=learned)
    assert own.records == split.validation, "to choose settings by"
    more = [{"instruction": f"A page of {n}", "output": f"<ul><li>{f'{n} ' * 30}</li></ul>"} for n in range(30)]
    data.write_text("\n".join(map(json.dumps, more)) + "\n" + data.read_text())
    grown = held_out({}, {"run": run}, "test", limit=None, seed=0)
    known = {r.instruction for r in (*split.train, *split.validation)}
    assert {r.instruction for r in grown.records} & known, "or there is nothing to be left out"
    held = held_out({}, {"run": run}, "test", limit=None, seed=0, learned=learned)
    assert [r for r in grown.records if r.instruction not in known] == held.records
    assert f"{grown.available - held.available} of the {grown.available} rows" in held.warnings[0]
    with pytest.raises(SettingsError, match="run has learned every row"):
        held_out({}, {"run": run}, "test", limit=None, seed=0, learned={"run": Learned.of(grown.records)})


def test_learned_rows_are_kept_and_known_by_their_request_or_their_page(tmp_path: Path) -> None:
    one, two, three = (Record(f"page {n}", None, f"<p>{n}</p>", n) for n in range(3))
    learned = Learned.of([one], [two]) | Learned.of([two], [three])
    (tmp_path / "learned.txt").write_text(str(learned))
    read = Learned.read(tmp_path)
    assert read == learned
    assert [read.use_of(record) for record in (one, two, three)] == ["train", "train", "validation"]
    assert read.use_of(replace(one, html="<p>other</p>", row=9)) == "train"
    assert read.use_of(replace(one, instruction="other", html=" <p>0</p>\n")) == "train"
    assert read.use_of(Record("page 0", "<p>an edit</p>", "<p>new</p>", 0)) is None
    assert read.use_of(Record("make it blue", "<p>0</p>", "<p>0 in blue</p>", 0)) == "train", (
        "its answer is mostly that page"
    )
    assert Learned.read(tmp_path / "none") is None


def test_limit_draws_rows_by_seed(data: Path) -> None:
    draws = [held_out({"path": str(data)}, {}, "all", limit=5, seed=seed) for seed in (0, 0, 1)]
    rows = [[r.row for r in draw.records] for draw in draws]
    assert rows[0] == rows[1] != rows[2]
    assert rows[0] == sorted(rows[0])
    assert [draw.available for draw in draws] == [20] * 3
    assert draws[0].sha256 == draws[1].sha256 != draws[2].sha256


def test_no_data_and_no_rows(data: Path) -> None:
    with pytest.raises(SettingsError, match="--data is missing"):
        data_config({"path": None}, {})
    with pytest.raises(SettingsError, match="different data"):
        data_config(
            {}, {"one": trained(data), "two": replace(trained(data), dataset=DataConfig(path="elsewhere.jsonl"))}
        )
    with pytest.raises(SettingsError, match="no rows in the test part"):
        held_out({"path": str(data), "test_size": 0.0}, {}, "test", limit=None, seed=0)
    with pytest.raises(SettingsError, match="--limit is 0"):
        held_out({"path": str(data)}, {}, "test", limit=0, seed=0)


@pytest.mark.parametrize("nested", [True, False])
def test_specifications_come_along(tmp_path: Path, nested: bool) -> None:
    path = tmp_path / "pairs.jsonl"
    specs = [{"kind": "landing", "title": word} for word in WORDS]
    rows = [
        {"instruction": word, "output": f"<h1>{word}</h1>", "spec": spec if nested else json.dumps(spec)}
        for word, spec in zip(WORDS, specs, strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    held = held_out({"path": str(path)}, {}, "test", limit=None, seed=0)
    assert [spec["title"] for spec in held.specs if spec] == [record.instruction for record in held.records]


@pytest.mark.parametrize("spec", ["A red page", {"kind": "no such kind"}, 7, None])
def test_what_others_call_a_spec_is_none(tmp_path: Path, spec: object) -> None:
    rows = [{"instruction": f"a page of {n}", "output": f"<p>{n}</p>", "spec": spec} for n in range(10)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    held = held_out({"path": str(tmp_path / "rows.jsonl")}, {}, "test", limit=None, seed=0)
    assert held.specs == [None] * len(held.records)

"""`python -m train tokens` says what a limit loses before anything is trained, in the very numbers that training then reports."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from htmlgen.settings import PROJECT
from train.__main__ import main
from train.data import Record
from train.lengths import Lengths, loss_at, measure, plot, table
from train.tokens import EncodingReport, _fit, encode_records


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 120), st.integers(1, 500)), min_size=1, max_size=8),
    max_length=st.integers(8, 128),
    overlap=st.integers(1, 64),
)
def test_a_limit_loses_what_encoding_then_reports(rows: list[tuple[int, int]], max_length: int, overlap: int) -> None:
    lengths = Lengths(*(np.array(column) for column in zip(*rows, strict=True)))
    told = loss_at(lengths, max_length, overlap)
    reports = {}
    for overlong in ("split", "truncate", "drop"):
        report = reports[overlong] = EncodingReport(max_length)
        for prompt, answer in rows:
            _fit([0] * prompt, [1] * answer, 0, overlong, overlap, report)  # type: ignore[arg-type]
    split, truncate, drop = reports.values()
    assert (told.windows, told.repeated_tokens) == (split.windows, split.repeated_tokens)
    assert (told.crowded_rows, told.crowded_tokens) == (split.crowded_rows, split.crowded_tokens)
    assert (told.truncated_tokens, told.crowded_tokens) == (truncate.truncated_tokens, truncate.crowded_tokens)
    assert (told.rows, told.dropped_tokens) == (drop.dropped_rows, drop.dropped_tokens)


def test_lengths_are_those_of_the_examples(byte_level_tokenizer: Any) -> None:
    records = [Record("Make a page", None, "<p>one</p>", 0), Record("Edit it", "<p>one</p>", "<p>two</p>" * 9, 1)]
    examples, _ = encode_records(records, byte_level_tokenizer, "alpaca", 4096)
    lengths = measure(records, byte_level_tokenizer, "alpaca")
    assert lengths.total.tolist() == [len(example) for example in examples]
    assert lengths.answer.tolist() == [example.learned for example in examples]


def test_table_by_hand() -> None:
    lengths = Lengths(np.array([10, 20]), np.array([30, 100]))
    told = table(lengths, [loss_at(lengths, 64, 8)])
    lines = [line.split("  ") for line in told.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[1] == ["prompt", "10", "15", "19", "20", "20", "20", "30"]
    assert cells[3] == ["total", "40", "80", "112", "116", "119", "120", "160"]
    # 120 tokens with a prompt of 20: 44 answer tokens fit, 56 are over, and each further window brings 36 new ones.
    assert cells[6] == ["64", "1 (50%)", "100 (77%)", "56 (43%)", "3", "56", "0"]


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 10**5), min_size=1, max_size=5))
def test_plot_draws_any_lengths(tmp_path: Path, values: list[int]) -> None:
    figure = plot(Lengths(np.array(values), np.array(values)), 64, "title")
    figure.savefig(tmp_path / "plot.png", dpi=40)
    assert imread(tmp_path / "plot.png")[..., :3].std() > 0.05


def test_command_prints_and_draws(tiny_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"label": "a page", "html": "<p>" + "words and " * size} for size in (1, 30, 400)] + [
        {"label": "x", "html": ""}
    ]
    data, out = tmp_path / "rows.json", tmp_path / "lengths.png"
    data.write_text(json.dumps(rows))
    flags = ["tokens", "--data", str(data), "--base", str(tiny_llama_dir), "-o", str(out)]
    assert main([*flags, "--max-length", "600"]) == 0
    printed = capsys.readouterr()
    assert "3 rows" in printed.out
    assert "1 rows cannot be used" in printed.out
    assert re.search(r"^ *600 +1 \(33%\)", printed.out, re.MULTILINE)
    assert imread(out).shape[1] > 1000
    assert main([*flags, "--config", str(PROJECT / "runs" / "html_alpaca.yaml")]) == 0, "a run's own file does"
    assert re.search(r"1,024 +1 \(33%\)", capsys.readouterr().out)
    assert main([*flags, "--max-length", "2000"]) == 1
    assert "this base reads at most 1,024 tokens" in capsys.readouterr().err
    assert main([*flags[:4], str(tmp_path / "none")]) == 1
    assert "tokenizer cannot be loaded" in capsys.readouterr().err
    assert main([*flags, "--prompt-format", "nope"]) == 1
    assert "codellama-instruct, alpaca, plain" in capsys.readouterr().err
    assert main([*flags[:-1], str(tmp_path / "no" / "such.png")]) == 1
    assert "cannot be written" in capsys.readouterr().err

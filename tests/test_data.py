"""Datasets of every known shape are read, what can't be used is named, and no page is on two sides of a split."""

import csv
import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htmlgen.errors import SettingsError
from train.config import DataConfig
from train.data import Record, load_records, load_split, split_records
from train.duplicates import same_groups


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def write(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        import datasets

        datasets.Dataset.from_list(list(rows)).to_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return str(path)


WORDS = [
    "apple",
    "bridge",
    "cloud",
    "door",
    "engine",
    "forest",
    "garden",
    "harbour",
    "island",
    "jungle",
    "kettle",
    "lantern",
    "mirror",
    "needle",
    "orchid",
]


def pages(count: int, seed: int = 0) -> list[Record]:
    """Records that have nothing in common."""
    numbers = random.Random(seed)
    return [
        Record(f"ask {seed}-{row}", None, f"<main><p>{' '.join(numbers.choices(WORDS, k=60))} {row}</p></main>", row)
        for row in range(count)
    ]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_every_kind_of_file_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"label": "a café page", "html": "<p>Grüße, 😀\nline 2</p>"},
        {"label": "NA", "html": "<h1>None</h1>"},
    ]
    records, rejected = load_records(DataConfig(path=write(tmp_path / f"rows{suffix}", rows)))
    assert [(record.instruction, record.input, record.html) for record in records] == [
        ("a café page", None, "<p>Grüße, 😀\nline 2</p>"),
        ("NA", None, "<h1>None</h1>"),
    ]
    assert [record.row for record in records] == [0, 1]
    assert rejected == []


def talk(*turns: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 3, turns, strict=False)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"label": "a", "html": "<p>x"}, ("a", None, "<p>x")),
        ({"instruction": "a", "input": "<b>", "output": "<p>x", "response": "no"}, ("a", "<b>", "<p>x")),
        ({"instruction": "a", "input": "", "output": "<p>x"}, ("a", None, "<p>x")),
        ({"instruction": "a", "input": "<noinput>", "output": "<p>x"}, ("a", None, "<p>x")),
        ({"instruction": "a", "output": "<p>x"}, ("a", None, "<p>x")),
        ({"instruction": "a", "response": "<p>x"}, ("a", None, "<p>x")),
        ({"prompt": "a", "completion": "<p>x"}, ("a", None, "<p>x")),
        ({"prompt": talk("a"), "completion": [{"role": "assistant", "content": "<p>x"}]}, ("a", None, "<p>x")),
        ({"messages": talk("a", "<p>x")}, ("a", None, "<p>x")),
        ({"messages": [{"role": "system", "content": "s"}, *talk("a", "<p>x", "b", "<p>y")]}, ("b", "<p>x", "<p>y")),
        ({"messages": talk("a", "Which?", "b", "<p>y", "thanks")}, ("b", None, "<p>y")),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "<p>x"}]}, ("a", None, "<p>x")),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant", "content": [{"type": "text", "text": "<p>x"}]}]}, ("a", None, "<p>x")),
    ],
)  # fmt: skip
def test_columns_are_recognised(tmp_path: Path, row: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (record,), _ = load_records(DataConfig(path=write(tmp_path / "rows.json", [row])))
    assert (record.instruction, record.input, record.html) == expected


def test_columns_can_be_named_and_unknown_ones_are_refused_with_what_there_is(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", [{"ask": "a", "old": "<b>", "page": "<p>x", "label": "no"}])
    (record,), _ = load_records(DataConfig(path=path, instruction_column="ask", input_column="old", html_column="page"))
    assert (record.instruction, record.input, record.html) == ("a", "<b>", "<p>x")
    with pytest.raises(SettingsError, match=r"ask, old, page, label.*--html-column"):
        load_records(DataConfig(path=path))
    with pytest.raises(SettingsError, match=r"--html-column pages: .* no such column, but ask, old, page"):
        load_records(DataConfig(path=path, html_column="pages"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"label": "", "html": "<p>x"}, "instruction is empty"),
        ({"label": None, "html": "<p>x"}, "instruction is empty"),
        ({"label": "a", "html": " \n"}, "page is empty"),
        ({"label": "a"}, "page is empty"),
        ({"label": "a", "html": 5}, "page is not text but int"),
        ({"label": "a", "html": "5 < 6 and 7 > 6"}, "no HTML tag"),
        ({"label": "a", "html": '<!DOCTYPE html><html><body class="x"><div id="root"></div></body></html>'}, "page is blank"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used_are_named_and_counted(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    rows = [{"label": "good", "html": "<p>fine</p>"}, row, {"label": "fine", "html": "<b>good</b>"}]
    path = write(tmp_path / "rows.json", rows)
    records, rejected = load_records(DataConfig(path=path))
    assert [record.row for record in records] == [0, 2]
    assert [(bad.row, reason in bad.reason) for bad in rejected] == [(1, True)], rejected
    summary = str(load_split(DataConfig(path=path, test_size=0, validation_size=0)))
    assert "1 rows cannot be used" in summary
    assert "row 1" in summary


@pytest.mark.parametrize(
    "html", ['<body style="background: blue"></body>', "<img src=x>", "<input>", "<hr>", "<title>x</title>"]
)
def test_pages_that_draw_something_without_text_are_kept(tmp_path: Path, html: str) -> None:
    records, _ = load_records(DataConfig(path=write(tmp_path / "rows.json", [{"label": "a", "html": html}])))
    assert len(records) == 1


def test_messages_without_an_answer_are_rejected(tmp_path: Path) -> None:
    rows = [{"messages": talk("a", "<p>x")}, {"messages": talk("a")}, {"messages": None}]
    _, rejected = load_records(DataConfig(path=write(tmp_path / "rows.json", rows)))
    assert [(bad.row, bad.reason) for bad in rejected] == [
        (1, "the messages have no answer of an assistant after a user's"),
        (2, "the messages are empty"),
    ]


def test_a_dataset_with_nothing_left_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", [{"label": "a", "html": "words"}, {"label": "b", "html": "more"}])
    with pytest.raises(SettingsError, match="can be trained on") as caught:
        load_split(DataConfig(path=path))
    assert "no HTML tag in the page: 2 of train, rows 0, 1" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.jsonl", None, "no such file"),
        ("folder/that/is not", None, "no such file"),
        ("rows.txt", "x", "kind .txt cannot be read. Use one of .csv, .json"),
        ("broken.jsonl", '{"label": "a", "html": "<p>"}\n{oops\n', "cannot be read"),
        ("empty.json", "[]", "cannot be read|no rows|columns"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_path(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=message) as caught:
        load_records(DataConfig(path=str(path)))
    assert str(path) in str(caught.value)


def test_unknown_split_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", [{"label": "a", "html": "<p>x"}])
    with pytest.raises(SettingsError, match="split nope"):
        load_records(DataConfig(path=path, split="nope"))


def test_split_is_80_20_with_a_validation_part_and_repeats_by_seed() -> None:
    records = pages(200)
    split = split_records(records, DataConfig(path="x"))
    assert (len(split.train), len(split.validation), len(split.test)) == (144, 16, 40)
    assert sorted(r.row for part in (split.train, split.validation, split.test) for r in part) == list(range(200))
    assert split == split_records(records, DataConfig(path="x"))
    assert split.test != split_records(records, DataConfig(path="x", split_seed=1)).test
    whole = split_records(records, DataConfig(path="x", test_size=0, validation_size=0))
    assert (whole.train, whole.validation, whole.test) == (records, [], [])


TEXT = [f"{a} {b}" for a in WORDS for b in WORDS]
LONG = f"<main><h1>Welcome</h1><p>{' '.join(TEXT)}</p></main>"
FORM = (
    "<form>"
    + "".join(f'<label class="{a} {b}"><input name="{b}-{a}"></label>' for a in WORDS for b in WORDS)
    + "</form>"
)


@pytest.mark.parametrize(
    ("html", "twin"),
    [
        (LONG, LONG),
        (LONG, LONG.upper().replace(">", ">\n ")),
        ("<style>p { color: red }</style>", "<STYLE>p { color:  red }</STYLE>"),
        (LONG, LONG.replace("<main>", '<main data-nonce="8f3a">').replace("kettle lantern", "kettle lamp")),
        (FORM, FORM.replace("<form>", "<form id=a77f>").replace("island kettle", "k8 k9")),
        (LONG, "".join(f'<li class="tile shadow"><em>{words}</em></li>' for words in TEXT)),
    ],
    ids=["exact", "case and white space", "nothing but style", "edited", "nothing to read", "same text, other markup"],
)
def test_same_page_is_found(html: str, twin: str) -> None:
    records = [Record("some words", None, html, 0), Record("others", None, twin, 1), *pages(5)]
    assert same_groups(records) == [[0, 1], [2], [3], [4], [5], [6]]


def test_same_request_is_found() -> None:
    one, other = Record("some words", "<b>old</b>", LONG, 0), Record(" Some  WORDS", "<B>old</b>", "<p>other</p>", 1)
    assert same_groups([one, other]) == [[0, 1]]
    assert same_groups([one, replace(other, input=None)]) == [[0], [1]]


def test_an_edit_stays_with_the_page_that_it_changes() -> None:
    """Its answer is mostly that page, even where so much was added that the two are not alike."""
    first = Record("a page", None, "<p>one</p>", 0)
    second = Record("make it longer", " <P>one</P>\n", f"<p>one</p>{LONG}", 1)
    third = Record("and a form", second.html, f"<p>one</p>{LONG}{FORM}", 2)
    assert same_groups([third, first, second]) == [[0, 1, 2]]
    assert same_groups([first, replace(second, input="<p>another</p>")]) == [[0], [1]]
    assert same_groups([replace(first, input=""), replace(second, input=None)]) == [[0], [1]]


def test_rows_keep_their_side_when_the_data_grows() -> None:
    config = DataConfig(path="x")
    before, after = split_records(pages(300)[20:], config), split_records(pages(320), config)
    sides = {r.instruction: side for side in ("train", "validation", "test") for r in getattr(after, side)}
    moved = [r for r in before.train if sides[r.instruction] != "train"]
    assert len(moved) <= 0.1 * len(before.train)


@pytest.mark.parametrize(
    ("html", "other"),
    [
        (LONG, LONG.replace("a", "o").replace("e", "u")),
        (LONG, f"<main><h1>Welcome</h1><p>{' '.join(TEXT[:190])} {' '.join(TEXT[100:65:-1])}</p></main>"),
        ("<p>Log in</p>", '<div class="card"><form><button>Log in</button></form></div>'),
    ],
    ids=["other words", "three quarters of it", "two words"],
)
def test_other_pages_are_told_apart(html: str, other: str) -> None:
    assert same_groups([Record("some words", None, html, 0), Record("others", None, other, 1)]) == [[0], [1]]


@settings(max_examples=15, deadline=None)
@given(
    copies=st.lists(st.integers(1, 4), min_size=8, max_size=30),
    test_size=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 5),
)
def test_copies_of_a_page_are_never_on_two_sides(copies: list[int], test_size: float, seed: int) -> None:
    records = [
        Record(f"{page.instruction} {copy}", None, page.html.replace("<p>", f"<p id='n{copy}'>"), 0)
        for page, count in zip(pages(len(copies)), copies, strict=True)
        for copy in range(count)
    ]
    split = split_records(records, DataConfig(path="x", test_size=test_size, validation_size=0.1, split_seed=seed))
    seen = [{record.html.split(">", 2)[2] for record in part} for part in (split.train, split.validation, split.test)]
    assert all(seen)
    assert all(one.isdisjoint(other) for one, other in combinations(seen, 2))
    assert sum(map(len, (split.train, split.validation, split.test))) == len(records)
    assert len(split.test) <= max(min(copies), round(test_size * len(records)))
    assert split.alike == len(records) - len(copies)


def alike(one: str, other: str) -> bool:
    """What `same_groups` promises of two pages without a style, written down as sets."""
    for pattern, run in ((r"</?[a-z][\w-]*|[\w-]+", 5), (r"(?<![</\w])\w+(?!>)", 3)):
        tokens = [re.findall(pattern, html) for html in (one, other)]
        a, b = ({tuple(found[at : at + run]) for at in range(len(found) - run + 1)} for found in tokens)
        if len(a & b) >= 0.8 * len(a | b):
            return True
    return False


def test_a_page_is_found_by_the_one_it_resembles_whoever_else_resembles_that() -> None:
    """A hardly differs from B; C shares four fifths with A, and with B a little less."""
    records = []
    for seed in range(10):
        chance = random.Random(seed)
        signs = [f"{chance.choice(WORDS)}{n}-{seed}" for n in range(250)]
        a, b, c = list(signs), list(signs), list(signs)
        b[0] = "changed"
        for at in range(22):
            c[10 * at + 5] = f"other{at}"
        for page in (b, a, c):
            html = "".join(f"<i class={sign}></i>" for sign in page)
            records.append(Record(f"ask {len(records)}", None, html, len(records)))
    assert same_groups(records) == [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(10)]


@pytest.mark.parametrize("crowd", [2, 1000])
def test_pages_that_change_little_by_little_are_one_group(monkeypatch: pytest.MonkeyPatch, crowd: int) -> None:
    """Pages are alike only where they are neighbours, and most buckets hold several of them."""
    monkeypatch.setattr("train.duplicates.CENTRES", 2)
    monkeypatch.setattr("train.duplicates.CROWD", crowd)
    words = random.Random(1).choices([f"{a}{b}" for a in WORDS for b in WORDS], k=1200)
    texts = [f"<main><p>{' '.join(words[at : at + 100])}</p></main>" for at in range(0, 1100, 5)]
    random.Random(2).shuffle(texts)
    strangers = [record.html for record in pages(20)]
    groups = same_groups([Record(f"ask {n}", None, html, n) for n, html in enumerate([*texts, *strangers])])
    assert groups[0] == list(range(len(texts)))
    assert groups[1:] == [[len(texts) + n] for n in range(len(strangers))]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), changes=st.integers(1, 20))
def test_groups_are_those_of_comparing_each_with_each(seed: int, changes: int) -> None:
    chance = random.Random(seed)
    htmls = [record.html for record in pages(3, seed)]
    while len(htmls) < 60:
        parts = chance.choice(htmls).split(" ")
        for at in chance.choices(range(1, 60), k=chance.randint(0, changes)):
            parts[at] = chance.choice(WORDS)
        htmls.append(" ".join(parts))
    group = list(range(len(htmls)))
    for one, other in combinations(range(len(htmls)), 2):
        if alike(htmls[one], htmls[other]):
            group = [group[one] if label == group[other] else label for label in group]
    expected: dict[int, list[int]] = {}
    for index, label in enumerate(group):
        expected.setdefault(label, []).append(index)
    assert same_groups([Record(f"ask {n}", None, html, n) for n, html in enumerate(htmls)]) == list(expected.values())


def test_a_part_that_cannot_be_is_refused_with_what_to_do() -> None:
    same = [Record("always the same", None, page.html, page.row) for page in pages(10)]
    with pytest.raises(SettingsError, match=r"--test-size 0\.2 .* 10 are one page .* --test-size 0"):
        split_records(same, DataConfig(path="x"))


def test_own_test_split_is_used_and_what_leaks_into_it_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    train, test = pages(40), pages(10, seed=1)
    rows = [{"label": r.instruction, "html": r.html} for r in train]
    rows[3]["html"] = test[5].html.replace("<p>", "<p id='copy'>")
    write(folder / "train.jsonl", rows)
    write(
        folder / "test.jsonl", [{"label": r.instruction, "html": r.html} for r in test] + [{"label": "x", "html": ""}]
    )
    split = load_split(DataConfig(path=str(folder), test_split="test", validation_size=0.25))
    assert len(split.test) == 10
    assert [record.row for record in split.leaked] == [3]
    assert (len(split.train), len(split.validation)) == (29, 10)
    assert [(bad.split, bad.row) for bad in split.rejected] == [("test", 10)]
    assert "1 rows left out, since they are held out as well: row 3" in str(split)


def test_folder_in_the_hubs_layout_with_its_named_configuration(tmp_path: Path) -> None:
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
        for part, count in (("train", 8), ("test", 2)):
            rows = [{"label": f"{name} {r.instruction}", "html": r.html} for r in pages(count, seed=len(name + part))]
            write(tmp_path / name / f"{part}-00000-of-00001.parquet", rows)
    configs = [
        {"config_name": name, "data_files": [{"split": p, "path": f"{name}/{p}-*"} for p in ("train", "test")]}
        for name in ("small", "large")
    ]
    (tmp_path / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n# Pages\n")
    split = load_split(DataConfig(path=str(tmp_path), subset="large", test_split="test", validation_size=0.25))
    assert [len(part) for part in (split.train, split.validation, split.test)] == [6, 2, 2]
    assert all(record.instruction.startswith("large ask") for record in split.train)
    with pytest.raises(SettingsError, match=r"small.*large"):
        load_split(DataConfig(path=str(tmp_path), subset="huge"))


def test_real_datasets_part_without_leaks(shared_data: Path) -> None:
    alpaca = load_split(DataConfig(path=str(shared_data / "html_alpaca.json")))
    assert (len(alpaca.train), len(alpaca.validation), len(alpaca.test), len(alpaca.rejected)) == (387, 43, 108, 2)
    real = load_split(DataConfig(path=str(shared_data / "html_dataset.json")))
    assert [bad.row for bad in real.rejected] == [15]
    side = {record.row: name for name in ("train", "validation", "test") for record in getattr(real, name)}
    assert len(side) == 34
    assert side[5] == side[6]
    assert side[18] == side[19]

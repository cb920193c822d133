"""Which rows a system is judged on: never one that it learned from.

A run's config.yaml tells how its rows were parted, so that `evaluate --adapter runs/pages` finds the held-out ones again, and
its learned.txt what it learned from, since the data may have grown.
"""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from jsonargparse import ArgumentParser

from htmlgen.errors import SettingsError
from train.config import DataConfig, TrainConfig, field_docs
from train.data import Record, Split, load_split, open_rows
from train.learned import Learned
from train.synthetic.catalogue import KINDS

Part = Literal["test", "validation", "train", "all"]

PARTING = ("split", "test_split", "validation_split", "test_size", "validation_size", "split_seed")
"""Settings that decide which rows are held out."""
READING = ("path", "subset", "instruction_column", "input_column", "html_column")


@dataclass(frozen=True)
class HeldOut:
    """The rows to judge on, and how they were chosen."""

    records: list[Record]
    specs: list[Mapping[str, Any] | None]
    """What `train.synthetic` asked of each page, for data with a `spec` column."""
    config: DataConfig
    part: Part
    available: int
    """Rows in the part, before `limit`."""
    sha256: str
    """Of the chosen rows' contents."""
    warnings: tuple[str, ...] = ()


def add_data_arguments(parser: ArgumentParser) -> None:
    """The flags of `fit` that say which rows there are and how they are parted, none of them required."""
    group = parser.add_argument_group(
        "data", "Unset: as in the config.yaml of the adapter's run, else the defaults of `fit`."
    )
    docs, hints = field_docs(DataConfig), get_type_hints(DataConfig)
    for field in fields(DataConfig):
        if field.name in READING + PARTING:
            flag = "--data" if field.name == "path" else "--" + field.name.replace("_", "-")
            group.add_argument(
                flag, dest=f"dataset.{field.name}", type=hints[field.name] | None, default=None,
                help=docs[field.name].replace("%", "%%"),
            )  # fmt: skip
    group.add_argument(
        "--part", choices=get_args(Part), default="test", help="part of the rows to judge on (default: test)"
    )
    group.add_argument("--limit", type=int, default=None, help="judge on so many rows of the part, drawn by --seed")


def held_out(
    given: Mapping[str, Any],
    runs: Mapping[str, TrainConfig],
    part: Part,
    *,
    limit: int | None,
    seed: int,
    learned: Mapping[str, Learned] | None = None,
) -> HeldOut:
    """The rows that none of the runs learned from.

    Args:
        given: settings of `DataConfig` that were named; the others are None or absent.
        runs: settings of the adapters' runs, by adapter.
        learned: what they learned from, where that was kept. Such rows are left out of a test or validation part.

    Raises:
        SettingsError: no data is named, the runs parted the same data in different ways, or the part is empty.
    """
    config, warnings = data_config(given, runs)
    split = load_split(config)
    records = _part(split, config, part)
    if limit is not None and limit < 1:
        raise SettingsError(f"--limit is {limit} but must be at least 1.")
    if not records:
        raise SettingsError(
            f"There are no rows in the {part} part of {config.path}. Choose another --part, or raise --test-size."
        )
    if part in ("test", "validation"):
        records, left_out = _unknown(records, part, learned or {})
        warnings += left_out
    chosen = records if limit is None or limit >= len(records) else random.Random(seed).sample(records, limit)
    chosen = sorted(chosen, key=lambda record: record.row)
    if part in ("train", "all") and runs:
        warnings.append(
            f"--part {part} holds rows that the adapters were trained on: these scores do not tell how they do on others."
        )
    return HeldOut(
        chosen, load_specs(config, part, chosen), config, part, len(records), digest(chosen), tuple(warnings)
    )


def data_config(given: Mapping[str, Any], runs: Mapping[str, TrainConfig]) -> tuple[DataConfig, list[str]]:
    """The settings to read and part the data with: what was named, else those of the runs, else the defaults."""
    named = {name: value for name, value in given.items() if value is not None}
    trained = {name: run.dataset for name, run in runs.items()}
    if "path" not in named:
        paths = sorted({data.path for data in trained.values()})
        if not paths:
            raise SettingsError(
                "--data is missing, and no adapter has a config.yaml in its run's folder that would tell it."
            )
        if len(paths) > 1:
            raise SettingsError(
                f"The adapters were trained on different data ({', '.join(paths)}). Name the one to judge on with --data."
            )
        named["path"] = paths[0]
    same = {name: data for name, data in trained.items() if _same_path(data.path, named["path"])}
    partings = {name: {key: getattr(data, key) for key in PARTING} for name, data in same.items()}
    distinct = list({json.dumps(parting): parting for parting in partings.values()}.values())
    if len(distinct) > 1 and not all(key in named for key in PARTING if len({str(p[key]) for p in distinct}) > 1):
        differing = sorted({key for key in PARTING if len({str(parting[key]) for parting in distinct}) > 1})
        raise SettingsError(
            f"The adapters {', '.join(partings)} parted {named['path']} in different ways ({', '.join(differing)}), so that what one held out "
            "another has learned. Evaluate them apart, or on data that neither has seen."
        )
    base = next(iter(same.values()), None)
    config = replace(base, **named) if base is not None else DataConfig(**named)
    warnings = [
        f"{name} was trained with {key.replace('_', ' ')} {parting[key]}, but rows are parted by {getattr(config, key)}: some may be rows it has learned."
        for name, parting in partings.items()
        for key in PARTING
        if parting[key] != getattr(config, key)
    ]
    return config, warnings


def load_specs(config: DataConfig, part: Part, records: Sequence[Record]) -> list[Mapping[str, Any] | None]:
    """The `spec` column of the records' rows; None for each where there is no such column."""
    rows = open_rows(config, split_of(config, part))
    if "spec" not in rows.column_names:
        return [None] * len(records)
    specs: list[Mapping[str, Any] | None] = []
    for record in records:
        spec = rows[record.row]["spec"]
        if isinstance(spec, str):
            try:
                spec = json.loads(spec)
            except ValueError:
                spec = None
        # Others call other things a spec.
        specs.append(spec if isinstance(spec, dict) and spec.get("kind") in KINDS else None)
    return specs


def split_of(config: DataConfig, part: Part) -> str:
    """The split of the dataset that holds a part's rows."""
    own = {"test": config.test_split, "validation": config.validation_split}.get(part)
    return own or config.split


def digest(records: Sequence[Record]) -> str:
    """SHA-256 of the rows' contents, in hexadecimal: the same rows give the same, whatever file they come from."""
    found = hashlib.sha256()
    for record in records:
        found.update(json.dumps(asdict(record), sort_keys=True).encode())
    return found.hexdigest()


def _unknown(records: list[Record], part: Part, learned: Mapping[str, Learned]) -> tuple[list[Record], list[str]]:
    """The records that no adapter has learned, and what to say of the others."""
    uses = ("train", "validation") if part == "test" else ("train",)
    warnings = []
    for name, known in learned.items():
        left = [record for record in records if known.use_of(record) not in uses]
        if not left:
            raise SettingsError(
                f"{name} has learned every row of the {part} part. Name data that it has not seen with --data."
            )
        if len(left) < len(records):
            warnings.append(
                f"{len(records) - len(left):,} of the {len(records):,} rows of the {part} part are left out, since {name} has learned them: "
                "the data is not what it was, or the adapter went on from another."
            )
        records = left
    return records, warnings


def _part(split: Split, config: DataConfig, part: Part) -> list[Record]:
    if part == "all":
        if config.test_split or config.validation_split:
            raise SettingsError(
                f"--part all takes rows of one split, but {config.path} has splits of its own for its parts. Choose one part."
            )
        return [*split.train, *split.validation, *split.test]
    return {"test": split.test, "validation": split.validation, "train": split.train}[part]


def _same_path(one: str, two: str) -> bool:
    return one == two or (Path(one).exists() and Path(two).exists() and Path(one).resolve() == Path(two).resolve())

"""python -m train tokens --data pages.jsonl --base demo --max-length 2048 -o lengths.png

How long prompts and answers are in tokens of a base, and what a limit would do to them: printed, and drawn.
"""

from argparse import SUPPRESS
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jsonargparse import ArgumentParser, Namespace

from htmlgen.errors import ModelNotFound, SettingsError
from htmlgen.presets import Preset, find_preset
from htmlgen.prompt import FORMATS, answer_ids, format_prompt, prompt_ids, read_prompt_format
from train.config import DataConfig, TrainConfig, add_settings, read_settings
from train.data import Record, load_records
from train.tokens import MIN_ROOM, limit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Counts = npt.NDArray[np.int64]

PERCENTILES = (0, 50, 90, 95, 99, 100)
LIMITS = (512, 1024, 2048, 4096, 8192, 16384)


@dataclass(frozen=True)
class Lengths:
    """Tokens of each row, BOS and EOS included. Arrays of shape (rows,)."""

    prompt: Counts
    answer: Counts

    @property
    def total(self) -> Counts:
        return self.prompt + self.answer


@dataclass(frozen=True)
class Loss:
    """What a limit would do to a dataset, for each way of treating longer rows."""

    max_length: int
    rows: int
    """Rows longer than the limit."""
    dropped_tokens: int
    """Answer tokens that `drop` loses."""
    truncated_tokens: int
    """Answer tokens that `truncate` loses."""
    windows: int
    """Windows that `split` makes of those rows."""
    repeated_tokens: int
    """Tokens that `split` computes twice: prompt and overlap of each further window."""
    crowded_rows: int
    """Rows that `split` and `truncate` leave out, since their prompt leaves too little room."""
    crowded_tokens: int


def measure(records: Sequence[Record], tokenizer: Any, prompt_format: str) -> Lengths:
    """Tokenises every row as training would."""
    prompts = (
        prompt_ids(tokenizer, format_prompt(prompt_format, record.instruction, record.input)) for record in records
    )
    answers = (answer_ids(tokenizer, record.html) for record in records)
    return Lengths(_count(prompts, len(records)), _count(answers, len(records)))


def _count(sequences: Iterable[Sequence[int]], rows: int) -> Counts:
    return np.fromiter((len(sequence) for sequence in sequences), np.int64, rows)


def loss_at(lengths: Lengths, max_length: int, overlap: int) -> Loss:
    """The same sums as `tokens.encode_records` reports, without encoding."""
    long = lengths.total > max_length
    room = max_length - lengths.prompt
    crowded = long & (room < np.maximum(2, MIN_ROOM * max_length))
    cut = long & ~crowded
    rest = (lengths.answer - room)[cut]
    shared = np.minimum(overlap, room[cut] // 2)
    further = -(-rest // (room[cut] - shared))
    return Loss(
        max_length,
        int(long.sum()),
        int(lengths.answer[long].sum()),
        int(rest.sum()),
        int(further.sum() + cut.sum()),
        int((further * (lengths.prompt[cut] + shared)).sum()),
        int(crowded.sum()),
        int(lengths.answer[crowded].sum()),
    )


def table(lengths: Lengths, losses: Sequence[Loss]) -> str:
    """Percentiles of the lengths, then a line per limit."""
    head = [
        "tokens",
        *("min" if p == 0 else "median" if p == 50 else "max" if p == 100 else f"{p} %" for p in PERCENTILES),
        "sum",
    ]
    rows = [head]
    for name in ("prompt", "answer", "total"):
        values: Counts = getattr(lengths, name)
        rows.append([name, *(f"{value:,.0f}" for value in np.percentile(values, PERCENTILES)), f"{values.sum():,}"])
    answers = int(lengths.answer.sum())
    limits = [
        ["limit", "longer rows", "drop loses", "truncate loses", "split: windows", "read again", "prompt too long"]
    ]
    for loss in losses:
        limits.append(
            [
                f"{loss.max_length:,}",
                f"{loss.rows:,} ({loss.rows / len(lengths.total):.0%})",
                f"{loss.dropped_tokens:,} ({loss.dropped_tokens / answers:.0%})",
                f"{loss.truncated_tokens + loss.crowded_tokens:,} ({(loss.truncated_tokens + loss.crowded_tokens) / answers:.0%})",
                f"{loss.windows:,}",
                f"{loss.repeated_tokens:,}",
                f"{loss.crowded_rows:,}",
            ]
        )
    return f"{_columns(rows)}\n\n{_columns(limits)}"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def plot(lengths: Lengths, max_length: int, title: str) -> "Figure":
    """Histograms of prompts and answers over a logarithmic axis, and the share of rows that fit under a limit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    edges = np.geomspace(max(1, min(lengths.prompt.min(), lengths.answer.min())), lengths.total.max() + 1, 60)
    for name, colour in (("prompt", "#8a94a6"), ("answer", "#2f7d4f")):
        above.hist(getattr(lengths, name), edges, label=name, color=colour, alpha=0.75)
    above.set(ylabel="rows", title=title, xscale="log")
    above.legend()
    ordered = np.sort(lengths.total)
    below.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), where="post", color="#333333")
    fits = float((lengths.total <= max_length).mean())
    below.axvline(
        max_length, color="#b3402f", linestyle="--", label=f"limit {max_length:,}: {fits:.0%} of the rows fit"
    )
    below.set(xlabel="tokens of prompt and answer", ylabel="share of rows no longer", ylim=(0, 1.02))
    below.xaxis.set_major_formatter("{x:,.0f}")
    below.legend(loc="upper left")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def load_tokenizer(preset: Preset) -> tuple[Any, int | None]:
    """The base's tokenizer, and how many tokens it reads at most, where its config says so.

    Raises:
        ModelNotFound: no such folder or hub id, or no network to fetch it.
    """
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(preset.base)
        tokenizer = AutoTokenizer.from_pretrained(preset.base)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"--base {preset.name}: its tokenizer cannot be loaded: {str(error).splitlines()[0].rstrip('.')}. A preset or hub id needs a "
            "network the first time, and for a gated model HF_TOKEN; a local folder needs neither."
        ) from error
    tokenizer.model_max_length = 10**9  # it would warn of every page that is longer than the model reads
    return tokenizer, getattr(config, "max_position_embeddings", None)


def prompt_format_of(preset: Preset, chosen: str | None) -> str:
    """What was asked for, else what is saved with the base, else the preset's own.

    Raises:
        SettingsError: there is no such format.
    """
    name = chosen or read_prompt_format(preset.base) or preset.prompt_format
    if name not in FORMATS:
        raise SettingsError(f"--prompt-format is {name!r} but must be one of: {', '.join(FORMATS)}.")
    return name


def add_arguments(parser: ArgumentParser) -> None:
    add_settings(parser, DataConfig, "dataset")
    parser.add_argument("--base", default="demo", help="preset, local folder or hub id whose tokenizer counts")
    parser.add_argument("-o", "--plot", default="lengths.png", help="where the plot goes; its ending says what kind")
    for item in fields(TrainConfig):  # so that a run's own file does for --config
        if item.name not in ("dataset", "base"):
            parser.add_argument(f"--{item.name}", type=Any, default=None, help=SUPPRESS)


def run(arguments: Namespace) -> int:
    data = read_settings(arguments, DataConfig, "dataset")
    preset = find_preset(arguments.base)
    tokenizer, context = load_tokenizer(preset)
    prompt_format = prompt_format_of(preset, data.prompt_format)
    max_length = limit(data.max_length, context)
    records, rejected = load_records(data)
    lengths = measure(records, tokenizer, prompt_format)
    title = f"{Path(data.path).name}: {len(records):,} rows, tokenizer of {preset.name}, format {prompt_format}"
    print(title + (f"; {len(rejected):,} rows cannot be used" if rejected else ""), end="\n\n")
    limits = sorted({*LIMITS, max_length})
    print(
        table(
            lengths,
            [loss_at(lengths, each, data.overlap) for each in limits if each <= max(max_length, lengths.total.max())],
        )
    )
    figure = plot(lengths, max_length, title)
    try:
        figure.savefig(arguments.plot, dpi=150)
    except (OSError, ValueError) as error:
        raise SettingsError(f"-o {arguments.plot}: the plot cannot be written: {error}") from error
    print(f"\nPlot: {arguments.plot}")
    return 0

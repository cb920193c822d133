"""Records -> token ids, of which the answer's are learned: prompt + answer + EOS, the prompt masked.

    examples, report = encode_records(split.train, tokenizer, "alpaca", 2048)
    print(report)

Prompt and answer are tokenised apart by `htmlgen.prompt`, as they are when the model writes. What is learned is always one stretch
at the end of an example, so no label can slip against its token, and nothing is masked by its id: a pad token that equals EOS
still leaves EOS to be learned.
"""

import os
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TextIO

from htmlgen.errors import SettingsError
from htmlgen.prompt import answers_ids, format_prompt, prompts_ids
from train.config import Overlong
from train.data import Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORE_INDEX = -100
"""Label of tokens that are read but not learned; what torch's cross-entropy ignores."""

AT_A_TIME = 500
"""Texts that are tokenised together: enough for all cores, too few to fill the memory."""

DEFAULT_MAX_LENGTH = 2048
MIN_ROOM = 0.25
"""Share of `max_length` that a prompt must leave to its answer. Below it, windows are mostly prompt."""


@dataclass(frozen=True)
class Example:
    """One sequence. `input_ids[learn_from:]` is learned, what stands before is only read."""

    input_ids: Sequence[int]
    learn_from: int
    """At least 1: nothing comes before the first token from which it could be predicted."""
    row: int = -1
    """Of the record it is from."""

    def __post_init__(self) -> None:
        assert 1 <= self.learn_from < len(self.input_ids)

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def learned(self) -> int:
        """Tokens with a label."""
        return len(self) - self.learn_from

    @property
    def labels(self) -> list[int]:
        """Not shifted: `labels[i]` is `input_ids[i]` or IGNORE_INDEX; the loss compares it with the output at i - 1."""
        return [IGNORE_INDEX] * self.learn_from + list(self.input_ids[self.learn_from :])


@dataclass
class EncodingReport:
    """What became of the rows. Tokens are counted as tokenised, EOS included. `str()` is the summary to print."""

    max_length: int
    rows: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    examples: int = 0
    learned_tokens: int = 0
    split_rows: int = 0
    windows: int = 0
    repeated_tokens: int = 0
    """Overlap and repeated prompts of further windows: computed again, not learned again."""
    truncated_rows: int = 0
    truncated_tokens: int = 0
    dropped_rows: int = 0
    dropped_tokens: int = 0
    crowded_rows: int = 0
    """Rows left out since their prompt alone leaves too little room for an answer."""
    crowded_tokens: int = 0

    @property
    def lost_tokens(self) -> int:
        return self.truncated_tokens + self.dropped_tokens + self.crowded_tokens

    def __str__(self) -> str:
        lines = [
            f"{self.rows:,} rows: {self.prompt_tokens:,} prompt and {self.answer_tokens:,} answer tokens "
            f"-> {self.examples:,} examples of at most {self.max_length:,} tokens, {self.learned_tokens:,} tokens learned"
        ]
        if self.split_rows:
            lines.append(
                f"  split: {self.split_rows:,} rows are longer and became {self.windows:,} windows; "
                f"{self.repeated_tokens:,} tokens are read again in them, none is learned twice or lost"
            )
        if self.truncated_rows:
            lines.append(
                f"  truncated: {self.truncated_rows:,} rows lost {self.truncated_tokens:,} answer tokens, their end among them"
            )
        if self.dropped_rows:
            lines.append(f"  dropped: {self.dropped_rows:,} rows with {self.dropped_tokens:,} answer tokens")
        if self.crowded_rows:
            lines.append(
                f"  left out: {self.crowded_rows:,} rows with {self.crowded_tokens:,} answer tokens, since their prompt takes more than "
                f"{1 - MIN_ROOM:.0%} of --max-length"
            )
        return "\n".join(lines)


def limit(max_length: int | None, context: int | None) -> int:
    """The row length to train with: what was asked for, else 2,048, and never more than the base's context.

    Raises:
        SettingsError: more was asked for than the base can read.
    """
    if max_length is None:
        return min(DEFAULT_MAX_LENGTH, context or DEFAULT_MAX_LENGTH)
    if context is not None and max_length > context:
        raise SettingsError(f"--max-length is {max_length:,} but this base reads at most {context:,} tokens. Lower it.")
    return max_length


def encode_records(
    records: Sequence[Record],
    tokenizer: "PreTrainedTokenizerBase",
    prompt_format: str,
    max_length: int,
    *,
    overlong: Overlong = "split",
    overlap: int = 128,
) -> tuple[list[Example], EncodingReport]:
    """Every record as examples of at most `max_length` tokens, and what that took.

    Raises:
        SettingsError: no example is left, or the prompt format is unknown.
    """
    report = EncodingReport(max_length, rows=len(records))
    examples: list[Example] = []

    for record, prompt, answer in _encoded(records, tokenizer, prompt_format):
        report.prompt_tokens += len(prompt)
        report.answer_tokens += len(answer)
        examples += _fit(prompt, answer, record.row, overlong, overlap, report)
    report.examples = len(examples)
    report.learned_tokens = sum(example.learned for example in examples)
    if records and not examples:
        raise SettingsError(
            f"Every row is longer than --max-length {max_length:,}, so nothing is left. Raise it, or use --overlong split.\n{report}"
        )
    return examples, report


def _encoded(
    records: Sequence[Record], tokenizer: "PreTrainedTokenizerBase", prompt_format: str
) -> Iterator[tuple[Record, list[int], list[int]]]:
    """(record, prompt, answer), tokenised many at a time."""
    for start in range(0, len(records), AT_A_TIME):
        part = records[start : start + AT_A_TIME]
        prompts = [format_prompt(prompt_format, record.instruction, record.input) for record in part]
        answers = [record.html for record in part]
        yield from zip(part, prompts_ids(tokenizer, prompts), answers_ids(tokenizer, answers), strict=True)


def _fit(
    prompt: list[int], answer: list[int], row: int, overlong: Overlong, overlap: int, report: EncodingReport
) -> list[Example]:
    """One example if the row fits, else what `overlong` says."""
    max_length = report.max_length
    room = max_length - len(prompt)
    if len(answer) <= room:
        return [_example(prompt, answer, 0, len(answer), 0, row)]
    if overlong == "drop":
        report.dropped_rows += 1
        report.dropped_tokens += len(answer)
        return []
    if room < max(2, MIN_ROOM * max_length):
        report.crowded_rows += 1
        report.crowded_tokens += len(answer)
        return []
    if overlong == "truncate":
        report.truncated_rows += 1
        report.truncated_tokens += len(answer) - room
        return [_example(prompt, answer, 0, room, 0, row)]
    windows = [_example(prompt, answer, 0, room, 0, row)]
    overlap = min(overlap, room // 2)
    done = room
    while done < len(answer):
        start = done - overlap
        end = min(start + room, len(answer))
        windows.append(_example(prompt, answer, start, end, overlap, row))
        done = end
    report.split_rows += 1
    report.windows += len(windows)
    report.repeated_tokens += (len(windows) - 1) * (len(prompt) + overlap)
    return windows


def _example(prompt: list[int], answer: list[int], start: int, end: int, overlap: int, row: int) -> Example:
    # Arrays, since a list of ints takes nine times the memory and a dataset is kept whole.
    return Example(array("i", prompt + answer[start:end]), len(prompt) + overlap, row)


def show(example: Example, tokenizer: "PreTrainedTokenizerBase", stream: TextIO = sys.stdout) -> None:
    """Prints what is read in grey, what is learned in green, and control tokens reversed; without colours where NO_COLOR is set or
    `stream` is no terminal.
    """
    colours = not os.environ.get("NO_COLOR") and stream.isatty()
    stream.write(coloured(example, tokenizer) if colours else _marked(example, tokenizer))
    stream.write(f"\n{example.learn_from:,} tokens are read, {example.learned:,} are learned.\n")


_GREY, _GREEN, _REVERSED, _RESET = "\033[90m", "\033[32m", "\033[7m", "\033[0m"


def coloured(example: Example, tokenizer: "PreTrainedTokenizerBase") -> str:
    """The example's text with ANSI colours."""
    return "".join(
        f"{_GREEN if learned else _GREY}{_REVERSED if special else ''}{text}{_RESET}"
        for learned, special, text in _runs(example, tokenizer)
    )


def _marked(example: Example, tokenizer: "PreTrainedTokenizerBase") -> str:
    parts = []
    for learned, runs in groupby(_runs(example, tokenizer), key=lambda run: run[0]):
        parts.append(f"--- {'learned' if learned else 'read'} ---\n" + "".join(text for _, _, text in runs))
    return "\n".join(parts)


def _runs(example: Example, tokenizer: "PreTrainedTokenizerBase") -> list[tuple[bool, bool, str]]:
    """(learned, control tokens, text) for stretches of tokens that are alike in both."""
    control = set(tokenizer.all_special_ids)
    kinds = [(at >= example.learn_from, token in control) for at, token in enumerate(example.input_ids)]
    runs = []
    for (learned, special), members in groupby(range(len(example)), key=lambda at: kinds[at]):
        runs.append((learned, special, str(tokenizer.decode([example.input_ids[at] for at in members]))))
    return runs

"""What a model wrote for the held-out prompts: asked in batches through the chat's engine, kept line by line on the disk.

A broken-off evaluation goes on where it stopped: a file begins with a fingerprint of all that decides its answers, and is
begun anew when that changes.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from htmlgen.engine import GenerationRequest, Sampling, Usage
from htmlgen.errors import OutOfMemory, PromptTooLong
from htmlgen.extract import HtmlExtractor
from train.data import Record

TOO_LONG = "prompt_too_long"
"""Finish reason of a prompt that leaves no room in the context: it counts as an answer without a page."""


class BatchCompletion(Protocol):
    """What the engine gives for one request of a batch."""

    @property
    def text(self) -> str: ...
    @property
    def finish_reason(self) -> str: ...
    @property
    def usage(self) -> Usage: ...


class BatchEngine(Protocol):
    """The part of `LocalEngine` that an evaluation needs."""

    async def generate_batch(self, requests: Sequence[GenerationRequest]) -> Sequence[BatchCompletion]: ...


@dataclass(frozen=True)
class Answer:
    """All that was written for one record, and the page in it as the chat would show it."""

    row: int
    text: str
    finish_reason: str
    """ "stop", "length", or TOO_LONG."""
    prompt_tokens: int
    new_tokens: int

    @cached_property
    def _extracted(self) -> tuple[str | None, bool]:
        return extract(self.text)

    @property
    def page(self) -> str | None:
        """The document, or None where the text holds none."""
        return self._extracted[0]

    @property
    def closed(self) -> bool:
        """Whether the document ended: `</html>` or the end of its code block was seen."""
        return self._extracted[1]


def extract(text: str) -> tuple[str | None, bool]:
    """The page in a text, or None, and whether it is closed."""
    extractor = HtmlExtractor()
    html = extractor.feed(text) + extractor.close()
    return html if extractor.found else None, extractor.complete


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Equal for equal settings, whatever their order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


class AnswerFile:
    """Answers of one system, a JSON line each after a line that tells what they are answers to."""

    def __init__(self, path: Path, print_of: str) -> None:
        self.path = path
        self.answers: dict[int, Answer] = {}
        head = {"fingerprint": print_of}
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        if lines and _parsed(lines[0]) == head:
            for line in lines[1:]:
                if (found := _parsed(line)) is not None:
                    self.answers[found["row"]] = Answer(**found)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written anew, so that a line which a kill cut short is gone.
        kept = [head, *(asdict(answer) for answer in self.answers.values())]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")

    def add(self, answers: Sequence[Answer]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for answer in answers:
                self.answers[answer.row] = answer
                file.write(json.dumps(asdict(answer)) + "\n")


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


async def write_answers(
    engine: BatchEngine,
    records: Sequence[Record],
    sampling: Sampling,
    batch_size: int,
    file: AnswerFile,
    progress: Callable[[int, int], object] = lambda pages, tokens: None,
) -> list[Answer]:
    """An answer to every record, in their order; those that `file` holds already are not asked for again.

    Args:
        sampling: a batch is written with its seed plus the first of its rows, so that no two batches draw alike.
        progress: told how many pages and tokens came in each time.

    Raises:
        OutOfMemory: with what to do; other errors as the engine raises them, but for PromptTooLong: such a record gets an
            empty answer.
    """
    # Like with like: a batch takes as long as its longest answer. The longest first, so that memory runs out at once or never.
    waiting = sorted((r for r in records if r.row not in file.answers), key=lambda r: (-_size(r), r.row))
    progress(len(records) - len(waiting), 0)
    for start in range(0, len(waiting), batch_size):
        batch = waiting[start : start + batch_size]
        answers = await _ask(engine, batch, sampling)
        file.add(answers)
        progress(len(answers), sum(answer.new_tokens for answer in answers))
    return [file.answers[record.row] for record in records]


async def _ask(engine: BatchEngine, batch: Sequence[Record], sampling: Sampling) -> list[Answer]:
    seed = None if sampling.seed is None else (sampling.seed + batch[0].row) % 2**63
    drawn = replace(sampling, seed=seed)
    try:
        completions = await engine.generate_batch(
            [GenerationRequest(record.instruction, page=record.input, sampling=drawn) for record in batch]
        )
    except PromptTooLong as error:
        if len(batch) == 1:
            return [Answer(batch[0].row, "", TOO_LONG, error.prompt_tokens, 0)]
        return [answer for record in batch for answer in await _ask(engine, [record], sampling)]
    except OutOfMemory as error:
        raise OutOfMemory(
            f"{error} {len(batch)} pages were being written together: run the command again with a smaller --batch-size."
        ) from error
    answers = []
    for record, found in zip(batch, completions, strict=True):
        usage = found.usage
        if (
            len(batch) > 1
            and found.finish_reason == "length"
            and usage.context_left
            and usage.new_tokens < sampling.max_new_tokens
        ):
            # A batch ends where its longest prompt leaves no room; alone, as in the chat, this one has more.
            answers += await _ask(engine, [record], sampling)
        else:
            answers.append(Answer(record.row, found.text, found.finish_reason, usage.prompt_tokens, usage.new_tokens))
    return answers


def _size(record: Record) -> int:
    return len(record.instruction) + len(record.input or "") + len(record.html)

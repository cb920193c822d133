"""Answers are what the chat would have written, kept on the disk line by line."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from htmlgen.engine import GenerationRequest, Sampling, Usage
from htmlgen.errors import OutOfMemory, PromptTooLong
from htmlgen.local import Completion, LocalEngine
from htmlgen.presets import find_preset
from train.answers import TOO_LONG, Answer, AnswerFile, extract, fingerprint, write_answers
from train.data import Record

PAGE = "<!DOCTYPE html>\n<html><body><h1>{}</h1></body></html>"


SAMPLING = Sampling(seed=5)


def records(count: int) -> list[Record]:
    return [Record(f"page {row}", None, "x" * row, row) for row in range(count)]


@dataclass
class ScriptedBatches:
    """Answers every instruction with a page that names it; `too_long` and `too_much` are refused."""

    too_long: tuple[str, ...] = ()
    too_much: int = 100
    crowded: bool = False
    """Batches of more than one are cut early, as by a longer prompt beside them."""

    def __post_init__(self) -> None:
        self.batches: list[list[GenerationRequest]] = []

    async def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        self.batches.append(list(requests))
        if len(requests) > self.too_much:
            raise OutOfMemory("The model ran out of memory.")
        if any(request.instruction in self.too_long for request in requests):
            raise PromptTooLong(5_000, 1_000)
        cut = self.crowded and len(requests) > 1
        usage = Usage(7, 10 if cut else 20, 0.1, 100.0, 50)
        texts = [PAGE.format(request.instruction) for request in requests]
        return [Completion(text[:20] if cut else text, "length" if cut else "stop", usage) for text in texts]


def ask(
    engine: ScriptedBatches, path: Path, count: int, batch_size: int = 3, sampling: Sampling = SAMPLING
) -> list[Answer]:
    return asyncio.run(write_answers(engine, records(count), sampling, batch_size, AnswerFile(path, "same")))


def test_every_record_is_answered_in_order_in_full_batches(tmp_path: Path) -> None:
    engine = ScriptedBatches()
    found = ask(engine, tmp_path / "a.jsonl", 7)
    assert [answer.row for answer in found] == list(range(7))
    assert [answer.page for answer in found] == [PAGE.format(f"page {row}") for row in range(7)]
    assert [len(batch) for batch in engine.batches] == [3, 3, 1]
    assert all(len({request.sampling for request in batch}) == 1 for batch in engine.batches), "one batch samples alike"
    assert len({batch[0].sampling.seed for batch in engine.batches}) == 3, "and no two draw the same"


def test_a_broken_off_evaluation_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "answers" / "base.jsonl"
    engine = ScriptedBatches(too_long=())
    ask(engine, path, 7)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:5]) + "\n" + lines[5][:20])  # killed in the middle of a line
    again = ScriptedBatches()
    found = ask(again, path, 7)
    assert sum(map(len, again.batches)) == 3, "four of seven were on the disk"
    assert [answer.page for answer in found] == [PAGE.format(f"page {row}") for row in range(7)]
    third = ScriptedBatches()
    assert ask(third, path, 7) == found
    assert third.batches == []
    first = {request.instruction: request.sampling.seed for batch in engine.batches for request in batch}
    assert all(first[r.instruction] == r.sampling.seed for b in again.batches[1:] for r in b), (
        "the same batches, so the same draws"
    )


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    ask(ScriptedBatches(), path, 2)
    assert len(AnswerFile(path, "same").answers) == 2
    assert AnswerFile(path, "other").answers == {}
    assert path.read_text().splitlines() == [json.dumps({"fingerprint": "other"})]
    assert fingerprint({"a": 1, "b": None}) == fingerprint({"b": None, "a": 1}) != fingerprint({"a": 2, "b": None})


def test_a_prompt_too_long_costs_its_own_answer_alone(tmp_path: Path) -> None:
    found = ask(ScriptedBatches(too_long=("page 1",)), tmp_path / "a.jsonl", 3)
    assert [answer.finish_reason for answer in found] == ["stop", TOO_LONG, "stop"]
    assert (found[1].page, found[1].prompt_tokens, found[1].new_tokens) == (None, 5_000, 0)


def test_an_answer_that_its_batch_cut_is_written_alone(tmp_path: Path) -> None:
    engine = ScriptedBatches(crowded=True)
    found = ask(engine, tmp_path / "a.jsonl", 2)
    assert [answer.finish_reason for answer in found] == ["stop", "stop"]
    assert sorted(map(len, engine.batches)) == [1, 1, 2]
    limited = ScriptedBatches(crowded=True)
    ask(limited, tmp_path / "b.jsonl", 2, sampling=Sampling(max_new_tokens=10))
    assert list(map(len, limited.batches)) == [2], "cut by max_new_tokens: alone it would be no longer"


def test_out_of_memory_says_which_flag(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemory, match=r"3 pages were being written together.*--batch-size"):
        ask(ScriptedBatches(too_much=2), tmp_path / "a.jsonl", 3)


def test_a_page_is_what_the_chat_would_show() -> None:
    assert extract(f"Here you are:\n```html\n{PAGE}\n```\nEnjoy!") == (PAGE, True)
    assert extract("<html><body><p>cut he") == ("<html><body><p>cut he", False)
    assert extract("I'd rather not.") == (None, False)


async def test_batches_give_the_text_of_the_stream(
    tiny_llama_dir: Path, tiny_adapter_dir: Path, tmp_path: Path
) -> None:
    engine = LocalEngine(find_preset(str(tiny_llama_dir)), adapter=str(tiny_adapter_dir), quantization="none")
    await engine.load()
    try:
        asked = [
            Record("A login page", None, "", 0),
            Record("Make it green", "<p>Some <b>words</b></p>", "", 1),
            Record("Hi", None, "", 2),
        ]
        sampling = Sampling(temperature=0, max_new_tokens=40)
        found = await write_answers(engine, asked, sampling, 3, AnswerFile(tmp_path / "a.jsonl", "x"))
        for record, answer in zip(asked, found, strict=True):
            text = ""
            async for delta in engine.stream(
                GenerationRequest(record.instruction, page=record.input, sampling=sampling)
            ):
                text += delta.text
            assert answer.text == text
            assert answer.finish_reason == delta.finish_reason
    finally:
        await engine.close()

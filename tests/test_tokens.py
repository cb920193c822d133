"""Every answer token is learned exactly once, and nothing else is, whatever the length, the packing or the tokenizer."""

import io
import random
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from htmlgen.errors import SettingsError
from htmlgen.prompt import FORMATS, answer_ids, format_prompt, prompt_ids
from train.batches import can_pack, collate, epoch_batches, pack, row_length, use_packing
from train.config import AdapterConfig, DataConfig, TrainConfig
from train.data import Record
from train.tokens import IGNORE_INDEX, Example, coloured, encode_records, limit, show

torch.set_num_threads(1)

PAGE = "<!DOCTYPE html>\n<html>\n<body>\n<h1>Grüße 😀</h1>\n<p>Some <b>words</b></s></p>\n</body>\n</html>"
RECORD = Record("Make a page", None, PAGE, row=7)
EDIT = Record("Make it green", "<p>old</p>", PAGE, row=8)

shared = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
lengths = st.lists(
    st.tuples(st.integers(2, 40), st.integers(1, 39)).filter(lambda t: t[1] < t[0]), min_size=1, max_size=25
)


def examples_of(sizes: list[tuple[int, int]], seed: int = 0) -> list[Example]:
    """Random documents, ids from 10 on, so that no id means anything."""
    numbers = random.Random(seed)
    return [Example([numbers.randrange(10, 250) for _ in range(n)], learn, row) for row, (n, learn) in enumerate(sizes)]


@pytest.fixture(params=["byte_level_tokenizer", "metaspace_tokenizer"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def model(tiny_llama_dir: Any) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_llama_dir, dtype=torch.float32).eval()


@pytest.mark.parametrize("prompt_format", FORMATS)
@pytest.mark.parametrize("record", [RECORD, EDIT], ids=["new", "edit"])
def test_example_is_prompt_then_answer_then_eos_with_the_prompt_masked(
    tokenizer: Any, prompt_format: str, record: Record
) -> None:
    (example,), report = encode_records([record], tokenizer, prompt_format, 2048)
    prompt = prompt_ids(tokenizer, format_prompt(prompt_format, record.instruction, record.input))
    answer = answer_ids(tokenizer, record.html)

    assert list(example.input_ids) == prompt + answer
    assert example.labels == [IGNORE_INDEX] * len(prompt) + answer
    assert example.labels[-1] == tokenizer.eos_token_id
    assert list(example.input_ids).count(tokenizer.bos_token_id) == 1
    assert list(example.input_ids).count(tokenizer.eos_token_id) == 1
    assert example.input_ids[0] == tokenizer.bos_token_id
    assert example.row == record.row
    assert (report.prompt_tokens, report.learned_tokens, report.lost_tokens) == (len(prompt), len(answer), 0)


def test_label_predicts_the_token_at_its_own_place(tokenizer: Any) -> None:
    """The mistake of a public notebook: input_ids and labels tokenised apart, so that position i learned html[i + 1]."""
    (example,), _ = encode_records([RECORD], tokenizer, "alpaca", 2048)
    batch = collate([[example]], 0, packed=False)
    learned = batch["labels"] != IGNORE_INDEX
    assert torch.equal(batch["labels"][learned], batch["input_ids"][learned])


@shared
@given(words=st.integers(1, 120), max_length=st.integers(40, 120), overlap=st.integers(1, 60))
def test_split_learns_each_answer_token_once_and_sees_instruction_and_context(
    byte_level_tokenizer: Any, words: int, max_length: int, overlap: int
) -> None:
    tokenizer = byte_level_tokenizer
    record = Record("Go", None, "<p>" + " ".join(f"w{n}" for n in range(words)), row=0)
    windows, report = encode_records([record], tokenizer, "plain", max_length, overlap=overlap)
    prompt = prompt_ids(tokenizer, format_prompt("plain", "Go"))
    answer = answer_ids(tokenizer, record.html)

    assert [token for window in windows for token in window.labels if token != IGNORE_INDEX] == answer
    assert all(len(window) <= max_length for window in windows)
    assert all(list(window.input_ids[: len(prompt)]) == prompt for window in windows)
    assert all(list(window.input_ids).count(tokenizer.bos_token_id) == 1 for window in windows)
    for before, after in pairwise(windows):
        context = list(after.input_ids[len(prompt) : after.learn_from])
        assert len(context) == min(overlap, (max_length - len(prompt)) // 2) > 0
        assert list(before.input_ids[-len(context) :]) == context
    assert report.learned_tokens == len(answer)
    assert report.lost_tokens == 0
    assert report.windows == (len(windows) if len(windows) > 1 else 0)
    assert sum(map(len, windows)) == len(prompt) + len(answer) + report.repeated_tokens


def test_truncate_and_drop_say_what_they_lose(byte_level_tokenizer: Any) -> None:
    records = [RECORD, Record("Go", None, "<p>" + "word " * 200, row=9)]
    answers = [len(answer_ids(byte_level_tokenizer, record.html)) for record in records]
    cut, truncated = encode_records(records, byte_level_tokenizer, "plain", 150, overlong="truncate")
    kept, dropped = encode_records(records, byte_level_tokenizer, "plain", 150, overlong="drop")

    assert answers[0] < 150 < answers[1]
    assert [len(example) for example in cut][1] == 150
    assert cut[1].labels[-1] != byte_level_tokenizer.eos_token_id, "a cut page must not teach to stop there"
    assert (truncated.truncated_rows, truncated.truncated_tokens) == (1, sum(answers) - truncated.learned_tokens)
    assert [example.row for example in kept] == [RECORD.row]
    assert (dropped.dropped_rows, dropped.dropped_tokens) == (1, answers[1])
    assert "1 rows lost" in str(truncated)
    assert "dropped: 1 rows" in str(dropped)


@pytest.mark.parametrize("overlong", ["split", "truncate"])
@pytest.mark.parametrize("share", [0.8, 2.0])
def test_prompt_that_leaves_little_room_is_left_out_and_counted(
    byte_level_tokenizer: Any, overlong: Any, share: float
) -> None:
    crowded = Record("<" * round(share * 120), None, PAGE, row=1)
    examples, report = encode_records([RECORD, crowded], byte_level_tokenizer, "plain", 120, overlong=overlong)
    assert {example.row for example in examples} == {RECORD.row}
    assert report.crowded_rows == 1
    assert report.crowded_tokens == report.lost_tokens == len(answer_ids(byte_level_tokenizer, PAGE))
    assert "1 rows with" in str(report)


def test_nothing_left_is_an_error_that_names_the_flag(byte_level_tokenizer: Any) -> None:
    with pytest.raises(SettingsError, match="--max-length 50"):
        encode_records([RECORD], byte_level_tokenizer, "plain", 50, overlong="drop")


@pytest.mark.parametrize(
    ("asked", "context", "expected"), [(None, 16_384, 2048), (None, 1024, 1024), (None, None, 2048), (512, 1024, 512)]
)
def test_limit_is_what_was_asked_for_within_the_context(asked: int | None, context: int | None, expected: int) -> None:
    assert limit(asked, context) == expected


def test_limit_beyond_the_context_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"--max-length is 4,096 .* 1,024"):
        limit(4096, 1024)


@shared
@given(sizes=lengths, max_length=st.integers(40, 100))
def test_packing_keeps_every_document_whole_and_wastes_less_than_a_row_each(
    sizes: list[tuple[int, int]], max_length: int
) -> None:
    examples = examples_of(sizes)
    rows = pack(examples, max_length)
    assert sorted(example.row for row in rows for example in row) == list(range(len(examples)))
    assert all(row_length(row) <= max_length for row in rows)
    total = sum(map(len, examples))
    assert len(rows) <= 2 * total / max_length + 1  # any two rows of a fitting strategy hold more than one row's worth


@shared
@given(sizes=lengths, packed=st.booleans(), pad_id=st.integers(0, 500))
def test_collate_masks_padding_by_length_whatever_the_pad_id(
    sizes: list[tuple[int, int]], packed: bool, pad_id: int
) -> None:
    examples = examples_of(sizes)
    rows = pack(examples, 64) if packed else [[example] for example in examples]
    batch = collate(rows, pad_id, packed=packed)

    assert batch["input_ids"].shape == batch["labels"].shape
    assert batch["input_ids"].shape[1] % 8 == 0
    learned = batch["labels"] != IGNORE_INDEX
    assert int(learned.sum()) == sum(example.learned for example in examples)
    assert not learned[:, 0].any(), "the shift in the loss would lose it"
    for at, row in enumerate(rows):
        flat = [token for example in row for token in example.input_ids]
        assert batch["input_ids"][at].tolist() == flat + [pad_id] * (batch["input_ids"].shape[1] - len(flat))
        assert batch["labels"][at, : len(flat)].tolist() == [label for example in row for label in example.labels]
        if packed:
            starts = (batch["position_ids"][at] == 0).nonzero().flatten().tolist()
            ends = [row_length(row[: n + 1]) for n in range(len(row))]
            assert starts == [0, *[end for end in ends if end < batch["input_ids"].shape[1]]]
        else:
            assert int(batch["attention_mask"][at].sum()) == len(flat)


def test_pad_token_that_equals_eos_still_learns_eos(byte_level_tokenizer: Any) -> None:
    eos = byte_level_tokenizer.eos_token_id
    examples, _ = encode_records([RECORD, EDIT], byte_level_tokenizer, "plain", 2048)
    assert len({len(example) for example in examples}) == 2
    batch = collate([[example] for example in examples], eos, packed=False)
    assert (batch["labels"] == eos).sum(dim=1).tolist() == [1, 1]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=lengths)
def test_packed_loss_equals_padded_loss(model: Any, sizes: list[tuple[int, int]]) -> None:
    examples = examples_of(sizes)
    with torch.no_grad():
        losses = []
        for rows, packed in (pack(examples, 64), True), ([[example] for example in examples], False):
            batch = collate(rows, 0, packed=packed)
            labels = batch.pop("labels")
            logits = model(**batch, use_cache=False).logits
            flat = torch.nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE_INDEX, reduction="sum"
            )
            losses.append(float(flat))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_logits_equal_those_of_each_document_alone(tiny_llama_dir: Any, attention: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(
        tiny_llama_dir, dtype=torch.float32, attn_implementation=attention
    ).eval()
    examples = examples_of([(9, 3), (21, 5), (2, 1), (30, 29)])
    (row,) = pack(examples, 64)
    batch = collate([row, row[::-1]], 0, packed=True)
    batch.pop("labels")
    with torch.no_grad():
        packed = model(**batch, use_cache=False).logits[0]
        start = 0
        for example in row:
            alone = model(input_ids=torch.tensor([list(example.input_ids)])).logits[0]
            torch.testing.assert_close(packed[start : start + len(example)], alone, atol=1e-5, rtol=1e-5)
            start += len(example)


def test_can_pack_tells_a_model_whose_documents_see_each_other(model: Any) -> None:
    class Leaky(torch.nn.Module):
        """Attends over the whole row, as a model that knows nothing of packed positions does."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor, use_cache: bool) -> Any:
            return self.model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids), position_ids=position_ids)

    assert can_pack(model)
    assert not can_pack(Leaky())

    def config(packing: Any, adapter: Any = "lora") -> TrainConfig:
        return TrainConfig(dataset=DataConfig(path="x"), out="y", packing=packing, adapter=AdapterConfig(type=adapter))

    assert use_packing(config("auto"), model)
    assert use_packing(config(True), model)
    assert not use_packing(config(False), model)
    assert not use_packing(config("auto", "prompt"), model)
    assert not use_packing(config("auto"), Leaky())
    with pytest.raises(SettingsError, match="--packing true: in Leaky"):
        use_packing(config(True), Leaky())


@shared
@given(sizes=lengths, size=st.integers(1, 6), group=st.booleans(), epoch=st.integers(0, 3))
def test_epoch_has_every_row_once_and_depends_on_its_arguments_alone(
    sizes: list[tuple[int, int]], size: int, group: bool, epoch: int
) -> None:
    rows = [[example] for example in examples_of(sizes)]
    batches = epoch_batches(rows, size, seed=1, epoch=epoch, group_by_length=group)
    assert sorted(index for batch in batches for index in batch) == list(range(len(rows)))
    assert all(0 < len(batch) <= size for batch in batches)
    assert batches == epoch_batches(rows, size, seed=1, epoch=epoch, group_by_length=group)


def test_epochs_differ_and_grouping_pads_less_with_the_longest_first() -> None:
    numbers = random.Random(0)
    rows = [[example] for example in examples_of([(numbers.randint(2, 300), 1) for _ in range(400)])]

    def padding(batches: list[list[int]]) -> int:
        return sum(
            max(row_length(rows[i]) for i in batch) * len(batch) - sum(row_length(rows[i]) for i in batch)
            for batch in batches
        )

    grouped = epoch_batches(rows, 4, seed=0, epoch=0, group_by_length=True)
    plain = epoch_batches(rows, 4, seed=0, epoch=0, group_by_length=False)
    assert grouped != epoch_batches(rows, 4, seed=0, epoch=1, group_by_length=True)
    assert grouped != epoch_batches(rows, 4, seed=1, epoch=0, group_by_length=True)
    assert padding(grouped) < padding(plain) / 5
    assert max(row_length(rows[i]) for i in grouped[0]) == max(map(row_length, rows))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_show_colours_what_is_learned_and_honours_no_color(
    byte_level_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    (example,), _ = encode_records([RECORD], byte_level_tokenizer, "plain", 2048)
    text = coloured(example, byte_level_tokenizer)
    assert text.startswith("\033[90m\033[7m<s>\033[0m\033[90mMake a page")
    assert "\033[32m" + PAGE in text, "the page's own </s> is text, not control"
    assert text.endswith("\033[32m\033[7m</s>\033[0m")

    terminal, plain, file = Terminal(), Terminal(), io.StringIO()
    show(example, byte_level_tokenizer, terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    show(example, byte_level_tokenizer, plain)
    monkeypatch.delenv("NO_COLOR")
    show(example, byte_level_tokenizer, file)
    assert "\033[32m" in terminal.getvalue()
    assert plain.getvalue() == file.getvalue()
    assert "\033" not in plain.getvalue()
    assert "--- learned ---\n<!DOCTYPE html>" in plain.getvalue()
    assert f"{example.learned} are learned" in plain.getvalue()

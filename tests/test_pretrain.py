"""The demo base's tokenizer and its pretraining, on a model of a few thousand parameters."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from htmlgen.errors import SettingsError
from htmlgen.prompt import answer_ids
from train.pool import encode_pair, pool_batches, pool_rows, stream_batches
from train.pretrain import PretrainConfig, pretrain, rate
from train.synthetic import Pair, pairs
from train.tokenizer import frequent_lines, train_tokenizer

TINY = PretrainConfig(
    steps=6, batch_tokens=1024, hidden_size=32, layers=1, intermediate_size=64, heads=2, vocab_size=1024,
    context=1024, warmup_steps=2, eval_every=3, threads=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    sample = list(pairs(3, 400, edits=0))
    lines = frequent_lines((pair.output for pair in sample), 0.01)
    return train_tokenizer([t for p in sample for t in (p.instruction, p.output)], lines, 2048, 2048)


@given(st.text(max_size=200))
def test_any_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("name", ["Demiolt Harbor", "kiapras", "Łukasz Żółć", "Studio 54"])
def test_a_name_is_the_same_tokens_wherever_it_stands(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    def tokens(text: str) -> list[str]:
        return tokenizer.convert_ids_to_tokens(tokenizer.encode(text, add_special_tokens=False))

    inside = tokens(name)
    for text in (f"a page for {name}, dark", f'called "{name}"', f"<h1>{name}</h1>", f"<p>\n{name}\n</p>"):
        found = tokens(text)
        assert any(found[i : i + len(inside)] == inside for i in range(len(found))), (text, found)


def test_a_page_takes_few_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    lengths = sorted(len(tokenizer.encode(pair.output, add_special_tokens=False)) for pair in pairs(77, 200, edits=0))
    assert lengths[100] < 320


def test_only_the_page_is_learned_and_copies_weigh_more(tokenizer: PreTrainedTokenizerFast) -> None:
    for pair in pairs(9, 60, edits=0.4):
        row = encode_pair(pair, tokenizer, 5.0)
        answer = answer_ids(tokenizer, pair.output)
        assert row.input_ids[-len(answer) :] == answer
        assert len(row.weights) == len(row.input_ids)
        assert set(row.weights[: -len(answer)]) == {0.0}
        assert min(row.weights[-len(answer) :]) >= 1.0
        heavy = tokenizer.decode([i for i, w in zip(row.input_ids, row.weights, strict=True) if w == 5.0])
        for text in pair.copied:
            if "&" not in text and "<" not in text and text in pair.output:
                assert text in heavy


def test_what_an_edit_copies_from_the_page_weighs_more_too(tokenizer: PreTrainedTokenizerFast) -> None:
    page = "<html>\n<h1>Vequill</h1>\n<p>two</p>\n</html>"
    pair = Pair("Heading: Norr", page, page.replace("two", "one"), "about", {}, ("Norr",))
    row = encode_pair(pair, tokenizer, 5.0)
    heavy = tokenizer.decode([i for i, w in zip(row.input_ids, row.weights, strict=True) if w == 5.0])
    assert "Vequill" in heavy
    assert "<h1>" not in heavy


def test_batches_hold_every_row_once(tokenizer: PreTrainedTokenizerFast) -> None:
    config = replace(TINY, context=2048)
    batches = pool_batches(5, tokenizer, config)
    rows = [row for row in pool_rows(5, tokenizer, config) if len(row.input_ids) <= 2048]
    assert len(rows) > 500
    assert sum(len(ids) for ids, _ in batches) == len(rows)
    assert sum(int((w > 0).sum()) for _, w in batches) == sum(sum(x > 0 for x in row.weights) for row in rows)


def test_the_pairs_do_not_depend_on_how_many_processes_make_them(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    config = replace(TINY, pool=16, context=2048)
    streams = [stream_batches(replace(config, workers=workers), tmp_path, pool=1, skip=1) for workers in (1, 2)]
    for _ in range(12):
        one, two = (next(stream) for stream in streams)
        assert one[:2] == two[:2]
        assert (one[2] == two[2]).all()
        assert (one[3] == two[3]).all()
    for stream in streams:
        stream.close()


def test_the_rate_rises_holds_and_falls_to_zero() -> None:
    config = replace(TINY, steps=100, warmup_steps=10, cooldown=0.3)
    rates = [rate(step, config) / config.learning_rate for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:70] == [1.0] * 60
    assert rates[85] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 30)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrain(replace(TINY, out=str(tmp_path / "whole")))

    class Killed(BaseException):
        pass

    steps = 0
    step = torch.optim.AdamW.step

    def kill_in_the_fifth(self: torch.optim.AdamW, *args: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise Killed
        return step(self, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", kill_in_the_fifth)
        with pytest.raises(Killed):
            pretrain(replace(TINY, out=str(tmp_path / "halves")))
    pretrain(replace(TINY, out=str(tmp_path / "halves")))
    whole, halves = (load_file(tmp_path / name / "base/model.safetensors") for name in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[key], halves[key]) for key in whole)


@pytest.mark.parametrize("setting", ["eval_every", "workers", "layers", "steps"])
def test_settings_that_cannot_be_are_told(setting: str) -> None:
    with pytest.raises(SettingsError, match=f"--{setting.replace('_', '-')} is 0 but must be at least 1"):
        PretrainConfig(**{setting: 0})
    with pytest.raises(SettingsError, match="--heads is 5 but must divide --hidden-size"):
        PretrainConfig(heads=5)
    assert rate(0, PretrainConfig(warmup_steps=0)) == PretrainConfig().learning_rate

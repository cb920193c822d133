"""Perplexity of held-out answers: against the model's own logits, whatever the length."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from htmlgen.prompt import answer_ids, format_prompt, prompt_ids
from train.data import Record
from train.evaluation.likelihood import likelihoods
from train.loss import SummedLoss


@pytest.fixture(scope="module")
def model(tiny_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_llama_dir).eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_llama_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_llama_dir)


def by_hand(model: Any, tokenizer: Any, record: Record) -> tuple[float, int]:
    prompt = prompt_ids(tokenizer, format_prompt("plain", record.instruction, record.input))
    answer = answer_ids(tokenizer, record.html)
    assert answer[-1] == tokenizer.eos_token_id
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
    nats = -sum(float(logits[len(prompt) + n - 1, token]) for n, token in enumerate(answer))
    return nats, len(answer)


def test_the_prompt_is_masked_and_the_end_counts(model: Any, tokenizer: Any) -> None:
    asked = [Record("A page", None, "<p>Grüße</p>", 0), Record("Greener", "<p>a</p>", "<p>b</p>" * 9, 1)]
    found = likelihoods(model, tokenizer, "plain", asked)
    for record, statistics in zip(asked, found, strict=True):
        nats, tokens = by_hand(model, tokenizer, record)
        assert statistics["perplexity"] == pytest.approx((nats, tokens, len(record.html.encode())), rel=1e-5)
        assert statistics["bits_per_byte"] == statistics["perplexity"]


def test_a_random_model_is_as_good_as_guessing(model: Any, tokenizer: Any) -> None:
    (found,) = likelihoods(model, tokenizer, "plain", [Record("A page", None, "<h1>Hello, world</h1>" * 20, 0)])
    nats, tokens, _ = found["perplexity"]
    assert math.exp(nats / tokens) == pytest.approx(len(tokenizer), rel=0.3)


def test_a_long_answer_loses_no_token_to_its_windows(model: Any, tokenizer: Any) -> None:
    record = Record("A page", None, "<p>Some <b>words</b> and <s>struck ones</s>.</p>\n" * 12, 0)
    (whole,) = likelihoods(model, tokenizer, "plain", [record])
    (windows,) = likelihoods(model, tokenizer, "plain", [record], context=64)
    assert windows["perplexity"][1:] == whole["perplexity"][1:]
    assert windows["perplexity"][0] == pytest.approx(whole["perplexity"][0], rel=0.05)
    assert windows["perplexity"][0] != whole["perplexity"][0], "the windows see less"


def test_an_edit_of_a_long_page_is_read_as_far_as_the_model_can(
    model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.evaluation.likelihood.LONGEST_WINDOW", 64)
    record = Record("Greener", "<p>Some <b>words</b>.</p>\n" * 6, "<p>Some <b>words</b>.</p>\n" * 6, 0)
    (found,) = likelihoods(model, tokenizer, "plain", [record])
    assert found["perplexity"][:2] == pytest.approx(by_hand(model, tokenizer, record), rel=1e-5)


def test_a_row_too_long_for_the_memory_has_no_weight_and_the_others_have(
    model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forward = SummedLoss.forward

    def full(self: SummedLoss, batch: Any) -> Any:
        if batch["input_ids"].shape[1] > 200:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, batch)

    monkeypatch.setattr(SummedLoss, "forward", full)
    rows = [Record("A page", None, "<p>a</p>", 0), Record("A page", None, "<p>a</p>" * 60, 7)]
    short, long = likelihoods(model, tokenizer, "plain", rows)
    assert short["perplexity"][1] > 0
    assert long["perplexity"] == (0, 0, 0)
    assert "Row 7 is too long for the GPU's memory" in caplog.text


def test_a_prompt_without_room_has_no_weight(model: Any, tokenizer: Any) -> None:
    (found,) = likelihoods(model, tokenizer, "plain", [Record("word " * 200, None, "<p>a</p>" * 50, 0)], context=128)
    assert found["perplexity"] == (0, 0, 0)

"""From answers to scores: pages that hold nothing, checks of a specification, and what is left out."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from train.answers import Answer
from train.data import Record
from train.evaluation.bootstrap import Interval
from train.evaluation.metrics import page_score
from train.evaluation.scores import (
    ALL_CHECKS,
    check_statistics,
    column,
    compare,
    metrics_in,
    page_statistics,
    system_scores,
)

PAGE = "<!DOCTYPE html>\n<html><head><title>Bees</title></head><body><h1>Bees</h1></body></html>"
RECORD = Record("A page about bees", None, PAGE, 0)


def answer(text: str, reason: str = "stop", row: int = 0) -> Answer:
    return Answer(row, text, reason, 10, 20)


@pytest.fixture(scope="module")
def tokenizer(tiny_llama_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_llama_dir)


def scores(tokenizer: Any, found: Answer) -> dict[str, float]:
    statistics = page_statistics(RECORD, found, tokenizer)
    return {metric.name: page_score(metric, statistics[metric.name]) for metric in metrics_in([statistics])}


def test_the_page_is_judged_not_the_words_around_it(tokenizer: Any) -> None:
    found = scores(tokenizer, answer(f"Here is your page:\n```html\n{PAGE}\n```\nEnjoy!"))
    perfect = {
        "exact_match": 1,
        "bleu": 100,
        "bleu_model_tokens": 1,
        "chrf": 100,
        "tree_bleu_recall": 1,
        "stopped": 1,
        "closed": 1,
    }
    assert {name: found[name] for name in perfect} == pytest.approx(perfect)


def test_a_cut_page_keeps_what_it_has(tokenizer: Any) -> None:
    found = scores(tokenizer, answer(PAGE[:-14], "length"))
    assert (found["stopped"], found["closed"], found["exact_match"]) == (0, 0, 0)
    assert found["tree_bleu_recall"] == 1
    assert 0 < found["chrf"] < 100


def test_an_answer_without_a_page_is_text_and_no_document(tokenizer: Any) -> None:
    found = scores(tokenizer, answer("I cannot make a page about Bees."))
    assert found["chrf"] > 0
    assert {found[name] for name in ("tree_bleu_recall", "tag_f1", "visible_text", "closed")} == {0}
    assert math.isnan(found["parse_errors_per_kb"])


def test_checks_of_a_specification() -> None:
    spec = {"title": "Bees", "heading": "Bees and wasps"}
    statistics = check_statistics([spec, spec, None], [answer(PAGE), answer("no page"), answer(PAGE)])
    good, none, without = statistics
    assert good["check_title"] == (1, 1)
    assert good["check_heading"] == (0, 1)
    assert good[ALL_CHECKS] == (0, 1)
    assert set(none) == set(good)
    assert {value for value, _ in none.values()} == {0}, "no page, nothing passed"
    assert without == {}
    metrics = metrics_in(statistics)
    assert metrics[0].name == ALL_CHECKS
    found = system_scores(metrics, statistics, samples=100, seed=0)
    assert found["check_title"].score == 0.5, "of the two pages with a specification"


def test_what_a_page_lacks_has_no_weight() -> None:
    pages = [{"tag_f1": (1.0, 1)}, {}]
    (metric,) = metrics_in(pages)
    assert column(metric, pages) == [(1.0, 1), (0.0, 0.0)]
    assert system_scores([metric], pages, samples=100, seed=0) == {"tag_f1": Interval(1, 1, 1)}


def test_only_what_both_have_is_compared() -> None:
    one = [{"tag_f1": (0.0, 1), "closed": (1.0, 1)}] * 2
    two = [{"tag_f1": (1.0, 1)}] * 2
    found = compare(metrics_in([*one, *two]), one, two, samples=100, trials=200, seed=0)
    assert found.keys() == {"tag_f1"}
    assert found["tag_f1"].difference == 1


def test_pairs_of_the_generator_pass_their_own_checks() -> None:
    synthetic = pytest.importorskip("train.synthetic")
    pairs = list(synthetic.pairs(seed=11, count=12))
    specs = [json.loads(json.dumps(pair.spec)) for pair in pairs]
    found = check_statistics(specs, [answer(pair.output) for pair in pairs])
    assert [page[ALL_CHECKS] for page in found] == [(1.0, 1)] * 12

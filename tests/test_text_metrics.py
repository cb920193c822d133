"""Text metrics on tables worked by hand, the empty cases included."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from train.evaluation.metrics import corpus_score, page_score
from train.evaluation.text_metrics import (
    LIKELIHOOD_METRICS,
    TEXT_METRICS,
    likelihood_statistics,
    markup_tokens,
    signatures,
    text_statistics,
    token_bleu_statistics,
)

METRICS = {metric.name: metric for metric in (*TEXT_METRICS, *LIKELIHOOD_METRICS)}

# `<p>a b</p>` against `<p>a c</p>`. In 13a both have 9 tokens (< p > a b < / p >): 8 of 9 unigrams, 6 of 8 bigrams, 4 of 7
# trigrams and 2 of 6 four-grams are shared. In markup tokens both have 6 (<p > a b </p >): 5 of 6, and 3 of 5 pairs.
BY_HAND = 100 * (8 / 9 * 6 / 8 * 4 / 7 * 2 / 6) ** 0.25


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        ("<p>a b</p>", "<p>a b</p>", {"exact_match": 1, "normalised_match": 1, "bleu": 100, "bleu_0_1": 1, "chrf": 100,
                                      "rouge_1": 1, "rouge_2": 1, "rouge_l": 1}),
        ("<p>a b</p>", "<p>a c</p>", {"exact_match": 0, "normalised_match": 0, "bleu": BY_HAND, "bleu_0_1": BY_HAND / 100,
                                      "rouge_1": 5 / 6, "rouge_2": 3 / 5, "rouge_l": 5 / 6}),
        ("<ul>\n  <li>a</li>\n</ul>", "<ul><li>a</li></ul>", {"exact_match": 0, "normalised_match": 1, "bleu": 100, "rouge_l": 1}),
        ("a  b", "a b", {"exact_match": 0, "normalised_match": 1}),
        ("ab", "a b", {"normalised_match": 0}),
        # The words of a tag are not its markup: ROUGE's own tokenizer would call these alike.
        ("<p>", "p", {"rouge_1": 0, "rouge_2": 0, "rouge_l": 0}),
        # LCS keeps the order: c of (a b c) and (c a b) can't be reached with a b.
        ("a b c", "c a b", {"rouge_1": 1, "rouge_2": 1 / 2, "rouge_l": 2 / 3}),
        # A word twice is worth two only if the other side has it twice: 2·1 / (3 + 1).
        ("a a a", "a", {"rouge_1": 1 / 2, "rouge_2": 0, "rouge_l": 1 / 2}),
        ("a", "a", {"rouge_1": 1, "rouge_2": 1}),
        ("a", "b", {"rouge_2": 0}),
        ("", "<p>a</p>", {"exact_match": 0, "normalised_match": 0, "bleu": 0, "chrf": 0, "rouge_1": 0, "rouge_2": 0, "rouge_l": 0}),
        ("<p>a</p>", "", {"exact_match": 0, "bleu": 0, "chrf": 0, "rouge_1": 0, "rouge_2": 0, "rouge_l": 0}),
        ("", "", {"exact_match": 1, "normalised_match": 1, "bleu": 0, "chrf": 0, "rouge_1": 1, "rouge_2": 1, "rouge_l": 1}),
    ],
)  # fmt: skip
def test_scores_by_hand(hypothesis: str, reference: str, expected: dict[str, float]) -> None:
    statistics = text_statistics(hypothesis, reference)
    for name, score in expected.items():
        assert page_score(METRICS[name], statistics[name]) == pytest.approx(score), name


PAGES = [
    ("<html><body><h1>Hi there</h1></body></html>", "<html><body><h1>Hello there</h1></body></html>"),
    ("", "<html><body><p>Never written</p></body></html>"),
    ("<p>the cat sat on the mat</p>", "<p>the cat sat on a mat</p><p>again</p>"),
]


def test_corpus_scores_are_sacrebleus() -> None:
    hypotheses, references = zip(*PAGES, strict=True)
    statistics = [text_statistics(*page) for page in PAGES]
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        expected = metric.corpus_score(list(hypotheses), [list(references)]).score
        assert corpus_score(METRICS[name], [page[name] for page in statistics]) == pytest.approx(expected)
        mean = sum(page_score(METRICS[name], page[name]) for page in statistics) / len(PAGES)
        assert abs(mean - expected) > 0.1, (
            "the corpus score is no mean of page scores; were it one, this test could not tell"
        )


def test_token_bleu_by_hand_is_unsmoothed() -> None:
    metric = METRICS["bleu_model_tokens"]
    assert page_score(metric, token_bleu_statistics([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])) == pytest.approx(1)
    # 4 of 5, 3 of 4, 2 of 3, 1 of 2: their geometric mean.
    assert page_score(metric, token_bleu_statistics([1, 2, 3, 4, 9], [1, 2, 3, 4, 5])) == pytest.approx(0.2**0.25)
    # Half as long: brevity penalty exp(1 - 8 / 4).
    assert page_score(metric, token_bleu_statistics([1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8])) == pytest.approx(
        math.exp(-1)
    )
    assert page_score(metric, token_bleu_statistics([1, 2, 3], [1, 2, 3])) == 0, (
        "no four-gram, no score: as in older reports"
    )
    assert page_score(metric, token_bleu_statistics([], [1])) == 0


def test_perplexity_and_bits_per_byte_by_hand() -> None:
    # Two pages: 4 tokens at probability 1/2, 2 tokens at 1/8; 3 and 5 bytes. 10 bits over 6 tokens and 8 bytes.
    pages = [likelihood_statistics(4 * math.log(2), 4, 3), likelihood_statistics(2 * math.log(8), 2, 5)]
    scores = {m.name: corpus_score(m, [page[m.name] for page in pages]) for m in LIKELIHOOD_METRICS}
    assert scores == {"perplexity": pytest.approx(2 ** (10 / 6)), "bits_per_byte": pytest.approx(10 / 8)}
    empty = {m.name: page_score(m, likelihood_statistics(0, 0, 0)[m.name]) for m in LIKELIHOOD_METRICS}
    assert all(math.isnan(score) for score in empty.values())


def test_markup_is_kept_as_tokens() -> None:
    text = '<a class="btn x-1" href=/y>It\'s 5€</a><br/><!-- no --><!DOCTYPE html>'
    assert markup_tokens(text) == [
        "<a", "class", "=", '"', "btn", "x-1", '"', "href", "=", "/", "y", ">", "It's", "5", "€", "</a", ">",
        "<br", "/>", "<!--", "no", "-->", "<!DOCTYPE", "html", ">",
    ]  # fmt: skip


def test_signatures_name_tokenisation_and_version() -> None:
    found = signatures()
    assert "tok:13a" in found["bleu"]
    assert "smooth:exp" in found["bleu"]
    assert "version:" in found["bleu"]
    assert "smooth:none" in found["bleu_model_tokens"]
    assert "model's own" in found["bleu_model_tokens"]
    assert "nc:6" in found["chrf"]


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet='<>/="ab p\n', max_size=40), st.text(alphabet='<>/="ab p\n', max_size=40))
def test_every_score_is_in_range_and_best_for_the_reference_itself(hypothesis: str, reference: str) -> None:
    statistics, itself = text_statistics(hypothesis, reference), text_statistics(reference, reference)
    for name, page in statistics.items():
        score = page_score(METRICS[name], page)
        assert 0 <= score <= (100 + 1e-6 if name in ("bleu", "chrf") else 1 + 1e-9), name
        if name != "bleu" and name != "bleu_0_1":  # exponential smoothing lifts BLEU of texts under four tokens
            assert score <= page_score(METRICS[name], itself[name]) + 1e-6, name

"""Intervals and the paired test, against what can be counted by hand."""

import math

import numpy as np
import pytest

from train.evaluation.bootstrap import bootstrap, paired_test
from train.evaluation.metrics import Metric, Statistics, corpus_score, ratio
from train.evaluation.text_metrics import TEXT_METRICS, text_statistics

SHARE = Metric("share", "Share", "html", ratio)
BLEU = next(metric for metric in TEXT_METRICS if metric.name == "bleu")


def share(*values: float) -> list[Statistics]:
    return [(0.0, 0.0) if math.isnan(value) else (value, 1) for value in values]


def test_no_spread_no_interval() -> None:
    found = bootstrap(SHARE, share(1, 1, 1))
    assert (found.score, found.low, found.high) == (1, 1, 1)
    assert bootstrap(SHARE, share(0.25)).low == 0.25


def test_nothing_measured_is_nan() -> None:
    for pages in ([], [(0.0, 0.0), (0.0, 0.0)]):
        found = bootstrap(SHARE, pages)
        assert math.isnan(found.score)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert math.isnan(paired_test(SHARE, pages, pages).p_value)


def test_a_share_has_the_binomial_interval() -> None:
    # 100 pages, half of them 1: resampled shares are binomial(100, 1/2) / 100, whose 2.5 % and 97.5 % points are 0.40 and 0.60.
    found = bootstrap(SHARE, share(*[0, 1] * 50), samples=4_000)
    assert found.score == 0.5
    assert (found.low, found.high) == (pytest.approx(0.40, abs=0.011), pytest.approx(0.60, abs=0.011))


def test_same_seed_same_interval() -> None:
    pages = share(*np.random.default_rng(0).random(30))
    assert bootstrap(SHARE, pages, seed=1) == bootstrap(SHARE, pages, seed=1) != bootstrap(SHARE, pages, seed=2)


def test_pages_left_out_are_left_out_of_resamples() -> None:
    found = bootstrap(SHARE, [*share(1, 1, 1), (0.0, 0.0)])
    assert (found.score, found.low, found.high) == (1, 1, 1)


def test_a_corpus_metric_is_resampled_by_pages_not_averaged() -> None:
    pages = [text_statistics(f"<p>page {n} has {n} words</p>", "<p>page 3 has words</p>")["bleu"] for n in range(8)]
    found = bootstrap(BLEU, pages)
    assert found.score == pytest.approx(corpus_score(BLEU, pages))
    assert found.low < found.score < found.high


@pytest.mark.parametrize(
    ("baseline", "system", "p_value"),
    [
        ((0, 0), (1, 1), 2 / 4),  # of the four ways to swap two pages, none and both have the full difference
        ((0, 0, 0), (1, 1, 1), 2 / 8),
        ((0, 0, 0, 0), (1, 1, 1, 0), 2 / 8),  # a page where they agree says nothing
        ((0, 1), (1, 0), 1),
        ((0.3, 0.7), (0.3, 0.7), 1),
        ((0, math.nan), (1, math.nan), 1),  # a page that neither has is left out, and one page proves nothing
    ],
)
def test_p_value_is_the_share_of_swaps(baseline: tuple, system: tuple, p_value: float) -> None:
    found = paired_test(SHARE, share(*baseline), share(*system))
    assert found.p_value == pytest.approx(p_value, abs=0.02)
    assert found.difference == pytest.approx(np.nanmean(system) - np.nanmean(baseline))


def test_a_clear_difference_over_many_pages_is_significant_and_has_its_sign() -> None:
    rng = np.random.default_rng(0)
    worse = rng.random(60)
    found = paired_test(SHARE, share(*worse), share(*(worse + 0.1)), trials=999)
    assert found.p_value == pytest.approx(1 / 1_000)
    # Paired: the pages' own spread cancels out.
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert paired_test(SHARE, share(*(worse + 0.1)), share(*worse)).difference == pytest.approx(-0.1)

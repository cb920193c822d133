"""How sure a score is: bootstrap intervals, and a paired test between two systems on the same pages.

Both work on the pages' statistics (`train.evaluation.metrics`), as sacrebleu's significance tests do: a resample is a weighted sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.evaluation.metrics import Array, Metric, Statistics, corpus_score

CONFIDENCE = 0.95
BATCH = 500
"""Trials at a time: bounds the memory to BATCH x pages."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and the range that holds it with 95 % confidence. NaN where nothing was measured."""

    score: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedTest:
    """System minus baseline on one metric, its 95 % interval, and the probability of such a difference by chance alone."""

    difference: float
    low: float
    high: float
    p_value: float


def _matrix(statistics: Sequence[Statistics]) -> Array:
    return np.asarray(statistics, dtype=np.float64).reshape(len(statistics), -1)  # (pages, k)


def _resampled(metric: Metric, matrices: Sequence[Array], samples: int, seed: int) -> list[Array]:
    """Scores (samples,) of each matrix under the same resamples: pages drawn with replacement, as many as there are."""
    rng = np.random.default_rng(seed)
    pages = len(matrices[0])
    scores: list[list[Array]] = [[] for _ in matrices]
    for start in range(0, samples, BATCH):
        # How often each page was drawn: a multinomial, so that a resample's sums are one matrix product.
        weights = rng.multinomial(pages, np.full(pages, 1 / pages), size=min(BATCH, samples - start)).astype(np.float64)
        for found, matrix in zip(scores, matrices, strict=True):
            found.append(metric.score(weights @ matrix))
    return [np.concatenate(found) for found in scores]


def _percentiles(scores: Array) -> tuple[float, float]:
    scores = scores[~np.isnan(scores)]
    if not len(scores):
        return float("nan"), float("nan")
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(scores, [tail, 100 - tail])
    return float(low), float(high)


def bootstrap(metric: Metric, statistics: Sequence[Statistics], *, samples: int = 1_000, seed: int = 0) -> Interval:
    """The score over all pages and its percentile bootstrap interval (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, section 13.3; for corpus scores Koehn, 2004, aclanthology W04-3250).

    Resampling pages answers "what if the prompts had been others"; it knows nothing of other seeds in training.
    """
    if not statistics:
        return Interval(*[float("nan")] * 3)
    (scores,) = _resampled(metric, [_matrix(statistics)], samples, seed)
    return Interval(corpus_score(metric, statistics), *_percentiles(scores))


def paired_test(
    metric: Metric,
    baseline: Sequence[Statistics],
    system: Sequence[Statistics],
    *,
    samples: int = 1_000,
    trials: int = 5_000,
    seed: int = 0,
) -> PairedTest:
    """Two-sided approximate randomisation (Noreen, 1989; Riezler and Maxwell, 2005, aclanthology W05-0908) between two
    systems' statistics of the same pages in the same order, with a bootstrap interval of the difference.

    If the systems were alike, swapping their answers at random pages would change nothing: the p-value is the share of
    `trials` such swaps whose difference is at least as large, itself counted once, so it is never below 1 / (trials + 1).
    """
    assert len(baseline) == len(system), "a paired test needs the same pages"
    if not baseline:
        return PairedTest(*[float("nan")] * 4)
    one, two = _matrix(baseline), _matrix(system)
    difference = corpus_score(metric, system) - corpus_score(metric, baseline)
    before, after = _resampled(metric, [one, two], samples, seed)
    low, high = _percentiles(after - before)
    if np.isnan(difference):
        return PairedTest(*[float("nan")] * 4)

    rng = np.random.default_rng(seed)
    total, moved = one.sum(axis=0) + two.sum(axis=0), two - one
    as_large, counted = 0, 0
    for start in range(0, trials, BATCH):
        swap = rng.integers(2, size=(min(BATCH, trials - start), len(one))).astype(np.float64)
        first = one.sum(axis=0) + swap @ moved  # (trials, k)
        shuffled = np.abs(metric.score(total - first) - metric.score(first))
        # Not smaller, by a hair's breadth: rounding must not make an equal difference look smaller, nor must a NaN.
        as_large += int((~(shuffled < abs(difference) - 1e-9)).sum())
        counted += len(swap)
    return PairedTest(difference, low, high, (as_large + 1) / (counted + 1))

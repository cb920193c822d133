"""What a metric is: statistics per page, summed over pages, turned into one score.

Scores come from sums (as sacrebleu's do), so that a bootstrap resample is a weighted sum of the same statistics and
costs no second look at a page. The metrics themselves live beside this file, one file per kind:

    text_metrics.py     the answer as text: matches, BLEU, chrF, ROUGE, perplexity
    html_metrics.py     the answer as a document: stopped, closed, parse errors, TreeBLEU, tags, attributes, visible text
    visual_metrics.py   the answer as a picture (--render): SSIM and Design2Code's block, text, position and colour scores
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistics = tuple[float, ...]
"""One page's share of a metric: a few numbers that add up over pages."""
Group = Literal["text", "html", "visual", "checks"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One score of a system.

    `score` turns summed statistics (..., k) into scores (...): one sum or a thousand resampled ones at a time. A score is
    NaN where nothing could be measured (no page qualifies).
    """

    name: str
    label: str
    group: Group
    score: Callable[[Array], Array]
    higher_is_better: bool = True
    digits: int = 3
    """Decimal places it is shown with."""
    signature: str = ""
    """What a reader needs to repeat it: tokenisation, smoothing, version."""


def ratio(sums: Array) -> Array:
    """Numerator over denominator: (..., 2) -> (...). NaN where the denominator is 0.

    With statistics (value, 1) it is the mean over pages; with (0, 0) a page is left out.
    """
    top, bottom = sums[..., 0], sums[..., 1]
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)


def row_by_row(score: Callable[[Array], float]) -> Callable[[Array], Array]:
    """Lets a score of one sum (k,) take many (..., k)."""

    def scores(sums: Array) -> Array:
        rows = sums.reshape(-1, sums.shape[-1])
        return np.array([score(row) for row in rows]).reshape(sums.shape[:-1])

    return scores


def f1(matches: float, hypothesis: float, reference: float) -> float:
    """2 matches / (hypothesis + reference): the harmonic mean of precision and recall, equal to the Dice coefficient
    (van Rijsbergen, Information Retrieval, 1979, chapter 7). Nothing on both sides is agreement: 1."""
    total = hypothesis + reference
    return 2 * matches / total if total else 1.0


def corpus_score(metric: Metric, statistics: Sequence[Statistics]) -> float:
    """The score over pages. NaN without pages."""
    if not statistics:
        return float("nan")
    return float(metric.score(np.asarray(statistics, dtype=np.float64).sum(axis=0)))


def page_score(metric: Metric, statistics: Statistics) -> float:
    """The same score of one page by itself."""
    return corpus_score(metric, [statistics])

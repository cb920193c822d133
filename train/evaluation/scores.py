"""From records and answers to statistics per page, and from those to a system's scores."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from train.answers import Answer
from train.data import Record
from train.evaluation.bootstrap import Interval, PairedTest, bootstrap, paired_test
from train.evaluation.html_metrics import HTML_METRICS, html_statistics
from train.evaluation.metrics import Metric, Statistics, ratio
from train.evaluation.text_metrics import LIKELIHOOD_METRICS, TEXT_METRICS, text_statistics, token_bleu_statistics

if TYPE_CHECKING:
    from train.evaluation.render import Rendering

PageStatistics = dict[str, Statistics]
"""Statistics of one page by the metric's name."""
ALL_CHECKS = "checks_all"


def page_statistics(record: Record, answer: Answer, tokenizer: Any) -> PageStatistics:
    """Text and document statistics of one answer. What is compared is the page as the chat would show it; where the answer
    holds none, its text as it is."""
    text = answer.text if answer.page is None else answer.page
    # Nothing reads these ids, so they may be longer than the context: no warning.
    ids = [tokenizer.encode(side, add_special_tokens=False, verbose=False) for side in (text, record.html)]
    return {
        **text_statistics(text, record.html),
        "bleu_model_tokens": token_bleu_statistics(*ids),
        **html_statistics(answer.page, record.html, stopped=answer.finish_reason == "stop", closed=answer.closed),
    }


def visual_page_statistics(drawn: "Rendering | None", reference: "Rendering") -> PageStatistics:
    """Statistics of one answer's picture. `drawn` is None where it holds no page."""
    import numpy as np

    from train.evaluation.visual_metrics import visual_statistics  # deferred: scikit-image is only needed by --render

    against = reference.image if reference.image is not None else np.full((1, 1, 3), 255, dtype=np.uint8)
    if drawn is None:
        return visual_statistics(None, (), against, reference.blocks, rendered=False)
    return visual_statistics(drawn.image, drawn.blocks, against, reference.blocks, rendered=drawn.ok)


def check_statistics(specs: Sequence[Mapping[str, Any] | None], answers: Sequence[Answer]) -> list[PageStatistics]:
    """What `train.synthetic.checker` says of each page: a share per kind of check, and of pages that pass every one.

    An answer without a page fails all the checks that its reference would be put to. A record without a specification
    has no weight.
    """
    from train.synthetic.checker import check

    found: list[PageStatistics] = []
    for spec, answer in zip(specs, answers, strict=True):
        if spec is None:
            found.append({})
            continue
        # An empty page fails, but it also names the checks.
        checks = check(dict(spec), answer.page or "")
        passed = answer.page is not None
        statistics: PageStatistics = {f"check_{c.name}": (float(passed and c.passed), 1) for c in checks}
        statistics[ALL_CHECKS] = (float(passed and all(c.passed for c in checks)), 1)
        found.append(statistics)
    return found


def check_metrics(statistics: Sequence[PageStatistics]) -> tuple[Metric, ...]:
    """A metric for every check that occurs, the strictest first."""
    names = {name for page in statistics for name in page if name.startswith("check")}
    return tuple(
        Metric(
            name,
            "All checks passed" if name == ALL_CHECKS else f"Check: {name.removeprefix('check_')}",
            "checks",
            ratio,
        )
        for name in sorted(names, key=lambda name: (name != ALL_CHECKS, name))
    )


def metrics_in(statistics: Sequence[PageStatistics]) -> tuple[Metric, ...]:
    """The metrics that were measured, in the order they are shown."""
    known: list[Metric] = [*check_metrics(statistics), *TEXT_METRICS, *LIKELIHOOD_METRICS, *HTML_METRICS]
    if any("ssim" in page for page in statistics):
        from train.evaluation.visual_metrics import VISUAL_METRICS

        known += VISUAL_METRICS
    measured = {name for page in statistics for name in page}
    return tuple(metric for metric in known if metric.name in measured)


def column(metric: Metric, statistics: Sequence[PageStatistics]) -> list[Statistics]:
    """One metric's statistics of every page; a page that lacks it has no weight."""
    width = next(len(page[metric.name]) for page in statistics if metric.name in page)
    return [page.get(metric.name, (0.0,) * width) for page in statistics]


def system_scores(
    metrics: Sequence[Metric], statistics: Sequence[PageStatistics], *, samples: int, seed: int
) -> dict[str, Interval]:
    """Each metric's score over the pages, with its interval."""
    return {
        metric.name: bootstrap(metric, column(metric, statistics), samples=samples, seed=seed)
        for metric in metrics
        if any(metric.name in page for page in statistics)
    }


def compare(
    metrics: Sequence[Metric],
    baseline: Sequence[PageStatistics],
    system: Sequence[PageStatistics],
    *,
    samples: int,
    trials: int,
    seed: int,
) -> dict[str, PairedTest]:
    """The paired test on each metric that both have."""
    both = [
        metric for metric in metrics if all(any(metric.name in page for page in side) for side in (baseline, system))
    ]
    return {
        metric.name: paired_test(
            metric, column(metric, baseline), column(metric, system), samples=samples, trials=trials, seed=seed
        )
        for metric in both
    }

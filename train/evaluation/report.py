"""The report of an evaluation: report.json with everything needed to repeat it, report.html to look at, a table to print."""

import base64
import hashlib
import importlib.metadata
import json
import math
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from htmlgen.settings import PROJECT
from train.answers import extract
from train.data import Record
from train.evaluation.heldout import HeldOut
from train.evaluation.html_metrics import HTML_METRICS, html_statistics
from train.evaluation.metrics import Metric, corpus_score, page_score
from train.evaluation.scores import PageStatistics, compare, metrics_in, system_scores
from train.evaluation.text_metrics import signatures

if TYPE_CHECKING:
    from train.evaluate import System

FORMAT = 1
"""Of report.json; grows when a reader of the old one would go wrong."""
PACKAGES = (
    "torch", "transformers", "peft", "bitsandbytes", "accelerate", "datasets", "tokenizers", "sacrebleu", "rapidfuzz",
    "html5lib", "numpy", "scipy", "scikit-image", "playwright",
)  # fmt: skip
TEMPLATE = Path(__file__).with_name("report.html")
SIGNIFICANT = 0.05
GROUPS = {"checks": "Checks", "text": "Text", "html": "Document", "visual": "Picture"}


def make_report(
    systems: Sequence["System"], held: HeldOut, settings: Mapping[str, Any], versions: Mapping[str, str]
) -> dict[str, Any]:
    """The content of report.json: settings, versions and data first, then scores, paired tests and pages."""
    metrics = metrics_in([page for system in systems for page in system.statistics])
    samples, trials, seed = settings["resamples"], settings["trials"], settings["seed"]
    signed = signatures()
    comparisons = [
        {
            "baseline": one.name,
            "system": two.name,
            "tests": _clean(
                compare(metrics, one.statistics, two.statistics, samples=samples, trials=trials, seed=seed)
            ),
        }
        for at, one in enumerate(systems)
        for two in systems[at + 1 :]
    ]
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "settings": dict(settings),
        "versions": {**_versions(), **versions},
        "data": {
            "settings": asdict(held.config),
            "part": held.part,
            "available": held.available,
            "evaluated": len(held.records),
            "sha256": held.sha256,
            "rows": [record.row for record in held.records],
            "warnings": list(held.warnings),
        },
        "metrics": [_described(metric, signed) for metric in metrics],
        "reference": _reference(held.records),
        "systems": [
            {
                "name": system.name,
                "base": system.preset.base,
                "base_identity": system.base_identity,
                "adapter": system.source.adapter if system.source is not None else None,
                "adapter_sha256": system.adapter_sha256,
                "prompt_format": system.prompt_format,
                "seconds": round(system.seconds, 3),
                "tokens_per_second": _number(system.tokens_written / system.seconds if system.seconds else math.nan),
                "scores": _with_pages(
                    _clean(system_scores(metrics, system.statistics, samples=samples, seed=seed)), system.statistics
                ),
            }
            for system in systems
        ],
        "comparisons": comparisons,
        "pages": [
            {
                "row": record.row,
                "instruction": record.instruction,
                "systems": {
                    system.name: {
                        "finish_reason": system.answers[at].finish_reason,
                        "new_tokens": system.answers[at].new_tokens,
                        "scores": _page_scores(metrics, system.statistics[at]),
                    }
                    for system in systems
                },
            }
            for at, record in enumerate(held.records)
        ],
    }


def write_report(report: Mapping[str, Any], systems: Sequence["System"], records: Sequence[Record], out: Path) -> None:
    """Writes report.json and report.html into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    pages = [
        {
            **page,
            "input": record.input,
            "reference": record.html,
            "answers": {s.name: {"page": s.answers[at].page, "text": s.answers[at].text} for s in systems},
        }
        for at, (page, record) in enumerate(zip(report["pages"], records, strict=True))
    ]
    (out / "report.html").write_text(gallery({**report, "pages": pages}), "utf-8")


def gallery(content: Mapping[str, Any]) -> str:
    """The gallery as one file that loads nothing. Pages are data in it: they are drawn in frames without scripts and under
    its own policy, which lets nothing through to the network."""
    template = TEMPLATE.read_text("utf-8")
    script = re.search(r"<script>(.*?)</script>", template, re.DOTALL)
    assert script is not None, "the template has one inline script"
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    # No "<" at all: nothing in a page can end the data block or begin a comment in it.
    data = json.dumps(content, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return template.replace("SCRIPT_DIGEST", digest).replace("REPORT_DATA", data)


def print_report(report: Mapping[str, Any]) -> None:
    """Prints every score with its interval, where a system differs from the first one for sure, and the signatures."""
    metrics = report["metrics"]
    systems = report["systems"]
    tests = {c["system"]: c["tests"] for c in report["comparisons"] if c["baseline"] == systems[0]["name"]}
    names = [system["name"] for system in systems]
    rows = [["", "reference", *names]]
    group = None
    for metric in metrics:
        if metric["group"] != group:
            group = metric["group"]
            rows.append([GROUPS[group].upper(), "", *[""] * len(systems)])
        own = report["reference"].get(metric["name"])
        cells = [
            _cell(
                system["scores"].get(metric["name"]),
                metric,
                tests.get(system["name"], {}).get(metric["name"]),
                report["data"]["evaluated"],
            )
            for system in systems
        ]
        rows.append([f"  {metric['label']}", "" if own is None else f"{own:.{metric['digits']}f}", *cells])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("\n[ ] 95 % interval over pages; of N: rests on N pages alone", end="")
    if tests:
        print(
            f"; * differs from {names[0]} with p < {SIGNIFICANT} (paired randomisation, each metric by itself)", end=""
        )
    print("\n")
    _print_others(report)
    signed: dict[str, list[str]] = {}
    for metric in metrics:
        if metric["signature"]:
            signed.setdefault(metric["signature"], []).append(metric["label"])
    for signature, labels in signed.items():
        print(f"{', '.join(labels)}: {signature}")


def _print_others(report: Mapping[str, Any]) -> None:
    """Between systems other than the first: what differs for sure, a line each."""
    labels = {metric["name"]: metric for metric in report["metrics"]}
    first = report["systems"][0]["name"]
    for comparison in report["comparisons"]:
        if comparison["baseline"] == first:
            continue
        sure = [
            f"{labels[name]['label']} {test['difference']:+.{labels[name]['digits']}f} (p = {test['p_value']:.3f})"
            for name, test in comparison["tests"].items()
            if test["p_value"] is not None and test["p_value"] < SIGNIFICANT
        ]
        print(f"{comparison['system']} against {comparison['baseline']}: {', '.join(sure) or 'no sure difference'}\n")


def _cell(
    score: Mapping[str, Any] | None, metric: Mapping[str, Any], test: Mapping[str, Any] | None, evaluated: int
) -> str:
    if score is None or score["score"] is None:
        return "–"
    digits = metric["digits"]
    sure = test is not None and test["p_value"] is not None and test["p_value"] < SIGNIFICANT
    pages = f" of {score['pages']}" if score["pages"] < evaluated else ""
    interval = f"[{score['low']:.{digits}f}, {score['high']:.{digits}f}]"
    return f"{score['score']:.{digits}f} {interval}{'*' if sure else ''}{pages}"


def _described(metric: Metric, signed: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": metric.name,
        "label": metric.label,
        "group": metric.group,
        "higher_is_better": metric.higher_is_better,
        "digits": metric.digits,
        "signature": signed.get(metric.name, metric.signature),
    }


def _reference(records: Sequence[Record]) -> dict[str, float | None]:
    """What the references themselves score where no other reference is needed: the mark to judge such scores by."""
    statistics = [
        html_statistics(record.html, record.html, stopped=True, closed=extract(record.html)[1]) for record in records
    ]
    return {
        metric.name: _number(corpus_score(metric, [page[metric.name] for page in statistics]))
        for metric in HTML_METRICS
        if metric.name in ("closed", "parse_errors_per_kb")
    }


def _page_scores(metrics: Sequence[Metric], statistics: PageStatistics) -> dict[str, float | None]:
    return {
        metric.name: _number(page_score(metric, statistics[metric.name]))
        for metric in metrics
        if metric.name in statistics
    }


def _clean(results: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    return {name: {key: _number(value) for key, value in asdict(found).items()} for name, found in results.items()}


def _with_pages(
    scores: Mapping[str, Mapping[str, float | None]], statistics: Sequence[PageStatistics]
) -> dict[str, dict[str, float | None]]:
    """Adds how many pages each score rests on: a check is asked of some, parse errors of those that hold a page."""
    return {
        name: {**score, "pages": sum(any(page.get(name, ())) for page in statistics)} for name, score in scores.items()
    }


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return round(value, 6) if math.isfinite(value) else None


def _versions() -> dict[str, str]:
    import torch

    found = {"python": platform.python_version(), "platform": platform.platform(), "code": _commit()}
    found["device"] = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, torch threads: {torch.get_num_threads()}"
    )
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """The commit of this project's code, marked where files differ from it; "unknown" outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=PROJECT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()

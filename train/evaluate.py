"""How good are the pages? Held-out prompts, asked through the chat's engine and extractor, scored and laid out to be looked at.

    python -m train evaluate --adapter none --adapter runs/pages --out runs/pages/evaluation
    python -m train evaluate --data pages.jsonl --base demo --adapter runs/a --adapter runs/b --out comparison --render

Writes report.json (scores, intervals, paired tests and all that is needed to repeat them), report.html (a gallery) and
answers/, from which a broken-off evaluation goes on.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from tqdm import tqdm

from htmlgen.engine import Sampling
from htmlgen.errors import SettingsError
from htmlgen.local import LocalEngine
from htmlgen.presets import Preset
from htmlgen.settings import Quantization
from train.answers import Answer, AnswerFile, fingerprint, write_answers
from train.data import Record
from train.evaluation.heldout import HeldOut, add_data_arguments, held_out
from train.evaluation.likelihood import likelihoods
from train.evaluation.report import make_report, print_report, write_report
from train.evaluation.scores import PageStatistics, check_statistics, page_statistics, visual_page_statistics
from train.source import Source, find_base, find_source
from train.weights import adapter_digest, base_identity

BASE_ALONE = "none"


@dataclass
class System:
    """A base with or without an adapter, and what became of it."""

    name: str
    preset: Preset
    source: Source | None = None
    """None is the base alone."""
    base_identity: str = ""
    """Which weights the base has: see `train.weights`."""
    prompt_format: str = ""
    answers: list[Answer] = field(default_factory=list)
    statistics: list[PageStatistics] = field(default_factory=list)
    seconds: float = 0.0
    """Spent writing the answers of this call; those of an earlier one are not counted."""
    tokens_written: int = 0

    @property
    def adapter_sha256(self) -> str | None:
        folder = self.source.folder if self.source is not None else None
        return adapter_digest(folder) if folder is not None else None


def add_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("systems")
    group.add_argument(
        "--base", type=str | None, default=None, help="preset, folder or hub id; unset: the adapters' own, else demo"
    )
    group.add_argument(
        "--adapter",
        type=str,
        action="append",
        default=None,
        help="adapter's folder or hub id, a run's folder, or none for the base alone; repeat it to compare (default: none)",
    )
    group.add_argument(
        "--adapters", type=list[str] | None, default=None, help="the same as a list, for YAML; --adapter goes before it"
    )
    group.add_argument(
        "--quantization", type=Quantization, default="4bit", help="of the base: 4bit is what the chat serves"
    )
    group.add_argument(
        "--prompt-format", type=str | None, default=None, help="unset: the one saved with the adapter or the base"
    )
    add_data_arguments(parser)
    group = parser.add_argument_group("writing")
    defaults = Sampling()
    group.add_argument(
        "--temperature", type=float, default=0.0, help="0 is greedy, and the same each time (default: 0)"
    )
    group.add_argument("--top-p", type=float, default=defaults.top_p, help="nucleus, in (0, 1]")
    group.add_argument("--top-k", type=int, default=defaults.top_k, help="only the k likeliest tokens; 0 keeps all")
    group.add_argument("--repetition-penalty", type=float, default=defaults.repetition_penalty, help="1 to 2")
    group.add_argument(
        "--max-new-tokens",
        type=int,
        default=defaults.max_new_tokens,
        help="tokens of a page at most; a model that never stops takes them all, so this bounds the time",
    )
    group.add_argument("--batch-size", type=int, default=8, help="pages written together; memory grows with it")
    group.add_argument("--seed", type=int, default=0, help="of sampling, --limit, intervals and tests")
    group = parser.add_argument_group("judging")
    group.add_argument(
        "--render",
        nargs="?",
        type=bool,
        const=True,
        default=False,
        help="draw the pages in Chromium too: SSIM, and Design2Code's scores; about a second a page",
    )
    group.add_argument("--resamples", type=int, default=1000, help="of the bootstrap behind the 95 %% intervals")
    group.add_argument("--trials", type=int, default=5000, help="of the paired randomisation test")
    group.add_argument("--out", type=Path, required=True, help="folder for report.json, report.html and answers/")  # fmt: skip


def run(arguments: Any) -> int:
    for flag, lowest in (("batch_size", 1), ("resamples", 100), ("trials", 100)):
        if arguments[flag] < lowest:
            raise SettingsError(f"--{flag.replace('_', '-')} is {arguments[flag]} but must be at least {lowest}.")
    names = ("temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens", "seed")
    sampling = Sampling(**{name: arguments[name] for name in names})
    systems = find_systems(arguments.adapter or arguments.adapters or [BASE_ALONE], arguments.base)
    runs = {s.name: s.source.run.config for s in systems if s.source is not None and s.source.run is not None}
    learned = {s.name: s.source.learned for s in systems if s.source is not None and s.source.learned is not None}
    held = held_out(
        vars(arguments.dataset), runs, arguments.part, limit=arguments.limit, seed=arguments.seed, learned=learned
    )
    for warning in held.warnings:
        print(f"warning: {warning}")
    print(f"{len(held.records):,} of {held.available:,} rows of the {held.part} part of {held.config.path}")

    # First, so that a missing Chromium is told before hours of writing.
    versions = {"chromium": chromium_version()} if arguments.render else {}
    for system in systems:
        asyncio.run(judge(system, held, sampling, arguments))
    if arguments.render:
        draw(systems, held.records)
    settings = {
        "sampling": asdict(sampling), "quantization": arguments.quantization, "batch_size": arguments.batch_size,
        "render": bool(arguments.render), "resamples": arguments.resamples, "trials": arguments.trials,
        "seed": arguments.seed, "limit": arguments.limit,
    }  # fmt: skip
    report = make_report(systems, held, settings, versions)
    write_report(report, systems, held.records, arguments.out)
    print_report(report)
    print(
        f"\n{arguments.out / 'report.json'} holds the numbers; open {arguments.out / 'report.html'} to look at the pages."
    )
    return 0


def chromium_version() -> str:
    """Starts and stops the browser that --render draws with. Raises SettingsError where anything for it is missing."""
    try:
        from train.evaluation.render import Renderer
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--render needs {error.name}, which is not installed. Run `pip install -r requirements-dev.txt`, or leave --render out."
        ) from error
    with Renderer() as renderer:
        return renderer.version


def find_systems(adapters: Sequence[str], base: str | None) -> list[System]:
    """A system for each adapter, in their order, with names that tell them apart.

    Raises:
        SettingsError: an adapter is named twice, or the adapters are for different bases.
        ModelNotFound, ModelError: an adapter is not there, or does not say which base it is for.
    """
    sources = [None if name == BASE_ALONE else find_source(name, base) for name in adapters]
    bases = {source.preset.base: source.preset for source in sources if source is not None}
    if len(bases) > 1:
        raise SettingsError(
            f"The adapters are for different bases ({', '.join(bases)}). Evaluate them apart, or name one with --base."
        )
    preset = next(iter(bases.values()), None) or find_base(base or "demo")
    identity = base_identity(preset.base)
    systems: list[System] = []
    for adapter, source in zip(adapters, sources, strict=True):
        name = _name(source)
        if any(adapter == other for other in adapters[: len(systems)]):
            raise SettingsError(f"--adapter {adapter} is named twice.")
        taken = sum(system.name == name or system.name.startswith(f"{name} (") for system in systems)
        systems.append(System(f"{name} ({taken + 1})" if taken else name, preset, source, identity))
    return systems


def _name(source: Source | None) -> str:
    if source is None:
        return "base"
    path = Path(source.adapter)
    return path.resolve().parent.name if path.name == "adapter" and path.is_dir() else path.name


async def judge(system: System, held: HeldOut, sampling: Sampling, arguments: Any) -> None:
    """Loads a system, lets it write, and measures what needs no browser."""
    engine = LocalEngine(
        system.preset, adapter=system.source.adapter if system.source is not None else BASE_ALONE,
        quantization=arguments.quantization, prompt_format=arguments.prompt_format,
    )  # fmt: skip
    print(f"{system.name}: loading {system.preset.base}" + (f" and {system.source.adapter}" if system.source else ""))
    try:
        await engine.load()
        system.prompt_format = engine.prompt_format
        decides = {
            "base": system.base_identity, "adapter": system.adapter_sha256 or (system.source and system.source.adapter),
            "quantization": arguments.quantization, "prompt_format": system.prompt_format, "sampling": asdict(sampling),
            "data": held.sha256, "batch_size": arguments.batch_size,
        }  # fmt: skip
        file = AnswerFile(arguments.out / "answers" / f"{system.name.replace('/', '_')}.jsonl", fingerprint(decides))
        with tqdm(total=len(held.records), desc=f"{system.name}: writing", unit="page") as bar:

            def progress(pages: int, tokens: int) -> None:
                system.tokens_written += tokens
                bar.set_postfix_str(
                    f"{system.tokens_written / max(1e-9, time.monotonic() - start):,.0f} tokens/s", refresh=False
                )
                bar.update(pages)

            start = time.monotonic()
            system.answers = await write_answers(engine, held.records, sampling, arguments.batch_size, file, progress)
            system.seconds = time.monotonic() - start
        with tqdm(total=len(held.records), desc=f"{system.name}: reading", unit="page") as bar:
            likely = likelihoods(
                engine.model, engine.tokenizer, system.prompt_format, held.records, progress=bar.update
            )
        checks = check_statistics(held.specs, system.answers)
        system.statistics = [
            {**page_statistics(record, answer, engine.tokenizer), **nats, **checked}
            for record, answer, nats, checked in zip(held.records, system.answers, likely, checks, strict=True)
        ]
    finally:
        await engine.close()


def draw(systems: Sequence[System], records: Sequence[Record]) -> None:
    """Adds the visual statistics. Record by record, so that two pictures at most are in memory."""
    from train.evaluation.render import Renderer

    with Renderer() as renderer, tqdm(total=len(records), desc="drawing", unit="page") as bar:
        for index, record in enumerate(records):
            reference = renderer.render(record.html)
            for system in systems:
                page = system.answers[index].page
                drawn = None if page is None else renderer.render(page)
                system.statistics[index].update(visual_page_statistics(drawn, reference))
            bar.update()

"""The model card of an adapter or merged model: README.md from the run's settings, its log and its evaluation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from htmlgen.presets import Preset
from train.config import TrainConfig, load_config
from train.run import RunFolder

LICENCES = {"MIT": "mit", "Apache-2.0": "apache-2.0", "Llama 2 Community": "llama2"}
"""Names of our presets' licences on the hub."""
SHOWN_SCORES = (
    "bleu", "bleu_0_1", "chrf", "rouge_l", "exact_match", "perplexity", "bits_per_byte", "stopped", "closed",
    "parse_errors_per_kb", "tree_bleu_recall", "tree_bleu_precision", "tag_f1", "visible_text", "ssim", "block_match",
    "block_text", "block_position", "block_colour", "checks_all",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a run's folder tells: its settings and the end of its log."""

    config: TrainConfig
    log: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Run | None":
        """None where `folder` is no run's folder. Raises SettingsError if its config.yaml cannot be read."""
        if not (folder / "config.yaml").is_file():
            return None
        return cls(load_config(folder / "config.yaml"), RunFolder(folder).read_metrics())


def model_card(
    *,
    name: str,
    base: str,
    preset: Preset,
    prompt_format: str,
    merged: bool,
    run: Run | None = None,
    report: Mapping[str, Any] | None = None,
    system: str | None = None,
) -> str:
    """Markdown with the hub's metadata block.

    Args:
        base: the base model's hub id or name.
        merged: whether the folder holds a whole model or an adapter alone.
        report: what `evaluate` wrote into report.json, and `system`, the name this adapter has in it.
    """
    hub_base = base if _is_hub_id(base) else None
    data = ModelCardData(
        base_model=hub_base,
        base_model_relation=("merge" if merged else "adapter") if hub_base else None,
        library_name="transformers" if merged else "peft",
        pipeline_tag="text-generation",
        license=LICENCES.get(preset.licence),
        datasets=[run.config.dataset.path] if run and _is_hub_id(run.config.dataset.path) else None,
        tags=["html", "code-generation", "htmlgen-studio", *([] if merged else ["lora" if _is_lora(run) else "peft"])],
    )
    what = (
        "A standalone model: the adapter is merged into the full-precision base."
        if merged
        else "An adapter, to be put on its base."
    )
    sections = [
        f"---\n{data.to_yaml()}\n---",
        f"# {name}",
        f"Writes web pages from a request. {what}\n\n"
        f"- Base: `{base}`" + (f" ({preset.licence})" if preset.licence != "unknown" else "") + "\n"
        f"- Prompt format: `{prompt_format}` (htmlgen/prompt.py; also in htmlgen.json beside the weights)",
        _usage(base, merged),
    ]
    if run is not None:
        sections += [_training_data(run), _training(run)]
    if report is not None and system is not None:
        sections.append(_scores(report, system))
    sections.append(
        "## Limits\n\nIt imitates the pages it was trained on and may be wrong about anything it states in them. Pages can hold scripts: "
        "open them in a sandbox, as HTML Studio's preview does. The scores above hold for prompts like those it was "
        "evaluated on."
        if report is not None and system is not None
        else "## Limits\n\nIt was not evaluated (`python -m train evaluate`). Pages can hold scripts: open them in a sandbox."
    )
    return "\n\n".join(sections) + "\n"


def _usage(base: str, merged: bool) -> str:
    setting = (
        "HTMLGEN_MODEL=path/or/hub-id make run"
        if merged
        else f"HTMLGEN_MODEL={base} HTMLGEN_ADAPTER=path/or/hub-id make run"
    )
    return f"## Use\n\n```\n{setting}\n```"


def _training_data(run: Run) -> str:
    data = run.config.dataset
    # Only the name of a local file: a folder of somebody's machine is nobody's business.
    name = f"`{data.path}`" if _is_hub_id(data.path) else f"`{Path(data.path).name}` (a local file)"
    held = (
        f"its split `{data.test_split}`"
        if data.test_split
        else f"{data.test_size:.0%} of the rows (split seed {data.split_seed})"
    )
    return (
        f"## Data\n\n{name}, split `{data.split}`; held out for evaluation: {held}. Rows of the same page or request are on one side. "
        f"Rows over {data.max_length or 'the default of 2,048'} tokens: {data.overlong}."
    )


def _training(run: Run) -> str:
    config, adapter = run.config, run.config.adapter
    rows = {
        "Adapter": f"{adapter.type}, r {adapter.r}, alpha {adapter.lora_alpha}, dropout {adapter.lora_dropout}, "
        f"on {adapter.target_modules if isinstance(adapter.target_modules, str) else ', '.join(adapter.target_modules)}"
        if adapter.type not in ("prefix", "prompt")
        else f"{adapter.type} tuning, {adapter.virtual_tokens} virtual tokens",
        "Base while training": {"4bit": "NF4, double quantisation", "8bit": "LLM.int8()"}.get(
            config.quantization, "not quantised"
        ),
        "Optimizer": f"{config.optimizer}, betas {config.betas[0]} and {config.betas[1]}, weight decay {config.weight_decay}",
        "Learning rate": f"{config.learning_rate} peak, {config.schedule}, "
        + (
            f"{config.warmup_steps} warm-up steps"
            if config.warmup_steps is not None
            else f"warm-up ratio {config.warmup_ratio}"
        ),
        "Batch": f"{config.micro_batch_size} x {config.gradient_accumulation} rows a step",
        "Epochs": str(config.epochs) + (f", at most {config.max_steps} steps" if config.max_steps else ""),
        "Seed": str(config.seed),
    }
    steps = [line["step"] for line in run.log if "step" in line]
    losses = [line["loss"] for line in run.log if line.get("loss") is not None]
    validation = [line["eval_loss"] for line in run.log if line.get("eval_loss") is not None]
    if steps:
        rows["Steps done"] = f"{max(steps):,}"
    if losses:
        rows["Training loss"] = f"{losses[0]:.4f} at first, {losses[-1]:.4f} at the end"
    if validation:
        rows["Validation loss"] = f"{min(validation):.4f} at best, {validation[-1]:.4f} at the end"
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"## Training\n\n| | |\n|---|---|\n{table}\n\nMade by `python -m train fit` (HTML Studio)."


def _scores(report: Mapping[str, Any], system: str) -> str:
    systems = {found["name"]: found for found in report["systems"]}
    ours, base = systems[system], next((found for found in report["systems"] if found["adapter"] is None), None)
    labels = {metric["name"]: metric for metric in report["metrics"]}
    head = "| | this model (95 % interval) |" + (" base alone |" if base else "")
    lines = [head, "|---|---|" + ("---|" if base else "")]
    for metric in SHOWN_SCORES:
        score = ours["scores"].get(metric)
        if score is None or score["score"] is None:
            continue
        digits = labels[metric]["digits"]
        row = f"| {labels[metric]['label']} | {score['score']:.{digits}f} ({score['low']:.{digits}f} to {score['high']:.{digits}f}) |"
        if base:
            other = base["scores"].get(metric, {}).get("score")
            row += f" {'–' if other is None else format(other, f'.{digits}f')} |"
        lines.append(row)
    data = report["data"]
    held = "held-out prompts" if data["part"] in ("test", "validation") else "prompts, those of training among them"
    warnings = "".join(f"\n\nNote: {warning}" for warning in data.get("warnings", ()))
    return (
        f"## Evaluation\n\n{data['evaluated']:,} {held} ({data['part']} part), "
        f"temperature {report['settings']['sampling']['temperature']}, {report['settings']['quantization']} base. "
        "Signatures and per-page scores: report.json of `python -m train evaluate`.\n\n" + "\n".join(lines) + warnings
    )


def _is_lora(run: Run | None) -> bool:
    return run is None or run.config.adapter.type in ("lora", "rslora", "dora", "pissa")


def _is_hub_id(name: str) -> bool:
    return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None and not Path(name).exists() and "models/" not in name

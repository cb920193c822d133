"""Every training setting: dataclasses, one YAML file, and a flag per field.

    python -m train fit --data pages.jsonl --base demo --out runs/pages --epochs 3
    python -m train fit --config runs/html_alpaca.yaml --learning-rate 1e-4

A field `dataset.test_size` in YAML is the flag `--test-size`. Defaults live here and nowhere else.
"""

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, get_type_hints

from jsonargparse import ArgumentParser, Namespace

from htmlgen.errors import SettingsError
from htmlgen.settings import Quantization

AdapterType = Literal["lora", "rslora", "dora", "pissa", "prefix", "prompt"]
Overlong = Literal["split", "truncate", "drop"]
PROMPT_LEARNING = ("prefix", "prompt")
"""Adapter types that put learned vectors before each row: such rows cannot be packed."""


def _require(good: bool, message: str) -> None:
    if not good:
        raise SettingsError(message)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which rows to train on, how to split them, and what to do with rows that are too long."""

    path: str
    """Hub id, or a local file or folder (json, jsonl, csv, parquet). Files are read whole into Arrow's memory map."""
    subset: str | None = None
    """Named configuration of a hub dataset, for those that have several."""
    split: str = "train"
    """Split of the dataset to train on; a local file has only `train`."""
    test_split: str | None = None
    """Split of the dataset that is the test part. Unset: `--test-size` of the rows is held out instead."""
    validation_split: str | None = None
    """Split of the dataset that is the validation part. Unset: `--validation-size` of the training rows is."""
    test_size: float = 0.2
    """Share of the rows held out for `evaluate`, in [0, 1). More makes scores surer and leaves less to learn from."""
    validation_size: float = 0.1
    """Share of the rest used to choose the best adapter, in [0, 1). 0 saves its time; the last adapter is then kept."""
    split_seed: int = 0
    """Seed of the split alone: another `--seed` trains on the same rows, so runs stay comparable."""
    instruction_column: str | None = None
    """Column with the request. Unset: recognised by name (instruction, label, prompt, messages)."""
    input_column: str | None = None
    """Column with the current page of an edit. Unset: `input` where there is one."""
    html_column: str | None = None
    """Column with the page to learn. Unset: recognised by name (output, html, completion, messages)."""
    prompt_format: str | None = None
    """Prompt format. Unset: the one saved with the base, else that of the preset. Its name is saved with the adapter."""
    max_length: int | None = None
    """Tokens of prompt and answer together. Memory and time per row grow with it. Unset: 2,048, or the base's context if less."""
    overlong: Overlong = "split"
    """Longer rows: `split` into windows that lose nothing, `truncate` (the page's end is lost, and EOS with it) or `drop`."""
    overlap: int = 128
    """Tokens of the previous window that each further window sees again, unlearned. More context, fewer new tokens a window."""

    def __post_init__(self) -> None:
        _require(bool(self.path.strip()), "--data is empty. Name a file, a folder or a hub id.")
        for flag, share in (("--test-size", self.test_size), ("--validation-size", self.validation_size)):
            _require(
                0 <= share < 1, f"{flag} is {share} but must be at least 0 and less than 1: it is a share of the rows."
            )
        for flag, own in (("--test-split", self.test_split), ("--validation-split", self.validation_split)):
            _require(
                own != self.split,
                f"{flag} is {own!r}, which is also --split: the model would be scored on what it learned.",
            )
        _require(
            self.test_split is None or self.test_split != self.validation_split,
            f"--test-split and --validation-split are both {self.test_split!r}. The test part must not choose the adapter.",
        )
        _require(
            self.overlap >= 1,
            f"--overlap is {self.overlap} but must be at least 1: a window goes on from the one before it.",
        )
        if self.max_length is not None:
            _require(self.max_length >= 8, f"--max-length is {self.max_length} but must be at least 8.")
            _require(
                self.overlong != "split" or self.overlap < self.max_length,
                f"--overlap {self.overlap} leaves no room in --max-length {self.max_length}. Lower the one or raise the other.",
            )


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """What is trained on top of the frozen base."""

    type: AdapterType = "lora"
    """`lora`, `rslora` (alpha over √r: for a large r), `dora` (a little better, about a third slower), `pissa` (starts from the base's
    own main directions; the base must not be quantised), `prefix` or `prompt` tuning (tiny files, weaker, no packing)."""
    r: int = 16
    """Rank. Adapter size and its optimizer memory grow with it: 16 on all linear layers of a 7B is 40 M parameters."""
    lora_alpha: int = 64
    """Updates are scaled by alpha / r: a higher value acts like a higher learning rate."""
    lora_dropout: float = 0.05
    """Share of the adapter's inputs dropped in training, in [0, 1). More resists overfitting, and costs a little time."""
    target_modules: str | list[str] = "all-linear"
    """Layers to adapt: `all-linear` (the preset's own choice where it has one), or names such as [q_proj, v_proj]: less memory, learns less."""
    start_from: str | None = None
    """Folder of an adapter or its run to go on from, of the same shape and alpha, as with new pages for last week's adapter. The optimizer
    starts anew, and what that adapter was trained on is no validation row."""
    virtual_tokens: int = 20
    """Learned tokens of prefix and prompt tuning. Each takes a place in the context of every request."""

    def __post_init__(self) -> None:
        _require(self.r >= 1, f"--r is {self.r} but must be at least 1.")
        _require(self.lora_alpha >= 1, f"--lora-alpha is {self.lora_alpha} but must be at least 1.")
        _require(
            0 <= self.lora_dropout < 1, f"--lora-dropout is {self.lora_dropout} but must be at least 0 and less than 1."
        )
        _require(self.virtual_tokens >= 1, f"--virtual-tokens is {self.virtual_tokens} but must be at least 1.")
        _require(
            self.start_from is None or self.type in ("lora", "rslora", "dora"),
            f"--start-from goes with lora, rslora and dora, not with --adapter-type {self.type}.",
        )
        _require(bool(self.target_modules), "--target-modules is empty. Say `all-linear`, or name layers.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run. A *step* is an optimizer update; a *micro-batch* is one forward pass.

    Raises:
        SettingsError: values that cannot be, or cannot go together; the message names the flags.
    """

    dataset: DataConfig
    adapter: AdapterConfig = field(default_factory=AdapterConfig)

    base: str = "demo"
    """Preset, local folder or hub id of the base model."""
    out: str
    """The run's folder: config.yaml, metrics.jsonl, samples/, curves.png, adapter/, checkpoints/."""
    quantization: Quantization = "4bit"
    """Frozen base in `4bit` (NF4, 4 GB for a 7B), `8bit` (twice that, slower) or `none` (four times that, fastest)."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """Of the arithmetic; trained weights are always fp32. `auto`: bf16 where the hardware has it (GPUs since Ampere, CPUs with AVX512-BF16
    or AMX: half again as fast), else fp16 with loss scaling on a GPU (T4) and fp32 on a CPU."""

    epochs: int = 3
    """Passes over the training rows. Time grows with it; small sets overfit after three to five."""
    max_steps: int | None = None
    """Stops after so many steps, whatever the epochs. Unset: no limit."""
    micro_batch_size: int = 1
    """Rows a forward pass, per process. A packed row is full: `--max-length` tokens. Memory grows with it."""
    gradient_accumulation: int = 8
    """Micro-batches a step, their losses weighted by tokens. Larger batches at no memory; fewer steps an epoch."""
    packing: bool | Literal["auto"] = "auto"
    """Several documents a row, each blind to the others: no time goes into padding. `auto`: wherever adapter and base allow it."""
    group_by_length: bool = True
    """Where rows are padded: rows of like length share a batch. Less padding, slightly less random order."""

    learning_rate: float = 2e-4
    """Peak. Ten times what full fine-tuning takes is usual for LoRA; too high shows as a loss that jumps."""
    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = "adamw"
    """The 8-bit ones need CUDA and a quarter of the optimizer's memory; `paged` moves it to the CPU when the GPU is full."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's decay of the mean and of the squared gradient. A lower second one suits runs of few steps."""
    weight_decay: float = 0.0
    """Pulls the adapter's weights to zero each step. Resists overfitting; too much unlearns."""
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    """How the learning rate falls after the warm-up; linear and cosine reach zero at the last step."""
    warmup_ratio: float = 0.03
    """Share of the steps in which the rate rises from zero, in [0, 1)."""
    warmup_steps: int | None = None
    """The same in steps; goes before the ratio. Unset: the ratio counts."""
    max_grad_norm: float = 1.0
    """Gradients longer than this are shortened to it. 0 never clips."""
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    """Recomputes activations: a third more time for a fraction of their memory. `auto`: on for bases over a billion parameters."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """Under torchrun: the whole base in every process (`ddp`, fastest), or a share of it in each (`fsdp`, for bases too large for one GPU)."""

    seed: int = 0
    """Of adapter initialisation, order of rows and dropout."""
    deterministic: bool = False
    """Only deterministic kernels: the same run again gives the same weights on a GPU too, 10 to 30 % slower."""

    eval_every: int | None = None
    """Steps between validations. Unset: after each epoch. Each one costs a pass over the validation rows."""
    patience: int | None = None
    """Stops after so many validations without a better loss. Unset: never; the best adapter is kept either way."""
    sample_every: int | None = None
    """Steps between sample pages, written to samples/. Unset: after each epoch; 0: never. Writing pages costs seconds to minutes."""
    log_every: int = 1
    """Steps between lines of metrics.jsonl. Each waits for the GPU once."""
    save_every: int | None = None
    """Steps between checkpoints. Unset: after each epoch. What a crash loses at most; each writes adapter and optimizer."""
    keep_checkpoints: int = 2
    """Newest checkpoints kept, at least 2, so that one damaged file never ends a run. Disk grows with it."""
    resume: str | None = None
    """Goes on from a checkpoint in --out: `latest` (or nothing after the flag), or one's name, and what came after it is
    forgotten. With the same settings exactly the run that broke off; a new learning rate and the like are told."""
    track: Literal["none", "tensorboard", "wandb", "trackio"] = "tensorboard"
    """Where else metrics go; metrics.jsonl is always written. `wandb` and `trackio` need their package, name the run as its
    folder, and show what was resumed as another run of that name."""
    show: bool = False
    """Prints one example as it is learned, token by token and coloured, before the run."""
    dry_run: bool = False
    """Loads everything, shows one example, estimates memory and time, trains nothing."""

    def __post_init__(self) -> None:
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            _require(value is None or value >= lowest, f"{_flag(name)} is {value} but must be at least {lowest}.")
        _require(self.learning_rate > 0, f"--learning-rate is {self.learning_rate} but must be more than 0.")
        _require(
            0 <= self.warmup_ratio < 1, f"--warmup-ratio is {self.warmup_ratio} but must be at least 0 and less than 1."
        )
        _require(
            all(0 <= b < 1 for b in self.betas),
            f"--betas is {list(self.betas)} but both must be at least 0 and less than 1.",
        )
        _require(bool(self.out.strip()), "--out is empty. Name a folder for the run.")
        if self.adapter.type == "pissa":
            _require(
                self.quantization == "none",
                f"--adapter-type pissa starts from the base's own weights, which --quantization {self.quantization} has rounded. "
                "Add --quantization none, or use lora.",
            )
        if self.adapter.type in PROMPT_LEARNING:
            _require(
                self.packing is not True,
                f"--adapter-type {self.adapter.type} puts learned tokens before each row, so rows cannot share one. Drop --packing.",
            )
        _require(
            self.patience is None or self.has_validation,
            "--patience needs a validation part. Raise --validation-size above 0, name a --validation-split, or drop --patience.",
        )

    @property
    def has_validation(self) -> bool:
        return self.dataset.validation_split is not None or self.dataset.validation_size > 0


_LOWEST: dict[str, float] = {
    "epochs": 1, "max_steps": 1, "micro_batch_size": 1, "gradient_accumulation": 1, "weight_decay": 0, "warmup_steps": 0,
    "max_grad_norm": 0, "eval_every": 1, "patience": 1, "sample_every": 0, "log_every": 1, "save_every": 1, "keep_checkpoints": 2,
    "seed": 0,
}  # fmt: skip

Config = TypeVar("Config", DataConfig, AdapterConfig, TrainConfig)

_RENAMED = {"path": "--data", "type": "--adapter-type"}
_VALUE_WITHOUT = {"resume": "latest"}


def _flag(name: str) -> str:
    return _RENAMED.get(name) or "--" + name.replace("_", "-")


@cache
def field_docs(config: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, as one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(config))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for node, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            docs[node.target.id] = " ".join(str(below.value.value).split()) if is_text else ""  # type: ignore[attr-defined]
    return docs


def add_settings(parser: ArgumentParser, config: type, section: str = "") -> None:
    """A flag for every field of a config dataclass; fields of a nested one are read from its YAML section.

    Args:
        section: where the fields lie in the namespace and in YAML: "dataset" for `DataConfig`, "" for the top.
    """
    hints = get_type_hints(config)
    group = parser.add_argument_group(section or "run")
    for item in fields(config):
        if is_dataclass(nested := hints[item.name]):
            add_settings(parser, nested, item.name)  # type: ignore[arg-type]
            continue
        options: dict[str, Any] = {"type": hints[item.name], "help": field_docs(config)[item.name].replace("%", "%%")}
        options |= {"required": True} if item.default is MISSING else {"default": item.default}
        if options["type"] is bool:
            options |= {"nargs": "?", "const": True}
        elif item.name in _VALUE_WITHOUT:
            options |= {"nargs": "?", "const": _VALUE_WITHOUT[item.name]}
        group.add_argument(_flag(item.name), dest=f"{section}.{item.name}".lstrip("."), **options)


class SettingsParser(ArgumentParser):
    """Its errors name flags, where jsonargparse's name fields (`dataset.path` for `--data`) after forty lines of usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        flags = {action.dest: action.option_strings[-1] for action in self._actions if action.option_strings}
        message = re.sub(
            "(?<=required: ).*", lambda m: ", ".join(flags.get(name, name) for name in m[0].split(", ")), message
        )
        message = re.sub(r'Parser key "([\w.]+)":\s*', lambda m: f"{flags.get(m[1], m[1])}: ", message)
        message = re.sub(r"a <class '(\w+)'>", r"\1", message).replace("a typing.Literal", "one of ")
        print(f"error: {message}\n`{self.prog} --help` tells what each flag takes.", file=sys.stderr)
        raise SystemExit(2)


def settings_parser(prog: str, description: str | None = None) -> ArgumentParser:
    """A parser that takes `--config file.yaml` besides what is added to it; what follows on the command line overrides it."""
    parser = SettingsParser(prog=prog, description=description)
    parser.add_argument("--config", action="config", help="YAML file of settings; flags override it.")
    return parser


def read_settings(arguments: Namespace, config: type[Config], section: str = "") -> Config:
    """The dataclass that the flags of `add_settings` describe.

    Raises:
        SettingsError: from the dataclass's own checks.
    """
    values = arguments[section] if section else arguments
    hints = get_type_hints(config)
    return config(
        **{
            item.name: read_settings(values, hints[item.name], item.name)
            if is_dataclass(hints[item.name])
            else values[item.name]
            for item in fields(config)
        }
    )


def save_config(config: TrainConfig, path: str | Path) -> None:
    """Writes every setting as YAML that `--config` takes."""
    import yaml  # type: ignore[import-untyped]  # deferred: only `fit` writes settings

    values = asdict(config) | {"betas": list(config.betas)}
    Path(path).write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")


def load_config(path: str | Path) -> TrainConfig:
    """Reads a file that `save_config` wrote, or one of runs/ that names data and out.

    Raises:
        SettingsError: the file is missing, or a setting in it cannot be used.
    """
    import jsonargparse

    parser = ArgumentParser(exit_on_error=False)
    add_settings(parser, TrainConfig)
    try:
        return read_settings(parser.parse_path(str(path)), TrainConfig)
    except (OSError, TypeError, jsonargparse.ArgumentError) as error:
        raise SettingsError(f"{path} cannot be read as training settings: {error}") from error

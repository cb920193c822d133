"""A GPTQ base, on which an adapter is then trained and served: python -m train quantize --base demo --data pages.jsonl --out gptq

GPTQ rounds a layer's weights one after the other and lets the rest make up for the error, as seen on example inputs
(arXiv:2210.17323, section 3); the examples are rows of the data set, as they are trained on. It needs requirements-gptq.txt.
"""

import argparse
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PretrainedConfig

from htmlgen.errors import SettingsError
from htmlgen.presets import find_preset
from htmlgen.prompt import write_prompt_format
from train.adapters import base_name
from train.config import DataConfig
from train.data import load_split
from train.lengths import load_tokenizer, prompt_format_of
from train.tokens import Example, encode_records, limit

EXAMPLES = 128
"""Rows to calibrate on: as many as the paper took."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, help="preset, folder or hub id of the full-precision base")
    parser.add_argument(
        "--data", required=True, help="hub id or local file whose training rows the rounding is fitted to"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the quantised base; must not hold anything")
    parser.add_argument("--bits", type=int, choices=(2, 3, 4, 8), default=4, help="of a weight (4)")
    parser.add_argument(
        "--group-size",
        type=int,
        help="weights that share a scale; -1: a whole row. Unset: 128, or half as many until it divides the base's layers",
    )
    parser.add_argument(
        "--max-length", type=int, help="tokens of an example at most; unset: 2,048 or the base's context"
    )
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"rows to calibrate on ({EXAMPLES})")


def run(arguments: argparse.Namespace) -> int:
    out: Path = arguments.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out} is no empty folder. Name another one with --out.")
    preset = find_preset(arguments.base)
    tokenizer, context = load_tokenizer(preset)
    size = group_size(AutoConfig.from_pretrained(preset.base), arguments.group_size)
    require_packages()
    prompt_format = prompt_format_of(preset, None)
    split = load_split(DataConfig(path=arguments.data))
    max_length = limit(arguments.max_length, context)
    examples, report = encode_records(split.train[: arguments.examples], tokenizer, prompt_format, max_length)
    print(report)
    quantize(preset.base, out, examples[: arguments.examples], bits=arguments.bits, group_size=size)
    tokenizer.save_pretrained(out)
    write_prompt_format(out, prompt_format, base_name(preset))
    print(f"Wrote {out}. Train on it with: python -m train fit --base {out} --data {arguments.data} --out runs/…")
    return 0


def group_size(config: PretrainedConfig, wanted: int | None) -> int:
    """Weights that share a scale: `wanted`, or the largest of 128, 64 and 32 that divides what the layers take in.

    gptqmodel quantises by groups that don't divide a row, and then has no kernel that reads them.

    Raises:
        SettingsError: `wanted` doesn't divide.
    """
    heads = config.num_attention_heads * (
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    widths = (config.hidden_size, config.intermediate_size, heads)
    fitting = [size for size in (128, 64, 32) if all(width % size == 0 for width in widths)]
    if wanted is None:
        return fitting[0] if fitting else -1
    if wanted != -1 and any(width % wanted for width in widths):
        listed = " and ".join(f"{width:,}" for width in sorted(set(widths)))
        choices = f"{' or '.join(str(size) for size in fitting)} or " if fitting else ""
        raise SettingsError(
            f"--group-size {wanted} does not divide this base's layers, {listed} wide. Take {choices}-1."
        )
    return wanted


def require_packages() -> None:
    """
    Raises:
        SettingsError: a package is missing, with what to install.
    """
    missing = [name for name in ("gptqmodel", "optimum") if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"GPTQ needs {' and '.join(missing)}: pip install -r requirements-gptq.txt (it brings a newer torch, so take an "
            "environment of its own). Without it, --quantization 4bit trains on any base in NF4."
        )


def quantize(base: str, out: Path, examples: Sequence[Example], *, bits: int, group_size: int) -> None:
    """Writes `base`, quantised on `examples`, to `out`."""
    # On two cores, as Colab has, gptqmodel 7.7 makes one worker and then asks for two.
    if (os.cpu_count() or 1) < 3:
        os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")
    from gptqmodel import GPTQModel, QuantizeConfig

    model: Any = GPTQModel.load(base, QuantizeConfig(bits=bits, group_size=group_size))
    rows = [{"input_ids": list(e.input_ids), "attention_mask": [1] * len(e)} for e in examples]
    model.quantize(rows, batch_size=1)
    model.save(str(out))

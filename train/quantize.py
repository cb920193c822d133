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
    parser.add_argument("--group-size", type=int, default=128, help="weights that share a scale; -1: a whole row (128)")
    parser.add_argument(
        "--max-length", type=int, help="tokens of an example at most; unset: 2,048 or the base's context"
    )
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"rows to calibrate on ({EXAMPLES})")


def run(arguments: argparse.Namespace) -> int:
    out: Path = arguments.out
    if out.exists() and any(out.iterdir()):
        raise SettingsError(f"{out} is not empty. Name another folder with --out.")
    require_packages()
    preset = find_preset(arguments.base)
    tokenizer, context = load_tokenizer(preset)
    prompt_format = prompt_format_of(preset, None)
    split = load_split(DataConfig(path=arguments.data))
    max_length = limit(arguments.max_length, context)
    examples, report = encode_records(split.train[: arguments.examples], tokenizer, prompt_format, max_length)
    print(report)
    quantize(preset.base, out, examples[: arguments.examples], bits=arguments.bits, group_size=arguments.group_size)
    tokenizer.save_pretrained(out)
    write_prompt_format(out, prompt_format, base_name(preset))
    print(f"Wrote {out}. Train on it with: python -m train fit --base {out} --data {arguments.data} --out runs/…")
    return 0


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

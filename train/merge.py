"""Adapter + full-precision base -> a standalone model, or a published adapter.

    python -m train merge --adapter runs/pages/adapter --out merged
    HTMLGEN_MODEL=merged make run
    python -m train merge --adapter runs/pages/adapter --out merged --gguf            # and merged/model.gguf, for llama.cpp
    python -m train merge --adapter runs/pages/adapter --what adapter --push your-name/pages

A merge never goes into a 4-bit base: that would round the adapter's small updates away. The merged model is loaded back from
the disk and must say what base + adapter said before it takes its place.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from htmlgen.adapter import untie_if_adapted
from htmlgen.errors import AdapterMismatch, ModelError, ModelNotFound, SettingsError
from htmlgen.presets import Preset
from htmlgen.prompt import SIDECAR, write_prompt_format
from train.adapters import base_name, load_base
from train.card import model_card
from train.publish import check_target, push
from train.source import Source, find_source
from train.weights import adapter_digest

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference between logits of base + adapter and of the merged model, as a share of the largest logit (at least 1)
for the half-precision types, whose rounding it allows for."""
PROBE_TOKENS = 64
GGUF_FILE = "model.gguf"
"""In the folder of a merged model."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--adapter", required=True, help="adapter's folder or hub id, or a run's folder")
    parser.add_argument(
        "--base", help="preset, folder or hub id of the full-precision base; unset: the one that the adapter names"
    )
    parser.add_argument("--out", type=Path, help="folder for the result; needed unless an adapter is only pushed")
    parser.add_argument(
        "--what",
        choices=("merged", "adapter"),
        default="merged",
        help="make a standalone model, or take the adapter as it is (default: merged)",
    )
    parser.add_argument(
        "--dtype",
        choices=("auto", *DTYPES),
        default="auto",
        help="number type of the merged weights; auto is the base's own, float32 is exact and largest",
    )
    parser.add_argument(
        "--gguf",
        nargs="?",
        const="auto",
        choices=("auto", "bf16", "f16"),
        help=f"also write {GGUF_FILE} for llama.cpp, its matrices in bf16 or f16 (auto: as merged); Llama-architecture models only",
    )
    parser.add_argument(
        "--report",
        type=Path,
        help="report.json of `evaluate`, for the scores in the model card; "
        "unset: evaluation/report.json in the run's folder, if there is one",
    )
    parser.add_argument("--push", metavar="USER/NAME", help="upload the result to the Hugging Face Hub")
    parser.add_argument("--private", action="store_true", help="make a new hub repository private")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    if arguments.out is None and not (arguments.what == "adapter" and arguments.push):
        raise SettingsError("--out is missing. Name a folder for the result.")
    if arguments.gguf and arguments.what == "adapter":
        raise SettingsError("--gguf writes a merged model. Leave out --what adapter.")
    if arguments.push:
        check_target(arguments.push)
    source = find_source(arguments.adapter, arguments.base)
    if arguments.gguf:
        from train.gguf import check_architecture, write_gguf

        check_architecture(_read_config(source.preset))
    name = (arguments.push or str(arguments.out)).rstrip("/").rpartition("/")[2]
    with tempfile.TemporaryDirectory(prefix="merge-", dir=_beside(arguments.out)) as temporary:
        made = Path(temporary) / "result"
        made.mkdir()
        if arguments.what == "merged":
            difference = merge(source, made, dtype=arguments.dtype)
            rounded = (
                "" if difference <= TOLERANCE[torch.float32] else " (rounded as the base is; --dtype float32 is exact)"
            )
            print(
                f"Merged in {source.preset.base}; its logits differ from base + adapter by at most {difference:.2g}{rounded}."
            )
            if arguments.gguf:
                for note in write_gguf(made, made / GGUF_FILE, kind=arguments.gguf, name=name):
                    print(f"Note: {note}")
        else:
            copy_adapter(source, made)
        report, system = find_scores(source, arguments.report)
        card = model_card(
            name=name, base=base_name(source.preset), preset=source.preset, prompt_format=source.prompt_format,
            merged=arguments.what == "merged", run=source.run, report=report, system=system,
        )  # fmt: skip
        (made / "README.md").write_text(card, "utf-8")
        result = made
        if arguments.out is not None:
            _move(made, arguments.out)
            result = arguments.out
            if arguments.gguf:
                print(
                    f"Wrote {result / GGUF_FILE}. To serve it: llama-server -m {result / GGUF_FILE}; docs/scale.md has the rest."
                )
            hint = f"HTMLGEN_MODEL={result}" if arguments.what == "merged" else f"HTMLGEN_ADAPTER={result}"
            print(f"Wrote {result}. To chat with it: {hint} make run")
        if arguments.push:
            address = push(
                result, arguments.push, private=arguments.private, message=f"Upload {arguments.what} with htmlgen"
            )
            print(f"Pushed to {address}")
    return 0


def merge(source: Source, out: Path, *, dtype: str = "auto") -> float:
    """Writes the merged model, its tokenizer and prompt format into the empty folder `out`.

    Returns the largest difference between its logits, read back from the disk, and those of base + adapter.

    Raises:
        SettingsError: the adapter is of a kind that cannot be merged.
        ModelError: the base is quantised itself, or the merged weights are not finite or not equal.
        AdapterMismatch: the adapter was made for another base.
    """
    if source.config.is_prompt_learning:
        raise SettingsError(
            f"{source.adapter} is {source.config.peft_type.value.lower().replace('_', ' ')}: learned tokens before the prompt, which no "
            "weight of the base can hold. Serve it as an adapter, or push it with --what adapter."
        )
    model = _load_full_precision(source.preset, dtype)
    try:
        adapted = PeftModel.from_pretrained(model, source.adapter)
    except (RuntimeError, ValueError) as error:
        raise AdapterMismatch(
            f"The adapter {source.adapter} does not fit the base {source.preset.base}: {str(error).splitlines()[-1].strip()} "
            "Name the base it was trained on with --base."
        ) from error
    adapted.eval()
    untie_if_adapted(model)
    probe = torch.arange(PROBE_TOKENS) * 997 % model.config.vocab_size
    expected = _logits(adapted, probe)
    try:
        merged = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelError(f"{source.adapter} cannot be merged: {error}") from error
    refuse_not_finite(merged)
    merged.config.use_cache = True  # off while training
    merged.save_pretrained(out)
    # The base's, as in training and in the chat, whatever lies beside the adapter.
    AutoTokenizer.from_pretrained(source.preset.base).save_pretrained(out)
    write_prompt_format(out, source.prompt_format, base_name(source.preset))
    number_type = merged.dtype
    del adapted, merged, model
    return _verify(out, number_type, probe, expected)


def _read_config(preset: Preset) -> Any:
    try:
        return AutoConfig.from_pretrained(preset.base)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"The base {preset.base!r} cannot be loaded: {str(error).splitlines()[0]} Name a preset, a local folder or a hub id "
            "with --base; a hub id needs a network, and for a gated model `hf auth login`."
        ) from error


def _load_full_precision(preset: Preset, dtype: str) -> Any:
    config = _read_config(preset)
    quantization = getattr(config, "quantization_config", None)
    if quantization is not None:
        method = quantization.get("quant_method") if isinstance(quantization, dict) else quantization.quant_method
        raise ModelError(
            f"The base {preset.base} is quantised itself ({getattr(method, 'value', method)}), and a merge into rounded weights would lose "
            "the adapter's small updates. Name the full-precision model it was made from with --base."
        )
    own = config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32
    return load_base(preset, "none", own if dtype == "auto" else DTYPES[dtype])


@torch.no_grad()
def _logits(model: Any, probe: torch.Tensor) -> torch.Tensor:
    return model(input_ids=probe[None]).logits.float()


def refuse_not_finite(model: torch.nn.Module) -> None:
    """Raises ModelError naming the first weight that holds NaN or infinity."""
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            raise ModelError(
                f"The merged weight {name} is not finite (NaN or infinity), so nothing was written. The adapter is damaged or its "
                "training diverged: merge an earlier checkpoint."
            )


def _verify(folder: Path, dtype: torch.dtype, probe: torch.Tensor, expected: torch.Tensor) -> float:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    difference = float((_logits(model.eval(), probe) - expected).abs().max())
    scale = 1.0 if dtype == torch.float32 else max(1.0, float(expected.abs().max()))
    if not difference <= TOLERANCE[dtype] * scale:
        raise ModelError(
            f"The merged model's logits differ from those of base + adapter by {difference:.3g}, so nothing was written. Try --dtype float32."
        )
    return difference


def copy_adapter(source: Source, out: Path) -> None:
    """The adapter's own files and its prompt format, without what training left beside them."""
    folder = source.folder
    if folder is None:
        raise SettingsError(
            f"--what adapter takes a local folder, not {source.adapter!r}, which is on the hub already."
        )
    kept = (
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "special_tokens_map.json",
        SIDECAR,
    )
    for file in folder.iterdir():
        if file.name in kept or file.name.startswith("tokenizer"):
            shutil.copy2(file, out / file.name)
    if not (out / "adapter_model.safetensors").is_file():
        raise ModelError(
            f"{folder} holds no adapter_model.safetensors. Pickled weights are not published: save it as safetensors."
        )
    write_prompt_format(out, source.prompt_format, base_name(source.preset))


def find_scores(source: Source, report: Path | None) -> tuple[Mapping[str, Any] | None, str | None]:
    """The evaluation report and the name that this adapter has in it; found by the weights' digest, so never another's.

    Raises:
        SettingsError: `report` cannot be read, or this adapter is not in it.
    """
    folder = source.folder
    named = report is not None
    if report is None:
        report = folder.parent / "evaluation" / "report.json" if folder is not None else None
        if report is None or not report.is_file():
            return None, None
    try:
        found = json.loads(report.read_text("utf-8"))
        digests = {system["adapter_sha256"]: system["name"] for system in found["systems"] if system["adapter"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"--report {report} is not a report of `python -m train evaluate`: {error}") from error
    system = digests.get(adapter_digest(folder)) if folder is not None else None
    if system is None and named:
        raise SettingsError(
            f"--report {report} does not hold this adapter: its weights are other ones. Evaluate it again."
        )
    return (found, system) if system is not None else (None, None)


def _beside(out: Path | None) -> Path | None:
    """The folder that will hold `out`, so that moving the result there is a rename. Refuses to overwrite."""
    if out is None:
        return None
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"--out {out} exists and is not empty. Name another folder, or remove it first.")
    parent = out.resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    return parent


def _move(made: Path, out: Path) -> None:
    if out.is_dir():
        out.rmdir()
    made.rename(out)
    out.chmod(0o755)

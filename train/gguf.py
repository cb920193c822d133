"""A merged model as one GGUF file, for llama.cpp and what stands on it: python -m train merge --adapter runs/pages --out merged --gguf

Llama-architecture models only (Llama, Code Llama, Mistral): llama.cpp's own convert_hf_to_gguf.py knows the others. The layout
is that of github.com/ggml-org/ggml/blob/master/docs/gguf.md; names of tensors and keys come from the gguf package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

from htmlgen.errors import ModelError
from htmlgen.prompt import read_prompt_format
from train.gguf_vocab import read_vocab

ARCHITECTURES = ("llama", "mistral")
"""transformers' model types that llama.cpp runs as its `llama`."""

TYPES = {
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
}
LARGEST_F16 = 65504.0

PROMPT_FORMAT = "htmlgen.prompt_format"
"""The key of our own: the format that the model was trained with, which no other key can say."""


def check_architecture(config: Any) -> None:
    """
    Raises:
        ModelError: the model is of another architecture, or stretches its positions in a way that is not written here.
    """
    if config.model_type not in ARCHITECTURES:
        raise ModelError(
            f"--gguf writes Llama-architecture models ({', '.join(ARCHITECTURES)}), and this one is {config.model_type}. Merge it without --gguf "
            "and give the folder to llama.cpp's convert_hf_to_gguf.py."
        )
    kind = _rope(config).get("rope_type", "default")
    if kind not in ("default", "linear"):
        raise ModelError(
            f"--gguf does not write positions stretched by {kind!r}. Merge without --gguf and give the folder to llama.cpp's "
            "convert_hf_to_gguf.py."
        )


def write_gguf(folder: Path, out: Path, *, kind: str = "auto", name: str = "") -> list[str]:
    """Writes the model in `folder` (config, safetensors, tokenizer) to the file `out`; gives notes about what is worse there.

    `kind` is the number type of its matrices: `bf16`, `f16`, or `auto`: f16 where the model is in f16, else bf16. Norms stay f32.

    Raises:
        ModelError: another architecture, a tensor or a tokenizer that GGUF has no place for, or weights out of f16's range.
    """
    config = AutoConfig.from_pretrained(folder)
    check_architecture(config)
    if kind == "auto":
        kind = "f16" if config.dtype == torch.float16 else "bf16"
    number_type, file_type = TYPES[kind]
    vocab = read_vocab(AutoTokenizer.from_pretrained(folder), config.vocab_size)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    # What is written to disk is as big as the model; in memory there is one tensor at a time.
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name(name or folder.resolve().name)
    writer.add_file_type(file_type)
    _add_shape(writer, config)
    vocab.add_to(writer)
    if saved := read_prompt_format(folder):
        writer.add_string(PROMPT_FORMAT, saved)
    for tensor_name, shape in _shapes(folder):
        target = names.get_name(tensor_name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ModelError(f"GGUF's llama has no place for the weight {tensor_name}. Merge it without --gguf.")
        stored = _stored(shape, number_type)
        size = 4 if stored == gguf.GGMLQuantizationType.F32 else 2
        count = 1
        for side in shape:
            count *= side
        writer.add_tensor_info(target, shape, _numpy_type(stored), count * size, raw_dtype=stored)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor_name, tensor in _tensors(folder):
            weights = _rotated(tensor_name, tensor.float(), config)
            stored = _stored(tuple(weights.shape), number_type)
            if stored == gguf.GGMLQuantizationType.F16 and float(weights.abs().max()) > LARGEST_F16:
                raise ModelError(f"The weight {tensor_name} is out of f16's range. Write --gguf bf16.")
            writer.write_tensor_data(gguf.quants.quantize(weights.contiguous().numpy(), stored))
    finally:
        writer.close()
    return vocab.notes


def _add_shape(writer: gguf.GGUFWriter, config: Any) -> None:
    heads, rope = config.num_attention_heads, _rope(config)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
    if rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))


def _rope(config: Any) -> dict[str, Any]:
    rope: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    return rope


def _rotated(name: str, weights: torch.Tensor, config: Any) -> torch.Tensor:
    """Queries and keys in the order of rows that llama.cpp turns: neighbours in pairs, where transformers pairs the halves of a head."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
    if heads is None:
        return weights
    rows, *rest = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, *rest).swapaxes(1, 2).reshape(rows, *rest)


def _stored(shape: tuple[int, ...], number_type: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    return number_type if len(shape) > 1 else gguf.GGMLQuantizationType.F32


def _numpy_type(stored: gguf.GGMLQuantizationType) -> Any:
    import numpy as np

    return np.dtype(np.float32 if stored == gguf.GGMLQuantizationType.F32 else np.float16)


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / file for file in sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))]
    return [folder / "model.safetensors"]


def _shapes(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for file in _files(folder):
        with safe_open(file, framework="pt") as tensors:
            for name in sorted(tensors.keys()):
                yield name, tuple(tensors.get_slice(name).get_shape())


def _tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    for file in _files(folder):
        with safe_open(file, framework="pt") as tensors:
            for name in sorted(tensors.keys()):
                yield name, tensors.get_tensor(name)

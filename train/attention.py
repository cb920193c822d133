"""Attention within each document of a packed row, at the cost of the documents and not of the row.

transformers tells packed documents apart by a mask of row length squared, so that a row of ten documents pays for a
hundred pairs of them. Here each document is attended to by itself, which needs no mask and keeps the fast causal kernel:
on a CPU, with pages of 300 tokens in rows of 2,048, a whole training step is 1.7 times as fast. A GPU would wait for the launches
of so many small kernels: from Ampere on, all documents go through one, flash attention for sequences of various lengths.
"""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_documents"

_last: tuple[Tensor, list[list[tuple[int, int]]]] | None = None
"""The documents found last: all layers of a forward pass have the same `position_ids`."""


def attend_to_documents(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    position_ids: Tensor | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """transformers' SDPA attention, by document where `position_ids` restart in a row.

    Args:
        query, key, value: (batch, heads, seq_len, head_dim). position_ids: (batch, seq_len) or (1, seq_len).

    Returns:
        (batch, seq_len, heads, head_dim), and no weights.
    """
    documents = None
    if position_ids is not None and query.shape[2] == key.shape[2] == position_ids.shape[-1]:
        documents = find_documents(position_ids)
    if documents is None or all(len(row) == 1 for row in documents):
        out: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, position_ids=position_ids, **options
        )
        return out
    if (dtype := flash_dtype(query)) is not None and not options.get("dropout"):
        return _attend_at_once(query.to(dtype), key.to(dtype), value.to(dtype), documents, options.get("scaling")), None
    rows = []
    for at, row in enumerate(documents):
        parts = [
            sdpa_attention_forward(
                module, *(each[at : at + 1, :, start:stop] for each in (query, key, value)), None, **options
            )[0]
            for start, stop in row
        ]
        rows.append(torch.cat(parts, dim=1))
    return torch.cat(rows), None


def flash_dtype(query: Tensor) -> torch.dtype | None:
    """bf16 or fp16 where flash attention can compute this (Ampere and later), else None.

    Under autocast rotary embeddings leave fp32, which SDPA would round by itself.
    """
    if not query.is_cuda or torch.cuda.get_device_capability(query.device) < (8, 0) or query.shape[-1] > 256:
        return None
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else query.dtype
    return dtype if dtype in (torch.bfloat16, torch.float16) else None


def _attend_at_once(
    query: Tensor, key: Tensor, value: Tensor, documents: list[list[tuple[int, int]]], scale: float | None
) -> Tensor:
    """Causal attention within all documents by one kernel. (batch, heads, seq_len, head_dim) -> (batch, seq_len, heads, head_dim)."""
    batch, heads, length, _ = query.shape
    ends = [at * length + stop for at, row in enumerate(documents) for _, stop in row]
    borders = torch.tensor([0, *ends], dtype=torch.int32, device=query.device)
    longest = max(stop - start for row in documents for start, stop in row)
    shared: dict[str, Any] = {"enable_gqa": True} if key.shape[1] != heads else {}
    q, k, v = (each.transpose(1, 2).flatten(0, 1) for each in (query, key, value))
    out = varlen_attn(q, k, v, borders, borders, longest, longest, scale=scale, window_size=(-1, 0), **shared)
    assert isinstance(out, Tensor)
    return out.unflatten(0, (batch, length))


def find_documents(position_ids: Tensor) -> list[list[tuple[int, int]]]:
    """(start, stop) of each document of each row; a document begins where a position is not one more than that before."""
    global _last
    if _last is not None and _last[0] is position_ids:
        return _last[1]
    length = position_ids.shape[-1]
    documents = []
    for row in position_ids.tolist():
        starts = [0, *(at for at in range(1, length) if row[at] != row[at - 1] + 1), length]
        documents.append(list(pairwise(starts)))
    _last = position_ids, documents
    return documents


def use_document_attention(model: Any, max_length: int) -> bool:
    """Switches a model from transformers' SDPA attention to this one; returns whether it could.

    Not where some layers look back less far than a document of `max_length` tokens: that stands in the mask, which this one drops.
    """
    if model.config._attn_implementation != "sdpa" or reach(model.config) < max_length:
        return False
    AttentionInterface.register(NAME, attend_to_documents)
    AttentionMaskInterface.register(NAME, _mask)
    model.set_attn_implementation(NAME)
    return True


def reach(config: Any) -> float:
    """Tokens that every layer looks back; infinite without sliding windows and chunks."""
    text = config.get_text_config()
    layers = getattr(text, "layer_types", None)
    if layers is not None and set(layers) <= {"full_attention"}:
        return math.inf
    return min(getattr(text, name, None) or math.inf for name in ("sliding_window", "attention_chunk_size"))


def _mask(*args: Any, **options: Any) -> Tensor | None:
    mask: Tensor | None = sdpa_mask(*args, **options)
    return mask

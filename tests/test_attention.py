"""A packed row gives each document what it gives alone, and costs no more."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from train.attention import find_documents, reach, use_document_attention


def test_documents_are_found_where_positions_restart() -> None:
    positions = torch.tensor([[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 0]])
    assert find_documents(positions) == [
        [(0, 3), (3, 5), (5, 6)],
        [(0, 6)],
        [(0, 1), (1, 2), (2, 5), (5, 6)],
    ]


def grouped_query_llama() -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=512, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2,
        )
    )  # fmt: skip


def of_various_lengths(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, borders: torch.Tensor, _: torch.Tensor, longest: int, *rest: Any,
    scale: float | None, window_size: tuple[int, int], enable_gqa: bool = False,
) -> torch.Tensor:  # fmt: skip
    """What `varlen_attn` computes on a GPU, (tokens, heads, head_dim), document by document."""
    assert window_size == (-1, 0), "causal"
    assert longest == borders.diff().max()
    parts = [
        torch.nn.functional.scaled_dot_product_attention(
            *(each[start:stop].transpose(0, 1)[None] for each in (q, k, v)),
            is_causal=True,
            scale=scale,
            enable_gqa=enable_gqa,
        )[0].transpose(0, 1)
        for start, stop in pairwise(borders.tolist())
    ]
    return torch.cat(parts)


@pytest.mark.parametrize("kernels", ["one a document", "one for all"])
@pytest.mark.parametrize("heads", ["equal", "grouped"])
def test_each_document_is_as_if_alone_gradients_included(
    heads: str, kernels: str, tiny_llama_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernels == "one for all":  # as on a GPU
        monkeypatch.setattr("train.attention.flash_dtype", lambda query: query.dtype)
        monkeypatch.setattr("train.attention.varlen_attn", of_various_lengths)
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_llama_dir) if heads == "equal" else grouped_query_llama()
    rows = [[torch.randint(4, 300, (1, n)) for n in lengths] for lengths in ((7, 1, 12), (20,), (10, 10))]
    alone = [model(input_ids=document).logits for row in rows for document in row]
    torch.cat([logits.flatten(0, 1) for logits in alone]).pow(2).sum().backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    assert use_document_attention(model, 2_048)
    packed = model(
        input_ids=torch.cat([torch.cat(row, dim=1) for row in rows]),
        position_ids=torch.cat([torch.cat([torch.arange(d.shape[1]) for d in row])[None] for row in rows]),
        use_cache=False,
    ).logits
    torch.testing.assert_close(packed.flatten(0, 1), torch.cat([x.flatten(0, 1) for x in alone]), rtol=1e-4, atol=1e-5)
    packed.pow(2).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-3, atol=1e-4)


def test_padding_and_generation_are_as_before(tiny_llama_dir: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_llama_dir).eval()
    ids = torch.randint(4, 300, (2, 9))
    mask = torch.ones_like(ids)
    mask[0, :4] = 0  # padded on the left, as batches are when pages are written
    call = {"input_ids": ids, "attention_mask": mask}
    with torch.no_grad():
        before = model(**call).logits, model.generate(**call, max_new_tokens=8, do_sample=False)
        use_document_attention(model, 2_048)
        after = model(**call).logits, model.generate(**call, max_new_tokens=8, do_sample=False)
    torch.testing.assert_close(after[0][mask.bool()], before[0][mask.bool()])
    assert torch.equal(after[1], before[1])


def test_another_attention_is_left_alone(tiny_llama_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama_dir, attn_implementation="eager")
    assert not use_document_attention(model, 2_048)


@pytest.mark.parametrize("kind", ["mistral", "gemma", "chunks"])
def test_a_window_narrower_than_a_document_is_left_to_transformers(kind: str) -> None:
    """It stands in the mask, which is dropped here; what is packed then sees no more than alone."""
    size: dict[str, Any] = {
        "vocab_size": 512, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16,
    }  # fmt: skip
    if kind == "chunks":
        config: Any = LlamaConfig(**size)
        config.attention_chunk_size, config.layer_types = 8, ["chunked_attention", "full_attention"]
        assert reach(config) == 8
        return
    if kind == "mistral":
        model: Any = MistralForCausalLM(MistralConfig(**size, sliding_window=8))
    else:
        model = Gemma3ForCausalLM(
            Gemma3TextConfig(**size, sliding_window=8, pad_token_id=0, bos_token_id=1, eos_token_id=2)
        )
    assert reach(model.config) == 8
    assert not use_document_attention(model, 9)
    documents = [torch.randint(4, 300, (1, n)) for n in (20, 13)]
    positions = torch.cat([torch.arange(20), torch.arange(13)])[None]
    with torch.no_grad():
        alone = torch.cat([model(input_ids=each).logits for each in documents], dim=1)
        packed = model(input_ids=torch.cat(documents, dim=1), position_ids=positions, use_cache=False).logits
    torch.testing.assert_close(packed, alone, rtol=1e-3, atol=1e-4)
    assert use_document_attention(model, 8), "no document is longer than what every layer sees"


def test_nothing_wider_than_a_document_is_attended_to(tiny_llama_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what it is for: the row's own width costs its square."""
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_llama_dir)
    assert use_document_attention(model, 2_048)
    widths = []

    def noted(module: Any, query: torch.Tensor, *rest: Any, **options: Any) -> Any:
        widths.append(query.shape[2])
        return sdpa_attention_forward(module, query, *rest, **options)

    monkeypatch.setattr("train.attention.sdpa_attention_forward", noted)
    positions = torch.cat([torch.arange(n) for n in (30, 5, 25)])[None]
    model(input_ids=torch.randint(4, 300, (1, 60)), position_ids=positions, use_cache=False)
    assert widths == [30, 5, 25] * 2  # two layers

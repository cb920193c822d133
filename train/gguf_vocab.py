"""A tokenizer as GGUF has it: pieces, their kinds, and merges or scores.

llama.cpp has two ways to split text that matter here. `gpt2` is byte-level BPE (GPT-2, Llama 3, the demo model): pieces in GPT-2's
byte alphabet, merges in order, after a division into words whose patterns are built into llama.cpp and chosen by name. `llama` is
SentencePiece's BPE (Llama 2, Code Llama, Mistral): pieces with scores, no division into words. A pattern that llama.cpp does
not have cannot be written at all; then the file still decodes rightly, but text prompts are split otherwise than in training.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import gguf

from htmlgen.errors import ModelError

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PATTERNS = {
    CONTRACTIONS
    + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "llama-bpe",
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+": "qwen2",
}
"""Divisions into words by regular expression, and llama.cpp's name for each."""
NEAREST = "gpt-2"
"""For a division that llama.cpp does not have."""


@dataclass
class Vocab:
    """What goes into the file. `notes` tells what llama.cpp will do otherwise than transformers does."""

    model: str
    """`gpt2` or `llama`."""
    tokens: list[str]
    types: list[gguf.TokenType]
    bos: int | None
    eos: int | None
    pad: int | None
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    pre: str = "default"
    space_prefix: bool = False
    notes: list[str] = field(default_factory=list)

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        if self.merges:
            writer.add_token_merges(self.merges)
        if self.scores:
            writer.add_token_scores(self.scores)
        writer.add_add_space_prefix(self.space_prefix)
        for add, id in ((writer.add_bos_token_id, self.bos), (writer.add_eos_token_id, self.eos), (writer.add_pad_token_id, self.pad)):  # fmt: skip
            if id is not None:
                add(id)
        # As in training: BOS before a prompt if there is one, EOS never.
        writer.add_add_bos_token(self.bos is not None)
        writer.add_add_eos_token(False)


def read_vocab(tokenizer: Any, size: int) -> Vocab:
    """The vocabulary of a transformers tokenizer for a model of `size` embeddings.

    Raises:
        ModelError: it is neither byte-level BPE nor BPE with byte fallback, or has more tokens than the model.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError("The tokenizer has no tokenizer.json, so --gguf cannot read it. Merge without --gguf.")
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    model = state["model"]
    if model.get("type") != "BPE":
        raise ModelError(f"--gguf writes BPE tokenizers, and this one is {model.get('type')}. Merge without --gguf.")
    pieces = {id: piece for piece, id in model["vocab"].items()} | {
        t["id"]: t["content"] for t in state["added_tokens"]
    }
    if max(pieces) >= size:
        raise ModelError(
            f"The tokenizer has {max(pieces) + 1:,} tokens and the model {size:,} embeddings. Is it another model's tokenizer?"
        )
    added = {token["id"]: token for token in state["added_tokens"]}
    tokens, types = [], []
    for id in range(size):
        piece = pieces.get(id, f"[PAD{id}]")
        tokens.append(piece)
        types.append(_type(id, piece, added, pieces, tokenizer.unk_token_id, model.get("byte_fallback", False)))
    special = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if model.get("byte_fallback"):
        return Vocab(
            "llama", tokens, types, *special, scores=_scores(merges, tokens), space_prefix=_space_prefix(state)
        )
    kinds = _kinds(state.get("pre_tokenizer"))
    if not any(kind["type"] == "ByteLevel" for kind in kinds):
        raise ModelError("The tokenizer is BPE of neither bytes nor SentencePiece's kind. Merge without --gguf.")
    pre = _pre(kinds)
    notes = [] if pre else [
        "llama.cpp does not have this tokenizer's division into words, so it splits text prompts otherwise than training did. Send it token "
        "ids: set HTMLGEN_SERVER_TOKENIZER to the merged folder (llama-server takes ids), or give llama-cpp-python's server the folder as "
        "--hf_pretrained_model_name_or_path."
    ]  # fmt: skip
    return Vocab("gpt2", tokens, types, *special, merges=merges, pre=pre or NEAREST, notes=notes)


def _type(
    id: int, piece: str, added: dict[int, Any], pieces: dict[int, str], unk: int | None, byte_fallback: bool
) -> gguf.TokenType:
    if id not in pieces:
        return gguf.TokenType.UNUSED
    if id == unk:
        return gguf.TokenType.UNKNOWN
    if id in added:
        return gguf.TokenType.CONTROL if added[id]["special"] else gguf.TokenType.USER_DEFINED
    if byte_fallback and re.fullmatch(r"<0x[0-9A-F]{2}>", piece):
        return gguf.TokenType.BYTE
    return gguf.TokenType.NORMAL


def _scores(merges: list[str], tokens: list[str]) -> list[float]:
    """SentencePiece joins the neighbours whose piece scores highest: minus the place of the first merge that makes it."""
    rank: dict[str, int] = {}
    for place, merge in enumerate(merges):
        rank.setdefault(merge.replace(" ", "", 1), place)
    return [-float(rank.get(token, 0)) for token in tokens]


def _space_prefix(state: dict[str, Any]) -> bool:
    """Whether a space is put before the text, as SentencePiece does."""
    normalizers = [kind["type"] for kind in _kinds(state.get("normalizer"))]
    schemes = [kind.get("prepend_scheme") for kind in _kinds(state.get("pre_tokenizer")) if kind["type"] == "Metaspace"]
    return "Prepend" in normalizers or any(scheme in ("always", "first") for scheme in schemes)


def _kinds(stage: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A stage of the tokenizer as the list of its parts."""
    if stage is None:
        return []
    if stage["type"] == "Sequence":
        return list(stage.get("pretokenizers") or stage.get("normalizers") or [])
    return [stage]


def _pre(kinds: list[dict[str, Any]]) -> str | None:
    """llama.cpp's name for a division into words; None if it has none."""
    match kinds:
        case [{"type": "ByteLevel", "use_regex": True, "add_prefix_space": False}]:
            return "gpt-2"
        case [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False},
        ]:
            return "smollm"
        case [{"type": "Split", "pattern": {"Regex": pattern}}, {"type": "ByteLevel", "use_regex": False}]:
            return PATTERNS.get(pattern)
    return None

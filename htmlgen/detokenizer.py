"""Token ids -> text as they come, whole characters only, in linear time.

    detokenizer = Detokenizer(tokenizer)
    text = "".join(map(detokenizer.push, ids)) + detokenizer.close()

The joined text is `tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)`, exactly.
Decoding everything anew for each token would be quadratic, and decoding tokens one by one splits characters and loses
or adds spaces, so each kind of decoder is followed in its own way:

- Byte-level BPE (GPT-2, Falcon, Qwen): a token is a string of bytes; an incremental UTF-8 decoder holds back the rest
  of a character.
- All others, of which Llama's is the common one: a token is text, or a single byte of a character that has no token.
  A run of bytes is judged as a whole, so it is held until a token of text follows.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokenizers.decoders import Decoder
    from transformers import PreTrainedTokenizerBase

BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
"""A byte as SentencePiece spells it."""

CONTEXT = "x"
"""A token put before a piece of text, so that the decoder does not take it for the first and strip its space."""


class Detokenizer:
    """Feed it with `push`, end with `close`.

    `continued` says that text came before, as when a cut page goes on: then the first token keeps its leading space.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, continued: bool = False) -> None:
        backend = tokenizer.backend_tokenizer
        self._token = backend.id_to_token
        self._skipped = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        kinds = _kinds(backend.decoder)
        self._pieces: _Pieces
        if kinds == ["ByteLevel"]:
            self._pieces = _BytePieces()
        else:
            self._pieces = _TextPieces(backend.decoder, byte_fallback="ByteFallback" in kinds, continued=continued)

    def push(self, id: int) -> str:
        """The text that became certain with this token; empty for special tokens and for parts of a character."""
        token = None if id in self._skipped else self._token(id)
        return "" if token is None else self._pieces.push(token)

    def close(self, *, cut: bool = False) -> str:
        """What was held back. A character that never became whole is U+FFFD, or left out if the text is `cut` there."""
        return self._pieces.close(cut)


class _Pieces(Protocol):
    def push(self, token: str) -> str: ...

    def close(self, cut: bool) -> str: ...


class _BytePieces:
    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: str) -> str:
        try:
            data = bytes([_BYTES[char] for char in token])
        except KeyError:  # an added token is spelt in plain characters
            data = token.encode()
        return self._utf8.decode(data)

    def close(self, cut: bool) -> str:
        return "" if cut else self._utf8.decode(b"", final=True)


class _TextPieces:
    def __init__(self, decoder: Decoder, *, byte_fallback: bool, continued: bool) -> None:
        self._decoder, self._byte_fallback, self._continued = decoder, byte_fallback, continued
        self._held: list[str] = []

    def push(self, token: str) -> str:
        if self._byte_fallback and BYTE_PIECE.fullmatch(token):
            self._held.append(token)
            return ""
        text = self._decode([*self._held, token])
        self._held.clear()
        return text

    def close(self, cut: bool) -> str:
        if not self._held:
            return ""
        if cut:
            data = bytes(int(piece[3:5], 16) for piece in self._held)
            whole = codecs.getincrementaldecoder("utf-8")("ignore")
            data = whole.decode(data).encode()
            self._held = [f"<0x{byte:02X}>" for byte in data]
        text = self._decode(self._held) if self._held else ""
        self._held.clear()
        return text

    def _decode(self, tokens: list[str]) -> str:
        if self._continued:
            text: str = self._decoder.decode([CONTEXT, *tokens])
            return text.removeprefix(CONTEXT)
        self._continued = True
        text = self._decoder.decode(tokens)
        return text


def _kinds(decoder: Decoder | None) -> list[str]:
    """The types of the stages a decoder is made of."""
    if decoder is None:
        return []
    state = json.loads(decoder.__getstate__())
    return [stage["type"] for stage in state.get("decoders", [state])]


def _byte_alphabet() -> dict[str, int]:
    """The characters that byte-level BPE writes bytes as: printable ones as themselves, the others from U+0100 on.

    Source: `bytes_to_unicode` in encoder.py of github.com/openai/gpt-2.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_BYTES = _byte_alphabet()

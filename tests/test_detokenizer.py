"""Joined pieces equal the tokenizer's own decoding, whatever the tokens; characters and spaces stay whole."""

import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import decoders, pre_tokenizers

from htmlgen.detokenizer import Detokenizer
from htmlgen.prompt import answer_ids
from tests.conftest import train_byte_level, train_metaspace

TOKENIZERS = {"byte-level": train_byte_level(), "metaspace": train_metaspace()}
# As T5 and early Llama conversions decode: the dummy space is the decoder's own business.
TOKENIZERS["metaspace-decoder"] = train_metaspace()
TOKENIZERS["metaspace-decoder"].backend_tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
ROUND_TRIPS = ("byte-level", "metaspace")

TEXTS = st.text(st.sampled_from("a <>/=\n\té日😀👩‍👧\u0301▁�") | st.characters(codec="utf-8"), max_size=60)


def decode(tokenizer: Any, ids: list[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def pieces(tokenizer: Any, ids: list[int]) -> list[str]:
    detokenizer = Detokenizer(tokenizer)
    return [*map(detokenizer.push, ids), detokenizer.close()]


@pytest.mark.parametrize("name", TOKENIZERS)
class TestAnyTokens:
    @given(text=TEXTS)
    @example(text=" leading and trailing ")
    @example(text="  <p>")
    @example(text="日本語😀")
    def test_pieces_of_a_text_join_to_its_decoding(self, name: str, text: str) -> None:
        tokenizer = TOKENIZERS[name]
        ids = answer_ids(tokenizer, text)
        assert "".join(pieces(tokenizer, ids)) == decode(tokenizer, ids)

    @given(data=st.data())
    def test_pieces_of_any_ids_join_to_their_decoding(self, name: str, data: st.DataObject) -> None:
        """A random model writes broken characters, special tokens and ids that the tokenizer does not have."""
        tokenizer = TOKENIZERS[name]
        bytes_and_all = st.integers(4, 260) | st.integers(0, len(tokenizer) + 3)
        ids = data.draw(st.lists(bytes_and_all, max_size=40))
        assert "".join(pieces(tokenizer, ids)) == decode(tokenizer, ids)


@pytest.mark.parametrize("name", ROUND_TRIPS)
class TestText:
    @given(text=TEXTS.filter(lambda text: "�" not in text))
    def test_no_piece_has_half_a_character(self, name: str, text: str) -> None:
        tokenizer = TOKENIZERS[name]
        written = pieces(tokenizer, answer_ids(tokenizer, text))
        assert not any("�" in piece for piece in written)

    @given(text=TEXTS.filter(lambda text: "�" not in text), cut=st.integers(0, 60))
    def test_a_cut_text_is_whole_characters_of_it(self, name: str, text: str, cut: int) -> None:
        tokenizer = TOKENIZERS[name]
        ids = answer_ids(tokenizer, text, complete=False)
        detokenizer = Detokenizer(tokenizer)
        written = "".join(map(detokenizer.push, ids[:cut])) + detokenizer.close(cut=True)
        whole = decode(tokenizer, ids)
        assert whole.startswith(written)
        if cut >= len(ids):
            assert written == whole

    @given(text=TEXTS, cut=st.integers(0, 60))
    def test_going_on_after_a_cut_joins_to_the_whole(self, name: str, text: str, cut: int) -> None:
        tokenizer = TOKENIZERS[name]
        ids = answer_ids(tokenizer, text)
        first = Detokenizer(tokenizer)
        written = "".join(map(first.push, ids[:cut])) + first.close(cut=True)
        if answer_ids(tokenizer, written, complete=False) != ids[:cut]:
            return  # cut inside a character, which the model would write anew
        second = Detokenizer(tokenizer, continued=bool(written))
        written += "".join(map(second.push, ids[cut:])) + second.close()
        assert written == decode(tokenizer, ids)

    def test_the_dummy_space_of_the_tokenizer_is_not_written(self, name: str) -> None:
        tokenizer = TOKENIZERS[name]
        assert "".join(pieces(tokenizer, answer_ids(tokenizer, "<p> a  b</p>"))) == "<p> a  b</p>"

    def test_text_comes_token_by_token(self, name: str) -> None:
        tokenizer = TOKENIZERS[name]
        ids = answer_ids(tokenizer, "<body>\n<h1>Hello, world</h1>", complete=False)
        *written, last = pieces(tokenizer, ids)
        assert last == ""
        assert all(written[1:]), "every token of plain text is seen at once"


@pytest.mark.parametrize("name", TOKENIZERS)
def test_time_is_linear_even_for_garbage(name: str) -> None:
    """A run of bytes that never makes a character is the worst case of decoders that look back."""
    tokenizer = TOKENIZERS[name]
    [half] = [id for token, id in tokenizer.get_vocab().items() if token in ("<0xF0>", "ð")]

    def seconds(count: int) -> float:
        started = time.thread_time()
        pieces(tokenizer, [half] * count)
        return time.thread_time() - started

    seconds(100)
    assert min(seconds(20_000) for _ in range(3)) < 40 * min(seconds(1_000) for _ in range(3)), "20 times is linear"


def test_byte_alphabet_is_the_tokenizers() -> None:
    from htmlgen.detokenizer import _BYTES

    assert set(_BYTES) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(_BYTES.values()) == list(range(256))

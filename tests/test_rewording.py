"""Rewording swaps words in a pair's texts and nothing else."""

import re
from difflib import SequenceMatcher
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from htmlgen.presets import PRESETS
from train.rewording import Pieces, reword
from train.synthetic import Pair, pairs
from train.synthetic.draft import escape


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(PreTrainedTokenizerFast.from_pretrained(PRESETS["demo"].base))


def markup(page: str) -> str:
    """A page without what it says."""
    return re.sub(r"(?<=>)[^<>]+(?=<)", lambda match: match[0] if "{" in match[0] else "…", page)


@given(seed=st.integers(0, 10_000))
def test_markup_style_and_script_stay_and_copies_stay_copies(pieces: Pieces, seed: int) -> None:
    for pair in pairs(seed, 3, edits=0.4):
        new = reword(pair, pieces, Random(seed), share=1.0)
        assert markup(new.output) == markup(pair.output)
        for before, after in zip(pair.copied, new.copied, strict=True):
            assert (escape(after) in new.output) == (escape(before) in pair.output)
            assert (after in new.instruction) == (before in pair.instruction)


@given(seed=st.integers(0, 10_000))
def test_an_edit_changes_the_lines_that_it_changed_before(pieces: Pieces, seed: int) -> None:
    def changes(pair: Pair) -> list[tuple[str, int, int, int, int]]:
        return SequenceMatcher(None, pair.input.split("\n"), pair.output.split("\n"), autojunk=False).get_opcodes()

    for pair in pairs(seed, 2, edits=1.0):
        assert changes(reword(pair, pieces, Random(seed), share=1.0)) == changes(pair)


def test_names_are_made_of_all_pieces(pieces: Pieces) -> None:
    rng = Random(0)
    words = [pieces.word("Name", rng) for _ in range(2000)]
    assert all(word[0].isupper() and 1 <= len(word) <= 17 for word in words)
    assert len({word[:3] for word in words}) > 600
    assert any(not word[0].isascii() for word in words)


def test_a_word_that_the_prompt_means_stays(pieces: Pieces) -> None:
    page = "<html>\n<h1>Menu &amp; more</h1>\n<style>\nbold{}\n</style>\n<p>the bold Email Quoll</p>\n</html>"
    pair = Pair("remove the email", page, page.replace("Email ", ""), "menu", {}, ())
    new = reword(pair, pieces, Random(1), share=1.0)
    assert "Email" in new.input
    assert "&amp;" in new.output
    assert "bold" in new.output
    assert "Quoll" not in new.output
    assert "Menu" not in new.output

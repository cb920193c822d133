"""Reworded pairs: made-up words in place of those that must be copied, so that copying is all that is left to learn.

However many names a generator knows, a small model learns which pieces of words its names are made of, and a name of
other pieces loses its tail. Words glued from random pieces of the tokenizer give every piece its turn.
"""

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from random import Random

from transformers import PreTrainedTokenizerFast

from train.synthetic import Pair

WORD = re.compile(r"[^\W\d_]{3,}")
TEXT = re.compile(r"(?<=>)[^<>]+(?=<)")
"""What stands between two tags."""
CODE = re.compile(r"(?s)<(?:style|script)>.*?</")
ENTITIES = ("amp", "quot")
LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüýßąćęłńśźżčďěňřšťůžğışőű"


class Pieces:
    """Pieces of words that a tokenizer knows, to make words of."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        known = [text for text in map(tokenizer.decode, range(len(tokenizer))) if text.isascii() and text.isalpha()]
        self.heads = sorted({text for text in known if text[1:].islower() or len(text) == 1})
        self.tails = sorted({text for text in known if text.islower() and len(text) <= 6})

    def word(self, like: str, rng: Random) -> str:
        """One to four pieces; a capital letter in front where `like` has one; now and then a letter beyond ASCII."""
        parts = [rng.choice(self.heads), *rng.choices(self.tails, k=rng.choice((0, 1, 1, 2, 2, 3)))]
        if rng.random() < 0.1:
            parts.insert(rng.randint(0, len(parts)), rng.choice(LETTERS))
        made = "".join(parts)[:16]
        return made[0].upper() + made[1:] if like[0].isupper() else made[0].lower() + made[1:]


def reword(pair: Pair, pieces: Pieces, rng: Random, share: float = 0.7) -> Pair:
    """`pair` with about `share` of its copied words made up, alike in prompt, page and changed page.

    Copied words are those of the prompt that the page repeats and, in an edit, those of the page's texts that it does
    not touch. A word that markup, style or script use too, or that the prompt says also in another sense ("a menu for
    the Menu"), stays.
    The specification stays as it was: reworded pairs are for training, not for the checker.
    """
    pages = [pair.input, pair.output] if pair.input else [pair.output]
    taken = set(ENTITIES)
    for page in pages:
        taken.update(WORD.findall(TEXT.sub("", page)))
        taken.update(word for code in CODE.findall(page) for word in WORD.findall(code))
    prompt = WORD.findall(pair.instruction)
    copied = [word for text in pair.copied for word in WORD.findall(text)]
    candidates = {word for word in copied if prompt.count(word) == copied.count(word)}
    if pair.input:
        meant = {word.lower() for word in prompt}
        before, after = (Counter(word for text in TEXT.findall(page) for word in WORD.findall(text)) for page in pages)
        candidates.update(word for word, n in before.items() if after[word] == n and word.lower() not in meant)
    new = {word: pieces.word(word, rng) for word in sorted(candidates - taken) if rng.random() < share}
    if not new:
        return pair

    def words(text: str) -> str:
        return WORD.sub(lambda match: new.get(match[0], match[0]), text)

    texts = partial(TEXT.sub, lambda match: words(match[0]))
    return replace(
        pair,
        instruction=words(pair.instruction),
        input=texts(pair.input),
        output=texts(pair.output),
        copied=tuple(map(words, pair.copied)),
        spec={},  # of the words that were
    )

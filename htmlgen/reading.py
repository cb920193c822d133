"""How the extractor reads: coroutines that are sent the text one character at a time.

What a coroutine does depends on nothing but the characters, so that it cannot matter how the text was cut up, and what
needs a look ahead is written as straight code.
"""

from collections.abc import Generator
from typing import TypeAlias

from htmlgen.markup import BLANKS

Reading: TypeAlias = Generator[None, str, str]
"""Takes characters by `send` ("" is the end of the text) and returns the first one it has no use for."""

NEWLINES = frozenset("\r\n")
LINE_BLANKS = frozenset(" \t\ufeff")
SPACE = BLANKS | LINE_BLANKS

HELD = 400
"""Characters that may be held back while it is undecided what they are."""


def take_while(wanted: frozenset[str], char: str, held: list[str]) -> Reading:
    """Moves characters in `wanted` into `held`, as many as may be held back."""
    count = 0
    while char in wanted and count < HELD:
        held.append(char)
        count += 1
        char = yield
    return char


def take_until(end: frozenset[str], char: str, held: list[str]) -> Reading:
    """Moves characters other than those in `end` into `held`, as many as may be held back."""
    count = 0
    while char and char not in end and count < HELD:
        held.append(char)
        count += 1
        char = yield
    return char

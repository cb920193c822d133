r"""Whole requests as people type them, with slots for what the page has to show.

`requests.txt` holds them, written by hand for each kind of page; `frames`, `clauses` and `purposes` put prompts together from
pieces, which is endless but sounds like one writer. A line break inside a request is written as the two characters \n.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

SHOWN = frozenset(
    ("name", "trade", "a_trade", "role", "a_role", "items", "date", "place", "price", "author", "colour", "style")
)
"""Slots for what the page follows."""
TOLD = frozenset(("relative", "month", "day", "year", "number", "first", "noun", "age", "ago"))
"""Slots of what is told beside the point (`purposes.filled`, and a first name)."""


@dataclass(frozen=True)
class Request:
    """One line of the file: `text` with its `slots` in braces, for one kind of page."""

    kind: str
    text: str
    slots: frozenset[str]


@cache
def requests() -> dict[str, tuple[Request, ...]]:
    """All requests by kind. Raises ValueError for a slot that nothing fills."""
    found: dict[str, list[Request]] = {}
    kind = ""
    for line in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            kind = line.removeprefix("## ").strip()
        elif line.strip():
            slots = frozenset(re.findall(r"\{(\w*)\}", line))
            if unknown := slots - SHOWN - TOLD:
                raise ValueError(f"requests.txt, {kind}: nothing fills {', '.join(sorted(unknown))} in {line!r}")
            found.setdefault(kind, []).append(Request(kind, line.strip().replace("\\n", "\n"), slots))
    return {kind: tuple(lines) for kind, lines in found.items()}


def draw(rng: Random) -> Request:
    """A request; all kinds of page are as likely, however seldom pages of that kind are asked for otherwise."""
    return rng.choice(rng.choice(list(requests().values())))

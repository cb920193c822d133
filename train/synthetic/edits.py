"""Edits: (instruction, page) -> page, where all but the asked change stays byte for byte.

Pages are built so that most edits touch one line: the header's colour is one custom property, an item one line.
Edits of words are in `retext`, of items, rows and sections in `rearrange`, of looks in `restyle`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from train.synthetic import aside, rearrange, restyle, retext
from train.synthetic.change import Edit, Page

_OPS: tuple[tuple[int, Callable[[Page, Random], Edit | None]], ...] = (
    (9, restyle.header_colour),
    (8, restyle.button_colour),
    (7, restyle.accent),
    (8, restyle.mode),
    (3, restyle.background),
    (2, restyle.corners),
    (2, restyle.font),
    (4, restyle.size),
    (9, retext.rename),
    (6, retext.heading),
    (4, retext.footer),
    (1, rearrange.navigation),
    (4, rearrange.section),
    (11, rearrange.add),
    (10, rearrange.remove),
    (5, rearrange.change),
    (5, rearrange.move),
    (9, retext.button_text),
    (4, retext.price),
    (4, rearrange.row),
)
POLITE = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "please ",
    "can you ",
    "could you ",
    "now ",
    "ok, now ",
    "great! ",
    "nice, but ",
    "next, ",
    "hm, ",
)


def make_edit(page: Page, rng: Random) -> Edit:
    """One edit that applies to the page, with a polite opening now and then."""
    while True:
        operation = rng.choices([op for _, op in _OPS], [weight for weight, _ in _OPS])[0]
        edit = operation(page, rng)
        if edit is not None:
            opening = rng.choice(POLITE)
            if opening in ("please ", "can you ", "could you ") and not edit.asked.startswith(
                (
                    "make",
                    "change",
                    "add",
                    "remove",
                    "delete",
                    "move",
                    "put",
                    "rename",
                    "use",
                    "set",
                    "swap",
                    "translate",
                    "replace",
                    "turn",
                    "switch",
                    "round",
                    "write",
                    "give",
                ),
            ):
                opening = ""
            edit.asked = opening + edit.asked
            if rng.random() < 0.08:
                edit.asked = aside.added(edit.asked, rng)
            return edit

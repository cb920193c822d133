"""Cards in a grid, and the sentence above them."""

from __future__ import annotations

from random import Random

from train.synthetic import fillers
from train.synthetic.draft import Ask, escape

GRID = ("hero", "btn", "lead", "grid", "card", "text")
MARK = (
    '.card::before{content:"✦";display:grid;place-items:center;width:48px;height:48px;margin-bottom:20px;border-radius:14px;'
    "background:var(--main);color:var(--on);font-size:1.3em}\n"
    '.card:nth-child(2n)::before{content:"◆"}\n'
    '.card:nth-child(3n)::before{content:"●"}'
)
"""A sign on each card, three in turns."""


def card(text: str, detail: str) -> str:
    """One card of a grid."""
    return f'<div class="card"><h3>{escape(text)}</h3><p>{detail}</p></div>'


def card_maker(rng: Random, text: str) -> str:
    return card(text, rng.choice(fillers.DETAILS))


def cards(rng: Random, items: list[str]) -> list[str]:
    start = rng.randrange(len(fillers.DETAILS))
    return [card(item, fillers.DETAILS[(start + index) % len(fillers.DETAILS)]) for index, item in enumerate(items)]


def lead(ask: Ask, rng: Random) -> str:
    if ask.trade is None:
        return "Something good is waiting for you."
    line = rng.choice(ask.trade.lines)
    if ask.trade.action == "Find out more":  # an invented trade: its name is copied into the sentence
        return f"The {ask.trade.name} for everyone. {line}"
    return line

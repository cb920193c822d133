"""What prompts ask for, drawn at random: a kind of page, whose it is, its items, facts and looks."""

from __future__ import annotations

from random import Random

from train.synthetic import words
from train.synthetic.catalogue import KINDS, Kind
from train.synthetic.draft import Ask
from train.synthetic.palette import COLOUR_WORDS, HUES, STYLES
from train.synthetic.stylesheet import LAYOUT_WORDS
from train.synthetic.trades import TRADES, invented, role

_WEIGHTS = [kind.weight for kind in KINDS.values()]
_TOPICS = ("Team members", "Our products", "Monthly sales", "World cities", "Summer league", "Open orders")


def _name(kind: Kind, ask: Ask, rng: Random) -> None:
    """Sets name, trade and role; about one prompt in seven names nothing."""
    named = rng.random() < (0.35 if kind.subject == "tool" else 0.86)
    if (kind.subject == "trade" and rng.random() < 0.85) or (kind.subject == "brand" and rng.random() < 0.3):
        ask.trade = invented(rng) if rng.random() < 0.22 else rng.choice(TRADES)
    if kind.subject == "person":
        ask.role = role(rng) if rng.random() < 0.8 else None
        ask.name = words.person(rng) if named else None
    elif kind.name == "recipe":
        ask.name = words.dish(rng) if named else None
    elif kind.name == "table":
        ask.name = (rng.choice(_TOPICS) if rng.random() < 0.2 else words.brand(rng)) if named else None
    elif kind.name in ("blog", "event") and named and rng.random() < 0.4:
        ask.name = words.headline(rng)
    elif kind.subject == "work":
        ask.name = (words.titled(rng) if rng.random() < 0.4 else words.brand(rng)) if named else None
    elif named:
        ask.name = words.brand(rng)


def _facts(kind: Kind, ask: Ask, rng: Random) -> None:
    if kind.name in ("event", "soon") and rng.random() < 0.45:
        ask.facts["date"] = words.date(rng)
    if kind.name == "event" and rng.random() < 0.4:
        ask.facts["place"] = f"{rng.choice((words.made_up(rng), rng.choice(words.NOUNS)))} {rng.choice(words.PLACES)}"
    if kind.name == "product" and rng.random() < 0.4:
        ask.facts["price"] = words.price(rng, rng.choice((99, 999)))
    if kind.name == "blog" and rng.random() < 0.35:
        ask.facts["author"] = words.person(rng)
    if kind.name == "counter":
        if rng.random() < 0.3:
            ask.facts["start"] = str(rng.choice((5, 10, 20, 42, 50, 100, rng.randrange(1, 999))))
        if rng.random() < 0.25:
            ask.facts["step"] = str(rng.choice((2, 3, 5, 10, 25)))


def _items(kind: Kind, ask: Ask, rng: Random) -> None:
    if kind.make is None:
        return
    if rng.random() < kind.asked:
        count = rng.randint(kind.low, kind.high)
        ask.items = words.distinct(rng, kind.make, count)
        if kind.name in ("menu", "pricing") and rng.random() < 0.3:
            top = 30 if kind.name == "menu" else 120
            ask.prices = words.same_currency(len(ask.items), rng, top)
    elif (
        kind.subject != "tool"
        and kind.name not in ("login", "signup", "newsletter", "contact", "booking")
        and rng.random() < 0.16
    ):
        ask.count = rng.randint(2, 6) if kind.name != "pricing" else rng.randint(2, 4)


def _look(kind: Kind, ask: Ask, rng: Random) -> None:
    roll = rng.random()
    if roll < 0.36:
        ask.hue = rng.choice(HUES)
        ask.colour = rng.choice(COLOUR_WORDS[ask.hue])
    if rng.random() < (0.2 if ask.hue else 0.14):
        ask.dark = True
    elif ask.hue is None and rng.random() < 0.02:
        ask.dark = False
    if ask.colour in ("dark blue", "black and white") or kind.name == "theme":
        ask.dark = None
    if rng.random() < 0.24:
        ask.style = rng.choice(tuple(STYLES))
    if rng.random() < 0.08:
        ask.layout = rng.choice(tuple(LAYOUT_WORDS))
    if kind.buttons:
        if rng.random() < 0.2:
            ask.button = rng.choice(kind.buttons) if rng.random() < 0.5 else words.task(rng).capitalize()
        if rng.random() < 0.1:
            ask.button_hue = rng.choice(HUES)
    if rng.random() < 0.05:
        ask.header_hue = rng.choice(HUES)


def make_ask(rng: Random) -> Ask:
    """What one prompt asks; kinds come by weight. One prompt in eight is in lower case throughout."""
    kind = rng.choices(list(KINDS.values()), _WEIGHTS)[0]
    ask = Ask(kind.name)
    _name(kind, ask, rng)
    _items(kind, ask, rng)
    _facts(kind, ask, rng)
    _look(kind, ask, rng)
    return ask


def lowered(ask: Ask) -> None:
    """Turns everything that is copied into lower case, as in a prompt typed without capitals."""
    ask.name = ask.name.lower() if ask.name else None
    ask.items = [item.lower() for item in ask.items]
    ask.prices = [price.lower() for price in ask.prices]
    ask.button = ask.button.lower() if ask.button else None
    ask.facts = {key: value.lower() for key, value in ask.facts.items()}

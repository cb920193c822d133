"""What prompts ask for, drawn at random: a kind of page, whose it is, its items, facts and looks."""

from __future__ import annotations

from random import Random

from train.synthetic import names, words
from train.synthetic.catalogue import KINDS, Kind
from train.synthetic.draft import Ask
from train.synthetic.palette import COLOUR_WORDS, HUES, STYLES
from train.synthetic.requests import Request
from train.synthetic.stylesheet import LAYOUT_WORDS
from train.synthetic.trades import TRADES, Trade, invented, role

_WEIGHTS = [kind.weight for kind in KINDS.values()]
_TOPICS = ("Team members", "Our products", "Monthly sales", "World cities", "Summer league", "Open orders")


def _name(kind: Kind, ask: Ask, rng: Random) -> None:
    """Sets name, trade and role; about one prompt in seven names nothing."""
    if (kind.subject == "trade" and rng.random() < 0.85) or (kind.subject == "brand" and rng.random() < 0.3):
        ask.trade = _trade(rng)
    if kind.subject == "person" and rng.random() < 0.8:
        ask.role = role(rng)
    if rng.random() < (0.35 if kind.subject == "tool" else 0.86):
        ask.name = _named(kind, rng)


def _trade(rng: Random) -> Trade:
    return invented(rng) if rng.random() < 0.22 else rng.choice(TRADES)


def _named(kind: Kind, rng: Random) -> str:
    """A name or title for a page of this kind."""
    if kind.subject == "person":
        return names.person(rng)
    if kind.name == "recipe":
        return words.dish_name(rng)
    if kind.name == "table" and rng.random() < 0.2:
        return rng.choice(_TOPICS)
    if kind.name in ("blog", "event") and rng.random() < 0.4:
        return words.headline(rng)
    if kind.subject == "work" and kind.name != "table" and rng.random() < 0.4:
        return words.titled(rng)
    return names.brand(rng)


def _place(rng: Random) -> str:
    return f"{rng.choice((names.made_up(rng), rng.choice(names.NOUNS)))} {rng.choice(names.PLACES)}"


def _facts(kind: Kind, ask: Ask, rng: Random) -> None:
    if kind.name in ("event", "soon") and rng.random() < 0.45:
        ask.facts["date"] = words.date(rng)
    if kind.name == "event" and rng.random() < 0.4:
        ask.facts["place"] = _place(rng)
    if kind.name == "product" and rng.random() < 0.4:
        ask.facts["price"] = words.price(rng, rng.choice((99, 999)))
    if kind.name == "blog" and rng.random() < 0.35:
        ask.facts["author"] = names.person(rng)
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
    """What one prompt asks. One prompt in eight is in lower case throughout."""
    kind = rng.choices(list(KINDS.values()), _WEIGHTS)[0]
    ask = Ask(kind.name)
    _name(kind, ask, rng)
    _items(kind, ask, rng)
    _facts(kind, ask, rng)
    _look(kind, ask, rng)
    return ask


def requested(request: Request, rng: Random) -> Ask:
    """What a whole request asks: what its slots say, and now and then items or a look that are added to it."""
    kind, slots = KINDS[request.kind], request.slots
    ask = Ask(kind.name)
    if slots & {"trade", "a_trade"}:
        ask.trade = _trade(rng)
    if slots & {"role", "a_role"}:
        ask.role = role(rng)
    if "name" in slots:
        ask.name = _named(kind, rng)
    if kind.make is not None and ("items" in slots or rng.random() < 0.12):
        ask.items = words.distinct(rng, kind.make, rng.randint(kind.low, kind.high))
    for fact, value in (
        ("date", words.date(rng)),
        ("place", _place(rng)),
        ("price", words.price(rng, 99)),
        ("author", names.person(rng)),
    ):
        if fact in slots:
            ask.facts[fact] = value
    if "colour" in slots or rng.random() < 0.15:
        ask.hue = rng.choice(HUES)
        ask.colour = rng.choice(COLOUR_WORDS[ask.hue])
        ask.dark = True if rng.random() < 0.15 and " " not in ask.colour and kind.name != "theme" else None
    if "style" in slots:
        ask.style = rng.choice(tuple(STYLES))
    # With a colour in the request nothing is said of the look after it.
    if kind.buttons and rng.random() < 0.08 and "colour" not in slots:
        ask.button = rng.choice(kind.buttons)
    return ask


def lowered(ask: Ask) -> None:
    """Turns everything that is copied into lower case, as in a prompt typed without capitals."""
    ask.name = ask.name.lower() if ask.name else None
    ask.items = [item.lower() for item in ask.items]
    ask.prices = [price.lower() for price in ask.prices]
    ask.button = ask.button.lower() if ask.button else None
    ask.facts = {key: value.lower() for key, value in ask.facts.items()}

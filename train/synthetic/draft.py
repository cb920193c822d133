"""What is asked (`Ask`), how it looks (`Look`), and the drafted page with what edits need to know (`Draft`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from train.synthetic.palette import PALETTES, STYLES, Palette, Style
from train.synthetic.stylesheet import stylesheet
from train.synthetic.trades import Trade

if TYPE_CHECKING:
    from train.synthetic.bands import Band


@dataclass
class Ask:
    """Everything a prompt says. What it leaves out (None or empty) the page chooses freely."""

    kind: str
    name: str | None = None
    trade: Trade | None = None
    role: str | None = None
    items: list[str] = field(default_factory=list)
    """Strings that the page must hold verbatim, in this order."""
    prices: list[str] = field(default_factory=list)
    """One price for each item, or none at all."""
    count: int | None = None
    hue: str | None = None
    colour: str | None = None
    """How the prompt words the hue, e.g. "warm"."""
    dark: bool | None = None
    style: str | None = None
    layout: str | None = None
    button: str | None = None
    button_hue: str | None = None
    header_hue: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """Further strings to copy: date, place, price, start, step."""


@dataclass(frozen=True)
class Look:
    """The choices behind a page's stylesheet."""

    palette: Palette
    style: Style
    layout: str


@dataclass
class Draft:
    """A page before it is a string: parts that edits replace stay known."""

    title: str
    heading: str
    html: str
    selector: str
    """Where the items' texts are, as a CSS selector; "" where the kind has none."""
    items: list[str]
    lines: list[str]
    """The page's line for each item."""
    make: Callable[[Random, str], str] | None
    """The line for one more item."""
    button: str
    """The text of the page's main button, "" if it has none."""


def look(ask: Ask, rng: Random) -> Look:
    """Picks what the prompt left open; a hue that suits the trade, and a modern style most of the time."""
    hue = ask.hue or rng.choice(ask.trade.hues if ask.trade else ("blue", "teal", "purple"))
    dark = ask.dark if ask.dark is not None else (ask.hue is None and rng.random() < 0.06)
    style = ask.style or ("modern" if rng.random() < 0.7 else rng.choice(("minimalist", "elegant", "playful")))
    layout = ask.layout or ("bar" if rng.random() < 0.7 else rng.choice(("centered", "sticky", "floating")))
    return Look(PALETTES[hue, dark], STYLES[style], layout)


def escape(text: str) -> str:
    """Text for HTML; quotes stay as they are, since copied text never goes into attributes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def page(
    ask: Ask,
    chosen: Look,
    title: str,
    main: Sequence[str],
    *,
    blocks: tuple[str, ...],
    extra: tuple[str, ...] = (),
    more: str | None = None,
    script: Sequence[str] = (),
    bands: Sequence[Band] = (),
) -> str:
    """The whole document. `more` is the text of the middle navigation link; without it there is no navigation."""
    extra = (*extra, *(rule for band in bands for rule in band.css))
    main = (*main, *(line for band in bands for line in band.lines))
    css = stylesheet(
        chosen.palette,
        chosen.style,
        chosen.layout,
        blocks,
        extra,
        PALETTES[ask.header_hue, False].main if ask.header_hue else None,
        PALETTES[ask.button_hue, False].main if ask.button_hue else None,
    )
    nav = f'<nav><a href="#">Home</a><a href="#more">{more}</a><a href="#contact">Contact</a></nav>\n' if more else ""
    name = escape(title)
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{name}</title>\n<style>\n{css}\n</style>\n</head>\n<body>",
            f'<header>\n<a class="brand" href="#">{name}</a>\n{nav}</header>\n<main>',
            *main,
            f'</main>\n<footer id="contact">© 2026 {name}</footer>',
            *(("<script>", *script, "</script>") if script else ()),
            "</body>\n</html>",
        )
    )


def hero(heading: str, lead: str, button: str | None = None, before: Sequence[str] = ()) -> list[str]:
    """The opening section; `lead` is escaped here, `before` is markup."""
    lines = ['<section class="hero">', *before, f"<h1>{escape(heading)}</h1>", f'<p class="lead">{escape(lead)}</p>']
    if button is not None:
        lines.append(f'<a class="btn" href="#more">{escape(button)}</a>')
    return [*lines, "</section>"]


def pick_items(ask: Ask, rng: Random, make: Callable[[Random], str], usual: Sequence[str], default: int) -> list[str]:
    """The asked items, or as many usual ones as asked (`default` where no count was), filled up with made ones."""
    if ask.items:
        return list(ask.items)
    found = list(usual)[: ask.count or default]
    while len(found) < (ask.count or default):
        text = make(rng)
        if text.lower() not in {known.lower() for known in found}:
            found.append(text)
    return found

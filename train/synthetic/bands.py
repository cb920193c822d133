"""Bands: what follows a page's main part and no prompt asks for. Numbers, a quotation, a closing line, an art strip.

They hold no headings, list items or fields, so that the selectors of a page's items find nothing in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from train.synthetic.draft import escape


@dataclass(frozen=True)
class Band:
    """Rules for the stylesheet and lines of `<main>`."""

    css: tuple[str, ...]
    lines: tuple[str, ...]


STATS_CSS = (
    ".stats{display:grid;gap:24px;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));padding-block:40px;"
    "background:var(--main);color:var(--on);text-align:center}",
    ".stats b{display:block;font-size:2.4em;line-height:1.1}",
    ".stats p{margin:0}",
)
QUOTE_CSS = (
    ".quote{text-align:center}",
    "blockquote{max-width:24em;margin:auto;font-size:1.6em;line-height:1.35}",
    'blockquote::before{content:"“";display:block;height:.6em;font:800 3em/1 Georgia,serif;color:var(--main)}',
    ".quote p{margin:1.2em 0 0;color:var(--soft)}",
)
CLOSING_CSS = (
    ".close{margin:0 max(6vw,50% - 540px) 64px;padding:56px 6vw;border-radius:var(--round);background:var(--hero);"
    "color:var(--heroink);text-align:center}",
    ".close p{margin:0 0 1em;font-size:1.8em;font-weight:700}",
)
VISIT_CSS = (
    ".visit{display:flex;flex-wrap:wrap;gap:12px 64px;padding-top:0;color:var(--soft)}",
    ".visit p{margin:0}",
    ".visit b{display:block;color:var(--ink)}",
)
NUMBERS = (
    ("12,000", "happy guests"),
    ("4.9", "stars of five"),
    ("25", "years"),
    ("98%", "come back"),
    ("340", "reviews"),
)
QUOTES = (
    ("I wish I had found this sooner.", "Nadia, a regular"),
    ("Friendly, quick and exactly what I hoped for.", "Tom, first-time visitor"),
    ("The kind of place you tell your friends about.", "Ilse, since 2019"),
    ("You can feel the care in every detail.", "Ravi, a happy customer"),
)
CLOSINGS = ("Ready when you are.", "Come and see for yourself.", "Let us get started.", "We would love to meet you.")


def stats(rng: Random) -> Band:
    """Three numbers on the accent colour."""
    start = rng.randrange(len(NUMBERS))
    picked = [NUMBERS[(start + i) % len(NUMBERS)] for i in range(3)]
    lines = (f"<p><b>{number}</b>{text}</p>" for number, text in picked)
    return Band(STATS_CSS, ('<section class="stats">', *lines, "</section>"))


def quote(rng: Random) -> Band:
    """What somebody is said to have said."""
    text, who = rng.choice(QUOTES)
    return Band(
        QUOTE_CSS,
        ('<section class="quote">', f"<blockquote>{text}</blockquote>", f"<p>{who}</p>", "</section>"),
    )


def closing(button: str) -> Callable[[Random], Band]:
    """A last line on the hero's background, with the page's button again; "" for none."""

    def make(rng: Random) -> Band:
        link = (f'<a class="btn" href="#more">{escape(button)}</a>',) if button else ()
        return Band(CLOSING_CSS, ('<div class="close">', f"<p>{rng.choice(CLOSINGS)}</p>", *link, "</div>"))

    return make


def visit(rng: Random) -> Band:
    """Hours and an address."""
    hours = rng.choice(("Tuesday to Sunday, 12 to 22", "Every day, 9 to 18", "Monday to Friday, 8 to 17"))
    street = rng.choice(("12 Market Street", "4 Mill Lane", "27 Harbour Road"))
    return Band(
        VISIT_CSS,
        ('<section class="visit">', f"<p><b>Open</b>{hours}</p>", f"<p><b>Find us</b>{street}</p>", "</section>"),
    )


def draw(rng: Random, *options: tuple[float, Callable[[Random], Band]]) -> tuple[Band, ...]:
    """Each band with its probability, in the order given."""
    return tuple(make(rng) for probability, make in options if rng.random() < probability)

"""What an edit starts from (`Page`) and what it is (`Edit`): spans of the page with new text for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from train.synthetic.draft import Ask, Draft, Look
from train.synthetic.palette import HUES, distance

Span = tuple[int, int, str]


@dataclass
class Edit:
    """One change: what was asked (with marks around copied strings), what is replaced, what the checker looks for."""

    op: str
    asked: str
    spans: list[Span]
    wants: dict[str, Any] = field(default_factory=dict)
    title: str | None = None
    """The page's new title, if the edit gives it one."""


@dataclass(frozen=True)
class Page:
    """What an edit starts from."""

    ask: Ask
    look: Look
    draft: Draft
    lower: bool

    def span(self, old: str, new: str, start: int = 0) -> Span:
        """The place of `old`, which has to be there, with `new` for it."""
        place = self.draft.html.index(old, start)
        return place, place + len(old), new

    def root(self, name: str, new: str) -> Span:
        """The value of one custom property in `:root`."""
        html = self.draft.html
        begin = html.index(f"{name}:") + len(name) + 1
        end = min(place for mark in ";}" if (place := html.find(mark, begin)) >= 0)
        return begin, end, new

    def value(self, name: str) -> str:
        """The value of one custom property in `:root`; a `var()` is looked up."""
        begin, end, _ = self.root(name, "")
        value = self.draft.html[begin:end]
        return self.value(value[4:-1]) if value.startswith("var(") else value

    def hue(self, rng: Random, name: str, colour: Callable[[str], str]) -> str:
        """A hue whose `colour` differs visibly from what the property has."""
        now = self.value(name)
        return rng.choice([hue for hue in HUES if distance(colour(hue), now) >= 20])

    def word(self, text: str) -> str:
        """A new string as the person would type it."""
        return text.lower() if self.lower else text


def apply(html: str, spans: list[Span]) -> tuple[str, list[str]]:
    """The changed page and the pieces that stay, in order."""
    out, kept, place = [], [], 0
    for begin, end, new in sorted(spans):
        kept.append(html[place:begin])
        out += [html[place:begin], new]
        place = end
    kept.append(html[place:])
    return "".join((*out, html[place:])), kept

"""Prompt and page pairs from a seed: the world that the demo model lives in.

    python -m train synthesize -n 1000 -o pairs.jsonl --seed 7

`pairs` streams them; pair number i depends on (seed, i) alone. Pages are compact (about 2 KB) and regular, since a
very small model has to learn them; names and items are mostly made up, since it has to copy rather than know them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count as counting
from random import Random
from typing import Any

from train.synthetic import aside, asks, phrasing, requests
from train.synthetic.catalogue import KINDS
from train.synthetic.change import Page, apply
from train.synthetic.draft import Ask, Draft, Look, escape, look
from train.synthetic.edits import make_edit
from train.synthetic.keyboard import finish

PAGE_LIMIT = 4096
"""Bytes: no page is longer."""
CHATTY = 0.25
"""Share of new pages that are asked for at length."""
UNASKED = 0.03
"""Share of new pages whose prompt asks for nothing that the generator knows."""
FORMS = ("login", "signup", "contact", "booking", "newsletter")


@dataclass(frozen=True)
class Pair:
    """What a person types and the page that answers it."""

    instruction: str
    """The prompt, as a person would type it."""
    input: str
    """The current page for an edit, else ""."""
    output: str
    """The complete document, from `<!DOCTYPE html>` to `</html>`."""
    kind: str
    """The kind of page, a key of `catalogue.KINDS`."""
    spec: dict[str, Any]
    """What `checker.check` verifies; JSON-able."""
    copied: tuple[str, ...]
    """Strings of the prompt that must appear verbatim in the page."""


def pairs(
    seed: int, count: int | None = None, *, edits: float = 0.25, chatty: float = CHATTY, whole: float = 0.0
) -> Iterator[Pair]:
    """Yields `count` pairs (endlessly for None), a share `edits` of them edits. Raises ValueError for a bad share.

    Args:
        chatty: share of the new pages that are asked for by people who tell a lot: stories, asides, pages told by their use.
        whole: share of the new pages whose prompt is one of `requests`, written as a whole, and not put together from pieces.

    Pair i depends on (seed, i) alone, so any part of the stream can be made again.
    """
    for name, share in (("edits", edits), ("chatty", chatty), ("whole", whole)):
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"{name} is a share from 0 to 1, not {share}")
    for index in counting() if count is None else range(count):
        rng = Random(f"{seed}:{index}")
        roll = rng.random()
        if roll < edits:
            yield _edited(rng)
        elif roll > 1 - UNASKED * (1 - edits):
            yield _unasked(rng)
        else:
            manner = phrasing.CHATTY if rng.random() < chatty else phrasing.PLAIN
            # With no share of whole requests a seed gives the pairs that it gave before there were any.
            yield _requested(rng) if whole and rng.random() < whole else _new(rng, manner)


def _build(make: Callable[[Random], Ask], rng: Random, *, lower: bool) -> tuple[Ask, Look, Draft]:
    while True:
        ask = make(rng)
        if lower:
            asks.lowered(ask)
        chosen = look(ask, rng)
        draft = KINDS[ask.kind].build(ask, chosen, rng)
        if len(draft.html.encode()) <= PAGE_LIMIT:
            return ask, chosen, draft


def _new(rng: Random, manner: phrasing.Manner) -> Pair:
    lower = rng.random() < 0.12
    ask, _, draft = _build(asks.make_ask, rng, lower=lower)
    return _pair(ask, draft, phrasing.prompt(ask, manner, rng, lower=lower))


def _requested(rng: Random) -> Pair:
    lower = rng.random() < 0.12
    request = requests.draw(rng)
    ask, _, draft = _build(partial(asks.requested, request), rng, lower=lower)
    return _pair(ask, draft, phrasing.whole(request, ask, rng, lower=lower))


def _pair(ask: Ask, draft: Draft, prompt: tuple[str, tuple[str, ...], str]) -> Pair:
    instruction, copied, frame = prompt
    copied = tuple(text for text in copied if escape(text) in draft.html)
    spec = {"kind": ask.kind, "phrasing": frame, **_wanted(ask, draft)}
    if ask.name:  # else several titles would do
        spec |= {"title": draft.title, "heading": draft.heading}
    return Pair(
        instruction, "", draft.html, ask.kind, {key: value for key, value in spec.items() if value is not None}, copied
    )


def _unasked(rng: Random) -> Pair:
    """A message that asks for no page, and a page that says welcome, closed like any other."""
    ask = Ask("landing")
    draft = KINDS["landing"].build(ask, look(ask, rng), rng)
    spec = {"kind": "landing", "phrasing": "nonsense"}
    return Pair(aside.nonsense(rng), "", draft.html, "landing", spec, ())


def _wanted(ask: Ask, draft: Draft) -> dict[str, Any]:
    """The part of a spec that comes from what the prompt asked for."""
    wanted: dict[str, Any] = {
        "name": ask.name,
        "trade": ask.trade.name if ask.trade else None,
        "hue": ask.hue,
        "dark": ask.dark,
        "style": ask.style,
        "layout": ask.layout,
        "button": ask.button,
        "button_hue": ask.button_hue,
        "header_hue": ask.header_hue,
    }
    if ask.items:
        name = "fields" if ask.kind in FORMS else "columns" if ask.kind == "table" else "items"
        wanted[name] = {"selector": draft.selector, "texts": list(ask.items)}
        wanted["count"] = {"selector": draft.selector, "n": len(ask.items)}
    elif ask.count is not None:
        wanted["count"] = {"selector": "tr td:first-child" if ask.kind == "table" else draft.selector, "n": ask.count}
    texts = [*ask.prices, *(value for key, value in ask.facts.items() if key not in ("start", "step"))]
    if texts:
        wanted["texts"] = texts
    wanted["start"] = ask.facts.get("start")
    return wanted


def _edited(rng: Random) -> Pair:
    lower = rng.random() < 0.12
    ask, chosen, draft = _build(asks.make_ask, rng, lower=lower)
    edit = make_edit(Page(ask, chosen, draft, lower), rng)
    after, kept = apply(draft.html, edit.spans)
    asked = aside.added(edit.asked, rng) if rng.random() < 0.06 else edit.asked
    instruction, copied = finish(asked, rng, lower=lower)
    copied = tuple(text for text in copied if text in instruction and escape(text) in after)
    spec = {
        "kind": ask.kind,
        "title": edit.title or draft.title,
        "edit": {"op": edit.op, "kept": kept, **edit.wants},
    }
    return Pair(instruction, draft.html, after, ask.kind, spec, copied)

"""The parts of a prompt: quoted strings, lists, and clauses for items, facts and looks."""

from __future__ import annotations

from random import Random

from train.synthetic.catalogue import KINDS
from train.synthetic.draft import Ask
from train.synthetic.frames import NUMBERS
from train.synthetic.marks import OPEN, marked
from train.synthetic.palette import STYLES
from train.synthetic.stylesheet import LAYOUT_WORDS

_QUOTES = (("", ""),) * 11 + (('"', '"'),) * 5 + (("'", "'"),) * 2 + (("“", "”"),) * 2 + (("«", "»"), ("`", "`"))


def quoted(text: str, rng: Random, *, always: bool = False) -> str:
    """A marked string in one of several quotes, or in none."""
    opening, closing = rng.choice(_QUOTES[11:] if always else _QUOTES)
    if opening and opening in text:
        opening, closing = '"', '"'
    return f"{opening}{marked(text)}{closing}"


def article(text: str) -> str:
    """`text` with "a" or "an"."""
    if text in ("tabs",) or (text.endswith(" tabs") and " with " not in text):
        return text
    first = text.lstrip(OPEN + "\"'“«`")[:1].lower()
    an = (
        (first in "aeio" and not text.lower().startswith("one"))
        or text.lower().startswith(("un", "up", "umb"))
        or (text.upper().startswith("FAQ") and text[:3] == "FAQ")
        or text.lower().startswith(("html", "rsvp"))
    )
    return f"{'an' if an else 'a'} {text}"


def choose(rng: Random, weighted: tuple[tuple[int, str], ...]) -> str:
    """One of (weight, text)."""
    return rng.choices([text for _, text in weighted], [weight for weight, _ in weighted])[0]


def listed(parts: list[str], rng: Random) -> str:
    """Parts as a comma list: "a, b and c" and its relatives."""
    if len(parts) == 1:
        return parts[0]
    joint = rng.choice((" and ", " and ", " and ", ", and ", ", ", " & "))
    between = ", " if joint != " & " or len(parts) > 2 else " & "
    return between.join(parts[:-1]) + joint + parts[-1]


def items_clause(ask: Ask, rng: Random) -> tuple[str, bool]:
    """The clause that names the items, and whether it has to come last."""
    kind = KINDS[ask.kind]
    one, many = kind.unit
    if not ask.items:
        if ask.count is None:
            return "", False
        unit = "row" if ask.kind == "table" else one
        units = unit + "s" if ask.kind == "table" else (many if ask.count != 1 else one)
        number = NUMBERS[ask.count] if rng.random() < 0.5 else str(ask.count)
        return rng.choice((f" with {number} {units}", f", {number} {units}", f" showing {number} {units}")), False
    several = len(ask.items) > 1
    wraps = rng.choice(("", "", "", "", "", '"', "'"))
    parts = [f"{wraps}{marked(item)}{wraps}" for item in ask.items]
    if ask.prices:
        style = rng.choice(("{} {}", "{} at {}", "{} for {}", "{} ({})"))
        parts = [style.format(part, marked(price)) for part, price in zip(parts, ask.prices, strict=True)]
    units = many if several else one
    count = rng.choice(("", "", "", NUMBERS[len(parts)] + " ", f"{len(parts)} "))
    roll = rng.random()
    if roll < 0.10 and several:
        lines = "\n".join(f"{index}. {part}" for index, part in enumerate(parts, 1))
        return rng.choice((f". {units.capitalize()}:\n{lines}", f" with these {units}:\n{lines}", f":\n{lines}")), True
    if roll < 0.17 and several:
        return f". {units.capitalize()}:\n" + "\n".join(f"- {part}" for part in parts), True
    text = listed(parts, rng)
    if roll < 0.30:
        return rng.choice(
            (
                f". {units.capitalize()}: {text}",
                f". The {units} are {text}" if several else f". The {one} is {text}",
                f". It has {text}",
                f". Include {text}",
                f"; {units}: {text}",
            )
        ), True
    if roll < 0.55:
        return f" with {count}{units}{':' if count else rng.choice((':', ''))} {text}", False
    if roll < 0.62:
        return f" with the {units} {text}", False
    if roll < 0.68 and ask.kind in ("login", "signup", "contact", "booking", "newsletter"):
        return f" with {units} for {text}", False
    if roll < 0.78:
        return rng.choice(
            (f" including {text}", f" featuring {text}", f", {text}", f" that has {text}", f" showing {text}")
        ), False
    return f" with {text}", False


def facts_clauses(ask: Ask, rng: Random) -> list[str]:
    clauses = []
    facts = {key: marked(value) for key, value in ask.facts.items()}
    if "date" in facts:
        date = facts["date"]
        clauses.append(
            rng.choice((f" on {date}", f", {date}", f". It is on {date}"))
            if ask.kind == "event"
            else rng.choice((f" opening on {date}", f", launch on {date}", f". We open on {date}"))
        )
    if "place" in facts:
        clauses.append(rng.choice((f" at {facts['place']}", f" in {facts['place']}", f", place: {facts['place']}")))
    if "price" in facts:
        clauses.append(
            rng.choice(
                (
                    f" for {facts['price']}",
                    f", price {facts['price']}",
                    f". It costs {facts['price']}",
                    f" at {facts['price']}",
                )
            )
        )
    if "author" in facts:
        clauses.append(
            rng.choice((f" by {facts['author']}", f", written by {facts['author']}", f", author {facts['author']}"))
        )
    if "start" in facts:
        clauses.append(
            rng.choice(
                (f" that starts at {facts['start']}", f" starting at {facts['start']}", f", start at {facts['start']}")
            )
        )
    if "step" in facts:
        clauses.append(
            rng.choice((f" in steps of {facts['step']}", f" that counts by {facts['step']}", f", step {facts['step']}"))
        )
    return clauses


def look_clauses(ask: Ask, rng: Random) -> tuple[list[str], list[str]]:
    """Adjectives before the noun and clauses after it."""
    before: list[str] = []
    after: list[str] = []
    if ask.style:
        word = rng.choice(STYLES[ask.style].words)
        if rng.random() < 0.45:
            before.append(word)
        else:
            after.append(
                rng.choice(
                    (
                        f" in {article(word)} style",
                        f", {word} style",
                        f", {word}",
                        f". Make it {word}",
                        f", it should look {word}",
                        f" with {article(word)} look",
                    )
                )
            )
    dark = ask.dark
    if ask.colour:
        word = ask.colour
        if word in ("warm", "earthy", "golden"):  # these need a noun
            after.append(
                rng.choice(
                    (
                        ", {} colours",
                        " in {} colours",
                        " with {} colours",
                        " in {} tones",
                        ", use {} colours",
                        ", {} colors",
                        " with a {} colour scheme",
                    )
                ).format(word)
            )
        elif " " in word:
            after.append(
                rng.choice((" in {}", ", {}", ", {} colours", " in {} tones", ". Use {}", ", use {}")).format(word)
            )
        elif rng.random() < 0.25:
            before.append(f"dark {word}" if dark else word)
            dark = None
        else:
            shade = f"dark {word}" if dark and rng.random() < 0.4 else word
            dark = None if shade != word else dark
            neutral = rng.choice(("white", "cream", "light grey", "off-white"))
            after.append(
                rng.choice(
                    (
                        f" in {shade}",
                        f", {shade}",
                        f", {shade} colours",
                        f", {shade} colors",
                        f" with a {shade} theme",
                        f" in {shade} tones",
                        f". Use {shade}",
                        f", use {shade} colours",
                        f". The colour should be {shade}",
                        f". Make it {shade}",
                        f" and {shade} colours",
                        f", {shade} colour scheme",
                        f" in {shade} and {neutral}",
                        f", {shade} and {neutral}",
                        f". Colours: {shade} and {neutral}",
                        f". colors {shade}",
                        f". I like {shade}",
                        f", something {shade}",
                        f", mostly {shade}",
                    )
                )
            )
    if dark:
        if rng.random() < 0.25:
            before.append("dark")
        else:
            after.append(
                rng.choice(
                    (
                        ", dark",
                        " in dark mode",
                        " dark",
                        ", dark mode",
                        " with a dark theme",
                        ", dark theme",
                        ". Make it dark",
                        " on a dark background",
                        ", dark background",
                    )
                )
            )
    if dark is False:
        after.append(rng.choice((", light", ", light theme", " with a light background")))
    if ask.layout:
        after.append(
            rng.choice((" with {}", ", {}", ". Use {}", " and {}")).format(rng.choice(LAYOUT_WORDS[ask.layout]))
        )
    if ask.header_hue:
        after.append(
            rng.choice((" with {a} header", ", {n} header", ". The header is {n}", " and {a} header")).format(
                a=article(ask.header_hue), n=ask.header_hue
            )
        )
    if ask.button and ask.button_hue:
        text = quoted(ask.button, rng, always=rng.random() < 0.7)
        after.append(
            rng.choice(
                (
                    f" with {article(ask.button_hue)} button saying {text}",
                    f" and {article(ask.button_hue)} button that says {text}",
                    f", {ask.button_hue} button with the text {text}",
                    f". The button is {ask.button_hue} and says {text}",
                )
            )
        )
    elif ask.button:
        text = quoted(ask.button, rng, always=rng.random() < 0.7)
        after.append(
            rng.choice(
                (
                    f" with a button saying {text}",
                    f" and a {text} button",
                    f", the button says {text}",
                    f" with a {text} button",
                    f". The button should say {text}",
                    f", button text {text}",
                    f". Button: {text}",
                )
            )
        )
    elif ask.button_hue:
        after.append(
            rng.choice(
                (
                    f" with {article(ask.button_hue)} button",
                    f" and {article(ask.button_hue)} button",
                    f", {ask.button_hue} button",
                    f", the button should be {ask.button_hue}",
                    f". Make the button {ask.button_hue}",
                )
            )
        )
    return before, after


def bare(clause: str) -> str:
    """A clause without what joins it to the words before."""
    text = clause.lstrip(" ,.;:")
    for joint in ("and ", "with the text "):
        text = text.removeprefix(joint)
    return text

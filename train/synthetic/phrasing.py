"""Turns an `Ask` into what a person would type: frames, clauses, lists, quotes, typos, lower case.

Strings that must be copied are held between marks while the prompt is put together, so that typos never
touch them; `copied` is read off the marks at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from train.synthetic import aside, purposes
from train.synthetic.catalogue import KINDS
from train.synthetic.clauses import (
    article,
    bare,
    choose,
    facts_clauses,
    items_clause,
    listed,
    look_clauses,
    quoted,
)
from train.synthetic.draft import Ask
from train.synthetic.frames import (
    FRAMES,
    IS_CALLED,
    NAMED_FRAMES,
    NAMING,
    NOUN_NAMING,
    OF_NAME,
    OF_PERSON,
    OF_TRADE,
    OF_TRADE_ONLY,
    OF_WORK,
    PERSON_IS,
    SHORT_NAMING,
    TRADE_FRAMES,
    WANTS,
    WHO_IS,
)
from train.synthetic.keyboard import finish
from train.synthetic.marks import OPEN, marked
from train.synthetic.palette import STYLES
from train.synthetic.requests import Request

_HAVE = ("I have {}.", "It is for {}.", "we run {}", "I opened {}.", "We are {}.", "i work at {}", "My family runs {}.")


@dataclass(frozen=True)
class Manner:
    """How somebody writes, as shares of prompts."""

    telegram: float
    """Bare notes."""
    story: float
    """A few sentences."""
    purpose: float
    """The kind of page told by its use."""
    extras: float
    """Parts named in passing."""
    naming: float
    """The name in a clause of its own."""
    decorated: float
    """Emoji and interjections."""
    wish: float
    """Of stories: what is wanted as a wish, not by the page's name."""
    occasion: float
    """Of stories: why it is wanted."""
    asides: tuple[int, ...]
    """Of stories: how many sentences have no bearing on the page."""


PLAIN = Manner(0.2, 0.14, 0.05, 0.06, 0.06, 0.01, 0.08, 0.1, (0, 0, 1))
CHATTY = Manner(0.15, 0.6, 0.4, 0.4, 0.3, 0.15, 0.4, 0.5, (0, 0, 1, 1, 2, 3))


def telegram(noun: str, values: dict[str, str], clauses: list[str], rng: Random) -> str:
    """What is wanted as bare notes in any order: "yoga studio - Zell - landing page - green"."""
    name, trade, role = values["name"], values["trade"], values["role"]
    who = trade or role
    first = [noun] if not who or rng.random() < 0.75 else [f"{noun} {who}" if rng.random() < 0.5 else f"{who} {noun}"]
    if who and first == [noun]:
        first.append(rng.choice((who, who, f"for {article(who)}", f"we are {article(who)}", f"business: {who}")))
    if name:
        forms = [name, name, name, f"name: {name}", f"name is {name}", f"called {name}", f"the name is {name}",
                 f"title: {name}", f"title {name}", f"it's called {name}", f"its called {name}", f"for {name}", f"({name})",
                 f"title should be {name}", f"put {name} on top", f"heading: {name}"]  # fmt: skip
        forms += [form.format(name=name) for form in rng.sample(NOUN_NAMING, 3)]
        if trade:
            forms += [
                form.format(name=name, short=values["short"]).lstrip(" .,") for form in rng.sample(SHORT_NAMING, 4)
            ]
        first.append(rng.choice(forms))
    if rng.random() < 0.6:
        rng.shuffle(first)
    rest = [bare(clause) for clause in clauses if "\n" not in clause]
    rng.shuffle(rest)
    if rng.random() < 0.2:
        rest.insert(rng.randint(0, len(rest)), aside.note(rng))
    if name and name in first and rng.random() < 0.2 and len(first) > 1:  # the name last, after everything
        first.remove(name)
        rest.append(
            rng.choice((f"name {name}", f"called {name}", f"title {name}", f"name: {name}", f"it's called {name}"))
        )
    last = [clause.lstrip(" ") if clause.startswith(" with") else bare(clause) for clause in clauses if "\n" in clause]
    joint = rng.choice((", ", ", ", ", ", ". ", ". ", " - ", "; ", " / ", "\n", " | ", " ", "! "))
    if joint == " " and name.startswith(OPEN):  # nobody could tell where a bare name ends
        joint = ", "
    text = joint.join((*first, *rest, *last))
    return text.replace(joint + "(", " (")


def story(
    noun: str, before: list[str], kind: str, values: dict[str, str], clauses: list[str], manner: Manner, rng: Random
) -> str:
    """A few sentences: who is asking, what is wanted and why, the details, and things that have no bearing on the page."""
    name, who, role = values["name"], values["trade"], values["role"]
    sentences = []
    if name and role:
        sentences.append(rng.choice(PERSON_IS).format(**values))
    elif name and who:
        if rng.random() < 0.7:
            sentences.append(rng.choice(WHO_IS).format(name=name, who=who, awho=values["atrade"]))
        else:
            sentences.append(rng.choice(_HAVE).format(values["atrade"]))
            naming = rng.choice(SHORT_NAMING + NAMING).format(name=name, short=values["short"]).lstrip(" .,-")
            sentences.append(naming + rng.choice((".", ".", "")))
    elif name:
        sentences.append(rng.choice(IS_CALLED).format(name=name))
    elif who:
        sentences.append(rng.choice(_HAVE).format(values["atrade"]))
    short = [clause for clause in clauses if clause.startswith(" ") and "\n" not in clause]
    joined = short if rng.random() < 0.5 else []
    if rng.random() < manner.wish:
        want = purposes.wish(kind, rng)
        clauses = [*clauses, *(f", {word}" for word in before)]
    else:
        want = rng.choice(WANTS).format(a=article(" ".join((*before, noun))))
    want += "".join(joined)
    want += (
        "?"
        if want.lower().startswith(("can", "could", "would")) and rng.random() < 0.7
        else rng.choice((".", ".", "!", ""))
    )
    # What is wanted comes after who asks, as a rule; the name may come last of all.
    sentences.insert(rng.choice((0, len(sentences), len(sentences))), want)
    if rng.random() < manner.occasion:
        sentences.insert(rng.randint(0, len(sentences)), purposes.occasion(kind, rng))
    for _ in range(rng.choice(manner.asides)):
        sentences.insert(rng.randint(0, len(sentences)), aside.sentence(rng))
    last = ""
    for clause in clauses:
        if clause in joined:
            continue
        if "\n" in clause:
            last = bare(clause)
            last = "\n" + last if not last.startswith("with") else "\n" + last.removeprefix("with ")
            continue
        text = bare(clause)
        if text.startswith("with "):
            text = rng.choice(
                ("with ", "it has ", "it needs ", "I want ", "please add ", "it should have ")
            ) + text.removeprefix("with ")
        elif text.startswith(("in ", "at ", "for ", "on ", "by ")):
            text = rng.choice(("it is ", "make it ", "please do it ", "")) + text
        sentences.append(
            text[0].upper() + text[1:] + rng.choice((".", ".", "!", "")) if text[0] != OPEN else text + "."
        )
    joint = rng.choice((" ", " ", " ", " ", " ", "\n", ", ", " and ", " so "))
    if joint in (", ", " and ", " so "):
        sentences = [*(part.rstrip(".!") for part in sentences[:-1]), sentences[-1]]
        if joint != ", ":  # one word does not join a dozen sentences
            sentences = [
                part + (joint if at % 2 == 0 else ", ") if at < len(sentences) - 1 else part
                for at, part in enumerate(sentences)
            ]
            joint = ""
    parts = [
        part if joint != " " or part[-1:] in ".!?" else part + rng.choice((".", ",", " -")) for part in sentences[:-1]
    ]
    return joint.join((*parts, sentences[-1])) + last


def _extras_clauses(parts: list[str], rng: Random) -> list[str]:
    """Parts named in passing, as clauses: one for all, or one for each."""
    if len(parts) > 1 and rng.random() < 0.5:
        return [f", {part}" for part in parts]
    text = listed(parts, rng)
    return [
        rng.choice(
            (
                f" with {text}",
                f", {text}",
                f". It needs {text}",
                f". Please include {text}",
                f" and {text}",
                f", also {text}",
                f". {text}",
            )
        )
    ]


def whole(request: Request, ask: Ask, rng: Random, *, lower: bool) -> tuple[str, tuple[str, ...], str]:
    """A request with its slots filled, and in sentences after it what the ask has beyond them; returns what `prompt` does.

    The ask has to be one of `asks.requested`.
    """
    before, after = look_clauses(replace(ask, style=None), rng) if "colour" not in request.slots else ([], [])
    items, _ = items_clause(ask, rng) if "items" not in request.slots else ("", False)
    trade = ask.trade.name if ask.trade else ""
    shown = marked(trade) if ask.trade and ask.trade.action == "Find out more" else trade
    role = marked(ask.role) if ask.role else ""
    values = {
        "name": marked(ask.name) if ask.name else "",
        "trade": shown,
        "a_trade": article(shown),
        "role": role,
        "a_role": article(role),
        "items": listed([marked(item) for item in ask.items], rng) if ask.items else "",
        "colour": f"dark {ask.colour}" if ask.dark else ask.colour,
        "style": rng.choice(STYLES[ask.style].words) if ask.style else "",
        **{key: marked(value) for key, value in ask.facts.items()},
    }
    text = request.text.format_map(purposes.circumstances(rng) | values)
    clauses = [*(f", {word}" for word in before), *after, *([items] if items else [])]
    for clause in sorted(clauses, key=lambda clause: "\n" in clause):  # lists come last
        part = bare(clause)
        if part[0].isalpha() and text[-1] in ".!?" and not lower:
            part = part[0].upper() + part[1:]
        text += (" " if text[-1] in ".!?" else rng.choice((", ", ". ", " - "))) + part
    if rng.random() < 0.05:
        text = aside.added(text, rng)
    text, copied = finish(text, rng, lower=lower)
    return text, copied, "whole"


def prompt(ask: Ask, manner: Manner, rng: Random, *, lower: bool) -> tuple[str, tuple[str, ...], str]:
    """(instruction, strings to copy, name of the phrasing). With `lower` everything is typed without capitals.

    The ask's own strings have to be in lower case already then (`asks.lowered`).
    """
    kind = KINDS[ask.kind]
    before, after = look_clauses(ask, rng)
    noun = purposes.noun(ask.kind, rng) if rng.random() < manner.purpose else rng.choice(kind.nouns)
    full = " ".join((*before, noun))
    items, last = items_clause(ask, rng)
    clauses = [*facts_clauses(ask, rng)]
    if ask.kind in ("counter", "todo", "tabs", "calculator", "timer") and rng.random() < 0.15:
        clauses.insert(0, rng.choice((" that works", " that really works", " in JavaScript", " with JavaScript")))
    if items and not last:
        clauses.append(items)
    if rng.random() < manner.extras:
        after.extend(_extras_clauses(purposes.extras(ask.kind, rng), rng))
    rng.shuffle(after)
    # A sentence of its own ends the list of clauses, so those come after the ones that only add words.
    clauses = sorted((*clauses, *after), key=lambda clause: (clause.startswith("."), clause.startswith(",")))
    if last:
        clauses.append(items)
    trade = ask.trade.name if ask.trade else ""
    shown = marked(trade) if ask.trade and ask.trade.action == "Find out more" else trade
    name = quoted(ask.name, rng) if ask.name else ""
    a_role = article(marked(ask.role)) if ask.role else ""
    values = {
        "name": name,
        "trade": shown,
        "atrade": article(shown) if trade else "",
        "short": trade.split()[-1] if trade else "",
        "role": marked(ask.role) if ask.role else "",
        "arole": a_role,
    }
    of = ""
    if kind.subject == "person":
        of = (
            choose(rng, OF_PERSON)
            if name and a_role
            else (" for {name}" if name else (" for {arole}" if a_role else ""))
        )
    elif trade:
        of = choose(rng, OF_TRADE) if name else choose(rng, OF_TRADE_ONLY)
    elif name:
        of = choose(rng, OF_WORK if kind.subject in ("work", "tool") else OF_NAME)
    roll = rng.random()
    style = rng.random()
    if style < manner.telegram + manner.story:
        if style < manner.telegram:
            text, shape = telegram(full, values, clauses, rng), "telegram"
        else:
            text, shape = story(noun, before, ask.kind, values, clauses, manner, rng), "story"
        if rng.random() < manner.decorated:
            text = aside.decorated(text, rng)
        text, copied = finish(text, rng, lower=lower)
        return text, copied, shape
    if name and rng.random() < manner.naming:  # named in a clause of its own
        of = choose(rng, OF_TRADE_ONLY) if trade else f" for {a_role}" if a_role else ""
        naming = rng.choice(SHORT_NAMING if trade and rng.random() < 0.4 else NAMING).format(**values)
        clauses.insert(0 if naming[0] != "." else len(clauses) - bool(last), naming)
        roll = 1.0
    if name and trade and roll < 0.25:
        frame = choose(rng, TRADE_FRAMES)
    elif name and not trade and not a_role and roll < 0.18:
        frame = choose(rng, NAMED_FRAMES)
    else:
        frame = choose(rng, FRAMES)
    rest = "".join(clauses)
    if (frame.endswith("?") and ("." in rest or "\n" in rest)) or ("{rest}," in frame and "\n" in rest):
        frame = "{A}{of}{rest}"
    a_full = article(full)
    text = frame.format(A=a_full, a=a_full, N=full, n=full, k=full, of=of.format(**values), rest=rest, **values)
    if rng.random() < 0.12:
        text = aside.added(text, rng)
    if rng.random() < manner.decorated:
        text = aside.decorated(text, rng)
    text, copied = finish(text, rng, lower=lower)
    return text, copied, f"{frame}|{of}"

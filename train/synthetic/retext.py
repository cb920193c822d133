"""Edits of words that are there: title, heading, footer, buttons, prices."""

from __future__ import annotations

from random import Random

from train.synthetic import names, words
from train.synthetic.catalogue import KINDS
from train.synthetic.change import Edit, Page, Span
from train.synthetic.clauses import quoted
from train.synthetic.draft import escape
from train.synthetic.marks import marked
from train.synthetic.translations import LANGUAGES, TRANSLATIONS


def rename(page: Page, rng: Random) -> Edit:
    """The name everywhere: title, brand, heading, footer."""
    draft = page.draft
    new = page.word(names.person(rng) if KINDS[page.ask.kind].subject == "person" else names.brand(rng))
    old, html = escape(draft.title), draft.html
    spans = [
        page.span(f"<title>{old}<", f"<title>{escape(new)}<"),
        page.span(f'"brand" href="#">{old}<', f'"brand" href="#">{escape(new)}<'),
        page.span(f"© 2026 {old}<", f"© 2026 {escape(new)}<"),
    ]
    heading = draft.heading
    if draft.title in heading:
        heading = heading.replace(draft.title, new, 1)
        spans.append(page.span(f"<h1>{escape(draft.heading)}<", f"<h1>{escape(heading)}<"))
    spans = [
        (begin + html[begin:end].index(old), begin + html[begin:end].index(old) + len(old), escape(new))
        for begin, end, _ in spans
    ]
    name = quoted(new, rng)
    was = rng.choice(("the name", "the title", "the title"))
    asked = rng.choice(
        (
            f"change {was} to {name}",
            f"rename it to {name}",
            f"rename the page to {name}",
            f"call it {name}",
            f"{was} should be {name}",
            f"set {was} to {name}",
            f"make {was} {name}",
            f"new name: {name}",
            f"new title: {name}",
            f"it is called {name} now",
            f"use {name} as the title",
            f"change the name from {draft.title} to {name}",
            f"replace {draft.title} with {name}",
        )
    )
    return Edit("name", asked, spans, {"has": {"title": [new], ".brand": [new], "h1": [heading]}}, title=new)


def heading(page: Page, rng: Random) -> Edit:
    new = page.word(rng.choice((names.brand, words.titled, words.feature))(rng))
    if rng.random() < 0.3:
        new = page.word(f"{rng.choice(('Welcome to', 'Hello from', 'Meet', 'Discover'))} {names.brand(rng)}")
    text = quoted(new, rng)
    asked = rng.choice(
        (
            f"change the heading to {text}",
            f"make the heading {text}",
            f"the heading should say {text}",
            f"set the headline to {text}",
            f"heading: {text}",
            f"new headline: {text}",
            f"the h1 should be {text}",
            f"replace the heading with {text}",
            f"change the headline to {text}",
            f"let the heading say {text}",
        )
    )
    begin, end, _ = page.span(f"<h1>{escape(page.draft.heading)}</h1>", "")
    return Edit("heading", asked, [(begin + 4, end - 5, escape(new))], {"exactly": {"h1": [new]}})


def footer(page: Page, rng: Random) -> Edit:
    if rng.random() < 0.2:
        asked = rng.choice(
            ("remove the footer", "delete the footer", "no footer please", "take the footer away", "without the footer")
        )
        return Edit(
            "no footer",
            asked,
            [page.span(f'\n<footer id="contact">© 2026 {escape(page.draft.title)}</footer>', "")],
            {"gone": ["footer"]},
        )
    new = page.word(
        rng.choice(
            (
                f"Made with love in {names.made_up(rng)}",
                f"© {names.brand(rng)}",
                f"Call us: 555 0{rng.randrange(100, 999)}",
                f"Open daily from {rng.randrange(6, 12)}",
                f"{names.brand(rng)}, all rights reserved",
                f"Designed by {names.person(rng)}",
            )
        )
    )
    text = quoted(new, rng)
    asked = rng.choice(
        (
            f"change the footer to {text}",
            f"the footer should say {text}",
            f"footer text: {text}",
            f"set the footer to {text}",
            f"put {text} in the footer",
            f"write {text} in the footer",
            f"make the footer say {text}",
            f"replace the footer text with {text}",
        )
    )
    old = f"© 2026 {escape(page.draft.title)}"
    return Edit(
        "footer", asked, [page.span(old, escape(new), page.draft.html.index("<footer"))], {"exactly": {"footer": [new]}}
    )


def _button_spans(page: Page, new: str) -> list[Span]:
    html, found, place = page.draft.html, [], 0
    for ending in ("</button>", "</a>"):
        old, place = f">{escape(page.draft.button)}{ending}", 0
        while (place := html.find(old, place)) >= 0:
            found.append((place + 1, place + len(old) - len(ending), escape(new)))
            place += 1
    return found


def button_text(page: Page, rng: Random) -> Edit | None:
    old = page.draft.button
    if not old:
        return None
    if old in TRANSLATIONS and rng.random() < 0.4:
        index = rng.randrange(4)
        language = LANGUAGES[index]
        new = TRANSLATIONS[old][index]
        asked = rng.choice(
            (
                "translate the button to {}",
                "translate the button into {}",
                "make the button {}",
                "the button should be in {}",
                "button text in {}",
                "put the button in {}",
                "change the button to {}",
            )
        ).format(language)
    else:
        new = page.word(
            rng.choice((*KINDS[page.ask.kind].buttons, "Go")) if rng.random() < 0.3 else words.task(rng).capitalize()
        )
        text = quoted(new, rng, always=rng.random() < 0.6)
        was = quoted(old, rng, always=True)
        asked = rng.choice(
            (
                f"change the button to {text}",
                f"the button should say {text}",
                f"rename the button to {text}",
                f"button text: {text}",
                f"change the button text to {text}",
                f"make the button say {text}",
                f"write {text} on the button",
                f"rename the {was} button to {text}",
                f"replace {was} with {text}",
                f"label the button {text}",
            )
        )
    if new == old:
        return None
    spans = _button_spans(page, new)
    assert spans, page.draft.button
    return Edit("button text", asked, spans, {"has": {"button, .btn": [new]}})


def price(page: Page, rng: Random) -> Edit | None:
    draft = page.draft
    if page.ask.kind not in ("menu", "pricing"):
        return None
    index = rng.randrange(len(draft.items))
    line, new = draft.lines[index], f"${rng.randrange(2, 130)}"
    mark = "<b>" if page.ask.kind == "menu" else '"price">'
    begin = line.index(mark) + len(mark)
    end = line.index("<", begin)
    if line[begin:end] == new:
        return None
    offset = draft.html.index(line)
    text, price = quoted(draft.items[index], rng), marked(new)
    asked = rng.choice(
        (
            f"change the price of {text} to {price}",
            f"{text} should cost {price}",
            f"{text} costs {price} now",
            f"set {text} to {price}",
            f"make {text} {price}",
            f"the price of {text} is {price}",
        )
    )
    return Edit(
        "price",
        asked,
        [(offset + begin, offset + end, new)],
        {"has": {".menu b" if mark == "<b>" else ".price": [new]}},
    )

"""Edits that add, remove, change or move a part: items, rows, sections, the navigation."""

from __future__ import annotations

from random import Random

from train.synthetic import names, words
from train.synthetic.catalogue import KINDS
from train.synthetic.change import Edit, Page, Span
from train.synthetic.clauses import article, quoted
from train.synthetic.draft import escape


def navigation(page: Page, rng: Random) -> Edit | None:
    nav = next((line for line in page.draft.html.split("\n") if line.startswith("<nav>")), None)
    if nav is None:
        return None
    asked = rng.choice(
        (
            "remove the navigation",
            "remove the menu links",
            "delete the nav",
            "no navigation please",
            "remove the nav links",
        )
    )
    return Edit("no navigation", asked, [page.span(f"{nav}\n", "")], {"gone": ["nav"]})


def section(page: Page, rng: Random) -> Edit:
    new = page.word(words.feature(rng) if rng.random() < 0.5 else words.titled(rng))
    text = quoted(new, rng)
    asked = rng.choice(
        (
            f"add a section called {text}",
            f"add a {text} section",
            f"add a section {text}",
            f"add another section titled {text}",
            f"I need a section about {text}",
            f"put a section {text} at the end",
            f"new section: {text}",
            f"append a section named {text}",
        )
    )
    line = f"<section>\n<h2>{escape(new)}</h2>\n<p>{rng.choice(('More about this soon.', 'Ask us, we are happy to help.'))}</p>\n</section>\n"
    place = page.draft.html.index("</main>")
    return Edit("add section", asked, [(place, place, line)], {"has": {"h2": [new]}})


def _unit(page: Page, rng: Random) -> str:
    one = KINDS[page.ask.kind].unit[0]
    return rng.choice((one, one, "card")) if "card" in page.draft.lines[0] else one


def _block(page: Page, lines: list[str]) -> Span:
    """All item lines, which stand together, replaced by `lines`."""
    return page.span("\n".join(page.draft.lines), "\n".join(lines))


def add(page: Page, rng: Random) -> Edit | None:
    draft, kind = page.draft, KINDS[page.ask.kind]
    if draft.make is None or kind.make is None or not draft.lines:
        return None
    known = {item.lower() for item in draft.items}
    new = page.word(kind.make(rng))
    if new.lower() in known:
        return None
    line = draft.make(rng, new)
    unit, text = _unit(page, rng), quoted(new, rng)
    first = rng.random() < 0.15
    lines, items = ([line, *draft.lines], [new, *draft.items]) if first else ([*draft.lines, line], [*draft.items, new])
    where = (
        rng.choice((" at the top", " at the beginning", " as the first one"))
        if first
        else rng.choice(("", "", "", "", " at the end"))
    )
    asked = (
        rng.choice(
            (
                f"add {article(unit)} called {text}",
                f"add {article(unit)} {text}",
                f"add {text}",
                f"add another {unit}: {text}",
                f"add {text} as {article(unit)}",
                f"I need one more {unit}: {text}",
                f"please add {text}",
                f"there should also be {text}",
                f"new {unit}: {text}",
                f"can you add {text}?",
                f"add {article(unit)} for {text}",
                f"include {text} too",
                f"add a {text} {unit}",
                f"also add {text}",
            )
        ).rstrip("?")
        + where
    )
    place = draft.html.index(draft.lines[0])
    end = place + len("\n".join(draft.lines))
    span = (place, place, line + "\n") if first else (end, end, "\n" + line)
    assert lines
    return Edit("add", asked, [span], {"exactly": {draft.selector: items}})


def remove(page: Page, rng: Random) -> Edit | None:
    draft = page.draft
    if draft.make is None or len(draft.items) < 2:
        return None
    index = rng.randrange(len(draft.items))
    old, unit = draft.items[index], _unit(page, rng)
    text = quoted(old, rng)
    options = [
        f"remove {text}",
        f"remove the {unit} {text}",
        f"delete {text}",
        f"delete the {text} {unit}",
        f"remove the {text} {unit}",
        f"take out {text}",
        f"please remove {text}",
        f"drop the {unit} {text}",
        f"get rid of {text}",
        f"no {text} please",
        f"can you remove {text}",
        f"without {text}",
        f"we don't need {text}",
    ]
    if index == len(draft.items) - 1:
        options += [f"remove the last {unit}", f"delete the last {unit}"]
    if index == 0:
        options += [f"remove the first {unit}", f"delete the first {unit}"]
    begin, end, _ = page.span("\n" + draft.lines[index] + "\n", "")
    items = [item for place, item in enumerate(draft.items) if place != index]
    return Edit("remove", rng.choice(options), [(begin, end - 1, "")], {"exactly": {draft.selector: items}})


def change(page: Page, rng: Random) -> Edit | None:
    draft, kind = page.draft, KINDS[page.ask.kind]
    if kind.make is None or not draft.items:
        return None
    index = rng.randrange(len(draft.items))
    old, new = draft.items[index], page.word(kind.make(rng))
    if new.lower() in {item.lower() for item in draft.items}:
        return None
    one, two = quoted(old, rng), quoted(new, rng)
    asked = rng.choice(
        (
            f"rename {one} to {two}",
            f"change {one} to {two}",
            f"replace {one} with {two}",
            f"{one} should be {two}",
            f"instead of {one} write {two}",
            f"use {two} instead of {one}",
            f"rename the {kind.unit[0]} {one} to {two}",
            f"change the {kind.unit[0]} {one} to {two}",
        )
    )
    begin, _, _ = page.span(draft.lines[index], "")
    begin += draft.lines[index].index(f">{escape(old)}<") + 1
    items = [new if place == index else item for place, item in enumerate(draft.items)]
    return Edit("change", asked, [(begin, begin + len(escape(old)), escape(new))], {"exactly": {draft.selector: items}})


def move(page: Page, rng: Random) -> Edit | None:
    draft = page.draft
    count = len(draft.items)
    if draft.make is None or count < 2:
        return None
    order = list(range(count))
    roll = rng.random()
    if roll < 0.45:
        index = rng.randrange(1, count)
        order.insert(0, order.pop(index))
        text = quoted(draft.items[index], rng)
        asked = rng.choice(
            (
                f"move {text} to the top",
                f"put {text} first",
                f"{text} should come first",
                f"move {text} to the beginning",
                f"start with {text}",
                f"show {text} first",
            )
        )
    elif roll < 0.75:
        index = rng.randrange(count - 1)
        order.append(order.pop(index))
        text = quoted(draft.items[index], rng)
        asked = rng.choice(
            (
                f"move {text} to the end",
                f"put {text} last",
                f"{text} should come last",
                f"move {text} to the bottom",
                f"show {text} last",
            )
        )
    else:
        one, two = sorted(rng.sample(range(count), 2))
        order[one], order[two] = two, one
        texts = [quoted(draft.items[one], rng), quoted(draft.items[two], rng)]
        rng.shuffle(texts)
        asked = rng.choice(
            (
                f"swap {texts[0]} and {texts[1]}",
                f"exchange {texts[0]} and {texts[1]}",
                f"switch the places of {texts[0]} and {texts[1]}",
            )
        )
    span = _block(page, [draft.lines[index] for index in order])
    return Edit("move", asked, [span], {"exactly": {draft.selector: [draft.items[index] for index in order]}})


def row(page: Page, rng: Random) -> Edit | None:
    if page.ask.kind != "table":
        return None
    html = page.draft.html
    rows = [line for line in html.split("\n") if line.startswith("<tr><td>")]
    firsts = [row[8 : row.index("</td>")] for row in rows]
    if rng.random() < 0.5 and len(rows) > 1:
        index = rng.randrange(len(rows))
        text = quoted(firsts[index], rng)
        asked = rng.choice(
            (
                f"remove the row {text}",
                f"delete the {text} row",
                f"remove {text}",
                f"remove {text} from the table",
                f"delete the row with {text}",
            )
        )
        begin, end, _ = page.span(rows[index] + "\n", "")
        return Edit(
            "remove row",
            asked,
            [(begin, end, "")],
            {"exactly": {"td:first-child": firsts[:index] + firsts[index + 1 :]}},
        )
    new = page.word(names.made_up(rng) if rng.random() < 0.6 else rng.choice(names.NOUNS))
    if new in firsts:
        return None
    text = quoted(new, rng)
    asked = rng.choice(
        (
            f"add a row for {text}",
            f"add a row {text}",
            f"add {text} to the table",
            f"add another row: {text}",
            f"one more row for {text}",
            f"append a row called {text}",
        )
    )
    cells = rows[-1].count("<td>") - 1
    line = f"<tr><td>{escape(new)}</td>" + "<td>–</td>" * cells + "</tr>\n"
    place = html.index("</table>")
    return Edit("add row", asked, [(place, place, line)], {"exactly": {"td:first-child": [*firsts, new]}})

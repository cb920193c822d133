"""Edits: (instruction, page) -> page, where all but the asked change stays byte for byte.

Pages are built so that most edits touch one line: the header's colour is one custom property, an item one line.
Edits of words, items, rows and sections are here, those of looks in `restyle`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from train.synthetic import aside, restyle, words
from train.synthetic.catalogue import KINDS
from train.synthetic.change import Edit, Page, Span
from train.synthetic.clauses import article, quoted
from train.synthetic.draft import escape
from train.synthetic.marks import marked
from train.synthetic.translations import LANGUAGES, TRANSLATIONS


def _rename(page: Page, rng: Random) -> Edit:
    """The name everywhere: title, brand, heading, footer."""
    draft = page.draft
    new = page.word(words.person(rng) if KINDS[page.ask.kind].subject == "person" else words.brand(rng))
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


def _heading(page: Page, rng: Random) -> Edit:
    new = page.word(rng.choice((words.brand, words.titled, words.feature))(rng))
    if rng.random() < 0.3:
        new = page.word(f"{rng.choice(('Welcome to', 'Hello from', 'Meet', 'Discover'))} {words.brand(rng)}")
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


def _footer(page: Page, rng: Random) -> Edit:
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
                f"Made with love in {words.made_up(rng)}",
                f"© {words.brand(rng)}",
                f"Call us: 555 0{rng.randrange(100, 999)}",
                f"Open daily from {rng.randrange(6, 12)}",
                f"{words.brand(rng)}, all rights reserved",
                f"Designed by {words.person(rng)}",
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


def _navigation(page: Page, rng: Random) -> Edit | None:
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


def _section(page: Page, rng: Random) -> Edit:
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


def _add(page: Page, rng: Random) -> Edit | None:
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


def _remove(page: Page, rng: Random) -> Edit | None:
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


def _change(page: Page, rng: Random) -> Edit | None:
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


def _move(page: Page, rng: Random) -> Edit | None:
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


def _button_spans(page: Page, new: str) -> list[Span]:
    html, found, place = page.draft.html, [], 0
    for ending in ("</button>", "</a>"):
        old, place = f">{escape(page.draft.button)}{ending}", 0
        while (place := html.find(old, place)) >= 0:
            found.append((place + 1, place + len(old) - len(ending), escape(new)))
            place += 1
    return found


def _button_text(page: Page, rng: Random) -> Edit | None:
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


def _price(page: Page, rng: Random) -> Edit | None:
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


def _row(page: Page, rng: Random) -> Edit | None:
    if page.ask.kind != "table":
        return None
    html = page.draft.html
    rows = [line for line in html.split("\n") if line.startswith("<tr><td>")]
    names = [row[8 : row.index("</td>")] for row in rows]
    if rng.random() < 0.5 and len(rows) > 1:
        index = rng.randrange(len(rows))
        text = quoted(names[index], rng)
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
            "remove row", asked, [(begin, end, "")], {"exactly": {"td:first-child": names[:index] + names[index + 1 :]}}
        )
    new = page.word(words.made_up(rng) if rng.random() < 0.6 else rng.choice(words.NOUNS))
    if new in names:
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
    return Edit("add row", asked, [(place, place, line)], {"exactly": {"td:first-child": [*names, new]}})


_OPS: tuple[tuple[int, Callable[[Page, Random], Edit | None]], ...] = (
    (9, restyle.header_colour),
    (8, restyle.button_colour),
    (7, restyle.accent),
    (8, restyle.mode),
    (3, restyle.background),
    (2, restyle.corners),
    (2, restyle.font),
    (4, restyle.size),
    (9, _rename),
    (6, _heading),
    (4, _footer),
    (1, _navigation),
    (4, _section),
    (11, _add),
    (10, _remove),
    (5, _change),
    (5, _move),
    (9, _button_text),
    (4, _price),
    (4, _row),
)
POLITE = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "please ",
    "can you ",
    "could you ",
    "now ",
    "ok, now ",
    "great! ",
    "nice, but ",
    "next, ",
    "hm, ",
)


def make_edit(page: Page, rng: Random) -> Edit:
    """One edit that applies to the page, with a polite opening now and then."""
    while True:
        operation = rng.choices([op for _, op in _OPS], [weight for weight, _ in _OPS])[0]
        edit = operation(page, rng)
        if edit is not None:
            opening = rng.choice(POLITE)
            if opening in ("please ", "can you ", "could you ") and not edit.asked.startswith(
                (
                    "make",
                    "change",
                    "add",
                    "remove",
                    "delete",
                    "move",
                    "put",
                    "rename",
                    "use",
                    "set",
                    "swap",
                    "translate",
                    "replace",
                    "turn",
                    "switch",
                    "round",
                    "write",
                    "give",
                ),
            ):
                opening = ""
            edit.asked = opening + edit.asked
            if rng.random() < 0.08:
                edit.asked = aside.added(edit.asked, rng)
            return edit

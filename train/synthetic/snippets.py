"""Plain HTML as tutorials write it: short documents and fragments for a request about elements, not about a page's purpose.

They are read while the demo base is pretrained and never by its adapter: a base that has seen a table, a list or a form in
several hands is one that others can fine-tune on snippets of their own (runs/html_alpaca.yaml).
"""

# ruff: noqa: SIM905 - word lists are read more easily as text

from __future__ import annotations

from collections.abc import Callable
from random import Random

from train.synthetic import names, words
from train.synthetic.draft import escape

Block = tuple[str, list[str], list[str], list[str]]
"""What the request says, and the lines of body, style and script that answer it."""

VERBS = "Create Write Generate Design Build Construct Make Develop Produce Code".split()
COLOURS = "red blue green yellow orange purple pink black white grey navy teal lightblue lightgreen gold".split()
INPUTS = {"email": "email", "phone": "tel", "date": "date", "age": "number", "password": "password", "website": "url"}
SENTENCES = (
    "This is a paragraph of text.",
    "Welcome to my page!",
    "Hello, world!",
    "This is some example text.",
    "Click the button below to continue.",
    "Here you can find more information.",
    "We are glad that you are here.",
    "Learn more about our products and services.",
    "This text is centered on the page.",
    "Thank you for your visit.",
)
SELECTORS = ("h1", "p", "body", "div", "button", "table", "ul li", ".container", "a", "nav", "header")
NUMBERS = "two three four five six seven eight".split()


def _title(rng: Random) -> str:
    return rng.choice((words.headline, names.brand, words.titled, lambda _: "My " + rng.choice(names.NOUNS)))(rng)


def _name(label: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in label.lower())


def _form(rng: Random) -> Block:
    fields = words.distinct(rng, words.field, rng.randint(1, 5))
    button = rng.choice(("Submit", "Send", "Save", "Sign up", "Log in", "Register", words.task(rng).capitalize()))
    shape, ids = rng.randrange(4), rng.random() < 0.6
    lines = [rng.choice(("<form>", '<form action="#" method="post">', '<form action="/submit" method="POST">'))]
    for label in fields:
        key = _name(label)
        kind = next((kind for word, kind in INPUTS.items() if word in label.lower()), "text")
        box = f'<input type="{kind}"' + (f' id="{key}"' if ids else "") + f' name="{key}">'
        if label in ("Message", "Comments", "Notes"):
            box = f'<textarea id="{key}" name="{key}"></textarea>' if ids else f'<textarea name="{key}"></textarea>'
        tag = f'<label for="{key}">{label}:</label>' if ids else f"<label>{label}:</label>"
        if shape == 0:
            lines += [f"  {tag}", f"  {box}<br>"]
        elif shape == 1:
            lines += ["  <p>", f"    {tag}", f"    {box}", "  </p>"]
        elif shape == 2:
            lines += ["  <div>", f"    {tag}", f"    {box}", "  </div>"]
        else:
            lines += [f"  {label}: {box}<br>"]
    lines.append(
        rng.choice((f'  <input type="submit" value="{button}">', f'  <button type="submit">{button}</button>'))
    )
    lines.append("</form>")
    asked = words.listing(fields, rng)
    return (
        rng.choice(
            (
                f"a form with fields for {asked}",
                f"a form that asks for {asked}",
                f"a form which collects {asked} and has a {button} button",
                f"a form with {asked}",
                f"a {button.lower()} form with the fields {asked}",
            )
        ),
        lines,
        [],
        [],
    )


def _table(rng: Random) -> Block:
    columns = words.distinct(rng, words.column, rng.randint(2, 5))
    count = rng.randint(1, 6)
    listed = rng.random() < 0.6
    if not listed:
        columns = [f"{rng.choice(('Column', 'Header', 'Heading'))} {i}" for i in range(1, len(columns) + 1)]
    lines = [rng.choice(("<table>", '<table border="1">', "<table>"))]
    sections = rng.random() < 0.4
    lines += ["  <thead>"] if sections else []
    lines += ["  <tr>", *(f"    <th>{text}</th>" for text in columns), "  </tr>"]
    lines += ["  </thead>", "  <tbody>"] if sections else []
    for row in range(1, count + 1):
        cells = [
            f"{rng.choice(names.NOUNS)} {row}" if listed else f"Row {row}, Cell {i + 1}" for i in range(len(columns))
        ]
        lines += ["  <tr>", *(f"    <td>{text}</td>" for text in cells), "  </tr>"]
    lines += ["  </tbody>"] if sections else []
    style = rng.choice(
        ([], ["table, th, td {", "  border: 1px solid black;", "}"], ["table {", "  border-collapse: collapse;", "}"])
    )
    asked = (
        f"a table with the columns {words.listing(columns, rng)}"
        if listed
        else rng.choice(
            (
                f"a table with {count} rows and {len(columns)} columns",
                f"a {count}x{len(columns)} table",
                f"a table that has {len(columns)} columns and {count} rows of data",
            )
        )
    )
    return asked, [*lines, "</table>"], style, []


def _list(rng: Random) -> Block:
    make = rng.choice((words.dish, words.feature, words.task, words.titled, words.skill))
    items = words.distinct(rng, make, rng.randint(2, 7))
    ordered = rng.random() < 0.35
    tag = "ol" if ordered else "ul"
    kind = "an ordered list" if ordered else rng.choice(("an unordered list", "a list", "a bulleted list"))
    asked = f"{kind} of {len(items)} items"
    if rng.random() < 0.75:
        asked = f"{kind} {rng.choice(('with the items', 'of', 'that contains', 'showing'))} {words.listing(items, rng)}"
    else:
        items = [f"Item {i}" for i in range(1, len(items) + 1)]
    return asked, [f"<{tag}>", *(f"  <li>{escape(item)}</li>" for item in items), f"</{tag}>"], [], []


def _text(rng: Random) -> Block:
    said = rng.choice((rng.choice(SENTENCES), _title(rng)))
    tag = rng.choice(("h1", "h2", "p", "p", "div", "strong", "span"))
    name = {
        "h1": "heading",
        "h2": "second-level heading",
        "p": "paragraph",
        "div": "div",
        "strong": "bold text",
        "span": "span",
    }[tag]
    return (
        rng.choice(
            (f'a {name} that says "{said}"', f"a {name} with the text '{said}'", f'the text "{said}" in a {name}')
        ),
        [f"<{tag}>{escape(said)}</{tag}>"],
        [],
        [],
    )


def _styled(rng: Random) -> Block:
    selector, colour, size = rng.choice(("h1", "p", "div")), rng.choice(COLOURS), rng.choice((14, 16, 20, 24, 30, 50))
    said = rng.choice(SENTENCES)
    what, rule = rng.choice(
        (
            (f"{colour} text", f"color: {colour};"),
            (f"a {colour} background", f"background-color: {colour};"),
            (f"a font size of {size} pixels", f"font-size: {size}px;"),
            ("centered text", "text-align: center;"),
            (f"a {colour} border", f"border: 1px solid {colour};"),
            (f"a margin of {size} pixels", f"margin: {size}px;"),
            ("bold text", "font-weight: bold;"),
        )
    )
    name = {"h1": "heading", "p": "paragraph", "div": "div"}[selector]
    if rng.random() < 0.4:
        return f"a {name} with {what}", [f'<{selector} style="{rule}">{said}</{selector}>'], [], []
    return f"a {name} with {what}", [f"<{selector}>{said}</{selector}>"], [f"{selector} {{", f"  {rule}", "}"], []


def _links(rng: Random) -> Block:
    links = rng.sample(
        ("Home", "About", "Contact", "Products", "Services", "Blog", "News", "Gallery", "Login"), rng.randint(2, 5)
    )
    lines = ["<nav>", "  <ul>", *(f'    <li><a href="#{n.lower()}">{n}</a></li>' for n in links), "  </ul>", "</nav>"]
    if rng.random() < 0.4:
        lines = ["<nav>", *(f'  <a href="{n.lower()}.html">{n}</a>' for n in links), "</nav>"]
    return (
        rng.choice(
            (
                f"a navigation bar with links to {words.listing(links, rng)}",
                f"a menu with {len(links)} links: {words.listing(links, rng)}",
                f"a nav with the links {words.listing(links, rng)}",
            )
        ),
        lines,
        [],
        [],
    )


def _media(rng: Random) -> Block:
    file, about = f"{rng.choice(names.NOUNS).lower()}.jpg", words.titled(rng)
    return rng.choice(
        (
            ("an image", [f'<img src="{file}" alt="{about}">'], [], []),
            (f"an image called {file}", [f'<img src="{file}" alt="{about}">'], [], []),
            (
                f'a link to {file} with the text "{about}"',
                [f'<a href="{file}">{about}</a>'],
                [],
                [],
            ),
            ("a video player", ["<video controls>", '  <source src="video.mp4" type="video/mp4">', "</video>"], [], []),
            ("an image with a caption", ["<figure>", f'  <img src="{file}" alt="{about}">', f"  <figcaption>{about}</figcaption>", "</figure>"], [], []),
        )
    )  # fmt: skip


def _choice(rng: Random) -> Block:
    options = words.distinct(rng, rng.choice((words.plan, words.skill, words.dish)), rng.randint(2, 5))
    kind = rng.choice(("select", "radio", "checkbox"))
    asked = words.listing(options, rng)
    if kind == "select":
        lines = ["<select>", *(f'  <option value="{_name(o)}">{o}</option>' for o in options), "</select>"]
        return f"a {rng.choice(('dropdown', 'drop-down menu', 'select box'))} with the options {asked}", lines, [], []
    lines = [f'<input type="{kind}" id="{_name(o)}" name="choice" value="{_name(o)}"> <label for="{_name(o)}">{o}</label><br>' for o in options]  # fmt: skip
    return f"{'radio buttons' if kind == 'radio' else 'checkboxes'} for {asked}", lines, [], []


def _script(rng: Random) -> Block:
    label, said = words.task(rng).capitalize(), rng.choice(SENTENCES)
    name = rng.choice(("showMessage", "changeColor", "handleClick", "toggle", "update", "calculate"))
    button = f'<button onclick="{name}()">{label}</button>'
    colour = rng.choice(COLOURS)
    return rng.choice(
        (
            (f'a button "{label}" that shows an alert "{said}"', [button], [], [f"function {name}() {{", f'  alert("{said}");', "}"]),
            (f'a button "{label}" that turns the background {colour}', [button], [], [f"function {name}() {{", f'  document.body.style.backgroundColor = "{colour}";', "}"]),
            (f'a button "{label}" that hides a paragraph', [f'<p id="text">{said}</p>', button], [], [f"function {name}() {{", '  document.getElementById("text").style.display = "none";', "}"]),
            ("the current date", ['<p id="date"></p>'], [], ['document.getElementById("date").innerHTML = new Date().toDateString();']),
            ("a clock", ['<div id="clock"></div>'], [], [f"function {name}() {{", "  let now = new Date();", '  document.getElementById("clock").textContent = now.toLocaleTimeString();', "}", f"setInterval({name}, 1000);"]),
            (f'an input box and a button "{label}" that shows what was typed', ['<input type="text" id="box">', button, '<p id="result"></p>'], [], [f"function {name}() {{", '  let value = document.getElementById("box").value;', '  document.getElementById("result").innerHTML = value;', "}"]),
        )
    )  # fmt: skip


def _boxes(rng: Random) -> Block:
    count = rng.randint(2, 6)
    kind = rng.choice(("divs", "columns", "sections", "boxes"))
    colour = rng.choice(COLOURS)
    lines = [
        '<div class="container">',
        *(f'  <div class="box">{rng.choice(("Box", "Column", "Div"))} {i}</div>' for i in range(1, count + 1)),
        "</div>",
    ]
    style = rng.choice(
        (
            [".container {", "  display: flex;", "}"],
            [".container {", "  display: grid;", f"  grid-template-columns: repeat({count}, 1fr);", "}"],
            [".box {", f"  background-color: {colour};", "  padding: 20px;", "}"],
        )
    )
    return (
        f"{rng.choice((NUMBERS[count - 2], str(count)))} {kind}" + rng.choice(("", " side by side", " in a row")),
        lines,
        style,
        [],
    )


def _mail(rng: Random) -> Block:
    """What an e-mail template takes: a container, a header, some paragraphs, a button."""
    subject, button = _title(rng), words.task(rng).title()
    parts = words.distinct(rng, words.feature, rng.randint(1, 4))
    colour = rng.choice(COLOURS)
    lines = [
        '<div class="container">',
        f'  <div class="header"><h1>{escape(subject)}</h1></div>',
        *(f'  <div class="{_name(part).replace("_", "-")}"><p>{part.capitalize()}</p></div>' for part in parts),
        f'  <a href="#" class="button">{button}</a>',
        "</div>",
    ]
    style = [
        "body { font-family: Arial, sans-serif; margin: 0; padding: 0; }",
        ".container { max-width: 600px; margin: 0 auto; padding: 20px; }",
        f".button {{ background-color: {colour}; color: white; padding: 10px 20px; text-decoration: none; }}",
    ]
    return (
        f"an email template for {subject} with {words.listing(parts, rng)} and a '{button}' button",
        lines,
        style,
        [],
    )


_BLOCKS: tuple[Callable[[Random], Block], ...] = (
    _form, _form, _table, _table, _list, _list, _text, _text, _styled, _styled, _links, _media, _choice, _script, _script,
    _boxes, _mail, _mail,
)  # fmt: skip


def snippet(rng: Random) -> tuple[str, str]:
    """A request and the HTML that answers it: mostly a whole small document, now and then only the element."""
    blocks = [rng.choice(_BLOCKS)(rng) for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3)))]
    asked = words.listing([block[0] for block in blocks], rng) if len(blocks) > 1 else blocks[0][0]
    body = [line for block in blocks for line in block[1]]
    style = [line for block in blocks for line in block[2]]
    script = [line for block in blocks for line in block[3]]
    title = _title(rng) if rng.random() < 0.4 else ""
    verb = rng.choice(VERBS)
    whole = rng.random() < 0.88 or bool(style)
    of = rng.choice(("an HTML page with", "a HTML page with", "a web page with", "an HTML document with", "a webpage that has", "a simple HTML page containing", "a page that displays")) if whole else ""  # fmt: skip
    request = f"{verb} {of} {asked}".replace("  ", " ")
    if not whole:
        request = rng.choice(
            (f"{verb} {asked} in HTML", f"{verb} an HTML snippet for {asked}", f"Write the HTML code for {asked}")
        )
    if title and whole:
        request += rng.choice((f' titled "{title}"', f". The title is {title}", f" and the title '{title}'"))
        if rng.random() < 0.6:
            body = [f"<h1>{escape(title)}</h1>", *body]
    request += rng.choice((".", ".", ".", ""))
    if not whole:
        return request, "\n".join((*body, *(("<script>", *script, "</script>") if script else ())))
    step = rng.choice(("  ", "  ", "  ", "    ", "    ", "\t", ""))

    def indented(lines: list[str], depth: int) -> list[str]:
        return [step * depth + line.replace("  ", step) if step else line.strip() for line in lines]

    head = (
        [f"<title>{escape(title)}</title>"]
        if title
        else rng.choice(([], [], ["<title>Page Title</title>"], ["<title>My Page</title>"]))
    )
    lines = [
        *rng.choice(((), (), ("<!DOCTYPE html>",))),
        rng.choice(("<html>", "<html>", "<html>", '<html lang="en">')),
    ]
    if head or style or rng.random() < 0.5:
        lines += indented(["<head>"], 1) + indented(head, 2)
        lines += [*indented(["<style>"], 2), *indented(style, 3), *indented(["</style>"], 2)] if style else []
        lines += indented(["</head>"], 1)
    lines += indented(["<body>"], 1) + indented(body, 2)
    if script:
        lines += indented(["<script>"], 2) + indented(script, 3) + indented(["</script>"], 2)
    return request, "\n".join((*lines, *indented(["</body>"], 1), "</html>"))

"""Turns an `Ask` into what a person would type: frames, clauses, lists, quotes, typos, lower case.

Strings that must be copied are held between marks while the prompt is put together, so that typos never
touch them; `copied` is read off the marks at the end.
"""

from __future__ import annotations

from random import Random

from train.synthetic import aside
from train.synthetic.asks import KINDS
from train.synthetic.draft import Ask
from train.synthetic.palette import STYLES
from train.synthetic.stylesheet import LAYOUT_WORDS

OPEN, CLOSE = "\x02", "\x03"

FRAMES = (
    # (weight, frame); {a} is "a landing page" with its adjectives, {n} the same without the article
    (14, "{A}{of}{rest}"),
    (5, "{N}{of}{rest}"),
    (5, "make {a}{of}{rest}"),
    (5, "create {a}{of}{rest}"),
    (3, "build {a}{of}{rest}"),
    (3, "build me {a}{of}{rest}"),
    (4, "I need {a}{of}{rest}"),
    (3, "I want {a}{of}{rest}"),
    (3, "please make {a}{of}{rest}"),
    (3, "can you make {a}{of}{rest}?"),
    (2, "could you build {a}{of}{rest}?"),
    (2, "could you please design {a}{of}{rest}?"),
    (3, "design {a}{of}{rest}"),
    (2, "design me {a}{of}{rest}"),
    (2, "generate {a}{of}{rest}"),
    (2, "give me {a}{of}{rest}"),
    (2, "write {a}{of}{rest}"),
    (2, "I'd like {a}{of}{rest}"),
    (2, "I would love {a}{of}{rest}"),
    (2, "write the HTML for {a}{of}{rest}"),
    (1, "html for {a}{of}{rest}"),
    (1, "HTML code for {a}{of}{rest}"),
    (1, "create an HTML page: {n}{of}{rest}"),
    (1, "make me a nice {k}{of}{rest}"),
    (1, "hi! can you make {a}{of}{rest}? thanks"),
    (1, "hello, I need {a}{of}{rest}, please"),
    (1, "hey, {a}{of}{rest} please"),
    (1, "{A}{of}{rest}, please"),
    (1, "I'm looking for {a}{of}{rest}"),
    (1, "we need {a}{of}{rest}"),
    (1, "let's make {a}{of}{rest}"),
    (1, "quick {k}{of}{rest}"),
    (1, "new {k}{of}{rest}"),
    (1, "show me {a}{of}{rest}"),
    (1, "code {a}{of}{rest}"),
    (1, "draft {a}{of}{rest}"),
    (1, "put together {a}{of}{rest}"),
    (1, "set up {a}{of}{rest}"),
    (1, "try {a}{of}{rest}"),
    (1, "would you make {a}{of}{rest}?"),
    (1, "write me {a}{of}{rest}"),
    (1, "produce {a}{of}{rest}"),
    (1, "develop {a}{of}{rest}"),
    (1, "my boss wants {a}{of}{rest}"),
    (1, "I have to hand in {a}{of}{rest}"),
    (1, "a beautiful {k}{of}{rest}"),
    (1, "a one-file {k}{of}{rest}"),
    (1, "a responsive {k}{of}{rest}"),
    (1, "help me with {a}{of}{rest}"),
)
NAMED_FRAMES = (
    (4, "{name} {k}{rest}"),
    (3, "{k} {name}{rest}"),
    (3, "{name}: {n}{rest}"),
    (3, "{k}: {name}{rest}"),
    (2, "{name} needs {a}{rest}"),
    (2, "make {name} {a}{rest}"),
)
TRADE_FRAMES = (
    (3, "I run {atrade} called {name} and need {a}{rest}"),
    (3, "{name} is {atrade}. Make its {k}{rest}"),
    (2, "We are {name}, {atrade}. Please build our {k}{rest}"),
    (2, "my {trade} is called {name}, make {a}{rest}"),
    (2, "{a} for my {trade}. The name is {name}{rest}"),
    (1, "I'm opening {atrade} named {name}. I need {a}{rest}"),
    (1, "there is {atrade}, {name}, and it wants {a}{rest}"),
    (2, "{k} for {name} ({trade}){rest}"),
)
OF_TRADE = (
    (8, " for {atrade} called {name}"),
    (4, " for {atrade} named {name}"),
    (3, " for {name}, {atrade}"),
    (3, " for my {trade} {name}"),
    (3, " for the {trade} {name}"),
    (3, " for our {trade}, {name}"),
    (2, " for {atrade}, the name is {name}"),
    (2, " for {atrade} by the name of {name}"),
    (1, " for {atrade} with the name {name}"),
)
OF_TRADE_ONLY = ((5, " for {atrade}"), (3, " for my {trade}"), (1, " for our {trade}"), (1, " about {atrade}"))
OF_PERSON = (
    (5, " for {arole} named {name}"),
    (4, " for {name}, {arole}"),
    (3, " for {arole} called {name}"),
    (2, " for the {role} {name}"),
    (2, " for me, {name}, {arole}"),
    (1, ". I am {name}, {arole}"),
    (1, ". My name is {name} and I am {arole}"),
)
OF_NAME = (
    (9, " for {name}"),
    (3, " called {name}"),
    (2, " named {name}"),
    (1, " with the title {name}"),
    (1, " with the name {name}"),
)
OF_WORK = (
    (5, " called {name}"),
    (4, " titled {name}"),
    (3, " for {name}"),
    (3, " named {name}"),
    (2, " with the title {name}"),
    (2, " about {name}"),
)
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}

_QUOTES = (("", ""),) * 11 + (('"', '"'),) * 5 + (("'", "'"),) * 2 + (("“", "”"),) * 2 + (("«", "»"), ("`", "`"))
_TYPOS = {
    "page": ("pgae", "paeg", "pag"),
    "landing": ("landign", "ladning"),
    "make": ("mkae", "maek"),
    "please": ("plese", "pls", "plaese"),
    "with": ("wiht", "whit", "w/"),
    "called": ("caled", "calld"),
    "button": ("buton", "buttn"),
    "create": ("craete", "creat"),
    "form": ("from", "fomr"),
    "build": ("biuld", "buld"),
    "website": ("webiste", "websit"),
    "pricing": ("pricng", "priceing"),
    "portfolio": ("portfollio", "porfolio"),
    "restaurant": ("restaraunt", "resturant"),
    "calculator": ("calculater", "calcualtor"),
    "contact": ("contcat", "conatct"),
    "login": ("lgoin", "logn"),
    "colours": ("colors", "colurs"),
    "gallery": ("galery", "gallerey"),
    "questions": ("quesitons", "qestions"),
    "theme": ("theem",),
    "design": ("desing", "disign"),
    "table": ("tabel",),
    "and": ("adn", "&"),
    "dashboard": ("dashbord",),
    "background": ("backgroud",),
    "change": ("chnage", "cahnge"),
    "header": ("haeder", "heder"),
    "title": ("tilte", "titel"),
    "the": ("teh",),
    "remove": ("remvoe",),
    "add": ("ad",),
    "heading": ("headign",),
}


def marked(text: str) -> str:
    """`text` between marks: copied from the prompt to the page."""
    return f"{OPEN}{text}{CLOSE}"


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


def _items(ask: Ask, rng: Random) -> tuple[str, bool]:
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


def _facts(ask: Ask, rng: Random) -> list[str]:
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


def _look(ask: Ask, rng: Random) -> tuple[list[str], list[str]]:
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


def typos(text: str, rng: Random) -> str:
    """`text` with one or two of its command words misspelt; marked strings stay as they are."""
    pieces = text.split(" ")
    inside = 0
    places = []
    for index, piece in enumerate(pieces):
        if inside == 0 and OPEN not in piece and piece.lower().strip(",.:?") in _TYPOS:
            places.append(index)
        inside += piece.count(OPEN) - piece.count(CLOSE)
    for index in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        word = pieces[index].lower().strip(",.:?")
        pieces[index] = pieces[index].lower().replace(word, rng.choice(_TYPOS[word]))
    return " ".join(pieces)


def finish(text: str, rng: Random, *, lower: bool) -> tuple[str, tuple[str, ...]]:
    """The prompt as typed (marks removed) and the marked strings in order, each once."""
    copied: list[str] = []
    for part in text.split(OPEN)[1:]:
        value = part.split(CLOSE)[0]
        if value not in copied:
            copied.append(value)
    if rng.random() < 0.1:
        text = typos(text, rng)
    starts_copied = text.startswith(OPEN)
    text = text.replace(OPEN, "").replace(CLOSE, "")
    if lower:
        text = text.lower()
    elif not starts_copied and rng.random() < 0.75:
        text = text[:1].upper() + text[1:]
    if not lower and rng.random() < 0.2 and text[-1].isalnum() and "\n" not in text:
        text += "."
    return text, tuple(copied)


def bare(clause: str) -> str:
    """A clause without what joins it to the words before."""
    text = clause.lstrip(" ,.;:")
    for joint in ("and ", "with the text "):
        text = text.removeprefix(joint)
    return text


def telegram(noun: str, values: dict[str, str], clauses: list[str], rng: Random) -> str:
    """What is wanted as bare notes in any order: "yoga studio - Zell - landing page - green"."""
    name, trade, role = values["name"], values["trade"], values["role"]
    who = trade or role
    first = [noun] if not who or rng.random() < 0.75 else [f"{noun} {who}" if rng.random() < 0.5 else f"{who} {noun}"]
    if who and first == [noun]:
        first.append(rng.choice((who, who, f"for {article(who)}", f"we are {article(who)}", f"business: {who}")))
    if name:
        first.append(
            rng.choice(
                (name, name, name, f"name: {name}", f"name is {name}", f"called {name}", f"the name is {name}",
                 f"title: {name}", f"it's called {name}", f"its called {name}", f"for {name}", f"({name})")
            )
        )  # fmt: skip
    if rng.random() < 0.6:
        rng.shuffle(first)
    rest = [bare(clause) for clause in clauses if "\n" not in clause]
    rng.shuffle(rest)
    if rng.random() < 0.15:
        rest.insert(rng.randint(0, len(rest)), aside.note(rng))
    last = [clause.lstrip(" ") if clause.startswith(" with") else bare(clause) for clause in clauses if "\n" in clause]
    joint = rng.choice((", ", ", ", ", ", ". ", ". ", " - ", "; ", " / ", "\n", " | ", " ", "! "))
    text = joint.join((*first, *rest, *last))
    return text.replace(joint + "(", " (")


WHO_IS = (
    "{name} is {awho}.",
    "My {who} is called {name}.",
    "my {who} is named {name}",
    "We are {name}, {awho}.",
    "we're {name}, {awho}.",
    "I have {awho}, {name}.",
    "I own {awho}. It's called {name}.",
    "We run {awho} by the name {name}!",
    "I just started {awho}, the name is {name}.",
    "Our {who} goes by {name}.",
    "There's {awho} in our street, {name}.",
    "I work for {name}, {awho}.",
)
IS_CALLED = (
    "It's called {name}.",
    "its called {name}",
    "It is called {name}.",
    "The name is {name}.",
    "Name: {name}",
    "Title: {name}",
    "Call it {name}.",
    "the title should be {name}",
    "It's for {name}.",
    "we are {name}",
    "My project is named {name}.",
    "{name} is the name.",
    "We call it {name}!",
    "This is for {name}.",
)
PERSON_IS = (
    "I'm {name}, {arole}.",
    "I am {name} and I work as {arole}.",
    "My name is {name}. I'm {arole}.",
    "{name} is {arole}.",
    "Name {name}, job {role}.",
    "It's about {name}, {arole}.",
)
WANTS = (
    "I need {a}",
    "We need {a}",
    "Can you make {a}",
    "Could you write {a} for us",
    "Please make {a}",
    "What I want is {a}",
    "I'd like to have {a}",
    "So {a} would be great",
    "Could I get {a}",
    "I am after {a}",
    "Would be nice to have {a}",
    "Now I want {a}",
    "Let's do {a}",
    "can i have {a}",
    "gimme {a}",
    "I was told you can do {a}",
    "We are missing {a}",
    "Time for {a}",
    "do {a}",
    "{a}",
)


def story(noun: str, values: dict[str, str], clauses: list[str], rng: Random) -> str:
    """A few sentences: who is asking, what is wanted, the details, and things that have no bearing on the page."""
    name, who, role = values["name"], values["trade"], values["role"]
    sentences = []
    if name and role:
        sentences.append(rng.choice(PERSON_IS).format(**values))
    elif name and who:
        sentences.append(rng.choice(WHO_IS).format(name=name, who=who, awho=values["atrade"]))
    elif name:
        sentences.append(rng.choice(IS_CALLED).format(name=name))
    elif who:
        sentences.append(
            rng.choice(("I have {}.", "It is for {}.", "we run {}", "I opened {}.")).format(values["atrade"])
        )
    short = [clause for clause in clauses if clause.startswith(" ") and "\n" not in clause]
    joined = short if rng.random() < 0.5 else []
    want = rng.choice(WANTS).format(a=article(noun)) + "".join(joined)
    want += (
        "?"
        if want.lower().startswith(("can", "could", "would")) and rng.random() < 0.7
        else rng.choice((".", ".", "!", ""))
    )
    sentences.insert(rng.randint(0, len(sentences)), want)
    if rng.random() < 0.45:
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
            text = rng.choice(("with ", "it has ", "it needs ", "I want ")) + text.removeprefix("with ")
        elif text.startswith(("in ", "at ", "for ", "on ", "by ")):
            text = rng.choice(("it is ", "make it ", "please do it ", "")) + text
        sentences.append(
            text[0].upper() + text[1:] + rng.choice((".", ".", "!", "")) if text[0] != OPEN else text + "."
        )
    joint = rng.choice((" ", " ", " ", " ", "\n", ", "))
    if joint == ", ":
        sentences = [*(part.rstrip(".!") for part in sentences[:-1]), sentences[-1]]
    parts = [
        part if joint != " " or part[-1:] in ".!?" else part + rng.choice((".", ",", " -")) for part in sentences[:-1]
    ]
    return joint.join((*parts, sentences[-1])) + last


def prompt(ask: Ask, rng: Random, *, lower: bool) -> tuple[str, tuple[str, ...], str]:
    """(instruction, strings to copy, name of the phrasing). With `lower` everything is typed without capitals.

    The ask's own strings have to be in lower case already then (`asks.lowered`).
    """
    kind = KINDS[ask.kind]
    before, after = _look(ask, rng)
    noun = rng.choice(kind.nouns)
    full = " ".join((*before, noun))
    items, last = _items(ask, rng)
    clauses = [*_facts(ask, rng)]
    if ask.kind in ("counter", "todo", "tabs", "calculator", "timer") and rng.random() < 0.15:
        clauses.insert(0, rng.choice((" that works", " that really works", " in JavaScript", " with JavaScript")))
    if items and not last:
        clauses.append(items)
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
    if style < 0.36:
        text = telegram(full, values, clauses, rng) if style < 0.2 else story(full, values, clauses, rng)
        text, copied = finish(text, rng, lower=lower)
        return text, copied, "telegram" if style < 0.2 else "story"
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
    text, copied = finish(text, rng, lower=lower)
    return text, copied, f"{frame}|{of}"

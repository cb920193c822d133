"""From a prompt put together to one as typed: typos, lower case, the marks taken off."""

from __future__ import annotations

from random import Random

from train.synthetic.marks import CLOSE, OPEN

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

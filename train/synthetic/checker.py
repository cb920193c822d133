"""Verifies a page against the specification of its prompt, in a parser.

`check` reads what `pairs` writes into `Pair.spec`. It never raises for a bad page: a page that cannot be read
fails its checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import html5lib
from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from train.synthetic.catalogue import KINDS
from train.synthetic.palette import PALETTES, STYLES, distance, luminance


@dataclass(frozen=True)
class Check:
    """One verdict; `detail` says what was found where it failed."""

    name: str
    passed: bool
    detail: str = ""


UNREADABLE_END = "</svg></math></table>"

CLOSED = ("html", "head", "title", "style", "body", "header", "main", "footer")


def check(spec: dict[str, Any], html: str) -> list[Check]:
    """All checks that `spec` asks for, in a fixed order. Keys that a spec lacks or holds as None are skipped."""
    try:
        soup = BeautifulSoup(html, "html5lib")
    except AssertionError:  # html5lib's own, at the end of a page that was cut within these
        html += UNREADABLE_END
        soup = BeautifulSoup(html, "html5lib")
    found = [_closed(html)]
    if spec.get("kind"):
        found.append(_kind(spec["kind"], soup))
    if spec.get("title"):
        found.append(_equal("title", spec["title"], _text(soup.title)))
    if spec.get("heading"):
        found.append(_equal("heading", spec["heading"], _text(soup.h1)))
    for name in ("items", "fields", "columns"):
        if spec.get(name):
            found.append(_sequence(name, spec[name]["texts"], _texts(soup, spec[name]["selector"])))
    if spec.get("count"):
        number = len(_texts(soup, spec["count"]["selector"]))
        found.append(
            Check(
                "count",
                number == spec["count"]["n"],
                f"{number} of {spec['count']['selector']}, not {spec['count']['n']}",
            )
        )
    if spec.get("texts"):
        everything = soup.body.get_text(" ") if soup.body else ""
        missing = [text for text in spec["texts"] if not _stands_in(text, everything)]
        found.append(Check("texts", not missing, f"missing {missing}"))
    if spec.get("start"):
        found.append(_equal("texts", spec["start"], _text(soup.select_one(".show"))))
    if spec.get("button"):
        buttons = _texts(soup, "button, .btn, input[type=submit]")
        found.append(Check("button", spec["button"] in buttons, f"{spec['button']!r} is not among {buttons}"))
    found.extend(_colours(spec, soup))
    if spec.get("style"):
        font = STYLES[spec["style"]].font
        found.append(_equal("style", font, variables(soup).get("--font", "")))
    if spec.get("edit"):
        found.append(_edit(spec["edit"], html, soup))
        found.append(_untouched(spec["edit"]["kept"], html))
    return found


def kind_of(html: str) -> list[str]:
    """The kinds whose required elements a page holds, most demanding first."""
    soup = BeautifulSoup(html, "html5lib")
    held = [kind for kind in KINDS.values() if all(soup.select_one(selector) for selector in kind.required)]
    return [kind.name for kind in sorted(held, key=lambda kind: -len(kind.required))]


def variables(soup: BeautifulSoup) -> dict[str, str]:
    """The custom properties of the first `:root` rule, `var()` of another property resolved once."""
    style = soup.find("style")
    text = style.string or "" if isinstance(style, Tag) else ""
    _, found, rest = text.partition(":root{")
    values: dict[str, str] = {}
    if found:
        for declaration in rest.partition("}")[0].split(";"):
            name, colon, value = declaration.partition(":")
            if colon:
                values[name.strip()] = value.strip()
    return {
        name: values.get(value[4:-1], value) if value.startswith("var(") else value for name, value in values.items()
    }


def _text(tag: Tag | None) -> str:
    return " ".join(tag.get_text().split()) if tag else ""


def _texts(soup: BeautifulSoup, selector: str) -> list[str]:
    """Texts of the matching elements; of a label only its own text, without its control's."""
    found = []
    for tag in soup.select(selector):
        text = (
            "".join(child for child in tag.children if isinstance(child, NavigableString))
            if tag.name == "label"
            else tag.get_text()
        )
        found.append(" ".join(text.split()))
    return found


def _equal(name: str, wanted: str, got: str) -> Check:
    return Check(name, wanted == got, f"{got!r}, not {wanted!r}")


def _closed(html: str) -> Check:
    text = html.strip()
    if not text.lower().endswith("</html>"):
        return Check("closed", False, f"ends in {text[-20:]!r}")
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    parser.parse(text)
    wrong = [code for _, code, _ in parser.errors]
    return Check("closed", not wrong, f"parse errors {wrong[:3]}")


def _kind(kind: str, soup: BeautifulSoup) -> Check:
    missing = [selector for selector in KINDS[kind].required if not soup.select_one(selector)]
    return Check("kind", not missing, f"no {missing}")


def _sequence(name: str, wanted: Sequence[str], got: list[str]) -> Check:
    """All wanted texts, in order; others may stand between."""
    rest = iter(got)
    missing = [text for text in wanted if text not in rest]
    return Check(name, not missing, f"{missing} not in order among {got}")


def _stands_in(text: str, everything: str) -> bool:
    """As words of its own: $12 is not in $1299."""
    return re.search(rf"(?<![\w.]){re.escape(text)}(?!\w|\.\d)", everything) is not None


def _near(value: str, wanted: str, within: float = 12) -> bool:
    """The same colour but for rounding: neighbours in the palette are 22 apart."""
    try:
        return distance(value, wanted) < within
    except ValueError:
        return False


def _is_dark(value: str) -> bool | None:
    try:
        return luminance(value) < 0.2
    except ValueError:
        return None


def _colours(spec: dict[str, Any], soup: BeautifulSoup) -> list[Check]:
    values = variables(soup)
    found = []
    if spec.get("hue"):
        main = values.get("--main", "")
        wanted = [PALETTES[spec["hue"], dark].main for dark in (False, True)]
        found.append(
            Check(
                "colour", any(_near(main, colour) for colour in wanted), f"--main is {main}, not {spec['hue']} {wanted}"
            )
        )
    if spec.get("dark") is not None:
        bg = values.get("--bg", "")
        found.append(Check("dark", _is_dark(bg) is spec["dark"], f"--bg is {bg}"))
    for key, name in (("button_hue", "--btn"), ("header_hue", "--head")):
        if spec.get(key):
            wanted_part = PALETTES[spec[key], False].main
            value = values.get(name, "")
            found.append(
                Check(
                    key.replace("_hue", " colour"), _near(value, wanted_part), f"{name} is {value}, not {wanted_part}"
                )
            )
    return found


def _edit(edit: dict[str, Any], html: str, soup: BeautifulSoup) -> Check:
    """What the edit must have brought: properties of `:root`, texts at a selector, texts gone, or lines."""
    values = variables(soup)
    for name, wanted in edit.get("root", {}).items():
        got = values.get(name, "")
        if got != wanted and not _near(got, wanted):
            return Check("edit", False, f"{name} is {got}, not {wanted}")
    for selector, texts in edit.get("exactly", {}).items():
        got_texts = _texts(soup, selector)
        if got_texts != texts:
            return Check("edit", False, f"{selector} is {got_texts}, not {texts}")
    for selector, texts in edit.get("has", {}).items():
        if missing := [text for text in texts if text not in _texts(soup, selector)]:
            return Check("edit", False, f"{selector} lacks {missing}")
    style = soup.style.string or "" if soup.style else ""
    for line in edit.get("css", ()):
        if line not in style:
            return Check("edit", False, f"the stylesheet lacks {line}")
    for selector in edit.get("gone", ()):
        if soup.select_one(selector):
            return Check("edit", False, f"{selector} is still there")
    return Check("edit", True)


def _untouched(kept: Sequence[str], html: str) -> Check:
    """The pieces outside the edit are there byte for byte and in order; the first opens, the last closes the page."""
    text = html.strip()
    if not text.startswith(kept[0]) or not text.endswith(kept[-1]):
        return Check("untouched", False, "the beginning or the end changed")
    place = 0
    for piece in kept:
        place = text.find(piece, place)
        if place < 0:
            return Check("untouched", False, f"changed: {piece[:60]!r}")
        place += len(piece)
    return Check("untouched", True)

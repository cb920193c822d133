"""Edits of a page's looks: colours, dark mode, corners, fonts, the heading's size. All but the last change `:root`."""

from __future__ import annotations

from random import Random

from train.synthetic.change import Edit, Page
from train.synthetic.palette import HUES, PALETTES, STYLES
from train.synthetic.stylesheet import H1, H1_BIGGER, H1_SMALLER


def _main(hue: str) -> str:
    return PALETTES[hue, False].main


def header_colour(page: Page, rng: Random) -> Edit:
    """The header in another hue."""
    hue = page.hue(rng, "--head", _main)
    colour = _main(hue)
    asked = rng.choice(
        (
            "make the header {}",
            "change the header to {}",
            "header {}",
            "the header should be {}",
            "can the header be {}?",
            "turn the header {}",
            "change the header colour to {}",
            "change the color of the header to {}",
            "use {} for the header",
            "I want a {} header",
            "{} header please",
            "give the header a {} background",
            "make the top bar {}",
            "set the header background to {}",
            "color the header {}",
            "make the navigation bar {}",
        )
    ).format(hue)
    return Edit(
        "header colour",
        asked,
        [page.root("--head", colour), page.root("--headink", "#fff")],
        {"root": {"--head": colour}},
    )


def button_colour(page: Page, rng: Random) -> Edit | None:
    """The buttons in another hue."""
    if not page.draft.button:
        return None
    hue = page.hue(rng, "--btn", _main)
    colour = _main(hue)
    asked = rng.choice(
        (
            "make the button {}",
            "change the button to {}",
            "{} button",
            "the button should be {}",
            "can the button be {}?",
            "turn the button {}",
            "change the button colour to {}",
            "change the color of the buttons to {}",
            "use {} for the buttons",
            "I want a {} button",
            "button {} please",
            "make all buttons {}",
            "set the button background to {}",
            "color the button {}",
            "give it a {} button",
        )
    ).format(hue)
    return Edit(
        "button colour", asked, [page.root("--btn", colour), page.root("--btnink", "#fff")], {"root": {"--btn": colour}}
    )


def accent(page: Page, rng: Random) -> Edit | None:
    """The whole palette in another hue."""
    old = page.look.palette
    hue = rng.choice([hue for hue in HUES if hue != old.hue])
    new = PALETTES[hue, old.dark]
    asked = rng.choice(
        (
            "make it {}",
            "change the colours to {}",
            "use {} instead",
            "make the page {}",
            "I'd prefer {}",
            "change the theme to {}",
            "{} colours please",
            "change the accent colour to {}",
            "switch the colour scheme to {}",
            "make everything {}",
            "use {} as the main color",
            "can it be {}?",
            "in {} please",
            "turn it {}",
            "the colours should be {}",
        )
    ).format(hue)
    return _repaint(page, new.accent(), new.surface(), asked, "accent", {"--main": new.main})


def mode(page: Page, rng: Random) -> Edit | None:
    """Light to dark or back."""
    old = page.look.palette
    new = PALETTES[old.hue, not old.dark]
    if new.dark:
        asked = rng.choice(
            (
                "make it dark",
                "dark mode",
                "dark mode please",
                "switch to dark mode",
                "use a dark theme",
                "make the page dark",
                "I want it dark",
                "give it a dark background",
                "can you make it dark?",
                "turn it into a dark page",
                "add dark mode",
                "make the background dark",
                "a dark version please",
                "use a dark background",
            )
        )
    else:
        asked = rng.choice(
            (
                "make it light",
                "light mode",
                "switch to light mode",
                "use a light theme",
                "make the page bright",
                "I want it light",
                "make the background white",
                "can you make it light?",
                "a light version please",
                "remove the dark mode",
            )
        )
    return _repaint(
        page, new.accent(), new.surface(), asked, "dark" if new.dark else "light", {"--main": new.main, "--bg": new.bg}
    )


def _repaint(page: Page, accent: str, surface: str, asked: str, op: str, root: dict[str, str]) -> Edit | None:
    if page.ask.kind == "theme":
        return None  # it holds the other palette too
    old = page.look.palette
    return Edit(op, asked, [page.span(f"{old.accent()}\n{old.surface()}", f"{accent}\n{surface}")], {"root": root})


def background(page: Page, rng: Random) -> Edit | None:
    """A light background in a hue."""
    if page.look.palette.dark:
        return None
    hue = page.hue(rng, "--bg", lambda hue: PALETTES[hue, False].line)
    colour = PALETTES[hue, False].line
    asked = rng.choice(
        (
            "make the background {}",
            "change the background to {}",
            "use a {} background",
            "{} background",
            "set the background colour to {}",
            "the background should be {}",
            "background light {} please",
            "give the page a light {} background",
        )
    ).format(hue)
    return Edit("background", asked, [page.root("--bg", colour)], {"root": {"--bg": colour}})


def corners(page: Page, rng: Random) -> Edit:
    """Square or round corners."""
    sharp = page.look.style.radius not in ("0", "2px", "4px")
    radius = "0" if sharp else "28px"
    asked = rng.choice(
        ("make the corners square", "no rounded corners", "sharp corners please", "remove the rounded corners")
        if sharp
        else (
            "round the corners",
            "make the corners rounder",
            "rounded corners please",
            "use rounded corners",
            "make the cards rounder",
        )
    )
    return Edit("corners", asked, [page.root("--round", radius)], {"root": {"--round": radius}})


def font(page: Page, rng: Random) -> Edit:
    """Another stack of fonts."""
    name, word = rng.choice(
        [
            (name, word)
            for name, word in (
                ("elegant", "serif"),
                ("retro", "monospace"),
                ("retro", "typewriter"),
                ("minimalist", "sans-serif"),
                ("playful", "playful"),
            )
            if name != page.look.style.name
        ]
    )
    font = STYLES[name].font
    asked = rng.choice(
        ("use a {} font", "change the font to {}", "{} font please", "make the font {}", "I want a {} font")
    ).format(word)
    return Edit("font", asked, [page.root("--font", font)], {"root": {"--font": font}})


def size(page: Page, rng: Random) -> Edit | None:
    """A bigger or smaller heading."""
    if page.ask.kind == "notfound":
        return None
    bigger = rng.random() < 0.75
    asked = rng.choice(
        (
            "make the heading bigger",
            "bigger heading",
            "bigger title please",
            "make the title larger",
            "increase the heading size",
            "the heading should be bigger",
            "make the headline bigger",
            "make the h1 bigger",
            "enlarge the heading",
        )
        if bigger
        else (
            "make the heading smaller",
            "smaller heading",
            "the title is too big",
            "make the title smaller",
            "reduce the heading size",
        )
    )
    card = ".card h1{font-size:2em}"
    old, new = (
        (card, ".card h1{font-size:3em}" if bigger else ".card h1{font-size:1.5em}")
        if card in page.draft.html
        else (H1, H1_BIGGER if bigger else H1_SMALLER)
    )
    return Edit("heading size", asked, [page.span(old, new)], {"css": [new]})

"""Colours and styles: every value of a page's `:root` follows from one hue, light or dark, and one style.

A hue is what a prompt can ask for ("green"). Contrast is kept at 4.5:1 or better for all text (WCAG 2.2,
success criterion 1.4.3); a test walks over every pair of colours that pages use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours of one page as `#rrggbb`; `main` is the accent, `start` and `end` the hero's gradient."""

    hue: str
    dark: bool
    main: str
    on: str
    start: str
    end: str
    bg: str
    card: str
    ink: str
    soft: str
    line: str

    def accent(self) -> str:
        """The first line of `:root`."""
        return f"--main:{self.main};--on:{self.on};--from:{self.start};--to:{self.end};"

    def surface(self) -> str:
        """The second and third line of `:root`."""
        return f"--bg:{self.bg};\n--card:{self.card};--ink:{self.ink};--soft:{self.soft};--line:{self.line};"


# hue: (tint, line, accent on dark, accent, deep, darkest, end of the gradient, temperature)
_SHADES: dict[str, tuple[str, str, str, str, str, str, str, str]] = {
    "green": ("#f3fbf5", "#d3ecdb", "#4ade80", "#15803d", "#166534", "#052e16", "#0f766e", "fresh"),
    "blue": ("#f3f7ff", "#d8e5fd", "#7db4ff", "#1d4ed8", "#1e40af", "#172554", "#6d28d9", "cool"),
    "red": ("#fff5f4", "#fadcd9", "#fb8a85", "#b91c1c", "#991b1b", "#450a0a", "#c2410c", "warm"),
    "orange": ("#fff9f2", "#f9e3cc", "#fb9a4b", "#c2410c", "#9a3412", "#431407", "#a84a08", "warm"),
    "purple": ("#faf6ff", "#eadcfb", "#c79bff", "#7e22ce", "#6b21a8", "#3b0764", "#be185d", "plum"),
    "pink": ("#fff5fa", "#fadbea", "#f987bf", "#be185d", "#9d174d", "#500724", "#7e22ce", "plum"),
    "teal": ("#f1fbf9", "#cdebe5", "#2dd4bf", "#0f766e", "#115e59", "#042f2e", "#1e6091", "fresh"),
    "gold": ("#fffbee", "#f5e6b8", "#facc15", "#92610a", "#7a4d0b", "#422006", "#a3470c", "warm"),
    "brown": ("#fbf7f2", "#ecdfd1", "#dcae82", "#7a4a26", "#5f3a1d", "#26160b", "#9a3412", "warm"),
    "navy": ("#f4f7fc", "#d9e3f3", "#93b7ff", "#1e3a6e", "#172e59", "#0a142b", "#1d4ed8", "cool"),
    "grey": ("#f7f8fa", "#e1e5ea", "#d5dbe3", "#334155", "#1e293b", "#0b1017", "#475569", "plain"),
    "cyan": ("#f0fbfe", "#c9ecf5", "#38d3ee", "#0e7490", "#155e75", "#083344", "#1d4ed8", "cool"),
    "olive": ("#f9faf0", "#e4e8c8", "#c3d165", "#5b6414", "#474f12", "#1c2008", "#166534", "fresh"),
}
_LIGHT_INK = {
    "cool": ("#0f1b33", "#4a5873"),
    "warm": ("#2a1a12", "#6b5548"),
    "fresh": ("#0f261d", "#486055"),
    "plum": ("#241333", "#5f4f70"),
    "plain": ("#15191f", "#545c68"),
}
_DARK = {
    "cool": ("#0b1120", "#151f35", "#eef3ff", "#a5b3cd", "#28365a"),
    "warm": ("#17110e", "#241b17", "#f8f0ea", "#c2b0a4", "#40322a"),
    "fresh": ("#0a1512", "#13241f", "#ecfbf4", "#a0baaf", "#254238"),
    "plum": ("#140d1e", "#21172f", "#f7f1ff", "#b9aacd", "#3b2b52"),
    "plain": ("#101114", "#1b1d22", "#f4f4f6", "#abaeb8", "#33363e"),
}


def _palette(hue: str, dark: bool) -> Palette:
    tint, line, bright, main, deep, darkest, end, temperature = _SHADES[hue]
    if dark:
        bg, card, ink, soft, edge = _DARK[temperature]
        return Palette(hue, True, bright, darkest, deep, darkest, bg, card, ink, soft, edge)
    ink, soft = _LIGHT_INK[temperature]
    return Palette(hue, False, main, "#fff", deep, end, tint, "#fff", ink, soft, line)


HUES: tuple[str, ...] = tuple(_SHADES)
PALETTES: dict[tuple[str, bool], Palette] = {(hue, dark): _palette(hue, dark) for hue in HUES for dark in (False, True)}

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "green": ("green", "green", "green", "forest green", "emerald"),
    "blue": ("blue", "blue", "blue", "royal blue"),
    "red": ("red", "red", "red", "crimson", "burgundy"),
    "orange": ("orange", "orange", "orange", "warm", "terracotta", "peach"),
    "purple": ("purple", "purple", "purple", "violet", "lavender", "lilac"),
    "pink": ("pink", "pink", "pink", "rose", "magenta"),
    "teal": ("teal", "teal", "turquoise", "mint"),
    "gold": ("gold", "yellow", "yellow", "golden", "mustard"),
    "brown": ("brown", "brown", "brown", "earthy", "coffee-coloured", "beige"),
    "navy": ("navy", "navy", "dark blue", "navy blue"),
    "grey": ("grey", "gray", "black and white", "monochrome", "charcoal"),
    "cyan": ("cyan", "light blue", "sky blue", "aqua"),
    "olive": ("olive", "olive green", "moss green", "sage green"),
}
"""What a prompt may call each hue; the first is the plain word used for parts of a page."""


@dataclass(frozen=True)
class Style:
    """A style's part of `:root`, and whether its hero is a deep gradient or an airy tint."""

    name: str
    words: tuple[str, ...]
    font: str
    radius: str
    shadow: str
    deep: bool
    extra: tuple[str, ...] = ()
    """Rules of its own."""

    def root(self) -> str:
        """The last lines of `:root`."""
        return f"--font:{self.font};\n--round:{self.radius};\n--shadow:{self.shadow}"


_STYLES = (
    Style(
        "modern",
        ("modern", "clean and modern", "contemporary"),
        "system-ui,sans-serif",
        "16px",
        "0 12px 32px #0001",
        True,
    ),
    Style(
        "minimalist",
        ("minimalist", "minimal", "simple", "clean"),
        "Helvetica,Arial,sans-serif",
        "6px",
        "none",
        False,
        ("h1,h2{font-weight:600;letter-spacing:-.02em}",),
    ),
    Style(
        "bold",
        ("bold", "loud", "striking"),
        "Impact,Arial,sans-serif",
        "4px",
        "8px 8px 0 var(--main)",
        True,
        ("h1,h2{text-transform:uppercase;letter-spacing:.02em}",),
    ),
    Style(
        "elegant",
        ("elegant", "classy", "luxurious", "refined"),
        "Georgia,serif",
        "2px",
        "0 16px 40px #0001",
        False,
        ("h1,h2{font-weight:400}",),
    ),
    Style(
        "playful",
        ("playful", "fun", "cheerful", "friendly"),
        "'Trebuchet MS',sans-serif",
        "28px",
        "0 10px 0 var(--line)",
        True,
    ),
    Style(
        "corporate", ("corporate", "professional", "business-like"), "Arial,sans-serif", "8px", "0 4px 14px #0001", True
    ),
    Style(
        "retro",
        ("retro", "vintage", "old-school"),
        "'Courier New',monospace",
        "0",
        "6px 6px 0 var(--main)",
        False,
        ("h1,h2{text-transform:uppercase}",),
    ),
)
STYLES: dict[str, Style] = {style.name: style for style in _STYLES}


def channels(colour: str) -> tuple[int, int, int]:
    """`#rgb` or `#rrggbb` as red, green, blue of 0–255. Raises ValueError for anything else."""
    digits = colour.strip().removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) != 6 or not colour.strip().startswith("#"):
        raise ValueError(f"not a hex colour: {colour!r}")
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white), as WCAG 2.2 defines it."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str) -> float:
    """Euclidean distance of two colours in RGB, 0 to 441."""
    return sum((a - b) ** 2 for a, b in zip(channels(one), channels(other), strict=True)) ** 0.5

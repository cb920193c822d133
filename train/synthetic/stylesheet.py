"""The stylesheet: one small regular core for every page, `:root` from palette and style, one header layout."""

from __future__ import annotations

from train.synthetic.palette import PALETTES, Palette, Style

H1 = "h1{font-size:clamp(2.2rem,6vw,4rem)}"
H1_BIGGER = "h1{font-size:clamp(3rem,9vw,6rem)}"
H1_SMALLER = "h1{font-size:clamp(1.6rem,4vw,2.4rem)}"

CORE = (
    "*{box-sizing:border-box}",
    "body{margin:0;font:17px/1.6 var(--font);color:var(--ink);background:var(--bg)}",
    "h1,h2,h3{margin:0 0 .5em;line-height:1.15}",
    H1,
    "a{color:inherit;text-decoration:none}",
    "::first-letter{text-transform:uppercase}",
    ":focus-visible{outline:3px solid var(--main)}",
    "header,section,footer{padding:64px max(6vw,50% - 540px)}",
    "header{display:flex;flex-wrap:wrap;gap:12px;padding-block:20px;background:var(--head);color:var(--headink)}",
    ".brand{margin-right:auto;font-weight:800}",
    "nav{display:flex;gap:24px}",
    "footer{padding-block:28px;color:var(--soft)}",
)
"""Lines that are the same on every page. `50% - 540px` centres the content without a wrapper; the first letter of
every block is a capital, so that copied words can stay as they were typed."""

BLOCKS = {
    "btn": ".btn,button{display:inline-block;padding:13px 26px;border:0;border-radius:var(--round);"
    "background:var(--btn);color:var(--btnink);font:700 1em var(--font);cursor:pointer}",
    "hero": ".hero{padding-block:120px;background:var(--hero);color:var(--heroink)}",
    "lead": ".lead{margin:0 0 1.5em;font-size:1.2em}",
    "grid": ".grid{display:grid;gap:24px;grid-template-columns:repeat(auto-fit,minmax(220px,1fr))}",
    "card": ".card{padding:28px;background:var(--card);border:1px solid var(--line);border-radius:var(--round);"
    "box-shadow:var(--shadow)}",
    "text": ".card p{margin:0;color:var(--soft)}",
    "form": "label{display:block;margin:16px 0;font-weight:600}\n"
    "input,textarea{display:block;width:100%;margin-top:6px;padding:12px;border:1px solid var(--soft);"
    "border-radius:8px;background:var(--bg);color:var(--ink);font:inherit}",
    "stage": ".stage{display:grid;place-items:center;min-height:78vh;background:var(--hero)}\n"
    ".stage .card{width:min(100%,440px)}",
}

LAYOUTS: dict[str, tuple[str, ...]] = {
    "bar": (),
    "centered": ("header{flex-direction:column;align-items:center}", ".brand{margin:0}"),
    "sticky": ("header{position:sticky;top:0;border-bottom:3px solid var(--main)}",),
    "floating": ("header{margin:16px;padding-inline:28px;border-radius:99px;box-shadow:0 6px 20px #0002}",),
    "sidebar": (
        "@media(min-width:800px){body{display:grid;grid-template-columns:220px 1fr}"
        "header{flex-direction:column;grid-row:1/3;padding:32px}nav{flex-direction:column}}",
    ),
}
"""Header layouts, added to the plain bar of the core."""

LAYOUT_WORDS = {
    "bar": ("a simple top bar",),
    "centered": ("a centered header", "the navigation centered"),
    "sticky": ("a sticky header", "a header that stays on top"),
    "floating": ("a floating header", "a rounded floating navigation"),
    "sidebar": ("a sidebar", "the navigation on the left", "a side menu"),
}

ART = (
    "repeating-radial-gradient(circle at 90% 20%,#fff1 0 9vw,#fff0 0 18vw)",
    "radial-gradient(at 90% 0,#fff2,#fff0 50%),radial-gradient(at 60% 120%,#0003,#0000 60%)",
    "repeating-linear-gradient(115deg,#fff1 0 7vw,#fff0 0 15vw)",
    "radial-gradient(circle at 85% 110%,#fff1 28vw,#fff0 0),radial-gradient(circle at 105% 30%,#fff1 20vw,#fff0 0)",
)
"""What lies over a deep gradient: rings, a glow, stripes, two suns. Faint, so that white text stays readable."""


def hero_line(palette: Palette, style: Style) -> str:
    """One line of `:root`: a deep gradient with white text, its art by the hue, or an airy tint with the page's ink."""
    if style.deep:
        art = ART[tuple(PALETTES).index((palette.hue, False)) // 2 % len(ART)]
        return f"--hero:{art},linear-gradient(120deg,var(--from),var(--to));--heroink:#fff;"
    return "--hero:radial-gradient(at 85% 10%,var(--line),#fff0 60%),var(--bg);--heroink:var(--ink);"


def stylesheet(
    palette: Palette,
    style: Style,
    layout: str,
    blocks: tuple[str, ...],
    extra: tuple[str, ...],
    header: str | None,
    button: str | None,
) -> str:
    """The text of the `<style>` element, one rule a line.

    Choices that a prompt or an edit makes one by one (header, button, background, font, corners) have lines of their
    own in `:root`, so that every line is one of a few dozen.
    """
    root = (
        ":root{" + palette.accent(),
        palette.surface(),
        head_line(palette, style, header, button, "hero" in blocks),
        *((hero_line(palette, style),) if "hero" in blocks or "stage" in blocks else ()),
        style.root() + "}",
    )
    rules = (*root, *CORE, *style.extra, *LAYOUTS[layout], *(BLOCKS[name] for name in blocks), *extra)
    return "\n".join(rules)


PICTURE = (
    ".art{height:200px;border-radius:var(--round);background:radial-gradient(circle at 70% 30%,#fff 11%,#fff0 12%),"
    "linear-gradient(160deg,#fff0 58%,var(--main) 59%),linear-gradient(205deg,#fff0 48%,var(--from) 49%),var(--line)}"
)
FLIP = "figure:nth-child(2n) .art{transform:scaleX(-1)}"
"""Pictures: drawn by gradients, every second one mirrored."""


def head_line(palette: Palette, style: Style, header: str | None, button: str | None, hero: bool) -> str:
    """Two lines of `:root`: colours of the header and the buttons, as hex where the prompt named one."""
    head, headink = (header, "#fff") if header else ("var(--card)", "var(--ink)")
    if button:
        btn, btnink = button, "#fff"
    elif hero and style.deep:
        btn, btnink = "#fff", "var(--from)"
    else:
        btn, btnink = "var(--main)", "var(--on)"
    return f"--head:{head};--headink:{headink};\n--btn:{btn};--btnink:{btnink};"

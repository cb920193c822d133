"""A contact sheet: pages that the model writes, each as a laptop and a phone show it, in one PNG.

    python -m train sheet
    HTMLGEN_MODEL=runs/mine/merged python -m train sheet --prompts prompts.txt --out sheet.png

The model is the chat's (HTMLGEN_MODEL, HTMLGEN_ADAPTER, …), `demo` where none is named; it writes greedily, so that the same
weights give the same sheet. Needs Playwright and a Chromium.
"""

import argparse
import asyncio
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.errors import SettingsError
from htmlgen.local import LocalEngine
from htmlgen.presets import find_preset
from htmlgen.settings import load_settings
from htmlgen.starters import STARTERS
from train.answers import extract

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    from train.evaluation.render import Renderer

PROMPTS = (
    *(starter.prompt for starter in STARTERS),
    "Dashboard for Tidewell with Orders, Revenue and Returns, dark",
    "An event page called Lanternfest on 12 July with Fire show and Live music, red",
    "A pink calculator",
    'A product page called "Ridgelark" for $129, teal',
    "FAQ page for a hostel called Nomad Nest, green",
    "A 404 page for Pixel Pantry in purple, playful",
)
"""The starters as they are. The others ask for other kinds and colours; the product's was reworded, with its name in quotes,
after a first wording (no quotes) got a page with another name."""
LAPTOP, PHONE = (1120, 700), (390, 844)
"""Viewports in CSS pixels: width and height."""
WIDTH, COLUMNS, GUTTER = 1920, 3, 40
"""Of the sheet, in pixels: about twice what a README shows, for screens of double density."""
PAPER, EDGE, INK = "#f1f2f4", "#d5d8dd", "#33373d"
CAPTION = 19
"""Size of the captions in pixels."""
COLOURS = 256
"""A palette keeps the file at a third of its size and costs what the eye hardly sees."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sheet` to a parser."""
    parser.add_argument("--prompts", type=Path, help="a file with a prompt a line (the starters and six others)")
    parser.add_argument("--out", type=Path, default=Path("docs/demo.png"), help="the picture to write (docs/demo.png)")
    parser.add_argument("--batch-size", type=int, default=4, help="pages written together; memory grows with it (4)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the pages, draws them and saves the sheet. Returns the exit status.

    Raises:
        SettingsError: there are no prompts, or no Chromium.
        ModelError: the model cannot be loaded.
    """
    from train.evaluation.render import Renderer

    if arguments.batch_size < 1:
        raise SettingsError(f"--batch-size is {arguments.batch_size} but must be at least 1.")
    if arguments.out.suffix.lower() not in (".png", ".gif", ".webp"):
        raise SettingsError(f"--out {arguments.out} names no picture. Let it end in .png.")
    prompts = _read_prompts(arguments.prompts) if arguments.prompts else PROMPTS
    with Renderer() as renderer:  # first, so that a missing Chromium is told before the writing
        start = time.monotonic()
        pages = asyncio.run(write_pages(prompts, arguments.batch_size))
        seconds = time.monotonic() - start
        sheet = compose([(prompt, screens(page, renderer)) for prompt, page in zip(prompts, pages, strict=True)])
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLOURS).save(arguments.out, optimize=True)
    written = sum(page is not None for page in pages)
    print(f"{written} of {len(pages)} prompts gave a page ({seconds:.0f} s).")
    print(f"{arguments.out}: {sheet.width} x {sheet.height}, {arguments.out.stat().st_size / 1000:.0f} KB")
    return 0


def _read_prompts(path: Path) -> tuple[str, ...]:
    try:
        prompts = tuple(filter(None, map(str.strip, path.read_text("utf-8").splitlines())))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--prompts {path} cannot be read: {error}") from error
    if not prompts:
        raise SettingsError(f"--prompts {path} is empty. Write a prompt a line.")
    return prompts


async def write_pages(prompts: Sequence[str], batch_size: int) -> list[str | None]:
    """The page that the model writes for each prompt; None where its answer holds none."""
    settings = load_settings()
    engine = LocalEngine(
        find_preset(settings.model or "demo"),
        adapter=settings.adapter,
        quantization=settings.quantization,
        prompt_format=settings.prompt_format,
    )
    sampling = Sampling(temperature=0, max_new_tokens=settings.max_new_tokens)
    pages: list[str | None] = []
    try:
        await engine.load()
        for at in range(0, len(prompts), batch_size):
            requests = [GenerationRequest(prompt, sampling=sampling) for prompt in prompts[at : at + batch_size]]
            pages += [extract(completion.text)[0] for completion in await engine.generate_batch(requests)]
            print(f"{len(pages)} of {len(prompts)} prompts answered", flush=True)
    finally:
        await engine.close()
    return pages


def screens(page: str | None, renderer: "Renderer") -> tuple["Image.Image | None", "Image.Image | None"]:
    """What a laptop and a phone show of a page before anybody scrolls; None where there is nothing to show."""
    from PIL import Image

    shots: list[Image.Image | None] = []
    for width, height in (LAPTOP, PHONE):
        image = None if page is None else renderer.render(page, (width, height), scripts=True).image
        # A phone's browser shrinks a page that is too wide; what sticks out is cut here, as it would have to be scrolled to.
        shots.append(None if image is None else Image.fromarray(image[:height, :width]))
    return shots[0], shots[1]


def compose(pages: Sequence[tuple[str, tuple["Image.Image | None", "Image.Image | None"]]]) -> "Image.Image":
    """The sheet: prompts as captions, laptop and phone side by side below them, COLUMNS pages in a row."""
    from PIL import Image, ImageDraw, ImageFont

    cell, gap = (WIDTH - GUTTER * (COLUMNS + 1)) // COLUMNS, GUTTER // 2
    ratios = [width / height for width, height in (LAPTOP, PHONE)]
    height = int((cell - gap) / sum(ratios))  # of both screens
    widths = [round(height * ratios[0]), cell - gap - round(height * ratios[0])]
    font = ImageFont.load_default(CAPTION)
    line, caption = round(CAPTION * 1.35), round(CAPTION * 1.35) * 2 + GUTTER // 4
    rows = -(-len(pages) // COLUMNS)
    sheet = Image.new("RGB", (WIDTH, GUTTER + rows * (caption + height + GUTTER)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for at, (prompt, shots) in enumerate(pages):
        left = GUTTER + at % COLUMNS * (cell + GUTTER)
        top = GUTTER + at // COLUMNS * (caption + height + GUTTER)
        lines = _wrap(prompt, cell, font)
        for number, text in enumerate(lines):  # the last line stands right above its page
            draw.text((left, top + (2 - len(lines) + number) * line), text, INK, font)
        for shot, width in zip(shots, widths, strict=True):
            _place(sheet, shot, (left, top + caption), (width, height))
            left += width + gap
    return sheet


def _wrap(text: str, width: int, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont") -> list[str]:
    """Two lines at most, each no wider than `width` pixels."""
    for letters in range(len(text), 0, -1):
        lines = textwrap.wrap(text, letters, max_lines=2, placeholder=" …")
        if all(font.getlength(line) <= width for line in lines):
            return lines
    return []


def _place(
    sheet: "Image.Image", shot: "Image.Image | None", corner: tuple[int, int], size: tuple[int, int], radius: int = 10
) -> None:
    """Pastes a screenshot with round corners and a hairline around it; a grey tile where there is none."""
    from PIL import Image, ImageDraw

    four = (size[0] * 4, size[1] * 4)  # drawn large and shrunk, since Pillow does not smooth curves
    mask = Image.new("L", four)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, four[0] - 1, four[1] - 1), radius * 4, 255)
    inner = Image.new("L", four)
    ImageDraw.Draw(inner).rounded_rectangle((4, 4, four[0] - 5, four[1] - 5), radius * 4 - 4, 255)
    tile = Image.new("RGB", size, EDGE)
    if shot is not None:
        tile.paste(shot.resize(size, Image.Resampling.LANCZOS), (0, 0), inner.resize(size, Image.Resampling.LANCZOS))
    sheet.paste(tile, corner, mask.resize(size, Image.Resampling.LANCZOS))

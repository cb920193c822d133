"""Pages drawn in a headless Chromium: a screenshot and the blocks of text on it. Needs Playwright and a Chromium.

Generated pages are hostile by assumption. Scripts are off unless asked for, which also makes two drawings of a page alike;
the context is offline and every request but the page itself is aborted; and a page that takes too long is given up.
"""

import io
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from htmlgen.errors import SettingsError
from htmlgen.isolation import page_headers
from train.evaluation.visual_metrics import Block, Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEWPORT = (1280, 800)
"""Width and height in CSS pixels, one device pixel each."""
MOST_HEIGHT = 4_000
"""Pixels of a page that are looked at; what lies below is cut, so that an endless page cannot fill the memory."""
TIMEOUT_MS = 15_000
SETTLE_MS = 200
"""What scripts get after the page has loaded, where they may run at all; then they stand still for the picture."""
PAGES_PER_BROWSER = 100
"""Pages after which a fresh browser is started: memory that hostile pages pin goes with the old one."""
_ADDRESS = "http://page.invalid/"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; base-uri 'none'; "
    "form-action 'none'; frame-src 'none'; sandbox"
)
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
    "--force-color-profile=srgb", "--font-render-hinting=none",
)  # fmt: skip

_BLOCKS = """(height) => {
  const blocks = [], range = document.createRange(), unseen = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'TITLE']);
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.replace(/\\s+/g, ' ').trim(), parent = walker.currentNode.parentElement;
    if (!text || !parent || unseen.has(parent.tagName)) continue;
    if (!parent.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    const left = Math.max(0, box.left), top = Math.max(0, box.top + scrollY);
    const right = box.right, bottom = Math.min(height, box.bottom + scrollY);
    if (right - left < 1 || bottom - top < 1) continue;
    blocks.push({text, box: [left, top, right - left, bottom - top], colour: getComputedStyle(parent).color});
  }
  return blocks;
}"""
_COLOUR = """(colours) => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  return colours.map((colour) => {
    canvas.fillStyle = '#fff'; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return Array.from(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
  });
}"""


@dataclass(frozen=True)
class Rendering:
    """`image` is (height, width, 3) of the whole page, or None where it could not be drawn; `problem` then says why."""

    image: Image | None
    blocks: tuple[Block, ...] = ()
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Drawn, and something is to be seen: not every pixel is alike."""
        return self.image is not None and bool((self.image != self.image[0, 0]).any())


class Renderer:
    """Draws pages one by one.

        with Renderer() as renderer:
            picture = renderer.render("<h1>Hello</h1>")

    Raises:
        SettingsError: Playwright or a Chromium is missing; the message says how to get them.
    """

    def __init__(self, executable: str | None = None) -> None:
        self._executable = executable or os.environ.get("CHROMIUM") or _find_chromium()
        # Playwright's sync interface keeps an event loop running in its thread, where no other could then run.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="renderer")
        self._browser: Browser | None = None
        self._drawn = 0

    def __enter__(self) -> "Renderer":
        try:
            self._thread.submit(self._start).result()
        except BaseException:
            self._thread.shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._thread.submit(self._stop).result()
        finally:
            self._thread.shutdown()

    @property
    def version(self) -> str:
        """Of the browser: two versions may draw one page differently."""
        assert self._browser is not None, "enter the renderer first"
        return f"Chromium {self._browser.version}"

    def _start(self) -> None:
        try:
            from playwright.sync_api import sync_playwright
        except ModuleNotFoundError as error:
            raise SettingsError(
                "--render draws pages in Chromium through Playwright, which is not installed. "
                "Run `pip install -r requirements-dev.txt`, or leave --render out."
            ) from error
        self._playwright = sync_playwright().start()
        try:
            self._launch()
        except BaseException:
            self._playwright.stop()
            raise

    def _stop(self) -> None:
        try:
            if self._browser is not None:
                self._browser.close()
        finally:
            self._playwright.stop()

    def _launch(self) -> None:
        from playwright.sync_api import Error

        try:
            self._browser = self._playwright.chromium.launch(executable_path=self._executable, args=list(_ARGUMENTS))
        except Error as error:
            raise SettingsError(
                "--render needs a Chromium and none could be started "
                f"({self._executable or 'neither on the PATH nor installed by Playwright'}). Install Debian's `chromium`, "
                f"or run `playwright install chromium`, or name one in CHROMIUM. It said: {error.message.splitlines()[0]}"
            ) from error
        self._drawn = 0

    def render(self, html: str, viewport: tuple[int, int] = VIEWPORT, *, scripts: bool = False) -> Rendering:
        """Draws one page as wide as the viewport (CSS pixels) and as tall as it is, up to 4,000.

        `scripts` lets its scripts run, isolated as in the chat's preview.
        """
        return self._thread.submit(self._render, html, viewport, scripts).result()

    def _render(self, html: str, viewport: tuple[int, int], scripts: bool) -> Rendering:
        from playwright.sync_api import Error

        assert self._browser is not None, "enter the renderer first"
        if self._drawn >= PAGES_PER_BROWSER or not self._browser.is_connected():
            self._browser.close()
            self._launch()
        self._drawn += 1
        try:
            context = self._browser.new_context(
                viewport={"width": viewport[0], "height": viewport[1]},
                device_scale_factor=1,
                java_script_enabled=scripts,
                offline=True,
                accept_downloads=False,
                service_workers="block",
                color_scheme="light",
                reduced_motion="reduce",
            )
            try:
                return _draw(context, html, viewport, scripts)
            finally:
                context.close()
        except Error as error:
            return Rendering(None, problem=error.message.splitlines()[0])


def _draw(context: Any, html: str, viewport: tuple[int, int], scripts: bool) -> Rendering:
    from PIL import Image as Picture

    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    first = True

    def answer(route: Any) -> None:
        nonlocal first
        if first and route.request.is_navigation_request() and route.request.url == _ADDRESS:
            first = False
            headers = page_headers() if scripts else {"Content-Security-Policy": _POLICY}
            headers["Content-Type"] = "text/html; charset=utf-8"
            route.fulfill(status=200, headers=headers, body=html.encode("utf-8", "replace"))
        else:
            route.abort()

    context.route("**/*", answer)
    page.goto(_ADDRESS, wait_until="load")
    if scripts:
        # Questions to a page have no time limit, so it must be at rest before they are asked; only waiting has one.
        page.wait_for_timeout(SETTLE_MS)
        page.wait_for_function("true")
        context.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
    height = min(MOST_HEIGHT, max(viewport[1], page.evaluate("document.documentElement.scrollHeight")))
    found = page.evaluate(_BLOCKS, height)
    colours = page.evaluate(_COLOUR, [block["colour"] for block in found])
    clip = {"x": 0, "y": 0, "width": viewport[0], "height": height}
    shot = page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide", scale="css")
    image = np.asarray(Picture.open(io.BytesIO(shot)).convert("RGB"))
    scale = (viewport[0], height, viewport[0], height)
    blocks = tuple(
        Block(
            block["text"],
            tuple(value / whole for value, whole in zip(block["box"], scale, strict=True)),
            tuple(colour),
        )
        for block, colour in zip(found, colours, strict=True)
    )
    return Rendering(image, blocks)


def _find_chromium() -> str | None:
    """An installed Chromium or Chrome; None lets Playwright look for its own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)

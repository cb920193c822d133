"""The pane without the chat: its modules on a plain page, real pages behind it, and a record of what it asks the chat for.

What Chainlit lends the pane is little (a place, the props, `callAction`), so most of it can be tested in a second a test;
the other browser tests have the whole.
"""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, FrameLocator, Locator, Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from htmlgen.origin import protect
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import make_preview
from tests.server import ROOT, AppServer

PUBLIC = ROOT / "public"
THEME = json.loads((PUBLIC / "theme.json").read_text())["variables"]

HOST = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>The pane</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { %s }
.dark { %s }
/* What Chainlit's own style sheet does to every element. */
*, ::before, ::after { box-sizing: border-box; margin: 0; padding: 0; border: 0 solid; }
button, input, select, textarea { font: inherit; color: inherit; background: transparent; }
a { color: inherit; text-decoration: none; } ol { list-style: none; }
body { font: 16px/1.5 var(--font-sans); background: hsl(var(--background)); color: hsl(var(--foreground)); }
main { display: flex; height: 100vh; justify-content: flex-end; }
#pane { max-width: 720px; }
.pv-bar { padding-left: 0.9rem !important; }
</style>
<link rel="stylesheet" href="/public/studio.css"></head>
<body><main><div id="pane"></div></main>
<script>
if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark")
</script>
<script src="/public/studio.js"></script>
<script type="module">
const { Pane } = await window.htmlgen.pane
window.asked = []
window.answer = { success: true, response: null }
window.pane = new Pane(document.getElementById("pane"), {
  url: (path) => `/pages/${path}`,
  act: async (name, payload) => {
    window.asked.push({ name, ...payload })
    if (window.refuse) throw new Error(window.refuse)
    return window.answer
  },
  stop: () => window.asked.push({ name: "stop" }),
  names: window.htmlgen.names,
})
window.ready = true
</script></body></html>"""


class PaneApp:
    """A server with a shelf of pages. One browser profile serves all its tests."""

    def __init__(self) -> None:
        self.shelf = PageShelf(200)
        light, dark = (
            ";".join(f"{name}: {value}" for name, value in THEME[scheme].items()) for scheme in ("light", "dark")
        )
        app = Starlette(
            routes=[
                Route("/", lambda request: HTMLResponse(HOST % (light, dark))),
                Route("/ready", lambda request: JSONResponse({"status": "ready"})),
                Mount("/public", StaticFiles(directory=PUBLIC)),
            ]
        )
        app.router.routes[:0] = make_preview(self.shelf, may_read=lambda *_: True).routes
        protect(app)
        self.server = AppServer(app)

    def new(self, html: str, finish: bool = True) -> LivePage:
        def make() -> LivePage:
            page = self.shelf.new()
            page.append(html)
            if finish:
                page.finish("stop")
            return page

        return self.server.call(make)

    def append(self, page: LivePage, html: str) -> None:
        self.server.call(page.append, html)

    def finish(self, page: LivePage) -> None:
        self.server.call(page.finish, "stop")


class PaneTab:
    """The pane in a tab of its own."""

    def __init__(self, app: PaneApp, page: Page) -> None:
        self.app, self.page = app, page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(app.server.url)
        page.wait_for_function("window.ready")

    def update(self, page: LivePage, **props: Any) -> None:
        """New props, as the server sends them."""
        given = {
            "page": page.id,
            "part": 1,
            "version": 1,
            "title": "A page",
            "writing": False,
            "model": "demo",
            **props,
        }
        self.page.evaluate("props => pane.update(props)", given)

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What the chat was asked for."""
        asked: list[dict[str, Any]] = self.page.evaluate("asked")
        return asked

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe.pv-frame:not(.pv-coming)")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def open(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab).click()


def version(page: LivePage, number: int, instruction: str, **facts: Any) -> dict[str, Any]:
    """An entry of the props' `versions`."""
    made = {"created_at": f"2026-11-20T10:0{number}:00+00:00", "size": page.size, "model": "demo", "origin": "model"}
    return {"page": page.id, "number": number, "instruction": instruction, "state": "finished", **made, **facts}


def open_context(chromium: Browser, size: tuple[int, int], **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(15_000)
    return context


Tabs = Callable[..., PaneTab]

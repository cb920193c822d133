"""A generated page reaches neither the app nor anybody else: each way out is tried in a real browser.

Every attack runs with nothing around it (and must be seen to work, else it would prove nothing), in the frame beside the
chat, in a tab of its own, and as a published page.
"""

import contextlib
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from htmlgen.isolation import page_headers
from htmlgen.origin import protect
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import make_preview
from htmlgen.publish import make_publishing, publish
from htmlgen.store import Store
from tests.browser.conftest import CHROMIUM_ARGUMENTS, find_chromium
from tests.browser.hostile import AHEAD, APP, LEAVING, REQUESTS, TAKE, TAKE_FROM_OPENER, Listener, write_page
from tests.server import AppServer

PRIVATE = ["--disable-background-networking"]
"""What Playwright adds that keeps a browser from fetching ahead."""

SETTLE = 3_000
"""Milliseconds after the last page has begun, in which its attack would have to arrive."""

PARENT = """<!DOCTYPE html>
<html><head><title>The app</title></head>
<body data-secret="secret dom">
<script>
  var secret = "secret variable"
  localStorage.token = "secret token"
  var messages = []
  addEventListener("message", (event) => messages.push(event.data))
</script>
%s
</body></html>"""


class FakeApp:
    """What Chainlit is to a page: a UI with frames, a cookie, an API and a WebSocket on the same server."""

    def __init__(self, serve: Callable[[Any], AppServer], isolated: bool) -> None:
        self.isolated = isolated
        self.shelf = PageShelf(500)
        self.store: Store | None = None
        self.frames = ""
        self.calls: list[str] = []
        app = Starlette(
            routes=[
                Route("/", self.home),
                Route("/api/{name}", self.api, methods=["GET", "POST", "DELETE", "OPTIONS"]),
                WebSocketRoute("/api/{name}", self.socket),
                Route("/bare/{page}", self.bare),
                Route("/only/{header}/{page}", self.only),
            ]
        )
        if isolated:
            app.router.routes[:0] = make_preview(self.shelf, may_read=lambda *_: True).routes
            app.router.routes[:0] = make_publishing(lambda: self.store).routes
            protect(app)
        self.server = serve(app)
        self.url = self.server.url

    async def home(self, request: Request) -> Response:
        response = HTMLResponse(PARENT % self.frames)
        response.set_cookie("session", "secret-cookie", samesite="lax")
        return response

    async def api(self, request: Request) -> Response:
        self.calls.append(request.path_params["name"])
        return PlainTextResponse("secret answer", headers={"Access-Control-Allow-Origin": "*"})

    async def socket(self, websocket: WebSocket) -> None:
        self.calls.append(websocket.path_params["name"])
        await websocket.accept()

    async def bare(self, request: Request) -> Response:
        """The page as it is: no headers, no prelude."""
        return HTMLResponse(self.shelf.get(request.path_params["page"]).html)

    async def only(self, request: Request) -> Response:
        """The page with a single one of the headers."""
        header = request.path_params["header"]
        return HTMLResponse(self.shelf.get(request.path_params["page"]).html, headers={header: page_headers()[header]})

    def add(self, html: str) -> str:
        """The path of a page with this text."""

        def make() -> LivePage:
            page = self.shelf.new()
            page.append(html)
            page.finish("stop")
            return page

        page = self.server.call(make)
        return f"/pages/{page.id}/live" if self.isolated else f"/bare/{page.id}"

    def wanted(self, html: str) -> str:
        """The path of a page with this text whose reader wants its remote files."""
        path = self.add(html)
        key = httpx.post(f"{self.url}{path.removesuffix('live')}remote", trust_env=False).json()["remote"]
        return f"{path}?remote={key}"

    def publish(self, html: str, folder: Path) -> str:
        """The path of a published page with this text."""

        async def make() -> str:
            if self.store is None:
                self.store = await Store.open(f"sqlite:///{folder}/htmlgen.db")
            version = await self.store.add("upload", html, owner="ann")
            return await publish(self.store, version.id, "ann")

        return self.server.run(make())

    def open_frames(self, tab: Page, paths: list[str], sandbox: str = "") -> None:
        """The app with these pages in frames, as the chat shows them; without its own sandbox, which comes on top."""
        self.frames = "\n".join(f'<iframe src="{path}" {sandbox}></iframe>' for path in paths)
        tab.goto(self.url, wait_until="commit")


class Said:
    """What pages say in the console, in frames and tabs alike."""

    def __init__(self, context: BrowserContext) -> None:
        self.texts: list[str] = []
        context.on("console", lambda message: self.texts.append(message.text))

    def wait(self, tab: Page, text: str, count: int) -> None:
        said = self.texts
        wait_in(tab, lambda: said.count(text) >= count, f"{count} pages say {text!r}, of {said}", 90)


def wait_in(tab: Page, ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
    for _ in range(int(seconds * 10)):
        if ready():
            return
        tab.wait_for_timeout(100)
    raise AssertionError(f"not within {seconds} seconds: {what}")


@pytest.fixture(params=["frame", "tab"])
def free_place(request: pytest.FixtureRequest) -> str:
    """Where a page may be that nothing holds; a published one is a tab like any other there."""
    return str(request.param)


@pytest.fixture(params=["frame", "tab", "published"])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def isolated(serve: Callable[[Any], AppServer]) -> Iterator[FakeApp]:
    app = FakeApp(serve, isolated=True)
    yield app
    if app.store is not None:
        app.server.run(app.store.close())


@pytest.fixture
def bare(serve: Callable[[Any], AppServer]) -> FakeApp:
    return FakeApp(serve, isolated=False)


@pytest.fixture
def listen() -> Iterator[Callable[..., dict[str, Listener]]]:
    """A listener for each name, so that it is plain which attack was heard."""
    opened: list[Listener] = []

    def start(*names: str) -> dict[str, Listener]:
        opened.extend(Listener() for _ in names)
        return dict(zip(names, opened[-len(names) :], strict=True))

    yield start
    for listener in opened:
        listener.close()


@pytest.fixture
def profile(chromium: Browser, tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser as people have it, with a profile on disk; the `context` of the other tests is a private window."""
    context = chromium.browser_type.launch_persistent_context(
        tmp_path / "profile",
        executable_path=find_chromium(),
        args=[argument for argument in CHROMIUM_ARGUMENTS if argument not in PRIVATE],
        ignore_default_args=PRIVATE,
    )
    yield context
    context.close()


def heard(listeners: dict[str, Listener]) -> dict[str, list[str]]:
    return {name: listener.heard for name, listener in listeners.items() if listener.heard}


def open_pages(app: FakeApp, context: BrowserContext, place: str, pages: list[str], folder: Path) -> Page:
    """Opens all pages at once in frames of the app, or each in a tab, and waits until all run. Returns the app's tab."""
    said = Said(context)
    published = place == "published" and app.isolated
    paths = [app.publish(html, folder) if published else app.add(html) for html in pages]
    tab = context.new_page()
    app.open_frames(tab, paths if place == "frame" else [])
    if place != "frame":
        for path in paths:
            context.new_page().goto(app.url + path, wait_until="commit")
    said.wait(tab, "runs", len(pages))
    return tab


AWAY = REQUESTS | LEAVING


def pages_away(listeners: dict[str, Listener]) -> list[str]:
    return [
        write_page(attack, f"http://127.0.0.1:{listeners[name].port}/x", address=f"127.0.0.1:{listeners[name].port}")
        for name, attack in AWAY.items()
    ]


def test_without_isolation_every_way_out_works(
    bare: FakeApp, profile: BrowserContext, listen: Callable[..., dict[str, Listener]], free_place: str, tmp_path: Path
) -> None:
    listeners = listen(*AWAY)
    tab = open_pages(bare, profile, free_place, pages_away(listeners), tmp_path)
    with contextlib.suppress(AssertionError):
        wait_in(tab, lambda: len(heard(listeners)) == len(listeners), "every listener hears its page")
    assert set(heard(listeners)) == set(listeners)


def test_a_page_reaches_nobody(
    isolated: FakeApp, profile: BrowserContext, listen: Callable[..., dict[str, Listener]], place: str, tmp_path: Path
) -> None:
    listeners = listen(*AWAY)
    tab = open_pages(isolated, profile, place, pages_away(listeners), tmp_path)
    tab.wait_for_timeout(SETTLE)
    assert heard(listeners) == {}


def test_nothing_is_fetched_ahead_for_a_page_in_a_tab(
    bare: FakeApp,
    isolated: FakeApp,
    profile: BrowserContext,
    listen: Callable[..., dict[str, Listener]],
    tmp_path: Path,
) -> None:
    for app, place in ((bare, "tab"), (isolated, "tab"), (isolated, "published")):
        listeners = listen(*AHEAD)
        for name, attack in AHEAD.items():  # one at a time: what nobody sees is not fetched for
            page = write_page(attack, f"http://127.0.0.1:{listeners[name].port}/x")
            tab = open_pages(app, profile, place, [page], tmp_path)
            if app is bare:
                wait_in(tab, lambda listener=listeners[name]: bool(listener.heard), f"{name} is fetched")
            else:
                tab.wait_for_timeout(SETTLE)
        assert app is bare or heard(listeners) == {}


@pytest.mark.parametrize("header", ["Connection-Allowlist", "Content-Security-Policy"])
def test_each_of_two_walls_holds_alone(
    isolated: FakeApp, profile: BrowserContext, listen: Callable[..., dict[str, Listener]], header: str
) -> None:
    """So the one is not tested behind the other. Firefox and Safari have no Connection-Allowlist."""
    listeners = listen(*AWAY)
    said = Said(profile)
    pages = pages_away(listeners)
    tab = profile.new_page()
    isolated.open_frames(tab, [f"/only/{header}/{isolated.add(html).split('/')[2]}" for html in pages])
    said.wait(tab, "runs", len(pages))
    tab.wait_for_timeout(SETTLE)
    # Chromium opens connections before it asks the policy whether it may send anything through them.
    reached = {name for name, lines in heard(listeners).items() if set(lines) != {"connected"}}
    # A content policy says nothing of WebRTC; that an opaque origin may not send it to this very machine is luck.
    assert reached - ({"stun", "turn-tcp"} if header == "Content-Security-Policy" else set()) == set()


def pages_to_app(app: FakeApp) -> list[str]:
    return [write_page(attack, app=f"{app.url}/api/{name}") for name, attack in APP.items()]


def test_without_isolation_a_page_commands_the_app(
    bare: FakeApp, context: BrowserContext, free_place: str, tmp_path: Path
) -> None:
    tab = open_pages(bare, context, free_place, pages_to_app(bare), tmp_path)
    wait_in(tab, lambda: set(bare.calls) == set(APP), "the app's API is called in every way")


def test_a_page_cannot_command_the_app(isolated: FakeApp, context: BrowserContext, place: str, tmp_path: Path) -> None:
    tab = open_pages(isolated, context, place, pages_to_app(isolated), tmp_path)
    tab.wait_for_timeout(SETTLE)
    assert isolated.calls == []


def test_the_guard_alone_keeps_a_sandboxed_page_from_commanding_the_app(
    isolated: FakeApp, bare: FakeApp, context: BrowserContext
) -> None:
    """Pages without a policy of their own, in a frame with an opaque origin."""
    for app in (bare, isolated):
        said = Said(context)
        pages = [f"/bare/{app.add(html).split('/')[2]}" for html in pages_to_app(app)]
        tab = context.new_page()
        app.open_frames(tab, pages, 'sandbox="allow-scripts allow-forms"')
        said.wait(tab, "runs", len(pages))
        tab.wait_for_timeout(SETTLE)
    assert set(bare.calls) == set(APP) - {"api-worker", "api-service-worker"}  # need the app's own origin
    # To open an address of the app's in the frame is a navigation, like a link's: no Origin, no cookies, only GET.
    assert set(isolated.calls) <= {"api-location", "api-frame"}


def take(app: FakeApp, context: BrowserContext, place: str, folder: Path) -> list[str]:
    """What pages manage to read of the app's."""
    said = Said(context)
    wanted = TAKE if place == "frame" else TAKE_FROM_OPENER
    pages = [write_page(f"console.log('took', {what})") for what in wanted.values()]
    paths = [app.publish(html, folder) if place == "published" else app.add(html) for html in pages]
    tab = context.new_page()
    app.open_frames(tab, paths if place == "frame" else [])
    if place != "frame":
        tab.evaluate("paths => { for (const path of paths) open(path) }", paths)
    said.wait(tab, "runs", len(paths))
    tab.wait_for_timeout(1_000)
    return [text for text in said.texts if text.startswith("took") and "secret" in text]


def test_without_isolation_a_page_reads_the_apps_secrets(
    bare: FakeApp, context: BrowserContext, free_place: str, tmp_path: Path
) -> None:
    assert len(take(bare, context, free_place, tmp_path)) == len(TAKE if free_place == "frame" else TAKE_FROM_OPENER)


def test_a_page_reads_nothing_of_the_app(
    isolated: FakeApp, context: BrowserContext, place: str, tmp_path: Path
) -> None:
    assert take(isolated, context, place, tmp_path) == []


@pytest.mark.parametrize(
    ("place", "way"),
    [
        ("frame", "top.location = '{away}'"),
        ("frame", "top.document.body.innerHTML = ''"),
        *(
            (place, way)
            for place in ("tab", "published")
            for way in ("opener.location = '{away}'", "opener.postMessage('forged', '*')")
        ),
    ],
)
def test_a_page_cannot_take_the_apps_window_away_nor_speak_to_it(
    isolated: FakeApp,
    bare: FakeApp,
    context: BrowserContext,
    listen: Callable[..., dict[str, Listener]],
    place: str,
    way: str,
    tmp_path: Path,
) -> None:
    for app in (bare, isolated):
        listener = listen("away")["away"]
        said = Said(context)
        tab = context.new_page()
        page = write_page(way, f"http://127.0.0.1:{listener.port}/x")
        path = app.publish(page, tmp_path) if place == "published" and app is isolated else app.add(page)
        app.open_frames(tab, [path] if place == "frame" else [])
        if place != "frame":
            tab.evaluate("path => void open(path)", path)
        said.wait(tab, "runs", 1)
        tab.wait_for_timeout(1_500)
        gone = bool(listener.heard) or tab.url != app.url + "/" or tab.evaluate("document.body.innerHTML") == ""
        assert (gone or tab.evaluate("messages.includes('forged')")) == (app is bare)


def test_a_page_may_use_no_feature_of_the_browser(isolated: FakeApp, tab: Page) -> None:
    tab.goto(isolated.url)
    assert "camera" in tab.evaluate("document.featurePolicy.allowedFeatures()")
    tab.goto(isolated.url + isolated.add("<p>x"))
    assert tab.evaluate("document.featurePolicy.allowedFeatures()") == []
    assert tab.evaluate("self.origin") == "null"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Listener]:
    """A listener that speaks TLS, with a certificate of its own making."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not here")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost",
        shell=True,
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    listener = Listener(tls)
    yield listener
    listener.close()


REMOTE = ["img", "stylesheet", "css-font", "script", "css-url"]
"""What a page may load when its reader says so."""
NEVER_REMOTE = [
    *(
        "fetch",
        "fetch-no-cors",
        "xhr",
        "beacon",
        "websocket",
        "eventsource",
        "ping",
        "worker",
        "iframe",
        "object",
        "embed",
    ),
    *("blank-frame", "location", "meta-refresh", "form", "form-post", "link-click", "window-open", "stun", "turn-tcp"),
]
"""What it may not even then."""


def test_remote_files_load_when_asked_for_and_nothing_else_does(
    isolated: FakeApp, chromium: Browser, secure: Listener, listen: Callable[..., dict[str, Listener]]
) -> None:
    context = chromium.new_context(ignore_https_errors=True)
    stays = {name: attack for name, attack in (REQUESTS | LEAVING).items() if name in NEVER_REMOTE}
    listeners = listen(*stays)
    pages = [write_page(REQUESTS[name], f"https://127.0.0.1:{secure.port}/{name}") for name in REMOTE]
    for name, attack in stays.items():
        # WebRTC has a listener of its own; the rest would be heard by the one that may be asked for images.
        address = f"127.0.0.1:{listeners[name].port}"
        pages.append(write_page(attack, f"https://127.0.0.1:{secure.port}/{name}", address=address))
    said = Said(context)
    tab = context.new_page()
    isolated.open_frames(tab, [isolated.wanted(html) for html in pages])
    said.wait(tab, "runs", len(pages))
    wait_in(tab, lambda: len(secure.requests) >= len(REMOTE), f"remote files are loaded, of {secure.heard}")
    tab.wait_for_timeout(SETTLE)
    assert sorted(secure.requests) == sorted(REMOTE)
    assert heard(listeners) == {}
    context.close()

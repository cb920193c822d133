"""The guard in front of the app: under which names it answers, to whose pages, and what its own may contain."""

import contextlib
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from htmlgen.isolation import page_headers
from htmlgen.origin import APP_HEADERS, Hosts, is_loopback, protect

NAMES = "app.example, public.example, x.ngrok.app"


def make_app(hosts: Hosts | None = None) -> FastAPI:
    """An app that lets everybody in, as Chainlit would, behind the guard."""
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"])

    @app.get("/")
    async def home() -> HTMLResponse:
        return HTMLResponse("<h1>app</h1>")

    @app.api_route("/api", methods=["GET", "POST"])
    async def api() -> PlainTextResponse:
        return PlainTextResponse("secret")

    @app.get("/page")
    async def page() -> HTMLResponse:
        return HTMLResponse("x", headers=page_headers())

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    protect(app, hosts or Hosts("127.0.0.1", NAMES))
    return app


def make_client(hosts: Hosts | None = None) -> TestClient:
    return TestClient(make_app(hosts), base_url="http://app.example:8000")


def check(client: TestClient, headers: dict[str, str], status: int, code: str, methods: Any = ("GET", "POST")) -> None:
    """Every method and a socket are answered like that."""
    headers = {"host": "app.example:8000"} | headers
    for method in methods:
        response = client.request(method, "/api", headers=headers)
        assert response.status_code == status, method
        if status != 200:
            assert response.json()["code"] == code
            assert response.headers["content-type"] == "application/problem+json"
            assert "access-control-allow-origin" not in response.headers
    refused = contextlib.nullcontext() if status == 200 else pytest.raises(WebSocketDisconnect)
    with refused, client.websocket_connect("/ws", headers=headers) as websocket:
        assert websocket.receive_text() == "hello"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # curl
        ({"origin": "http://app.example:8000"}, True),
        ({"origin": "HTTP://APP.example:8000", "host": "app.EXAMPLE:8000"}, True),
        ({"origin": "https://x.ngrok.app", "host": "x.ngrok.app"}, True),
        ({"origin": "https://x.ngrok.app", "host": "x.ngrok.app:443"}, True),
        ({"origin": "http://[::1]:8000", "host": "[::1]:8000"}, True),
        (
            {"origin": "https://public.example", "host": "127.0.0.1:8000", "x-forwarded-host": "public.example, inner"},
            True,
        ),
        ({"origin": "https://evil.example", "host": "127.0.0.1:8000", "x-forwarded-host": "evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://app.example:8001"}, False),
        ({"origin": "http://app.example"}, False),
        ({"origin": "http://app.example.evil:8000"}, False),
        ({"origin": "file://"}, False),
        ({"origin": "http://app.example:port"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, True),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),
    ],
)
def test_only_the_apps_own_pages_reach_it(headers: dict[str, str], allowed: bool) -> None:
    check(make_client(), headers, 200 if allowed else 403, "foreign_origin")


def test_what_changes_something_by_a_cookie_says_where_it_comes_from() -> None:
    client, cookie = make_client(), {"cookie": "access_token=x"}
    check(client, cookie, 403, "no_origin", methods=["POST"])
    assert client.get("/api", headers=cookie).status_code == 200  # a link, a bookmark
    check(client, cookie | {"origin": "http://app.example:8000"}, 200, "")
    check(client, cookie | {"sec-fetch-site": "same-origin"}, 200, "")


@pytest.mark.parametrize(
    ("bound", "named", "known", "unknown"),
    [
        (
            *("127.0.0.1", None),
            ["127.0.0.1", "127.0.0.1:80", "localhost:8000", "LOCALHOST", "localhost.", "[::1]:9", "127.1.2.3"],
            [
                "evil.example",
                "127.0.0.1.evil.example",
                "192.168.1.9",
                "0.0.0.0",
                "localhost.evil.example",
                "localhost:8000.evil.example",
                "localhost:port",
                "localhost@evil.example",
                "[::1",
                "",
                "2130706433",
            ],
        ),
        ("192.168.1.9", None, ["192.168.1.9:8000", "localhost"], ["192.168.1.8", "evil.example"]),
        ("0.0.0.0", None, ["192.168.1.9", "10.0.0.1:8000", "[fe80::1]:80"], ["evil.example", "1.evil.example"]),
        (
            *("127.0.0.1", " Studio.Example , *.apps.example"),
            ["studio.example", "STUDIO.example.:443", "a.apps.example", "a.b.apps.example"],
            ["apps.example", "evilapps.example", "studio.example.evil", "a.studio.example"],
        ),
        ("127.0.0.1", "*", ["localhost"], ["evil.example"]),
    ],
)
def test_a_name_that_is_not_the_servers_own_may_have_been_rebound(
    bound: str, named: str | None, known: list[str], unknown: list[str]
) -> None:
    client = make_client(Hosts(bound, named))
    for host in known:
        assert client.get("/api", headers={"host": host}).status_code == 200, host
    for host in unknown:
        check(client, {"host": host}, 421, "unknown_host")
        check(client, {"host": host, "origin": f"http://{host}"}, 421, "unknown_host")


def test_a_tunnels_name_is_known_once_it_is_open() -> None:
    hosts = Hosts()
    client = make_client(hosts)
    check(client, {"host": "x.ngrok.app"}, 421, "unknown_host")
    hosts.add("x.ngrok.app")
    check(client, {"host": "x.ngrok.app", "origin": "https://x.ngrok.app"}, 200, "")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True)),
        *(
            ("0.0.0.0", False),
            ("::", False),
            ("10.0.0.1", False),
            ("", False),
            ("localhost.evil", False),
            ("mybox", False),
        ),
    ],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_a_preflight_of_another_site_is_refused() -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = make_client().options("/api", headers=asked)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_the_apps_own_responses_say_what_they_may_contain_and_pages_keep_their_own_policy() -> None:
    client = make_client()
    for path in ("/", "/api", "/stream", "/missing"):
        headers = client.get(path).headers
        assert {name: headers[name] for name in APP_HEADERS} == APP_HEADERS
    page = client.get("/page").headers
    assert page["content-security-policy"] == page_headers()["Content-Security-Policy"]
    # With it a browser refuses to open a sandboxed document in a tab.
    assert "cross-origin-opener-policy" not in page


def test_protecting_twice_is_protecting_once() -> None:
    app = make_app()
    protect(app)
    assert len([m for m in app.user_middleware if "OriginGuard" in str(m.cls)]) == 1

"""The routes that serve pages, and the prelude's place in them."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.middleware.gzip import GZipMiddleware

from htmlgen.isolation import FEATURES
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import PRELUDE, PreludeInsertion, make_preview

PAGE = "<!DOCTYPE html>\n<html>\n<head>\n<title>Ein Café &amp; mehr!</title>\n</head>\n<body>\n<h1>Grüße 😀</h1>\n</body>\n</html>"


class Served:
    """A shelf behind a real uvicorn on this event loop, with the compressing middleware that Chainlit has."""

    def __init__(self) -> None:
        self.shelf = PageShelf(10)
        app = FastAPI()
        app.add_middleware(GZipMiddleware)
        app.router.routes[:0] = make_preview(self.shelf, may_read=lambda *_: True).routes
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
        self.sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self.sockets[0].getsockname()[1]

    def page(self, html: str = PAGE, finish: bool = True) -> LivePage:
        page = self.shelf.new()
        page.append(html)
        if finish:
            page.finish("stop")
        return page


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    task = asyncio.create_task(served.server.serve(sockets=served.sockets))
    yield served  # the socket listens already
    served.server.should_exit = True
    await task


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", timeout=30) as client:
        yield client


def check_isolated(response: httpx.Response) -> None:
    policy = dict(part.partition(" ")[::2] for part in response.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'unsafe-inline'",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "font-src": "data:",
        "media-src": "data: blob:",
        "connect-src": "'none'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "frame-src": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-scripts allow-forms",
    }
    assert response.headers["connection-allowlist"] == "()"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    denied = response.headers["permissions-policy"].split(", ")
    assert denied == [f"{feature}=()" for feature in FEATURES.split()]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["live", "source", "source?start=x", "download", "missing"])
async def test_every_response_with_a_page_in_it_is_isolated(
    served: Served, client: httpx.AsyncClient, path: str, method: str
) -> None:
    page = served.page()
    url = "/pages/nobody-has-this-id/live" if path == "missing" else f"/pages/{page.id}/{path}"
    response = await client.request(method, url)
    check_isolated(response)
    assert response.status_code == {"missing": 404, "source?start=x": 400}.get(path, 200)
    assert (response.content == b"") == (method == "HEAD")


async def test_live_is_the_page_with_the_prelude_in_it(served: Served, client: httpx.AsyncClient) -> None:
    page = served.page()
    response = await client.get(f"/pages/{page.id}/live")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.content.count(PRELUDE) == 1
    assert response.content.replace(PRELUDE, b"") == PAGE.encode()
    assert response.content.startswith(b"<!DOCTYPE html>\n<html>\n<head><script>")


@pytest.mark.parametrize("path", ["live", "source", "download"])
async def test_pieces_arrive_while_the_page_is_written(served: Served, client: httpx.AsyncClient, path: str) -> None:
    page = served.page("<html><head><title>", finish=False)
    async with client.stream("GET", f"/pages/{page.id}/{path}", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["content-encoding"] == "identity"
        assert "content-length" not in response.headers
        pieces = response.aiter_raw()
        first = await asyncio.wait_for(anext(pieces), 30)
        assert first.replace(PRELUDE, b"") == b"<html><head><title>"
        for piece in ("Grüße", "</title>"):
            page.append(piece)
            assert await asyncio.wait_for(anext(pieces), 30) == piece.encode()
        page.finish("stop")
        assert [rest async for rest in pieces] == []


async def test_source_starts_where_it_is_asked_to(served: Served, client: httpx.AsyncClient) -> None:
    page = served.page("0123456789")
    response = await client.get(f"/pages/{page.id}/source?start=4")
    assert (response.text, response.headers["content-type"]) == ("456789", "text/plain; charset=utf-8")
    assert (await client.get(f"/pages/{page.id}/source?start=99")).text == ""
    for wrong in ("-1", "x", "1.5", "9" * 16, "²"):
        response = await client.get(f"/pages/{page.id}/source", params={"start": wrong})
        assert response.status_code == 400
        assert "not a number of bytes" in response.text


async def test_download_is_the_models_bytes(served: Served, client: httpx.AsyncClient) -> None:
    page = served.page()
    response = await client.get(f"/pages/{page.id}/download")
    assert response.content == PAGE.encode()
    assert response.headers["content-disposition"] == 'attachment; filename="ein-caf-mehr.html"'
    assert response.headers["content-length"] == str(len(PAGE.encode()))
    untitled = served.page("<title>\r\n\"';</title>")
    assert 'filename="page.html"' in (await client.get(f"/pages/{untitled.id}/download")).headers["content-disposition"]


async def test_an_unknown_page_is_explained(client: httpx.AsyncClient) -> None:
    response = await client.get("/pages/%3Cscript%3E/live")
    assert response.status_code == 404
    assert "No such page" in response.text
    assert "ask for it again" in response.text
    assert "<script>" not in response.text


async def test_head_does_not_wait_for_the_end(served: Served, client: httpx.AsyncClient) -> None:
    page = served.page("<p>", finish=False)
    response = await asyncio.wait_for(client.head(f"/pages/{page.id}/live"), 30)
    assert response.status_code == 200
    assert "content-length" not in response.headers
    page.finish("stop")


async def test_remote_admits_https_but_no_connections(served: Served, client: httpx.AsyncClient) -> None:
    page, other = served.page(), served.page()
    key = (await client.post(f"/pages/{page.id}/remote")).json()["remote"]
    policy = (await client.get(f"/pages/{page.id}/live?remote={key}")).headers["content-security-policy"]
    for kind in ("script-src", "style-src", "img-src", "font-src"):
        assert "https:" in next(part for part in policy.split("; ") if part.startswith(kind))
    for kept in ("connect-src 'none'", "form-action 'none'", "frame-src 'none'", "sandbox allow-scripts allow-forms"):
        assert kept in policy.split("; ")
    # A page can ask for its own address; its reader's key it cannot know, and another page's is none.
    for path in (
        f"{page.id}/live",
        f"{page.id}/live?remote=1",
        f"{page.id}/live?remote=é",
        f"{other.id}/live?remote={key}",
    ):
        assert "https:" not in (await client.get(f"/pages/{path}")).headers["content-security-policy"], path


async def test_only_a_tab_may_be_printed(served: Served, client: httpx.AsyncClient) -> None:
    path = f"/pages/{served.page().id}/live?print=1"
    for where, modal in (("document", True), ("iframe", False)):
        answer = await client.get(path, headers={"sec-fetch-dest": where})
        assert ("allow-modals" in answer.headers["content-security-policy"]) == modal


async def test_a_reader_who_hangs_up_is_forgotten(served: Served, client: httpx.AsyncClient) -> None:
    page = served.page("<p>x", finish=False)
    before = len(asyncio.all_tasks())
    async with client.stream("GET", f"/pages/{page.id}/live") as response:
        await asyncio.wait_for(anext(response.aiter_raw()), 30)
        assert len(asyncio.all_tasks()) > before
    async with asyncio.timeout(30):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  tasks do not tell
            await asyncio.sleep(0.02)
    page.append("y")
    page.finish("stop")


async def test_stuck_connections_hold_up_nobody(served: Served, client: httpx.AsyncClient) -> None:
    """A 2 MB page, 25 connections that never read, and 25 that do."""
    page = served.page("<!DOCTYPE html>", finish=False)
    stuck = []
    for _ in range(25):
        connection = socket.create_connection(("127.0.0.1", served.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET /pages/{page.id}/live HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        stuck.append(connection)

    async def read() -> int:
        return len((await client.get(f"/pages/{page.id}/source")).content)

    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as client:
        readers = [asyncio.create_task(read()) for _ in range(25)]
        for _ in range(200):
            page.append("x" * 10_000)
            await asyncio.sleep(0.001)
        page.finish("stop")
        assert set(await asyncio.wait_for(asyncio.gather(*readers), 60)) == {page.size}
    for connection in stuck:
        connection.close()


# Where the prelude goes

PLACES = [
    "<!DOCTYPE html>\n<html lang='>'>\n<head>|<title>x</title>",
    "<!-- <head> -->\n<!doctype html>\n<HTML>\n  <HEAD a=b>|\n",
    "<?xml version='1.0'?>\n<html>\n|<body>x",
    "<html><!-- x -->\n|<title>x</title>",
    "|<div>x</div><head>",
    "|text <html><head>",
    "<html>|text <head>",
    "|<3<html>",
    "|<header>x</header>",
    "|<script>alert(1)</script>",
    "\n |</p><html>",
    "<html>|Grüße",
    "<!DOCTYPE html>",
    "<!-- never closed <head>",
    "<html><hea",
    "",
]


def insert(*pieces: bytes) -> bytes:
    insertion = PreludeInsertion()
    return b"".join([insertion.feed(piece) for piece in pieces]) + insertion.close()


@pytest.mark.parametrize("marked", PLACES)
def test_the_prelude_comes_before_all_content_and_behind_what_must_be_first(marked: str) -> None:
    data = marked.replace("|", "").encode()
    expected = marked.encode().replace(b"|", PRELUDE)
    assert insert(data) == expected
    assert insert(*[data[i : i + 1] for i in range(len(data))]) == expected
    for cut in range(len(data)):
        assert insert(data[:cut], data[cut:]) == expected


@given(
    st.lists(
        st.sampled_from(["<html>", "<head>", "<p>", "<", ">", "!--", "-->", "\n", "a", "<!doctype html>", "é", "'"])
    )
)
def test_the_prelude_adds_nothing_else(pieces: list[str]) -> None:
    data = [piece.encode() for piece in pieces]
    sent = insert(*data)
    assert sent == insert(b"".join(data))
    assert sent.count(PRELUDE) <= 1
    assert sent.replace(PRELUDE, b"") == b"".join(data)


def test_the_prelude_does_not_end_itself() -> None:
    script = PRELUDE.removeprefix(b"<script>").removesuffix(b"</script>").lower()
    assert b"</script" not in script
    assert b"<!--" not in script


@pytest.mark.parametrize("path", ["live", "source", "download", "draft", "remote"])
async def test_a_page_is_shown_to_whom_it_belongs_and_to_others_is_not_there(path: str) -> None:
    shelf = PageShelf(10)
    app = FastAPI()
    app.router.routes[:0] = make_preview(shelf, may_read=lambda request, owner: request.headers["who"] == owner).routes
    page = shelf.new("ann")
    page.append(PAGE)
    page.finish("stop")
    method = "POST" if path in ("draft", "remote") else "GET"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        own = await client.request(method, f"/pages/{page.id}/{path}", headers={"who": "ann"})
        others = await client.request(method, f"/pages/{page.id}/{path}", headers={"who": "ben"})
        none = await client.request(method, f"/pages/no-such-id/{path}", headers={"who": "ben"})
        assert own.status_code == 200
        assert others.status_code == none.status_code == 404
        assert others.content == none.content
        if path == "draft":
            draft = own.json()["page"]
            assert (await client.get(f"/pages/{draft}/live", headers={"who": "ann"})).status_code == 200
            assert (await client.get(f"/pages/{draft}/live", headers={"who": "ben"})).status_code == 404

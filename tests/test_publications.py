"""Published pages, over a real database and the routes as they are served."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from htmlgen.auth import User
from htmlgen.errors import PageNotFound, RequestError
from htmlgen.isolation import page_headers
from htmlgen.publish import make_publishing, publications, publish, revoke
from htmlgen.store import Store, Version

PAGE = "<!DOCTYPE html>\n<html><head><title>Fish &amp; Chips</title></head><body><h1>Menu</h1></body></html>"
PASSWORD = "salt and vinegar"


@pytest.fixture(autouse=True)
def hash_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htmlgen.publish.HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    yield store
    await store.close()


@pytest.fixture
async def page(store: Store) -> Version:
    return await store.add("upload", PAGE, owner="ann", instruction="A menu")


class Known:
    """In the gate's place: every request is that of the user whom X-User names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = dict(scope["headers"]).get(b"x-user", b"").decode()
        scope["state"] = {"user": User(name) if name else None}
        await self.app(scope, receive, send)


@pytest.fixture
async def visit(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=make_publishing(lambda: store).routes)
    transport = httpx.ASGITransport(app=Known(app), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="https://studio.example") as client:
        yield client


class TestReading:
    async def test_whoever_has_the_link_sees_the_page_alone_and_isolated(
        self, store: Store, page: Version, visit: httpx.AsyncClient
    ) -> None:
        url = await publish(store, page.id, "ann")
        assert re.fullmatch(r"/p/[\w-]{22}", url)
        answer = await visit.get(url)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        for name, value in page_headers().items():
            assert answer.headers[name] == value
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        without_prelude = re.sub("(?s)<script>.*?</script>", "", answer.text)
        assert without_prelude == PAGE
        assert "set-cookie" not in answer.headers
        head = await visit.head(url)
        assert (head.status_code, head.text) == (200, "")

    @pytest.mark.parametrize("token", ["", "x", "../x", "a" * 22, "%00", "é"])
    async def test_a_wrong_link_is_one_answer(self, visit: httpx.AsyncClient, token: str) -> None:
        assert (await visit.get(f"/p/{token}")).status_code == 404

    async def test_a_revoked_link_is_as_if_it_had_never_been(
        self, store: Store, page: Version, visit: httpx.AsyncClient
    ) -> None:
        url = await publish(store, page.id, "ann", PASSWORD)
        await visit.post(url, data={"password": PASSWORD})
        assert (await visit.get(url)).status_code == 200
        await revoke(store, url[3:], "ann")
        never = await visit.get("/p/never")
        for answer in (await visit.get(url), await visit.post(url, data={"password": PASSWORD})):
            assert (answer.status_code, answer.text) == (404, never.text)

    async def test_it_shows_what_was_published_however_the_page_goes_on(
        self, store: Store, page: Version, visit: httpx.AsyncClient
    ) -> None:
        """Continue begins a version again, and writes on in it."""
        url = await publish(store, page.id, "ann")
        await store.save(page.id, PAGE.replace("Menu", "Something else"), "")
        assert "<h1>Menu</h1>" in (await visit.get(url)).text

    async def test_it_works_after_a_restart(self, store: Store, page: Version, tmp_path: Path) -> None:
        url = await publish(store, page.id, "ann", PASSWORD)
        again = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
        app = Starlette(routes=make_publishing(lambda: again).routes)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", follow_redirects=True) as client:
            assert (await client.get(url)).status_code == 401
            assert "Menu" in (await client.post(url, data={"password": PASSWORD})).text
        await again.close()

    async def test_no_access_line_tells_of_a_reader(self, visit: httpx.AsyncClient) -> None:
        """`visit` made the routes."""
        seen: list[str] = []

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                seen.append(record.getMessage())

        logger, handler = logging.getLogger("uvicorn.access"), Keep()
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            for path in ("/p/token", "/p/token?from=mail", "/ready"):
                logger.info('%s - "%s %s HTTP/%s" %d', "203.0.113.7:1", "GET", path, "1.1", 200)
        finally:
            logger.removeHandler(handler)
        assert seen == ['203.0.113.7:1 - "GET /ready HTTP/1.1" 200']


class TestPassword:
    async def test_it_is_asked_for_and_remembered_by_a_cookie_of_this_page(
        self, store: Store, page: Version, visit: httpx.AsyncClient
    ) -> None:
        url = await publish(store, page.id, "ann", PASSWORD)
        asked = await visit.get(url)
        assert asked.status_code == 401
        assert "Menu" not in asked.text
        assert "Fish" not in asked.text
        answer = await visit.post(url, data={"password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, url)
        cookie = answer.headers["set-cookie"].lower()
        for part in (f"path={url.lower()}", "httponly", "samesite=lax", "secure"):
            assert part in cookie
        assert "max-age" not in cookie
        assert "<h1>Menu</h1>" in (await visit.get(url)).text

    @pytest.mark.parametrize(
        "body", ["password=wrong", "", "password=", "p=1", "password=" + "x" * 100_000, "%ff=%00&"]
    )
    async def test_anything_else_is_refused(
        self, store: Store, page: Version, visit: httpx.AsyncClient, body: str
    ) -> None:
        url = await publish(store, page.id, "ann", PASSWORD)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await visit.post(url, content=body, headers=form)
        assert answer.status_code == 401
        assert "That is not the password of this page." in answer.text
        assert "set-cookie" not in answer.headers

    async def test_one_pages_cookie_opens_no_other(self, store: Store, page: Version, visit: httpx.AsyncClient) -> None:
        one, other = [await publish(store, page.id, "ann", PASSWORD) for _ in range(2)]
        key = (await visit.post(one, data={"password": PASSWORD})).cookies["page"]
        visit.cookies.clear()
        assert (await visit.get(one, headers={"Cookie": f"page={key}"})).status_code == 200
        assert (await visit.get(other, headers={"Cookie": f"page={key}"})).status_code == 401
        assert (await visit.get(one, headers={"Cookie": "page=é".encode()})).status_code == 401  # type: ignore[dict-item]

    async def test_passwords_in_any_script(self, store: Store, page: Version, visit: httpx.AsyncClient) -> None:
        url = await publish(store, page.id, "ann", "пароль ✓ & +%")
        assert (await visit.post(url, data={"password": "пароль ✓ & +%"})).status_code == 303

    async def test_trying_many_is_told_to_wait_and_then_the_right_one_is_too(
        self, store: Store, page: Version, visit: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("htmlgen.publish._verify", lambda hashed, password: False)
        url = await publish(store, page.id, "ann", PASSWORD)
        answers = [await visit.post(url, data={"password": "x"}) for _ in range(12)]
        assert [a.status_code for a in answers] == [401] * 10 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
        assert "too many tries" in answers[-1].text
        assert (await visit.get(await publish(store, page.id, "ann"))).status_code == 200

    async def test_it_is_stored_hashed(self, store: Store, page: Version, tmp_path: Path) -> None:
        await publish(store, page.id, "ann", PASSWORD)
        await store.close()
        files = b"".join(path.read_bytes() for path in tmp_path.glob("htmlgen.db*"))  # noqa: ASYNC240
        assert b"$argon2id$" in files
        assert PASSWORD.encode() not in files

    async def test_the_form_can_send_to_this_server_alone(
        self, store: Store, page: Version, visit: httpx.AsyncClient
    ) -> None:
        url = await publish(store, page.id, "ann", PASSWORD)
        headers = (await visit.get(url)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "form-action 'self'; frame-ancestors 'none'" in policy
        # "no-referrer" would make the form's Origin "null", which the origin guard refuses.
        assert headers["referrer-policy"] == "same-origin"


class TestPublishing:
    async def test_only_ones_own_finished_pages(self, store: Store, page: Version) -> None:
        with pytest.raises(PageNotFound):
            await publish(store, page.id, "bob")
        with pytest.raises(PageNotFound):
            await publish(store, "absent", "ann")
        empty = await store.add("upload", " \n", owner="ann")
        with pytest.raises(RequestError, match="is empty"):
            await publish(store, empty.id, "ann")
        await store.save(page.id, PAGE, "")  # it is being written again
        with pytest.raises(RequestError, match="still being written"):
            await publish(store, page.id, "ann")

    @pytest.mark.parametrize("password", ["short", "x" * 201])
    async def test_a_password_that_is_too_short_or_long(self, store: Store, page: Version, password: str) -> None:
        with pytest.raises(RequestError, match=f"has {len(password)} characters; 8 to 200 are needed"):
            await publish(store, page.id, "ann", password)

    async def test_the_list_has_ones_own_links_that_work_newest_first(self, store: Store, page: Version) -> None:
        urls = [await publish(store, page.id, "ann", password) for password in (None, PASSWORD, None)]
        bobs = await store.add("upload", "<p>no title</p>", owner="bob", instruction="  Bob's\n page ")
        await publish(store, bobs.id, "bob")
        await revoke(store, urls[0][3:], "ann")
        listed = await publications(store, "ann")
        assert [(p.url, p.version, p.title, p.protected) for p in listed] == [
            (urls[2], page.id, "Fish & Chips", False),
            (urls[1], page.id, "Fish & Chips", True),
        ]
        assert [p.title for p in await publications(store, "bob")] == ["Bob's page"]

    async def test_nobody_revokes_anothers_link(self, store: Store, page: Version, visit: httpx.AsyncClient) -> None:
        url = await publish(store, page.id, "ann")
        with pytest.raises(PageNotFound):
            await revoke(store, url[3:], "bob")
        assert (await visit.get(url)).status_code == 200
        await revoke(store, url[3:], "ann")
        with pytest.raises(PageNotFound):
            await revoke(store, url[3:], "ann")


class TestRoutes:
    ANN: dict[str, Any] = {"headers": {"X-User": "ann"}}  # noqa: RUF012

    async def test_publish_list_and_revoke(self, page: Version, visit: httpx.AsyncClient) -> None:
        made = await visit.post("/publications", json={"page": page.id, "password": PASSWORD}, **self.ANN)
        assert made.status_code == 201
        url = made.json()["url"]
        listed = (await visit.get("/publications", **self.ANN)).json()["publications"]
        assert [(p["url"], p["page"], p["protected"]) for p in listed] == [(url, page.id, True)]
        assert PASSWORD not in str(listed)
        token = made.json()["token"]
        assert (await visit.delete(f"/publications/{token}", headers={"X-User": "bob"})).status_code == 404
        assert (await visit.delete(f"/publications/{token}", **self.ANN)).status_code == 204
        assert (await visit.get(url)).status_code == 404

    async def test_strangers_are_refused(self, page: Version, visit: httpx.AsyncClient) -> None:
        assert (await visit.get("/publications")).status_code == 401
        assert (await visit.post("/publications", json={"page": page.id})).status_code == 401
        assert (await visit.delete("/publications/x")).status_code == 401

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{}", b'{"page": 1}', b'{"page": "x", "more": 1}', b"\xff", b'{"page": "\\ud800"}']
    )
    async def test_bad_bodies_are_told(self, visit: httpx.AsyncClient, body: bytes) -> None:
        answer = await visit.post("/publications", content=body, **self.ANN)
        assert answer.status_code in (400, 404, 422)
        assert answer.headers["content-type"] == "application/problem+json"

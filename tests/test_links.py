"""The page on which users publish and end their links, as the server sends it."""

import re

import httpx
import pytest
from starlette.applications import Starlette

from htmlgen.links import make_links
from htmlgen.publish import make_publishing, publications, publish
from htmlgen.store import Store, Version
from tests.test_publications import PAGE, PASSWORD, Known, hash_fast, page, store

ANN = {"X-User": "ann"}


__all__ = ["hash_fast", "page", "store"]  # fixtures


def browse(store: Store, base: str = "http://localhost:8000", public: str | None = None) -> httpx.AsyncClient:
    routes = [*make_publishing(lambda: store).routes, *make_links(lambda: store, lambda: public).routes]
    transport = httpx.ASGITransport(app=Known(Starlette(routes=routes)))
    return httpx.AsyncClient(transport=transport, base_url=base, headers=ANN, follow_redirects=True)


async def test_publishing_copying_and_revoking(store: Store, page: Version) -> None:
    async with browse(store, public="https://x.ngrok.app") as browser:
        shown = await browser.get(f"/published?page={page.id}")
        assert "Publish “Fish &amp; Chips”" in shown.text
        assert "You have published nothing yet." in shown.text
        made = await browser.post(f"/published?page={page.id}", data={"page": page.id, "password": PASSWORD})
        assert made.status_code == 200
        link = re.findall(r'data-copy="([^"]+)"', made.text)[0]
        assert link.startswith("https://x.ngrok.app/p/")
        assert '<li class="new">' in made.text or "<li class=new>" in made.text
        assert "with a password" in made.text
        assert PASSWORD not in made.text
        path = link.removeprefix("https://x.ngrok.app")
        assert (await browser.get(path)).status_code == 401
        after = await browser.post("/published/revoke", data={"token": path[3:]})
        assert "You have published nothing yet." in after.text
        assert (await browser.get(path)).status_code == 404
        assert (await browser.post("/published/revoke", data={"token": path[3:]})).status_code == 200


async def test_without_a_password_it_is_open(store: Store, page: Version) -> None:
    async with browse(store) as browser:
        await browser.post("/published", data={"page": page.id, "password": ""})
        url = (await publications(store, "ann"))[0].url
        assert "Menu" in (await browser.get(url)).text


@pytest.mark.parametrize(
    ("base", "public", "told"),
    [
        ("http://localhost:8000", None, True),
        ("http://localhost:8000", "https://x.ngrok.app", False),
        ("https://studio.example.com", None, False),
    ],
)
async def test_a_link_that_nobody_else_can_open_says_so(
    store: Store, page: Version, base: str, public: str | None, told: bool
) -> None:
    async with browse(store, base, public) as browser:
        made = await browser.post("/published", data={"page": page.id})
        assert ("Only this machine can open this link" in made.text) == told
        assert f'href="{public or base}/p/' in made.text


async def test_what_is_wrong_is_told_on_the_page(store: Store, page: Version) -> None:
    async with browse(store) as browser:
        short = await browser.post(f"/published?page={page.id}", data={"page": page.id, "password": "short"})
        assert short.status_code == 400
        assert 'role="alert">The page&#x27;s password has 5 characters; 8 to 200 are needed.' in short.text
        assert "Publish “Fish" in short.text
        for wrong in ("absent", "", "é"):
            answer = await browser.get("/published", params={"page": wrong})
            assert answer.status_code == 404
            assert "There is no such page to publish" in answer.text
        await store.save(page.id, PAGE, "")  # Continue writes on
        assert "still being written" in (await browser.post("/published", data={"page": page.id})).text


async def test_everybody_sees_his_own_and_names_cannot_break_the_page(store: Store, page: Version) -> None:
    evil = "<title>&lt;script&gt;alert(1)&lt;/script&gt;\"'</title><p>x</p>"
    bobs = await store.add("upload", evil, owner="bob", instruction="x")
    await publish(store, bobs.id, "bob")
    async with browse(store) as browser:
        assert "alert(1)" not in (await browser.get("/published")).text
        assert (await browser.get(f"/published?page={bobs.id}")).status_code == 404
        for path in ("/published", f"/published?page={bobs.id}"):
            text = (await browser.get(path, headers={"X-User": "bob"})).text
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
            assert "<script>alert" not in text
        assert (await browser.get("/published", headers={"X-User": ""})).status_code == 401
        assert (await browser.post("/published", data={"page": page.id}, headers={"X-User": ""})).status_code == 401


async def test_its_own_script_is_the_only_one_and_forms_go_to_this_server(store: Store) -> None:
    async with browse(store) as browser:
        policy = (await browser.get("/published")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)
    assert "form-action 'self'; frame-ancestors 'none'" in policy

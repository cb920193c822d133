"""Publishing: `/p/<token>` shows one version of a page to whoever has the link, alone and as isolated as in the pane.

    url = await publish(store, version_id, "ann", password="for friends")     # "/p/3vN9…"
    await publications(store, "ann")                                           # what she has published
    await revoke(store, token, "ann")                                          # the link is dead

    GET  /p/{token}                  the page, or a form for its password
    POST /p/{token}                  the password
    GET, POST /publications          of the one who asks; DELETE /publications/{token}

A link shows what was published however the chat goes on, until it is revoked or the chat is deleted. Nothing is kept about
readers: no count, no address, no line in the access log; a password leaves a cookie that is the same for all who know it.
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape, unescape
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from htmlgen.auth import current_user
from htmlgen.database import storage
from htmlgen.errors import HtmlgenError, PageNotFound, RequestError
from htmlgen.isolation import page_headers
from htmlgen.plain_page import plain_page, read_form
from htmlgen.preview import NOT_FOUND, PreludeInsertion
from htmlgen.problems import problem_response
from htmlgen.ratelimit import RateLimit
from htmlgen.schema import publications as table
from htmlgen.schema import versions
from htmlgen.store import Store

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 200
"""Characters."""

TRIES = (6.0, 10)
"""Passwords tried a minute, and at once, at one page from wherever they come: 8,640 a day."""

GONE = "This page is not published, or no longer. Ask whoever sent you the link."

HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Publication:
    """One link to one version of a page."""

    token: str
    version: str
    title: str
    protected: bool
    """Whether it asks for a password."""
    created_at: datetime

    @property
    def url(self) -> str:
        return f"/p/{self.token}"


async def publish(store: Store, version_id: str, owner: str, password: str | None = None) -> str:
    """Makes a link to a version of `owner`'s; returns its path on this server. Each call makes another link.

    Raises:
        PageNotFound: no version of that id is the owner's.
        RequestError: the page is still being written, is empty, or the password cannot be used.
    """
    version = await store.version(version_id)
    if version is None or version.owner != owner:
        raise PageNotFound("There is no such page to publish; it may have been deleted with its chat.")
    if version.state == "writing":
        raise RequestError("The page is still being written. Publish it when it is finished.")
    if not version.html.strip():
        raise RequestError("The page is empty. Publish it when there is something to see.")
    hashed = None
    if password:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise RequestError(
                f"The page's password has {len(password)} characters; {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} are needed."
            )
        hashed = await asyncio.to_thread(HASHER.hash, password.encode("utf-8", "surrogatepass"))
    token = secrets.token_urlsafe(16)
    row = {
        "token": token,
        "version_id": version_id,
        "owner": owner,
        "html": version.html,
        "password_hash": hashed,
        "created_at": datetime.now(timezone.utc),
    }
    with storage("The page is not published"):
        async with store.engine.begin() as connection:
            await connection.execute(table.insert().values(row))
    return f"/p/{token}"


async def revoke(store: Store, token: str, owner: str) -> None:
    """Ends a link at once; it is not made again.

    Raises:
        PageNotFound: no link of `owner`'s has this token, or it has ended already.
    """
    mine = (table.c.token == token, table.c.owner == owner, table.c.revoked_at.is_(None))
    with storage("The link still works"):
        async with store.engine.begin() as connection:
            done = await connection.execute(table.update().where(*mine).values(revoked_at=datetime.now(timezone.utc)))
    if not done.rowcount:
        raise PageNotFound("There is no such link of yours; it may have been revoked already.")


async def publications(store: Store, owner: str) -> list[Publication]:
    """The links of `owner` that work, the newest first."""
    query = (
        select(table, versions.c.instruction)
        .join(versions, versions.c.id == table.c.version_id)
        .where(table.c.owner == owner, table.c.revoked_at.is_(None))
        .order_by(table.c.created_at.desc())
    )
    with storage("Your links cannot be listed"):
        async with store.engine.connect() as connection:
            rows = (await connection.execute(query)).all()
    return [
        Publication(
            row.token,
            row.version_id,
            title_of(row.html) or " ".join(row.instruction.split())[:100],
            row.password_hash is not None,
            row.created_at,
        )
        for row in rows
    ]


def title_of(html: str) -> str:
    """What a page calls itself; empty where it has no title."""
    found = re.search(r"<title[^>]*>([^<]{1,300})</title", html[:20_000], re.IGNORECASE)
    return " ".join(unescape(found[1]).split())[:100] if found else ""


# Routes


class PublishBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    page: str = Field(max_length=100)
    password: str | None = None


def make_publishing(get_store: Any) -> Router:
    """The routes. `get_store` is called for each request, so that they can be added before the store is open."""
    tries = RateLimit(*TRIES)
    hashing = asyncio.Semaphore(2)  # each check takes 64 MiB
    logging.getLogger("uvicorn.access").addFilter(_is_no_reader)

    async def find(token: str) -> tuple[str, str | None]:
        """The page's text and the hash of its password."""
        query = select(table.c.html, table.c.password_hash).where(table.c.token == token, table.c.revoked_at.is_(None))
        with storage("This page cannot be read"):
            async with get_store().engine.connect() as connection:
                row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise PageNotFound(GONE)
        return row.html, row.password_hash

    async def show(request: Request) -> Response:
        token = request.path_params["token"]
        try:
            html, hashed = await find(token)
        except HtmlgenError as error:
            return _gone(error)
        if hashed is not None and not _is_unlocked(request, token, hashed):
            return _form(token)
        insertion = PreludeInsertion()
        data = insertion.feed(html.encode("utf-8", "replace")) + insertion.close()
        return Response(data, headers=_page_headers() | {"Content-Type": "text/html; charset=utf-8"})

    async def unlock(request: Request) -> Response:
        token = request.path_params["token"]
        try:
            _, hashed = await find(token)
        except HtmlgenError as error:
            return _gone(error)
        if hashed is not None:
            if wait := tries.take(token):
                return _form(token, f"There have been too many tries. Try again in {wait} seconds.", 429, wait)
            password = (await read_form(request)).get("password")
            async with hashing:
                right = password is not None and await asyncio.to_thread(_verify, hashed, password)
            if not right:
                return _form(token, "That is not the password of this page.")
        response = RedirectResponse(f"/p/{token}", 303)
        if hashed is not None:
            response.set_cookie(
                "page", _key(token, hashed), path=f"/p/{token}", httponly=True, samesite="lax",
                secure=request.url.scheme == "https",
            )  # fmt: skip
        return response

    async def listed(request: Request) -> Response:
        user = await current_user(request)
        return JSONResponse({"publications": [_as_json(p) for p in await publications(get_store(), user.name)]})

    async def made(request: Request) -> Response:
        user = await current_user(request)
        try:
            body = PublishBody.model_validate_json(await request.body())
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "The body"
            raise RequestError(f'{name}: {first["msg"]}. Send {{"page": "…", "password": "…"}}.') from error
        url = await publish(get_store(), body.page, user.name, body.password)
        return JSONResponse({"url": url, "token": url.rpartition("/")[2]}, 201)

    async def ended(request: Request) -> Response:
        user = await current_user(request)
        await revoke(get_store(), request.path_params["token"], user.name)
        return Response(status_code=204)

    return Router(
        [
            Route("/p/{token}", show, methods=["GET"]),
            Route("/p/{token}", unlock, methods=["POST"]),
            Route("/publications", _told(listed), methods=["GET"]),
            Route("/publications", _told(made), methods=["POST"]),
            Route("/publications/{token}", _told(ended), methods=["DELETE"]),
        ]
    )


def _told(view: Any) -> Any:
    """`view`, with its errors as problem details."""

    async def told(request: Request) -> Response:
        try:
            answer: Response = await view(request)
        except HtmlgenError as error:
            return problem_response(error)
        return answer

    return told


def _as_json(publication: Publication) -> dict[str, Any]:
    return {
        "url": publication.url,
        "token": publication.token,
        "page": publication.version,
        "title": publication.title,
        "protected": publication.protected,
        "created_at": publication.created_at.isoformat(),
    }


def _is_no_reader(record: logging.LogRecord) -> bool:
    """Drops the access lines of published pages. uvicorn's arguments are address, method, path, version, status."""
    return not (isinstance(record.args, tuple) and len(record.args) > 2 and str(record.args[2]).startswith("/p/"))


def _page_headers() -> dict[str, str]:
    return page_headers() | {"X-Robots-Tag": "noindex, nofollow"}


def _gone(error: HtmlgenError) -> Response:
    text = NOT_FOUND % ("No such page", "No such page", escape(str(error)))
    return HTMLResponse(text, error.status, _page_headers())


# Passwords


def _verify(hashed: str, password: str) -> bool:
    try:
        return HASHER.verify(hashed, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


def _key(token: str, hashed: str) -> str:
    """What opens the page again: known to the server alone, and no other password's."""
    return hmac.new(hashed.encode(), token.encode(), hashlib.sha256).hexdigest()


def _is_unlocked(request: Request, token: str, hashed: str) -> bool:
    return hmac.compare_digest(request.cookies.get("page", "").encode(), _key(token, hashed).encode())


def _form(token: str, problem: str | None = None, status: int = 401, wait: int | None = None) -> Response:
    told = f'<p role="alert">{escape(problem)}</p>' if problem else "<p>Whoever sent you the link knows it.</p>"
    form = (
        f'<form method="post" action="/p/{escape(token)}"><h1>This page has a password</h1>{told}'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>'
        '<button class="main">Open the page</button></form>'
    )
    return plain_page("This page has a password", form, status, {} if wait is None else {"Retry-After": str(wait)})

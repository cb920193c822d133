"""The page on which users publish their pages, and end the links they made.

    GET  /published?page=…      a form for that page, and all links of the one who asks
    POST /published             publishes; back to the page, with the new link on top
    POST /published/revoke      ends one

Plain forms: they work in a tab of their own, beside the chat and on a phone, and a form of another site is refused by the
origin guard as every POST is.
"""

from collections.abc import Callable
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router

from htmlgen.auth import current_user
from htmlgen.errors import HtmlgenError, PageNotFound
from htmlgen.origin import is_loopback
from htmlgen.plain_page import plain_page, read_form
from htmlgen.publish import LONGEST_PASSWORD, SHORTEST_PASSWORD, Publication, publications, publish, revoke, title_of
from htmlgen.store import Store


def make_links(get_store: Callable[[], Store], public_url: Callable[[], str | None] = lambda: None) -> Router:
    """The routes. `public_url` is the address under which others reach the server, where it is not the one asked for."""

    async def show(request: Request, problem: str | None = None, status: int = 200) -> Response:
        try:
            user = await current_user(request)
            listed = await publications(get_store(), user.name)
            body = await _form(get_store(), request.query_params.get("page"), user.name, problem)
        except HtmlgenError as error:
            return plain_page(
                "Published pages", f'<h1>Published pages</h1><p role="alert">{escape(str(error))}</p>', error.status
            )
        base = (public_url() or str(request.base_url)).rstrip("/")
        new = request.query_params.get("new")
        rows = "".join(_row(publication, base, publication.token == new) for publication in listed)
        if new is not None and listed and is_loopback(request.base_url.hostname or "") and public_url() is None:
            body += (
                '<p role="status">Only this machine can open this link now. <code>make share</code> lets others in.</p>'
            )
        body += f"<h2>Your links</h2>{f'<ul>{rows}</ul>' if listed else '<p>You have published nothing yet.</p>'}"
        return plain_page("Published pages", body, status, wide=True)

    async def make(request: Request) -> Response:
        form = await read_form(request)
        page = form.get("page", "")
        try:
            user = await current_user(request)
            url = await publish(get_store(), page, user.name, form.get("password") or None)
        except HtmlgenError as error:
            return await show(request, str(error), error.status)
        return RedirectResponse(f"/published?{urlencode({'page': page, 'new': url[3:]})}", 303)

    async def end(request: Request) -> Response:
        form = await read_form(request)
        try:
            user = await current_user(request)
            await revoke(get_store(), form.get("token", ""), user.name)
        except PageNotFound:
            pass  # it has ended, which is what was asked
        except HtmlgenError as error:
            return await show(request, str(error), error.status)
        return RedirectResponse("/published", 303)

    return Router(
        [
            Route("/published", show, methods=["GET"]),
            Route("/published", make, methods=["POST"]),
            Route("/published/revoke", end, methods=["POST"]),
        ]
    )


async def _form(store: Store, page: str | None, owner: str, problem: str | None) -> str:
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    if page is None:
        return f"<h1>Published pages</h1>{alert}<p>To publish a page, choose <b>Publish…</b> in the menu over its preview.</p>"
    version = await store.version(page)
    if version is None or version.owner != owner:
        raise PageNotFound("There is no such page to publish; it may have been deleted with its chat.")
    name = title_of(version.html) or " ".join(version.instruction.split())[:100] or "this page"
    return (
        f"<h1>Publish “{escape(name)}”</h1>"
        f"{alert or '<p>Whoever has the link sees the page as it is now, and nothing else of yours. You can end it at any time.</p>'}"
        f'<form method="post" action="/published?{urlencode({"page": page})}">'
        f'<input type="hidden" name="page" value="{escape(page)}">'
        f'<label for="password">Password, if not everybody with the link may read it</label>'
        f'<input id="password" name="password" type="text" autocomplete="off" spellcheck="false" '
        f'minlength="{SHORTEST_PASSWORD}" maxlength="{LONGEST_PASSWORD}" placeholder="none">'
        '<button class="main">Publish</button></form>'
    )


def _row(publication: Publication, base: str, new: bool) -> str:
    url = escape(base + publication.url)
    facts = f"{publication.created_at:%-d %B %Y, %H:%M} UTC{', with a password' if publication.protected else ''}"
    return (
        f"<li{' class=new' if new else ''}><div><strong>{escape(publication.title or 'Untitled')}</strong>"
        f'<a href="{url}" target="_blank" rel="noopener">{url}</a><br><span>{facts}</span></div>'
        f'<button type="button" class="small" data-copy="{url}" hidden>Copy</button>'
        f'<form method="post" action="/published/revoke"><input type="hidden" name="token" value="{publication.token}">'
        '<button class="small">Revoke</button></form></li>'
    )

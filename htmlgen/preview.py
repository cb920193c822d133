"""The routes that serve pages, while they are written and afterwards.

    GET  /pages/{id}/live       the page, drawn by the browser as it is written (?remote=KEY: with remote files; ?print=1: printed)
    GET  /pages/{id}/source     its text as text/plain, from byte ?start=N on, as it is written
    GET  /pages/{id}/download   the model's bytes, as a file
    POST /pages/{id}/draft      the text of a hand edit -> {"page": id, "remote": KEY} of a page that shows it, for a while
    POST /pages/{id}/remote     its reader wants its remote files -> {"remote": KEY}

All that serve a page carry the headers of htmlgen/isolation.py, since nobody has vetted its text, whoever wrote it. A draft
is a page like any other: it is read under its own id by whoever may read the page that it changes.

The key is there because a page may navigate its own frame where no Connection-Allowlist keeps it from that (Firefox, Safari): it
could say ?remote=1 as well as its reader. What it cannot do is to POST, or to read an answer.
"""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from html import escape, unescape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router

from htmlgen.auth import owns
from htmlgen.errors import BodyTooLarge, HtmlgenError, PageNotFound, RequestError
from htmlgen.isolation import page_headers
from htmlgen.markup import BLANKS, LETTERS, MarkupScanner
from htmlgen.page import LivePage, PageShelf, no_such_page
from htmlgen.problems import problem_response

PRELUDE = f"<script>{Path(__file__).with_name('prelude.js').read_text(encoding='utf-8')}</script>".encode()

NOT_FOUND = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>%s</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32em; padding: 0 1em; color: #555 }
@media (prefers-color-scheme: dark) { body { background: #1a1a1a; color: #bbb } }</style></head>
<body><h1>%s</h1><p>%s</p></body>
</html>
"""


class PreludeInsertion:
    """Puts the prelude into a stream of HTML where it changes nothing about the document but comes before every script.

    That is behind the doctype, the comments, <html> and <head> that the document begins with, if it has them. At the
    very front it would take quirks mode to every page, and the attributes off <head>.
    """

    def __init__(self) -> None:
        self._scanner = MarkupScanner()
        self._held = bytearray()
        self._read = 0
        self._tag = 0
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes of the document; returns what can be sent by now."""
        if self._done:
            return chunk
        self._held += chunk
        place = self._find()
        if place is None:
            return b""
        self._done = True
        return bytes(self._held[:place]) + PRELUDE + bytes(self._held[place:])

    def close(self) -> bytes:
        """The document has ended: what is left of it."""
        return b"" if self._done else bytes(self._held)

    def _find(self) -> int | None:
        """The offset in what was read so far, once it is certain."""
        scanner = self._scanner
        while self._read < len(self._held):
            place, char = self._read, chr(self._held[self._read])
            self._read += 1
            if scanner.in_text:
                if char not in BLANKS and char != "<":
                    return place
                self._tag = place
            elif place == self._tag + 1 and char not in LETTERS and char not in ("!", "?", "/"):
                return self._tag  # "<3" is text
            name = scanner.push(char)
            if name == "head":
                return place + 1
            if name and name not in ("html", "!doctype"):
                return self._tag
        return None


class Drafts:
    """What people are typing, as pages: the newest two of each page (one on show, one being loaded), `max_pages` in all."""

    def __init__(self, max_pages: int = 40) -> None:
        self.max_pages = max_pages
        self._drafts: OrderedDict[str, tuple[str, LivePage]] = OrderedDict()

    def put(self, of: LivePage, html: str) -> LivePage:
        """A page with the text `html`, for whoever may read the page `of`."""
        draft = LivePage(of.owner)
        draft.append(html)
        draft.finish("stop")
        mine = [key for key, (page_id, _) in self._drafts.items() if page_id == of.id]
        for key in mine[:-1]:
            del self._drafts[key]
        self._drafts[draft.id] = of.id, draft
        while len(self._drafts) > self.max_pages:
            self._drafts.popitem(last=False)
        return draft

    def get(self, draft_id: str) -> LivePage | None:
        return self._drafts.get(draft_id, (None, None))[1]


def make_preview(
    shelf: PageShelf, *, max_bytes: int = 2_000_000, may_read: Callable[[Request, str], bool] = owns
) -> Router:
    """The routes over the pages of `shelf`, and drafts of up to `max_bytes`. Insert them at the front of an app whose last
    route answers every path. `may_read` tells whether who asks may read the pages of an owner.
    """
    drafts = Drafts()
    secret = secrets.token_bytes(32)

    def key(page: LivePage) -> str:
        """What admits the remote files of this page, and of no other."""
        return hmac.new(secret, page.id.encode(), hashlib.sha256).hexdigest()

    async def find(request: Request) -> LivePage:
        page_id = request.path_params["page_id"]
        page = drafts.get(page_id) or await shelf.find(page_id)
        if not may_read(request, page.owner):
            raise no_such_page()  # so that nobody learns which ids there are
        return page

    async def live(request: Request) -> Response:
        try:
            page = await find(request)
        except HtmlgenError as error:
            return _not_found(error)
        asked = request.query_params
        wanted = hmac.compare_digest(asked.get("remote", "").encode(errors="replace"), key(page).encode())
        # In a frame of the chat's, dialogs would hold the chat up.
        printing = asked.get("print") == "1" and request.headers.get("sec-fetch-dest", "document") == "document"
        headers = page_headers(remote=wanted, printing=printing)
        return _stream(request, _with_prelude(page), headers | {"Content-Type": "text/html; charset=utf-8"})

    async def source(request: Request) -> Response:
        start = request.query_params.get("start", "0")
        if not re.fullmatch("[0-9]{1,15}", start):
            text = f"start={start[:40]!r} is not a number of bytes. Leave it out to read from the beginning."
            return PlainTextResponse(text, 400, page_headers())
        try:
            page = await find(request)
        except HtmlgenError as error:
            return _not_found(error)
        return _stream(request, page.read(int(start)), page_headers() | {"Content-Type": "text/plain; charset=utf-8"})

    async def download(request: Request) -> Response:
        try:
            page = await find(request)
        except HtmlgenError as error:
            return _not_found(error)
        headers = page_headers() | {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{_file_name(page.html)}"',
        }
        if page.finished:
            headers["Content-Length"] = str(page.size)
        return _stream(request, page.read(), headers)

    async def draft(request: Request) -> Response:
        try:
            made = drafts.put(await find(request), await _read_text(request, max_bytes))
        except HtmlgenError as error:
            return problem_response(error)
        return JSONResponse({"page": made.id, "remote": key(made)}, headers={"Cache-Control": "no-store"})

    async def remote(request: Request) -> Response:
        try:
            page = await find(request)
        except HtmlgenError as error:
            return problem_response(error)
        return JSONResponse({"remote": key(page)}, headers={"Cache-Control": "no-store"})

    routes = [Route(f"/pages/{{page_id}}/{view.__name__}", view) for view in (live, source, download)]
    routes += [Route(f"/pages/{{page_id}}/{view.__name__}", view, methods=["POST"]) for view in (draft, remote)]
    return Router(routes)


async def _read_text(request: Request, max_bytes: int) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLarge(max_bytes)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"The text is not UTF-8 at byte {error.start}. Send it in UTF-8.") from error


def _not_found(error: HtmlgenError) -> Response:
    heading = "No such page" if isinstance(error, PageNotFound) else "This page cannot be shown"
    return HTMLResponse(NOT_FOUND % (heading, heading, escape(str(error))), error.status, page_headers())


def _stream(request: Request, chunks: AsyncIterator[bytes], headers: dict[str, str]) -> Response:
    if request.method == "HEAD":
        response = Response(headers=headers)
        if "Content-Length" not in headers:
            del response.headers["Content-Length"]  # that of an empty body
        return response
    return StreamingResponse(chunks, headers=headers)


async def _with_prelude(page: LivePage) -> AsyncIterator[bytes]:
    insertion = PreludeInsertion()
    async with aclosing(page.read()) as chunks:
        async for chunk in chunks:
            if piece := insertion.feed(chunk):
                yield piece
    if rest := insertion.close():
        yield rest


def _file_name(html: str) -> str:
    """A file name from the page's title, in ASCII."""
    title = re.search(r"<title[^>]*>([^<]*)", html[:20_000], re.IGNORECASE)
    words = re.findall(r"[a-z0-9]+", unescape(title.group(1)).lower()) if title else []
    return "-".join(words)[:60].strip("-") + ".html" if words else "page.html"

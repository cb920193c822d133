"""Gate: the one middleware that every request and every socket passes before anything of the app runs.

    admit(chainlit.server.app, auth)     # before it starts, and before protect(), which stands in front of it

It classifies the route (htmlgen/access.py), finds out who asks (htmlgen/auth.py), and refuses strangers, too many requests and
too long bodies. On the way out it sees to cookies, and to uploads never being shown as what they claim to be. Routes that
are added later are closed to strangers until access.py opens them.
"""

import logging
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from htmlgen.access import Access, classify
from htmlgen.auth import Auth, User, set_visitor
from htmlgen.errors import BodyTooLarge, HtmlgenError, PageNotFound, RequestError, TooManyRequests, Unauthorized
from htmlgen.problems import problem_response
from htmlgen.ratelimit import RateLimit, network_of

log = logging.getLogger(__name__)

LOGIN_TRIES = (6.0, 10)
"""Log-ins a minute, and at once, from one address."""

UPLOAD_BYTES = 2_000_000
"""What a file may have; its form around it has 16 KiB."""

SMALL_BODY = 256 * 1024
"""What a body may have where nothing large belongs."""

UPLOAD_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""For files that users sent: whatever they say they are, a browser shows none of them with the app's rights."""

FILES = "/public/", "/assets/", "/avatars/"
LONGEST_NAME, LONGEST_PATH = 255, 2_048
"""Bytes of one name and of a whole path below `FILES`: asked for a longer one, file systems raise where nothing is found."""

SOCKETS = "/ws/socket.io"


class Gate:
    """ASGI middleware. `socket_owner` gives the name of the user that an Engine.IO session belongs to, None for no such session;
    `root_path` is where Chainlit's own routes are mounted.
    """

    def __init__(
        self,
        app: ASGIApp,
        auth: Auth,
        socket_owner: Callable[[str], str | None] | None = None,
        root_path: str = "",
    ) -> None:
        self.app, self.auth, self.socket_owner, self.root_path = app, auth, socket_owner, root_path.rstrip("/")
        each_minute = auth.settings.rate_limit
        self._keys = RateLimit(each_minute, max(1, each_minute // 3))
        self._addresses = RateLimit(each_minute, max(1, each_minute // 3))
        self._logins = RateLimit(*LOGIN_TRIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        path = scope["path"]
        if "\0" in path:
            error = RequestError("There is a NUL in the path.")  # no file and no id has one
            return await self._refuse(error, scope, Headers(scope=scope), receive, send)
        if self.root_path and path.startswith(f"{self.root_path}/"):
            path = path[len(self.root_path) :]
        _join_cookies(scope)
        headers = Headers(scope=scope)
        access = classify(scope.get("method", "GET"), path)
        try:
            user = await self._admit(scope, headers, access, path)
            limit = self._body_limit(path)
            if int(headers.get("content-length", "0") or "0") > limit:
                raise BodyTooLarge(limit)
        except HtmlgenError as error:
            return await self._refuse(error, scope, headers, receive, send)
        except ValueError:
            return await Response("Content-Length is not a number.", 400)(scope, receive, send)
        set_visitor(user)
        if user is not None and "cookie" in headers:
            _set_cookies(scope, await self.auth.visible_cookies(headers, user))
        scope.setdefault("state", {})["user"] = user
        if scope["type"] == "websocket":
            return await self.app(scope, self._watch(headers, scope, receive), send)
        await self._forward(path, limit, scope, receive, send)

    async def _admit(self, scope: Scope, headers: Headers, access: Access, path: str) -> User | None:
        """Who asks.

        Raises:
            Unauthorized, TooManyRequests, PageNotFound: he may not.
            StorageFailed: it cannot be told.
        """
        if access is Access.CLOSED or (path.startswith(FILES) and _is_too_long(path)):
            raise PageNotFound("There is nothing here.")
        client = scope["client"][0] if scope.get("client") else None
        counted = self.auth.login_required
        if counted and access is Access.LOGIN and scope["method"] == "POST":
            _take(self._logins, network_of(client), "There have been too many log-ins from this address.")
        if counted and access is Access.API:
            _take(self._addresses, network_of(client), "There have been too many requests from this address.")
        try:
            user = await self.auth.identify(headers, client)
        except HtmlgenError:
            if access not in (Access.OPEN, Access.LOGIN):
                raise
            user = None
        if user is None and access not in (Access.OPEN, Access.LOGIN):
            raise Unauthorized(self._how_to_come_in())
        if counted and access is Access.API and user is not None:
            _take(self._keys, user.key or f"user {user.name}", "There have been too many requests with this key.")
        if path.startswith(SOCKETS):
            self._check_socket(scope, user)
        return user

    def _check_socket(self, scope: Scope, user: User | None) -> None:
        """Engine.IO takes whoever knows a session's number for its owner."""
        for session in parse_qs(scope.get("query_string", b"").decode("latin-1")).get("sid", []):
            owner = self.socket_owner(session) if self.socket_owner is not None else None
            if owner is not None and (user is None or owner != user.name):
                raise Unauthorized("This connection is another user's.")

    def _how_to_come_in(self) -> str:
        if not self.auth.login_required:
            return (
                "This server is for the machine it runs on, and the request came from elsewhere or through a proxy. To let others "
                "in, set HTMLGEN_PASSWORD or make accounts, and start it anew."
            )
        return "Log in, or send a key: `Authorization: Bearer hg-…`, made by `python -m htmlgen apikey add`."

    def _body_limit(self, path: str) -> int:
        settings = self.auth.settings
        if path == "/project/file":
            return UPLOAD_BYTES + 16_384
        if path == "/project/action":  # an edit by hand sends the whole page, in JSON
            return 2 * settings.max_page_bytes + SMALL_BODY
        if path.startswith("/pages/"):  # the preview of an edit by hand
            return settings.max_page_bytes + SMALL_BODY
        if path in ("/generate_html", "/v1/chat/completions"):
            return 12 * settings.max_prompt_chars + SMALL_BODY
        if path.startswith(SOCKETS):
            return 1_000_000 + SMALL_BODY  # Engine.IO's own limit is 1 MB, with an answer of its own
        return 65_536 if path == "/login" else SMALL_BODY

    async def _refuse(
        self, error: HtmlgenError, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:100]})
        opened = headers.get("sec-fetch-dest", "document") == "document" and "text/html" in headers.get("accept", "")
        if isinstance(error, Unauthorized) and self.auth.login_required and opened and scope["method"] == "GET":
            return await RedirectResponse(f"{self.root_path}/login", 303)(scope, receive, send)
        await problem_response(error)(scope, receive, send)

    def _watch(self, headers: Headers, scope: Scope, receive: Receive) -> Receive:
        """A socket's messages, until one is too long, or who sends them may no longer come in."""
        client = scope["client"][0] if scope.get("client") else None

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                if len(message.get("text") or message.get("bytes") or "") > self._body_limit(SOCKETS):
                    log.warning("A socket sent a message that is too long; it is closed.")
                    return {"type": "websocket.disconnect", "code": 1009}
                try:
                    user = await self.auth.identify(headers, client)
                except HtmlgenError:
                    user = None
                if user is None:
                    return {"type": "websocket.disconnect", "code": 1008}
            return message

        return watched

    async def _forward(self, path: str, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        read, too_long, started = 0, False, False

        async def counted() -> Message:
            nonlocal read, too_long
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > limit:
                    too_long = True
                    return {"type": "http.disconnect"}
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if too_long and not started:
                return  # an answer to half a body; the refusal follows
            if message["type"] == "http.response.start":
                started = True
                _harden(message, path, scope.get("scheme") == "https")
            await send(message)

        try:
            await self.app(scope, counted, guarded)
        except Exception:
            if not too_long:
                raise
        if too_long and not started:
            await problem_response(BodyTooLarge(limit))(scope, receive, send)


def _join_cookies(scope: Scope) -> None:
    """One cookie header, as browsers send it: of several, everybody who reads them might take another one."""
    cookies = Headers(scope=scope).getlist("cookie")
    if len(cookies) > 1:
        _set_cookies(scope, "; ".join(cookies))


def _set_cookies(scope: Scope, cookies: str) -> None:
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    scope["headers"] = [*others, (b"cookie", cookies.encode("latin-1"))] if cookies else others


def _is_too_long(path: str) -> bool:
    names = [len(name.encode(errors="replace")) for name in path.split("/")]
    return max(names) > LONGEST_NAME or sum(names) > LONGEST_PATH


def _take(limit: RateLimit, name: str, what: str) -> None:
    if wait := limit.take(name):
        raise TooManyRequests(what, wait)


def _harden(message: Message, path: str, https: bool) -> None:
    headers = MutableHeaders(scope=message)
    cookies = headers.getlist("set-cookie")
    if cookies:
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", _harden_cookie(cookie, https))
    if path.startswith("/project/file/"):
        for name, value in UPLOAD_HEADERS.items():
            headers[name] = value


def _harden_cookie(cookie: str, https: bool) -> str:
    """The same cookie: never for scripts, never for other sites' requests, and for https only where it was set over https."""
    kept = [part.strip() for part in cookie.split(";")]
    kept = [part for part in kept if part.partition("=")[0].lower() not in ("httponly", "samesite", "secure")]
    return "; ".join([*kept, "HttpOnly", "SameSite=Lax", *(["Secure"] if https else [])])


def admit(
    app: Starlette, auth: Auth, socket_owner: Callable[[str], str | None] | None = None, root_path: str = ""
) -> None:
    """Puts a `Gate` in front of `app`, which must not have started. A second call changes nothing."""
    if not any(getattr(middleware.cls, "__name__", "") == Gate.__name__ for middleware in app.user_middleware):
        app.add_middleware(Gate, auth=auth, socket_owner=socket_owner, root_path=root_path)

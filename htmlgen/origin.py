"""OriginGuard: the app answers its own pages only, and says what they may contain.

    protect(app)    # before it starts

A generated page has an opaque origin, so whatever it might get a browser to send to the app comes with `Origin: null`;
other sites send their own. Both are refused, on HTTP and WebSockets alike, before any route or CORS header is reached.
Opening a page in a frame or a tab is a navigation, which sends no Origin, and goes through.

Browsers set Origin on every WebSocket, every POST and every cross-origin fetch, and Sec-Fetch-Site on the rest (over https
and on localhost). Programs such as curl set neither, and are no danger: they carry nobody's cookies.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

APP_HEADERS = {
    # frame-src is what keeps a generated page from navigating its own frame to another site; img-src, a picture in what
    # the model says beside its page from telling another site what was asked.
    "Content-Security-Policy": (
        "frame-src 'self'; img-src 'self' data: blob:; frame-ancestors 'self'; object-src 'none'; base-uri 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # A page opened in a tab of its own gets no handle on the app's window.
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""For responses that have no policy of their own, which is all but generated pages."""

DEFAULT_PORTS = {"http": 80, "https": 443}


class OriginGuard:
    """ASGI middleware: refuses requests from foreign and opaque origins, adds `APP_HEADERS` to the app's own responses.

    `allowed` are origins ("https://example.com") that may call besides the app's own. It touches no body, so streams
    stay streams.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self.app = app
        self.allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refusal = self._refusal(scope)
        if refusal is not None and scope["type"] == "websocket":
            # A close before the accept is an HTTP 403 to the browser.
            return await send({"type": "websocket.close", "code": 1008, "reason": "foreign origin"})
        if refusal is not None:
            body = {"error": {"code": "foreign_origin", "message": refusal}}
            response = JSONResponse(body, 403, APP_HEADERS | {"Vary": "Origin"})
            return await response(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "Content-Security-Policy" not in headers:
                    for name, value in APP_HEADERS.items():
                        headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_policy if scope["type"] == "http" else send)

    def _refusal(self, scope: Scope) -> str | None:
        """Why the request is refused, or None."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None:
            site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
            if site == "cross-site" and mode != "navigate":
                return "Another site, or a generated page, asked for this. Open the app itself."
            return None
        if origin.lower() in self.allowed or self._is_own(origin, headers):
            return None
        return (
            f"The request comes from {origin!r}, which is not this app's address. Behind a proxy that changes the Host "
            "header, let it set X-Forwarded-Host."
        )

    def _is_own(self, origin: str, headers: Headers) -> bool:
        # X-Forwarded-Host can be believed here: a page of another site cannot set it without a preflight, and the
        # preflight's own Origin is refused.
        hosts = [headers.get("host"), headers.get("x-forwarded-host", "").split(",")[0].strip()]
        own = _address(origin)
        return own is not None and any(host and _address(f"{own[0]}://{host}") == own for host in hosts)


def _address(origin: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an origin; None for "null" and what is no http origin."""
    try:
        parts = urlsplit(origin.lower())
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            return None
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None


def protect(app: Starlette, allowed: Iterable[str] = ()) -> None:
    """Puts an `OriginGuard` in front of `app`, which must not have started. A second call changes nothing."""
    if not any(getattr(middleware.cls, "__name__", "") == OriginGuard.__name__ for middleware in app.user_middleware):
        app.add_middleware(OriginGuard, allowed=tuple(allowed))

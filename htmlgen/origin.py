"""OriginGuard: the app answers its own pages only, under its own names, and says what they may contain.

    protect(app, Hosts("127.0.0.1", "studio.example.com"))    # before it starts

A site whose name is made to resolve to this machine (DNS rebinding) is same-origin with the app as far as a browser can tell;
what gives it away is the Host header, which must be a name that the server knows as its own.

A generated page has an opaque origin, so whatever it might get a browser to send to the app comes with `Origin: null`;
other sites send their own. Both are refused, on HTTP and WebSockets alike, before any route or CORS header is reached.
Opening a page in a frame or a tab is a navigation, which sends no Origin, and goes through.

Browsers set Origin on every WebSocket, every POST and every cross-origin fetch, and Sec-Fetch-Site on the rest (over https
and on localhost). Programs such as curl set neither, and are no danger as long as they carry nobody's cookies: with a cookie, what
changes something must say where it comes from.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

APP_HEADERS = {
    # frame-src is what keeps a generated page from navigating its own frame to another site; img-src, a picture in what
    # the model says beside its page from telling another site what was asked. The chat's own page has scripts in it, and
    # compiles the elements in public/ (unsafe-eval); whatever gets to run there still has nobody to talk to (connect-src).
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "connect-src 'self'",
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "form-action 'self'",
            "object-src 'none'",
            "base-uri 'self'",
        ]
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    # A page opened in a tab of its own gets no handle on the app's window.
    "Cross-Origin-Opener-Policy": "same-origin",
    # Nobody else's page can load this as a script, a style sheet or a picture.
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""For responses that have no policy of their own, which is all but generated pages."""

DEFAULT_PORTS = {"http": 80, "https": 443}


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Whether only this machine is meant: "localhost", 127.0.0.0/8, ::1, and these as IPv6 writes IPv4."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def host_name(host: str) -> str:
    """The name in a Host header, without its port; empty for what is no host and port, such as "localhost:8000.evil.example"."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+)(:[0-9]*)?", host)
    return found[1].strip("[]") if found else ""


class Hosts:
    """The names that the server knows as its own.

    `bound` is the address it listens on. "0.0.0.0" and "::" stand for every address of the machine, and so for every
    number (a number is nothing that DNS could rebind) and the machine's own name. `named` has more, with commas;
    "*.example.com" is every name below that.
    """

    def __init__(self, bound: str = "127.0.0.1", named: str | None = None) -> None:
        self.any_address = bound in ("0.0.0.0", "::", "")
        self._names = {bound.lower()}
        if self.any_address:
            self._names = {socket.gethostname().lower(), f"{socket.gethostname()}.local".lower()}
        for name in (named or "").split(","):
            if name.strip():
                self.add(name)

    def add(self, name: str) -> None:
        """`name` without scheme and port."""
        self._names.add(name.strip().lower().rstrip("."))

    def __contains__(self, host: object) -> bool:
        """`host` as a Host header has it."""
        assert isinstance(host, str)
        name = host_name(host).lower().rstrip(".")
        if is_loopback(name) or name in self._names:
            return True
        if self.any_address and _is_number(name):
            return True
        return any(f"*.{name[place + 1 :]}" in self._names for place, char in enumerate(name) if char == ".")


class OriginGuard:
    """ASGI middleware: refuses requests under foreign names and from foreign and opaque origins, adds `APP_HEADERS` to
    the app's own responses. It touches no body, so streams stay streams.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts | None = None) -> None:
        self.app = app
        self.hosts = hosts or Hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refusal = self._refusal(scope)
        if refusal is not None and scope["type"] == "websocket":
            # A close before the accept is an HTTP 403 to the browser.
            return await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        if refusal is not None:
            status, code, detail = refusal
            body = {"type": "about:blank", "title": "Forbidden", "status": status, "code": code, "detail": detail}
            response = JSONResponse(body, status, APP_HEADERS | {"Vary": "Origin"}, "application/problem+json")
            return await response(scope, receive, send)

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "Content-Security-Policy" not in headers:
                    for name, value in APP_HEADERS.items():
                        headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_policy if scope["type"] == "http" else send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Why the request is refused (status, code, sentence), or None."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            named = hosts[0][:100] if hosts else ""
            return (
                *(421, "unknown_host"),
                f"This server does not know itself as {named!r}. If it should be reached by that name, set HTMLGEN_HOSTS.",
            )
        origin = headers.get("origin")
        if origin is None:
            site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
            if site == "cross-site" and mode != "navigate":
                return 403, "foreign_origin", "Another site, or a generated page, asked for this. Open the app itself."
            changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
            if changes and "cookie" in headers and site not in ("same-origin", "none"):
                return 403, "no_origin", "A request with a cookie must say where it comes from, in its Origin header."
            return None
        if self._is_own(origin, headers):
            return None
        return (
            *(403, "foreign_origin"),
            f"The request comes from {origin[:100]!r}, which is not this app's address. Behind a proxy that changes the Host "
            "header, let it set X-Forwarded-Host.",
        )

    def _is_own(self, origin: str, headers: Headers) -> bool:
        # X-Forwarded-Host can be believed here: a page of another site cannot set it without a preflight, and the
        # preflight's own Origin is refused.
        hosts = [headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0].strip()]
        own = _address(origin)
        return own is not None and any(
            host and host in self.hosts and _address(f"{own[0]}://{host}") == own for host in hosts
        )


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(origin: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an origin; None for "null" and what is no http origin."""
    try:
        parts = urlsplit(origin.lower())
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            return None
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None


def protect(app: Starlette, hosts: Hosts | None = None) -> None:
    """Puts an `OriginGuard` in front of `app`, which must not have started. A second call changes nothing."""
    if not any(getattr(middleware.cls, "__name__", "") == OriginGuard.__name__ for middleware in app.user_middleware):
        app.add_middleware(OriginGuard, hosts=hosts or Hosts())

"""Who may call which route: every route of the app, classified in one table.

A stranger gets 401 from whatever is not OPEN or LOGIN here; a route that nobody classified is as closed to strangers as a
USER one, and tests/test_access.py fails on it. The table says who may *call*; that what a call names (a page, a chat, a
file) belongs to the caller is for the route to check, see `htmlgen.auth.owns`.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from starlette.routing import compile_path


class Access(Enum):
    OPEN = auto()
    """Everybody: static files, readiness, published pages, and what the log-in page itself loads."""
    LOGIN = auto()
    """Everybody, a few times a minute from each address: here passwords can be tried."""
    USER = auto()
    """Whoever is logged in."""
    API = auto()
    """Programs with a key, or whoever is logged in; so many requests a minute."""
    CLOSED = auto()
    """Nobody: parts of Chainlit that are not used here, and would let one user at what is another's."""


TABLE: tuple[tuple[str, str, Access], ...] = (
    # Chainlit's one document, under every address that its own router knows. It asks for the log-in by itself.
    ("GET", "/", Access.OPEN),
    ("GET", "/login", Access.OPEN),
    ("GET", "/login/callback", Access.OPEN),
    ("GET", "/thread/{thread_id}", Access.OPEN),
    ("GET", "/element/{element_id}", Access.OPEN),
    ("GET", "/{full_path:path}", Access.USER),
    # Files that are the same for everybody
    ("GET", "/public/{filename:path}", Access.OPEN),
    ("GET", "/assets/{filename:path}", Access.OPEN),
    ("GET", "/favicon", Access.OPEN),
    ("GET", "/logo", Access.OPEN),
    ("GET", "/avatars/{avatar_id:str}", Access.OPEN),
    ("GET", "/project/translations", Access.OPEN),
    ("GET", "/auth/config", Access.OPEN),
    # Logging in and out
    ("POST", "/login", Access.LOGIN),
    ("POST", "/auth/header", Access.LOGIN),
    ("POST", "/logout", Access.OPEN),
    ("GET", "/auth/oauth/{provider_id}", Access.LOGIN),
    ("GET", "/auth/oauth/{provider_id}/callback", Access.LOGIN),
    # The chat; Chainlit checks that the session, thread or file is the caller's
    ("GET", "/user", Access.USER),
    ("GET", "/project/settings", Access.USER),
    ("POST", "/set-session-cookie", Access.USER),
    ("POST", "/project/threads", Access.USER),
    ("GET", "/project/thread/{thread_id}", Access.USER),
    ("GET", "/project/thread/{thread_id}/element/{element_id}", Access.USER),
    ("PUT", "/project/thread", Access.USER),
    ("DELETE", "/project/thread", Access.USER),
    ("POST", "/project/action", Access.USER),
    ("POST", "/project/file", Access.API),  # each leaves up to 2 MB on the disk until its chat is closed
    ("GET", "/project/file/{file_id}", Access.USER),
    ("*", "/ws/socket.io", Access.USER),
    ("*", "/ws/socket.io/{path:path}", Access.USER),
    ("GET", "/health", Access.USER),
    # Parts of Chainlit that are not used: they change elements and votes by id and ask nobody whose they are, show chats
    # to others, make a cookie of any token, run programs, log in by another site's form without asking who began it
    ("PUT", "/project/element", Access.CLOSED),
    ("DELETE", "/project/element", Access.CLOSED),
    ("PUT", "/feedback", Access.CLOSED),
    ("DELETE", "/feedback", Access.CLOSED),
    ("GET", "/project/share/{thread_id}", Access.CLOSED),
    ("PUT", "/project/thread/share", Access.CLOSED),
    ("POST", "/auth/jwt", Access.CLOSED),
    ("POST", "/auth/oauth/azure-ad-hybrid/callback", Access.CLOSED),
    ("POST", "/mcp", Access.CLOSED),
    ("DELETE", "/mcp", Access.CLOSED),
    ("GET", "/copilot/{filename:path}", Access.CLOSED),
    # Pages: each is shown to its owner
    ("GET", "/pages/{page_id}/live", Access.USER),
    ("GET", "/pages/{page_id}/source", Access.USER),
    ("GET", "/pages/{page_id}/download", Access.USER),
    ("POST", "/pages/{page_id}/draft", Access.USER),
    ("POST", "/pages/{page_id}/remote", Access.USER),
    ("GET", "/share", Access.USER),
    # Published pages: whoever has the link, and the password if there is one
    ("GET", "/p/{token}", Access.OPEN),
    ("POST", "/p/{token}", Access.LOGIN),
    ("GET", "/publications", Access.USER),
    ("POST", "/publications", Access.USER),
    ("DELETE", "/publications/{token}", Access.USER),
    ("GET", "/published", Access.USER),
    ("POST", "/published", Access.USER),
    ("POST", "/published/revoke", Access.USER),
    # Programs
    ("GET", "/ready", Access.OPEN),
    ("POST", "/generate_html", Access.API),
    ("GET", "/models", Access.API),
    ("GET", "/metrics", Access.USER),
    ("POST", "/v1/chat/completions", Access.API),
    ("GET", "/v1/models", Access.API),
    ("GET", "/v1/models/{model:path}", Access.API),
    ("GET", "/openapi.json", Access.USER),
    ("GET", "/docs", Access.USER),
    ("GET", "/docs/assets/{path:path}", Access.USER),
    ("GET", "/docs/oauth2-redirect", Access.CLOSED),
    ("GET", "/redoc", Access.CLOSED),
    # What is not there, told as a program wants it
    ("GET", "/api/{path:path}", Access.USER),
    ("GET", "/docs/{path:path}", Access.USER),
    ("GET", "/generate_html/{path:path}", Access.USER),
    ("GET", "/metrics/{path:path}", Access.USER),
    ("GET", "/models/{path:path}", Access.USER),
    ("GET", "/openapi.json/{path:path}", Access.USER),
    ("GET", "/ready/{path:path}", Access.USER),
    ("GET", "/v1/{path:path}", Access.USER),
)
"""(method, path as the route is declared, who). GET is HEAD too; "*" is every method, and sockets."""


class _Rule(NamedTuple):
    method: str
    path: re.Pattern[str]
    access: Access


# Where two patterns fit, the one with fewer parameters is meant, as the routes themselves stand.
_RULES = tuple(
    _Rule(method, compile_path(path)[0], access)
    for method, path, access in sorted(TABLE, key=lambda row: (row[1].count("{"), ":path" in row[1]))
    if path != "/{full_path:path}"
)


def classify(method: str, path: str) -> Access:
    """Who may call `path`, as it comes in a request. What the table does not know is USER: closed to strangers."""
    method = "GET" if method == "HEAD" else method
    for rule in _RULES:
        if rule.method in (method, "*") and rule.path.match(path):
            return rule.access
    return Access.USER

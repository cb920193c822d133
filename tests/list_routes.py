"""Prints every route of the app as Chainlit runs it, as JSON: [[method, path], ...]. For tests/test_access.py, in a process of
its own, since importing app.py sets Chainlit up.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import chainlit.server

import tests.browser.scripted_app  # noqa: F401  app.py, without a model


def walk(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of each; "*" where a route takes every method. A kind of route that is not known here ends the test."""
    for route in routes:
        kind = type(route).__name__
        if kind == "_IncludedRouter":
            yield from walk(route.original_router.routes, prefix + route.include_context.prefix)
        elif kind == "Mount" and route.routes:
            yield from walk(route.routes, prefix + route.path)
        elif kind in ("Mount", "WebSocketRoute", "APIWebSocketRoute"):
            yield "*", prefix + route.path
        elif hasattr(route, "methods"):
            yield from ((method, prefix + route.path) for method in route.methods or ["*"])
        else:
            raise AssertionError(f"a route of an unknown kind: {route!r}")


print(json.dumps(sorted(set(walk(chainlit.server.app.router.routes)))))

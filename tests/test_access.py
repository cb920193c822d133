"""Every route of the running app is classified, and strangers get no further than the table says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from htmlgen.access import TABLE, Access, classify

ROOT = Path(__file__).resolve().parent.parent

CONDITIONAL = {("GET", "/share")}
"""Routes that are there with certain settings only."""


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """(method, path) of all routes of the app, HEAD as GET."""
    folder = tmp_path_factory.mktemp("routes")
    (folder / "script.json").write_text('{"chunks": []}')
    env = os.environ | {"HTMLGEN_SCRIPT": str(folder / "script.json"), "HTMLGEN_DATA": str(folder / "data")}
    command = [sys.executable, "-m", "tests.list_routes"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    listed = json.loads(done.stdout.splitlines()[-1])
    return {("GET" if method == "HEAD" else method, path) for method, path in listed}


def test_every_route_of_the_app_is_classified(routes: set[tuple[str, str]]) -> None:
    known = {(method, path) for method, path, _ in TABLE}
    missing = {route for route in routes if route not in known and ("*", route[1]) not in known}
    assert not missing, "Give each of these a line in htmlgen/access.py: who may call it?"


def test_the_table_has_nothing_that_is_not_there(routes: set[tuple[str, str]]) -> None:
    # Chainlit's own router, in the browser, knows these; the server has one document for all of them.
    shell = {"/login", "/login/callback", "/thread/{thread_id}", "/element/{element_id}"}
    paths = {path for _, path in routes}
    gone = {(m, p) for m, p, _ in TABLE if m != "*" and (m, p) not in CONDITIONAL and p not in paths | shell}
    assert not gone


def test_what_strangers_may_call_is_exactly_this() -> None:
    assert {f"{method} {path}" for method, path, access in TABLE if access in (Access.OPEN, Access.LOGIN)} == {
        # the log-in, and the document that shows it
        *("GET /", "GET /login", "GET /login/callback", "GET /thread/{thread_id}", "GET /element/{element_id}"),
        *("POST /login", "POST /auth/header", "POST /logout", "GET /auth/config", "GET /project/translations"),
        *("GET /auth/oauth/{provider_id}", "GET /auth/oauth/{provider_id}/callback"),
        # static files
        *("GET /public/{filename:path}", "GET /assets/{filename:path}", "GET /favicon", "GET /logo"),
        "GET /avatars/{avatar_id:str}",
        # readiness and published pages
        *("GET /ready", "GET /p/{token}", "POST /p/{token}"),
    }


@pytest.mark.parametrize(
    ("method", "path", "access"),
    [
        ("GET", "/", Access.OPEN),
        ("HEAD", "/", Access.OPEN),
        ("POST", "/", Access.USER),
        ("GET", "/public/../project/threads", Access.OPEN),  # the route's own check, on the same text
        ("GET", "//project/threads", Access.USER),
        ("GET", "/pages/x/live", Access.USER),
        ("GET", "/pages/x/live/", Access.USER),
        ("GET", "/p/x/y", Access.USER),
        ("GET", "/Public/x", Access.USER),
        ("GET", "/a-route-of-tomorrow", Access.USER),
        ("DELETE", "/ready", Access.USER),
        ("PUT", "/feedback", Access.CLOSED),
        ("PUT", "/project/element", Access.CLOSED),
        ("POST", "/ws/socket.io/", Access.USER),
        ("GET", "/ws/socket.io/x", Access.USER),
        ("POST", "/v1/chat/completions", Access.API),
        ("GET", "/v1/models", Access.API),
        ("GET", "/v1/nothing", Access.USER),
        ("GET", "/docs/oauth2-redirect", Access.CLOSED),
        ("GET", "/docs/assets/x.js", Access.USER),
    ],
)
def test_a_request_is_classified_by_the_path_it_has(method: str, path: str, access: Access) -> None:
    assert classify(method, path) is access

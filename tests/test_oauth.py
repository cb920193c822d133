"""The log-in by OAuth, from the button to the chat, through Chainlit's real code: against a stand-in provider on a real socket."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.server import run_server

ROOT = Path(__file__).resolve().parent.parent

PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"email": "Ann@example.com", "email_verified": True},
    "ben": {"email": "ben@elsewhere.example", "email_verified": True},
    "claims-to-be-ann": {"email": "ann@example.com", "email_verified": False},
    "nameless": {"email": None},
}
"""What the provider says of whom, by the code that it sent him back with."""


class Provider(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        said = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        code = said["code"][0]
        known = code in PEOPLE and said["client_secret"] == ["s3cret"]
        self._answer(200 if known else 400, {"access_token": code} if known else {"error": "invalid_grant"})

    def do_GET(self) -> None:
        self._answer(200, PEOPLE[self.headers["Authorization"].removeprefix("Bearer ")])

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose only door is the provider's."""
    provider = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{provider.server_port}"
    env = {
        **{"OAUTH_GENERIC_CLIENT_ID": "studio", "OAUTH_GENERIC_CLIENT_SECRET": "s3cret"},
        **{"OAUTH_GENERIC_SCOPES": "email", "OAUTH_GENERIC_USER_INFO_URL": f"{there}/me"},
        **{"OAUTH_GENERIC_AUTH_URL": f"{there}/authorize", "OAUTH_GENERIC_TOKEN_URL": f"{there}/token"},
        **{"HTMLGEN_OAUTH_USERS": "@example.com", "NO_PROXY": "*"},
    }
    for server in run_server(tmp_path_factory.mktemp("oauth"), "tests/browser/scripted_app.py", **env):
        yield server.url
    provider.shutdown()


@pytest.fixture
def browser(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client


def come_back(browser: httpx.Client, person: str, /, **changes: str) -> httpx.Response:
    """Presses the button, and returns from the provider: a navigation from another site."""
    left = browser.get("/auth/oauth/generic")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(left.headers["location"]).query).items()}
    assert asked["redirect_uri"] == str(browser.base_url.join("/auth/oauth/generic/callback"))
    assert {"HttpOnly", "SameSite=Lax"} <= {part.strip() for part in left.headers["set-cookie"].split(";")}
    answer = {"code": person, "state": asked["state"]} | changes
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    return browser.get("/auth/oauth/generic/callback", params=answer, headers=headers)


def test_who_is_named_comes_in_under_a_name_of_the_providers(browser: httpx.Client) -> None:
    assert browser.get("/auth/config").json()["oauthProviders"] == ["generic"]
    answer = come_back(browser, "ann")
    assert (answer.status_code, answer.headers["location"]) == (302, "/login/callback?success=True")
    assert browser.get("/user").json()["identifier"] == "generic:Ann@example.com"


@pytest.mark.parametrize("code", ["ben", "claims-to-be-ann", "nameless", "not a code"])
def test_nobody_else_does_whatever_the_provider_says(browser: httpx.Client, code: str) -> None:
    answer = come_back(browser, code)
    assert answer.status_code == 302
    assert answer.headers["location"].endswith("/login?error=oauthSignin")
    assert browser.get("/user").status_code == 401


@pytest.mark.parametrize("changes", [{"state": "another"}, {"state": ""}, {"code": ""}, {"error": "access_denied"}])
def test_an_answer_that_was_not_asked_for_is_none(browser: httpx.Client, changes: dict[str, str]) -> None:
    come_back(browser, "ann", **changes)
    assert browser.get("/user").status_code == 401


def test_a_form_of_another_site_logs_nobody_in(browser: httpx.Client) -> None:
    path = "/auth/oauth/azure-ad-hybrid/callback"
    assert browser.post(path, data={"code": "ann"}).status_code == 404
    assert browser.post(path, data={"code": "ann"}, headers={"Origin": "https://evil.example"}).status_code == 403

"""The running app under attack: by a stranger, and by a user who knows every id of another's.

One real server with log-in and two accounts. Ann makes a chat, a page and a publication; then Ben, who is logged in as well, tries
to get at each of them by its id, by every route and event that takes one.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from htmlgen.access import TABLE, Access
from tests.server import ROOT, Server, environment, run_server
from tests.visitor import connect, make_client, manage

APP = "tests/browser/scripted_app.py"
PASSWORD = "correct horse battery"
HTML = "<!DOCTYPE html><html><head><title>Secret</title></head><body><h1>Ann's secret page</h1></body></html>"
SECRET = "Ann's secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("strangers")
    for name in ("ann", "ben"):
        manage(folder, "accounts", name, "--password-stdin", said=PASSWORD)
    yield from run_server(folder, APP, HTMLGEN_RATE_LIMIT="90")


def write(server: Server, html: str) -> None:
    """What the model answers from now on."""
    server.play({"chunks": [html[:60], html[60:]]})


@pytest.fixture(scope="module")
def cookies(server: Server) -> dict[str, dict[str, str]]:
    """Everybody's cookies, by name."""
    found = {}
    for name in ("ann", "ben"):
        answer = httpx.post(f"{server.url}/login", data={"username": name, "password": PASSWORD}, trust_env=False)
        assert answer.status_code == 200, answer.text
        said = answer.headers["set-cookie"]
        assert "HttpOnly" in said
        assert "SameSite=Lax" in said
        found[name] = dict(answer.cookies)
    return found


@dataclass
class Things:
    """Ann's, by their ids."""

    session: str
    thread: str
    page: str
    step: str
    element: dict[str, Any]
    publication: str
    engineio: str
    chat: dict[str, Any]


@asynccontextmanager
async def anns(server: Server, cookies: dict[str, dict[str, str]]) -> AsyncIterator[Things]:
    """Ann's things, while she is connected; and they are as they were afterwards."""
    async with make_client(server, cookies["ann"]) as ann, connect(server, cookies["ann"]) as chat:
        write(server, HTML)
        step = await chat.say(f"{SECRET} wish")
        write(server, "<!DOCTYPE html><html><body><p>Ben's own page, which anybody may see</p></body></html>")
        thread = (await chat.wait("first_interaction"))["thread_id"]
        element = await chat.wait("element", lambda data: data["name"] == "PageCode" and not data["props"]["writing"])
        page = element["props"]["page"]
        made = await ann.post("/publications", json={"page": page})
        assert made.status_code == 201, made.text

        async def snapshot() -> dict[str, Any]:
            kept = (await ann.get(f"/project/thread/{thread}")).json()
            source = await ann.get(f"/pages/{page}/source")
            published = await ann.get(made.json()["url"])
            assert source.text == HTML
            assert published.status_code == 200
            assert SECRET in json.dumps(kept)
            said = {step["id"]: (step["output"], step["type"]) for step in kept["steps"] if "message" in step["type"]}
            shown = {found["id"]: (found["forId"], found["props"]) for found in kept["elements"]}
            assert step in said
            return {"said": said, "shown": shown, "name": kept["name"], "user": kept["userIdentifier"]}

        before = await snapshot()
        while before != (again := await snapshot()):  # what Chainlit stores a moment later
            before = again
        yield Things(
            chat.session, thread, page, step, element, made.json()["token"], chat.socket.eio.sid, before
        )  # fmt: skip
        assert await snapshot() == before


# Starting


def test_it_does_not_start_where_others_could_reach_it_without_a_log_in(server: Server, tmp_path: Path) -> None:
    env = environment(tmp_path)
    (tmp_path / "script.json").write_text('{"chunks": []}')
    command = [sys.executable, "-m", "chainlit", "run", APP, "--headless", "--host", "0.0.0.0"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "at 0.0.0.0, and it has no log-in. Set HTMLGEN_PASSWORD" in done.stderr
    assert "Traceback" not in done.stderr


# Strangers


def fill(path: str) -> str:
    """A path with something for each of its parameters."""
    return re.sub(r"{[^}]*}", "x", path)


async def test_a_stranger_gets_nothing_but_the_log_in(server: Server) -> None:
    async with make_client(server) as stranger:
        for method, path, access in TABLE:
            if access in (Access.OPEN, Access.LOGIN):
                continue
            answer = await stranger.request("GET" if method == "*" else method, fill(path), json={})
            assert answer.status_code == (404 if access is Access.CLOSED else 401), (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        for path in (
            "/never/heard/of",
            "/project",
            "/pages",
            "/.env",
            "/app.py",
            "/data/auth_secret",
            "//pages/x/live",
        ):
            assert (await stranger.get(path)).status_code == 401, path
        opened = await stranger.get("/pages/x/live", headers={"Accept": "text/html", "Sec-Fetch-Dest": "document"})
        assert (opened.status_code, opened.headers["location"]) == (303, "/login")


@pytest.mark.parametrize(
    "path",
    ["..%2fapp.py", "..%2f..%2fapp.py", "%2e%2e/app.py", "....//app.py", "%2fetc%2fpasswd", "..%5capp.py", "x%00.js"],
)
async def test_static_files_are_those_of_their_folders(server: Server, path: str) -> None:
    async with make_client(server) as stranger:
        for folder in ("public", "assets", "avatars", "docs/assets", "p"):
            answer = await stranger.get(f"/{folder}/{path}")
            assert answer.status_code in (400, 401, 404), (folder, path, answer.status_code, answer.text[:200])
            assert "chainlit" not in answer.text


@pytest.mark.parametrize("name", ["x" * 3_000, "x/" * 2_500, "é" * 200, "x" * 256])
async def test_a_file_whose_name_no_file_can_have_is_not_found(server: Server, name: str) -> None:
    async with make_client(server) as stranger:
        for folder in ("public", "assets", "avatars"):
            answer = await stranger.get(f"/{folder}/{name}")
            assert answer.status_code in (400, 401, 404), (folder, answer.status_code)
        assert (await stranger.get("/public/studio.js")).status_code == 200


async def test_ready_tells_a_stranger_no_more_than_that(server: Server, cookies: dict[str, dict[str, str]]) -> None:
    async with make_client(server) as stranger, make_client(server, cookies["ann"]) as ann:
        assert (await stranger.get("/ready")).json() == {"status": "ready"}
        assert "model" in (await ann.get("/ready")).json()


@pytest.mark.parametrize(
    "cookie", ["", "access_token=x", "access_token=eyJhbGciOiJub25lIn0.eyJpZGVudGlmaWVyIjoiYW5uIn0."]
)
async def test_a_stranger_has_no_socket(server: Server, cookie: str) -> None:
    client = socketio.AsyncClient(reconnection=False)
    auth = {"clientType": "webapp", "sessionId": str(uuid.uuid4()), "threadId": "", "userEnv": "{}"}
    for transport in ("websocket", "polling"):
        with pytest.raises((socketio.exceptions.ConnectionError, RuntimeError)):
            await client.connect(
                server.url, {"Cookie": cookie, "Origin": server.url}, auth, [transport], socketio_path="/ws/socket.io"
            )
    await client.disconnect()


async def test_a_socket_of_another_site_or_of_none_is_refused(
    server: Server, cookies: dict[str, dict[str, str]]
) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in cookies["ann"].items())
    auth = {"clientType": "webapp", "sessionId": str(uuid.uuid4()), "threadId": "", "userEnv": "{}"}
    for origin in (
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": server.url, "Host": "evil.example"},
        {},
    ):
        client = socketio.AsyncClient(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(
                server.url, {"Cookie": cookie, **origin}, auth, ["websocket"], socketio_path="/ws/socket.io"
            )
        await client.disconnect()


# Another user


async def test_another_user_reads_nothing_by_any_id(server: Server, cookies: dict[str, dict[str, str]]) -> None:
    async with anns(server, cookies) as its, make_client(server, cookies["ben"]) as ben:
        asked = [
            *(("GET", f"/pages/{its.page}/{view}", None) for view in ("live", "source", "download")),
            *(("GET", f"/pages/{its.page}/live?remote=1&print=1", None), ("POST", f"/pages/{its.page}/draft", "x")),
            ("POST", f"/pages/{its.page}/remote", None),
            *(("GET", f"/project/thread/{its.thread}", None), ("GET", f"/project/share/{its.thread}", None)),
            ("GET", f"/project/thread/{its.thread}/element/{its.element['id']}", None),
            (
                "GET",
                f"/project/file/{its.element.get('chainlitKey') or its.element['id']}?session_id={its.session}",
                None,
            ),
            ("POST", "/publications", {"page": its.page}),
            ("GET", f"/ws/socket.io/?EIO=4&transport=polling&sid={its.engineio}", None),
        ]
        for method, path, body in asked:
            answer = await ben.request(method, path, json=body)
            assert answer.status_code in (401, 403, 404), (method, path, answer.status_code, answer.text[:300])
            assert SECRET not in answer.text
        listed = await ben.post(
            "/project/threads", json={"pagination": {"first": 50}, "filter": {"userId": "ann", "search": ""}}
        )
        assert SECRET not in listed.text
        assert its.thread not in listed.text
        assert (await ben.get("/publications")).json() == {"publications": []}


async def test_another_user_changes_nothing_by_any_id(server: Server, cookies: dict[str, dict[str, str]]) -> None:
    async with anns(server, cookies) as its, make_client(server, cookies["ben"]) as ben:
        action = {"id": "x", "forId": its.step, "label": "", "tooltip": "", "icon": None, "name": "vote"}
        element = {**its.element, "props": {**its.element["props"], "page": "stolen"}, "threadId": its.thread}
        asked = [
            ("PUT", "/project/thread", {"threadId": its.thread, "name": "stolen"}),
            ("PUT", "/project/thread/share", {"threadId": its.thread, "isShared": True}),
            ("DELETE", "/project/thread", {"threadId": its.thread}),
            ("PUT", "/project/element", {"element": element, "sessionId": its.session}),
            ("DELETE", "/project/element", {"element": element, "sessionId": its.session}),
            (
                "PUT",
                "/feedback",
                {"feedback": {"forId": its.step, "value": 1, "threadId": its.thread}, "sessionId": its.session},
            ),
            ("DELETE", "/feedback", {"feedbackId": its.step}),
            ("DELETE", f"/publications/{its.publication}", None),
            (
                "POST",
                "/project/action",
                {"sessionId": its.session, "action": {**action, "payload": {"page": its.page, "value": 1}}},
            ),
        ]
        for method, path, body in asked:
            answer = await ben.request(method, path, json=body)
            assert answer.status_code in (401, 403, 404), (method, path, answer.status_code, answer.text[:300])
        upload = await ben.post(
            f"/project/file?session_id={its.session}", files={"file": ("x.html", b"<p>x", "text/html")}
        )  # fmt: skip
        assert upload.status_code in (401, 404)


@pytest.mark.parametrize("thread", ["0a671753-a04d-4e84-89a6-ff4f11401432", "..%2f..%2fapp.py", "%ff", "x" * 3_000])
async def test_a_chat_that_is_not_there_is_not_found(
    server: Server, cookies: dict[str, dict[str, str]], thread: str
) -> None:
    async with make_client(server, cookies["ben"]) as ben:
        for method, path, body in (
            *(("GET", f"/project/thread/{thread}", None), ("GET", f"/project/thread/{thread}/element/x", None)),
            *(
                ("PUT", "/project/thread", {"threadId": thread, "name": "x"}),
                ("DELETE", "/project/thread", {"threadId": thread}),
            ),
        ):
            answer = await ben.request(method, path, json=body)
            if "%2f" in path:  # a path like any other by then, which the app answers with its one document
                assert "<!doctype html>" in answer.text
            else:
                assert (answer.status_code, answer.json()) == (404, {"detail": "Thread not found"}), (method, path)


async def test_another_users_own_session_is_no_way_to_her_things(
    server: Server, cookies: dict[str, dict[str, str]]
) -> None:
    """Every button of the pane and the chat, pressed in his own chat with her ids; and messages that claim to be hers."""
    async with (
        anns(server, cookies) as its,
        make_client(server, cookies["ben"]) as ben,
        connect(server, cookies["ben"]) as chat,
    ):
        await chat.say("mine")
        names = re.findall(r'on_press\("(\w+)"\)|action_callback\("(\w+)"\)', (ROOT / "app.py").read_text())
        assert len(names) >= 3
        for name in {first or second for first, second in names}:
            payload = {
                **{"page": its.page, "value": 1, "comment": SECRET[:0], "html": "<p>stolen", "message": "x", "line": 1},
                **{"path": "p", "markup": "<p>", "instruction": "steal it", "answer": its.step, "comparison": its.step},
                **{"chosen": its.page, "rejected": its.page, "tie": False, "part": 1, "version": 1, "title": "x"},
            }
            action = {
                "id": "x",
                "forId": its.step,
                "label": "",
                "tooltip": "",
                "icon": None,
                "name": name,
                "payload": payload,
            }
            answer = await ben.post("/project/action", json={"sessionId": chat.session, "action": action})
            assert SECRET not in answer.text, name
        for message in (
            {"id": its.step},
            {"threadId": its.thread},
            {"parentId": its.step},
            {"metadata": {"started_from": its.page}},
        ):
            await chat.say("stolen", **message)
        await chat.socket.emit("edit_message", {"message": {"id": its.step, "output": "stolen"}})
        await asyncio.sleep(0.5)
        assert SECRET not in json.dumps([data for _, data in chat.events], default=str)
        # Nor was the model shown her page in his chat.
        asked = server.requests
        assert len(asked) >= 3
        assert not [request for request in asked if SECRET in str(request["page"])]


async def test_her_session_and_her_chat_are_not_joined(server: Server, cookies: dict[str, dict[str, str]]) -> None:
    async with anns(server, cookies) as its:
        for auth in ({"sessionId": its.session}, {"threadId": its.thread}):
            with pytest.raises(socketio.exceptions.ConnectionError):
                async with connect(server, cookies["ben"], **auth):
                    pass


@pytest.mark.parametrize("way", ["{folder}", "../../../../../..{folder}", ""])
async def test_a_sessions_id_is_no_folders_name(
    server: Server, cookies: dict[str, dict[str, str]], tmp_path: Path, way: str
) -> None:
    """Chainlit deletes the folder with the session's name when the session ends."""
    (tmp_path / "precious").write_text("still there")
    with contextlib.suppress(socketio.exceptions.ConnectionError):
        async with connect(server, cookies["ben"], sessionId=way.format(folder=tmp_path)) as chat:
            await chat.socket.emit("clear_session")
            await asyncio.sleep(0.5)
    await asyncio.sleep(0.5)
    assert (tmp_path / "precious").read_text() == "still there"


# Uploads and bodies


async def test_an_upload_is_html_is_small_and_never_shown_as_html(
    server: Server, cookies: dict[str, dict[str, str]]
) -> None:
    script = b"<script>fetch('/project/threads')</script>"
    async with make_client(server, cookies["ben"]) as ben, connect(server, cookies["ben"]) as chat:

        async def upload(name: str, data: bytes, kind: str) -> httpx.Response:
            return await ben.post(f"/project/file?session_id={chat.session}", files={"file": (name, data, kind)})

        made = await upload("page.html", script, "text/html")
        assert made.status_code == 200, made.text
        shown = await ben.get(f"/project/file/{made.json()['id']}?session_id={chat.session}")
        assert shown.content == script
        assert shown.headers["content-type"] == "text/plain; charset=utf-8"
        assert shown.headers["content-disposition"] == "attachment"
        assert "sandbox" in shown.headers["content-security-policy"]
        assert shown.headers["x-content-type-options"] == "nosniff"
        for name, data, kind in (
            *(("x.svg", script, "image/svg+xml"), ("x.js", script, "text/javascript"), ("x.svg", script, "text/html")),
            ("big.html", b"x" * 2_200_000, "text/html"),
        ):
            assert (await upload(name, data, kind)).status_code in (400, 413), name


async def test_a_body_that_is_too_long_is_not_read(server: Server, cookies: dict[str, dict[str, str]]) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield b"x" * 65_536  # 26 MB

    async with make_client(server, cookies["ben"]) as ben:
        for path in (
            "/project/threads",
            "/login",
            "/set-session-cookie",
            "/publications",
            "/generate_html",
            "/project/action",
        ):
            told = await ben.post(path, content=b"x" * 8_000_000, headers={"Content-Type": "application/json"})
            assert told.status_code == 413, path
            assert told.json()["code"] == "body_too_large"
            try:
                untold = await ben.post(path, content=endless(), headers={"Content-Type": "application/json"})
                assert untold.status_code in (413, 422), path  # 422: refused for its type, unread
            except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
                pass  # it was hung up on before it had sent it all


async def test_a_connection_cannot_become_another_users_by_an_event_that_looks_like_its_beginning(
    server: Server, cookies: dict[str, dict[str, str]]
) -> None:
    """With a cookie that no longer counts, of an account whose password is a new one since."""
    manage(server.script.parent, "accounts", "cas", "--password-stdin", said=PASSWORD)
    async with make_client(server) as cas:
        answer = await cas.post("/login", data={"username": "cas", "password": PASSWORD})
        stolen = dict(answer.cookies)
    async with connect(server, stolen) as chat:
        await chat.say(f"{SECRET} wish")
        thread = (await chat.wait("first_interaction"))["thread_id"]
    manage(server.script.parent, "accounts", "cas", "--password-stdin", said=f"{PASSWORD}!")
    async with make_client(server, stolen) as late:
        deadline = time.monotonic() + 30
        while (await late.get("/user")).status_code != 401:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)
    cookie = "; ".join(f"{name}={value}" for name, value in stolen.items())
    auth = {"clientType": "webapp", "sessionId": str(uuid.uuid4()), "threadId": thread, "userEnv": "{}"}
    async with connect(server, cookies["ben"]) as chat:
        chat.events.clear()
        await chat.socket.emit("connect", ({"HTTP_COOKIE": cookie}, auth))
        await asyncio.sleep(0.3)
        await chat.socket.emit("connection_successful")
        await chat.wait("clear_call_fn")
        await asyncio.sleep(1)
        assert SECRET not in json.dumps(chat.events)
        await chat.socket.emit("disconnect", "client disconnect")
        await asyncio.sleep(0.5)
        await chat.say("mine")  # it is connected as before


EVENTS = [
    *("connect", "connection_successful", "clear_session", "client_message", "edit_message", "stop"),
    *("chat_settings_change", "chat_settings_edit", "message_favorite", "fetch_favorites", "window_message"),
    *("audio_start", "audio_chunk", "audio_end", "no_such_event"),
]
NOT_JSON = [b"", b"nope", b"{", b"\xff\xfe", b"[" * 50_000, b"session_id=x", b"1" * 5_000]
NO_OBJECT = [b"[]", b"null", b"1", b'"x"', b"NaN"]
HALF = (
    b'{"session_id": "\\ud800", "sessionId": "\\ud800", "threadId": "\\ud800", "name": "\\ud800", "\\ud800": "\\ud800"}'
)
UNFIT = [
    b"{}",
    HALF,
    *(f'{{"session_id": {x}, "sessionId": {x}, "threadId": {x}}}'.encode() for x in ("1", "{}", "null")),
]


async def test_what_chainlits_own_page_would_not_send_is_its_senders_mistake(
    server: Server, cookies: dict[str, dict[str, str]]
) -> None:
    routes = [(method, path) for method, path, access in TABLE if access is Access.USER and path.startswith("/project")]
    routes = [("POST", "/set-session-cookie"), *(route for route in routes if route[0] not in ("GET", "*"))]
    assert len(routes) >= 5
    before = len(server.said)
    async with make_client(server, cookies["ben"]) as ben, connect(server, cookies["ben"]) as chat:
        for method, path in routes:
            for body in (*NOT_JSON, *NO_OBJECT, *UNFIT):
                answer = await ben.request(method, path, content=body, headers={"Content-Type": "application/json"})
                told = (method, path, body[:80], answer.status_code, answer.text[:300])
                assert answer.status_code in (400, 404, 422), told
                assert len(answer.content) < 2_000, told
                if answer.status_code == 422 or path in ("/set-session-cookie", "/project/action"):
                    assert answer.json()["code"] in ("invalid_fields", "not_json"), told
                    assert answer.headers["content-type"] == "application/problem+json", told
        for session in ("x\r\nSet-Cookie: a=b", "€", "x", "../x"):
            assert (await ben.post("/set-session-cookie", json={"session_id": session})).status_code == 422, session
        assert (await ben.post("/set-session-cookie", json={"session_id": chat.session})).status_code == 200

        action = {"name": "stop", "payload": {}}
        gone = await ben.post("/project/action", json={"sessionId": str(uuid.uuid4()), "action": action})
        assert (gone.status_code, gone.json()["code"]) == (404, "no_such_session")
        for bad in ({}, {"name": 1, "payload": {}}, {"name": "stop"}, {**action, "payload": []}):
            answer = await ben.post("/project/action", json={"sessionId": chat.session, "action": bad})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), bad
        assert (
            await ben.post("/project/action", json={"sessionId": chat.session, "action": action})
        ).status_code == 200
    assert "Traceback" not in server.said[before:]


ODD = [
    None,
    1,
    "x",
    [],
    {},
    {"message": None},
    {"message": {}},
    {"message": {"id": [], "output": {}}},
    {"\ud800": "\ud800"},
]


async def test_events_that_chainlits_own_page_would_not_send_are_ignored(
    server: Server, cookies: dict[str, dict[str, str]]
) -> None:
    before = len(server.said)
    async with connect(server, cookies["ben"]) as chat:
        for event in EVENTS:
            await chat.socket.emit(event)
            for odd in (*ODD, ("x", "y"), ({}, {})):
                await chat.socket.emit(event, odd)
        unknown = {"id": str(uuid.uuid4()), "output": "another wish"}
        await chat.socket.emit("edit_message", {"message": unknown})
        await asyncio.sleep(0.5)
        write(server, HTML)
        await chat.say("mine")  # it is connected as before
    for auth in ({"userEnv": "nope"}, {"userEnv": "[]"}, {"clientType": 1}, {"chatProfile": {}}, {"sessionId": [1]}):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with connect(server, cookies["ben"], **auth):
                pass
    assert "Traceback" not in server.said[before:]


# Limits. The last ones, since what they use up is missing to others.


async def test_an_api_key_works_is_limited_and_ends(server: Server, cookies: dict[str, dict[str, str]]) -> None:
    key = manage(server.script.parent, "keys", "add", "ci", "--account", "ann")
    async with make_client(server) as program, anns(server, cookies) as its:
        bearer = {"Authorization": f"Bearer {key}"}
        answer = await program.post("/generate_html", json={"prompt": "x"}, headers=bearer)
        assert answer.status_code == 200, answer.text
        assert (await program.get(f"/pages/{its.page}/source", headers=bearer)).text == HTML
        for _ in range(100):
            answer = await program.get("/models", headers=bearer)
            if answer.status_code != 200:
                break
        assert answer.status_code == 429
        refused = await program.get("/models", headers=bearer)
        assert refused.json()["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        manage(server.script.parent, "keys", "revoke", key.split("-")[1])
        assert (await program.get(f"/pages/{its.page}/source", headers=bearer)).status_code == 401


async def test_passwords_cannot_be_tried_fast_nor_names_told_by_time(server: Server) -> None:
    """Last: from here on this address waits for its log-ins."""
    seconds: dict[str, list[float]] = {"ann": [], "nobody": []}
    async with make_client(server) as stranger:
        for name in ("ann", "nobody") * 4:
            began = time.monotonic()
            answer = await stranger.post("/login", data={"username": name, "password": "wrong password"})
            if answer.status_code == 429:  # without a look at the password: says nothing about time
                break
            assert answer.status_code == 401
            seconds[name].append(time.monotonic() - began)
        while answer.status_code != 429:
            answer = await stranger.post("/login", data={"username": "ann", "password": PASSWORD + "!"})
            assert answer.status_code in (401, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 10
    fastest = {name: min(times) for name, times in seconds.items()}
    assert fastest["nobody"] > fastest["ann"] / 3, fastest

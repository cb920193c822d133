"""The gate: refusals, limits, sockets that end, and what it does to answers. The whole app behind it: tests/test_strangers.py."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from htmlgen.accounts import Accounts
from htmlgen.auth import LOCAL, Auth, User, current_user, owns, set_visitor, visitor
from htmlgen.errors import StorageFailed, Unauthorized
from htmlgen.gate import LOGIN_TRIES, SMALL_BODY, admit
from htmlgen.keys import ApiKeys
from htmlgen.ratelimit import MAX_BUCKETS, RateLimit, network_of
from htmlgen.settings import Settings
from htmlgen.store import Store
from tests.test_auth import SECRET, cookie_of

PASSWORD = "correct horse battery"


async def who(request: Request) -> Response:
    user = await current_user(request)
    assert visitor() == user
    return JSONResponse({"name": user.name, "local": user.local, "hers": owns(request, "ann")})


async def cookie_header(request: Request) -> Response:
    return PlainTextResponse("\n".join(request.headers.getlist("cookie")))


async def size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def cookies(request: Request) -> Response:
    response = PlainTextResponse("x")
    response.set_cookie("a", "1; Domain=evil", samesite="none", secure=True)
    response.set_cookie("b", "2", max_age=9, path="/x")
    return response


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text((await websocket.receive_text())[:20])
    except WebSocketDisconnect:
        websocket.app.state.ended = True


async def upload(request: Request) -> Response:
    return Response(b"<script>", media_type="text/html")


def make_app(auth: Auth, **options: Any) -> Starlette:
    """Routes under the names of real ones."""
    app = Starlette(
        routes=[
            Route("/user", who),
            Route("/ready", cookies),
            Route("/models", who),
            Route("/v1/models", cookie_header),
            Route("/login", size, methods=["POST"]),
            Route("/publications", size, methods=["POST"]),
            Route("/pages/{id}/draft", size, methods=["POST"]),
            Route("/project/action", size, methods=["POST"]),
            Route("/project/file/{id}", upload),
            Route("/feedback", size, methods=["PUT"]),
            WebSocketRoute("/ws/socket.io/", echo),
        ]
    )
    admit(app, auth, **options)
    return app


def make_auth(password: str | None = PASSWORD, **settings: Any) -> Auth:
    return Auth(Settings(_env_file=None, password=password, **settings), secret=SECRET)


def client_of(app: Starlette, address: str = "127.0.0.1", url: str = "http://localhost") -> TestClient:
    return TestClient(app, base_url=url, client=(address, 5), follow_redirects=False)


async def log_in(auth: Auth) -> dict[str, str]:
    return {"cookie": cookie_of(await auth.log_in("ann", PASSWORD))["cookie"]}


async def test_without_log_in_this_machine_is_let_in_and_everybody_else_told_why_not() -> None:
    app = make_app(make_auth(password=None))
    assert client_of(app).get("/user").json() == {"name": "local", "local": True, "hers": False}
    for client, headers in ((client_of(app, "10.0.0.9"), {}), (client_of(app), {"x-forwarded-for": "10.0.0.9"})):
        answer = client.get("/user", headers=headers)
        assert answer.status_code == 401
        assert "HTMLGEN_PASSWORD" in answer.json()["detail"]


async def test_who_logged_in_is_known_inside_and_a_stranger_is_not_let_in() -> None:
    auth = make_auth()
    client = client_of(make_app(auth), "203.0.113.9")
    answer = client.get("/user", headers=await log_in(auth))
    assert answer.json()["name"].startswith("ann~")
    assert answer.json()["local"] is False
    refused = client.get("/user")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert client.get("/user", headers={"accept": "text/html,*/*"}).headers["location"] == "/login"
    assert client.get("/ready").status_code == 200
    assert client.put("/feedback", headers=await log_in(auth)).status_code == 404


async def test_nothing_behind_the_gate_sees_another_session_than_the_users_own(store: Store) -> None:
    """Chainlit would take it for who asks, after an account's end too: it does not know what a session rests on."""
    accounts, keys = Accounts(lambda: store.engine), ApiKeys(lambda: store.engine)
    for name in ("ann", "bob"):
        await accounts.set(name, PASSWORD)
    settings = Settings(_env_file=None, password=None)
    auth = Auth(settings, secret=SECRET, accounts=accounts, keys=keys, has_accounts=True)
    anns, bobs = [cookie_of(await auth.log_in(name, PASSWORD))["cookie"].split("; ")[1] for name in ("ann", "bob")]
    key = await keys.add("ci", "ann")
    await accounts.disable("bob")
    accounts._seen.clear()
    transport = httpx.ASGITransport(make_app(auth), client=("203.0.113.9", 5))
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def seen(*cookies: str, **headers: str) -> str:
        sent = [*(("cookie", cookie) for cookie in cookies), *headers.items()]
        answer = await client.get("/v1/models", headers=sent)
        return answer.text if answer.status_code == 200 else f"{answer.status_code}"

    assert await seen(f"x=y; {anns}") == f"x=y; {anns}"
    assert await seen(f"x=y; {bobs}") == "401"
    assert await seen(f"x=y; {bobs}; access_token_0=a", authorization=f"Bearer {key}") == "x=y"
    assert await seen(anns, authorization=f"Bearer {key}") == "", "a key is no browser"
    assert await seen(anns, bobs) == await seen(f"{anns}; {bobs}") == "401"
    assert await seen(bobs, "x=y", anns) == await seen(f"{bobs}; x=y; access_token_1=b; {anns}") == f"x=y; {anns}"


async def test_a_log_in_of_an_earlier_start_does_not_make_the_local_user_two() -> None:
    """With HTMLGEN_PASSWORD yesterday, without today: pages were another's than the chat that made them."""
    yesterdays = (await log_in(make_auth()))["cookie"]
    auth = make_auth(password=None)
    set_visitor(LOCAL)
    own = cookie_of(await auth.local_session())["cookie"]
    client = client_of(make_app(auth))
    assert client.get("/v1/models", headers={"cookie": yesterdays}).text == "a=b"
    assert client.get("/v1/models", headers={"cookie": own}).text == own


async def test_without_a_gate_nobody_is_known() -> None:
    with pytest.raises(Unauthorized):
        await current_user(Request({"type": "http", "headers": []}))
    assert not owns(Request({"type": "http", "headers": []}), "local")
    assert owns(User("ann"), "ann")
    assert not owns(User("ann"), "ben")


@pytest.mark.parametrize(("url", "secure"), [("http://localhost", False), ("https://localhost", True)])
async def test_cookies_are_for_this_site_and_not_for_scripts(url: str, secure: bool) -> None:
    said = client_of(make_app(make_auth()), url=url).get("/ready").headers.get_list("set-cookie")
    assert len(said) == 2
    for cookie in said:
        parts = [part.strip().lower() for part in cookie.split(";")]
        assert parts.count("httponly") == parts.count("samesite=lax") == 1
        assert parts.count("secure") == secure
        assert not [part for part in parts if part.startswith("domain")]
    assert said[1].startswith("b=2; Max-Age=9; Path=/x")


async def test_what_users_sent_is_never_shown_as_what_they_said_it_was() -> None:
    auth = make_auth()
    headers = client_of(make_app(auth)).get("/project/file/x", headers=await log_in(auth)).headers
    assert headers.get_list("content-type") == ["text/plain; charset=utf-8"]
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-disposition"] == "attachment"


async def test_a_body_is_read_to_its_limit_whether_its_length_is_told_or_not() -> None:
    auth = make_auth()
    app = make_app(auth)
    headers = await log_in(auth)

    async def chunks(total: int) -> AsyncIterator[bytes]:
        for _ in range(total // 1024):
            yield b"x" * 1024

    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for extra, status in ((0, 200), (1024, 413)):
            told = await client.post("/publications", content=b"x" * (SMALL_BODY + extra), headers=headers)
            untold = await client.post("/publications", content=chunks(SMALL_BODY + extra), headers=headers)
            assert told.status_code == untold.status_code == status
            assert untold.text == str(SMALL_BODY) if status == 200 else untold.json()["code"] == "body_too_large"
        odd = await client.post("/publications", content=b"x", headers={**headers, "content-length": "1e3"})
        assert odd.status_code == 400


async def test_the_longest_page_can_be_edited_by_hand_and_no_longer_one_sent() -> None:
    auth = make_auth()
    client, headers, longest = client_of(make_app(auth)), await log_in(auth), auth.settings.max_page_bytes
    for path, most in (("/pages/x/draft", longest), ("/project/action", 2 * longest)):  # as it is, and in JSON
        for extra, status in ((0, 200), (SMALL_BODY + 1, 413)):
            assert client.post(path, content=b"x" * (most + extra), headers=headers).status_code == status, path


async def test_log_ins_from_one_address_are_limited_and_others_go_on() -> None:
    app = make_app(make_auth())
    codes = [client_of(app, "2001:db8::1").post("/login").status_code for _ in range(LOGIN_TRIES[1])]
    assert set(codes) == {200}
    answer = client_of(app, "2001:db8::2").post("/login")  # the same /64
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert client_of(app, "2001:db8:0:1::1").post("/login").status_code == 200


async def test_the_api_is_limited_by_address_and_by_user_but_not_for_the_person_at_the_machine() -> None:
    auth = make_auth(rate_limit=6)  # 2 at once
    app, headers = make_app(auth), await log_in(auth)
    assert [client_of(app, "1.1.1.1").get("/models", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
    assert client_of(app, "2.2.2.2").get("/models", headers=headers).status_code == 429  # the same user
    others = await log_in(auth)
    assert client_of(app, "3.3.3.3").get("/models", headers=others).status_code == 200
    assert client_of(app, "1.1.1.1").get("/models", headers=others).status_code == 429  # the same address
    local = client_of(make_app(make_auth(password=None, rate_limit=6)))
    assert {local.get("/models").status_code for _ in range(20)} == {200}


async def test_a_socket_ends_when_its_user_may_no_longer_come_in() -> None:
    auth = make_auth()
    app = make_app(auth)
    with client_of(app).websocket_connect("/ws/socket.io/", headers=await log_in(auth)) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        auth.password = "another password"
        socket.send_text("still there?")
    assert app.state.ended
    with pytest.raises(WebSocketDisconnect), client_of(app).websocket_connect("/ws/socket.io/"):
        pass


async def test_a_socket_ends_at_a_message_that_is_too_long() -> None:
    auth = make_auth()
    app = make_app(auth)
    with client_of(app).websocket_connect("/ws/socket.io/", headers=await log_in(auth)) as socket:
        socket.send_text("x" * 1_300_000)
    assert app.state.ended


async def test_a_connection_is_its_users_whoever_knows_its_number() -> None:
    auth = make_auth()
    headers = await log_in(auth)
    mine = client_of(make_app(auth)).get("/user", headers=headers).json()["name"]
    for owner, status in (
        (mine, 404),
        ("ben", 401),
        (None, 404),
    ):  # 404: there is no such route here, but the gate was open
        app = make_app(auth, socket_owner=lambda number, owner=owner: owner if number == "n1" else None)
        answer = client_of(app).get("/ws/socket.io/?EIO=4&transport=polling&sid=n1", headers=headers)
        assert answer.status_code == status, owner


async def test_where_the_accounts_cannot_be_read_nobody_comes_in_and_the_rest_goes_on(monkeypatch: Any) -> None:
    auth = make_auth()

    async def broken(*_: Any) -> None:
        raise StorageFailed("Nobody can log in: the database cannot be reached.")

    monkeypatch.setattr(auth, "identify", broken)
    client = client_of(make_app(auth))
    assert client.get("/user").status_code == StorageFailed.status
    assert client.get("/ready").status_code == 200


def test_a_bucket_fills_by_its_rate_and_holds_its_burst() -> None:
    now = 0.0
    limit = RateLimit(per_minute=60, burst=3, clock=lambda: now)
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limit.take("b") == 0
    now = 0.9
    assert limit.take("a") == 1
    now = 1.0
    assert limit.take("a") == 0
    now = 1_000.0
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert RateLimit(1, 1, lambda: now).take("x") == 0
    slow = RateLimit(1, 1, lambda: now)
    slow.take("x")
    assert slow.take("x") == 60


def test_addresses_that_change_all_the_time_cost_little() -> None:
    limit = RateLimit(60, 1, clock=lambda: 0.0)
    for number in range(MAX_BUCKETS + 100):
        limit.take(str(number))
    assert len(limit._buckets) == MAX_BUCKETS
    assert limit.take(str(MAX_BUCKETS + 50)) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        *(("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), ("2001:db8::1:2", "2001:db8::/64")),
        *(("not an address", "not an address"), (None, "unknown"), ("", "unknown")),
    ],
)
def test_a_sender_is_an_address_or_the_network_he_picks_his_from(address: str | None, network: str) -> None:
    assert network_of(address) == network

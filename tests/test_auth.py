"""Who may come in: the local user, passwords, cookies, OAuth, and starts that are refused."""

import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from htmlgen.accounts import Account, Accounts
from htmlgen.auth import GUEST_TRIES, LOCAL, NAME_TRIES, Auth, Session, User, load_secret, set_visitor, visitor
from htmlgen.errors import SettingsError, TooManyRequests, Unauthorized
from htmlgen.settings import Settings

SECRET = "a secret of sixty-four characters, so that no algorithm complains"
PASSWORD = "correct horse battery"


def make_auth(
    *, password: str | None = None, hosts: str | None = None, users: str | None = None, **options: Any
) -> Auth:
    settings = Settings(_env_file=None, password=password, hosts=hosts, oauth_users=users)
    return Auth(settings, secret=SECRET, **options)


def cookie_of(session: Session | None, **changes: Any) -> dict[str, str]:
    """The headers of a browser whose cookie is what Chainlit makes of that session (chainlit/auth/jwt.py)."""
    assert session is not None
    now = int(time.time())
    claims = {"identifier": session.name, "metadata": session.claims, "iat": now, "exp": now + 60} | changes
    secret = claims.pop("secret", SECRET)
    algorithm = claims.pop("algorithm", "HS256")
    return {"cookie": f"a=b; access_token={jwt.encode(claims, secret, algorithm)}", "host": "localhost"}


class Ann(Accounts):
    """Of which there is one."""

    def __init__(self) -> None: ...

    async def get(self, name: str) -> Account | None:
        return Account("ann", "her hash", False) if name == "ann" else None


# The local user


@pytest.mark.parametrize(
    ("headers", "client", "local"),
    [
        ({}, "127.0.0.1", True),
        ({}, "::1", True),
        ({}, "::ffff:127.0.0.1", True),
        ({"host": "127.0.0.1:8000"}, "127.0.0.1", True),
        ({"host": "[::1]:8000"}, "::1", True),
        ({}, "192.168.1.9", False),
        ({}, None, False),
        ({"host": "evil.example"}, "127.0.0.1", False),
        ({"host": ""}, "127.0.0.1", False),
        ({"x-forwarded-for": "127.0.0.1"}, "127.0.0.1", False),
        ({"x-forwarded-for": ""}, "127.0.0.1", False),
        ({"x-forwarded-proto": "https"}, "127.0.0.1", False),
        ({"x-forwarded-host": "localhost"}, "127.0.0.1", False),
        ({"forwarded": "for=127.0.0.1"}, "127.0.0.1", False),
        ({"x-real-ip": "127.0.0.1"}, "127.0.0.1", False),
        ({"cf-connecting-ip": "1.2.3.4"}, "127.0.0.1", False),
        ({"via": "1.1 proxy"}, "127.0.0.1", False),
    ],
)
async def test_only_this_machine_itself_is_the_local_user(
    headers: dict[str, str], client: str | None, local: bool
) -> None:
    user = await make_auth().identify({"host": "localhost:8000"} | headers, client)
    assert user == (LOCAL if local else None)


async def test_a_key_that_a_client_must_send_is_no_matter_without_a_log_in_but_one_of_ours_is() -> None:
    auth = make_auth()
    headers = {"host": "localhost"}
    assert await auth.identify(headers | {"authorization": "Bearer none"}, "127.0.0.1") == LOCAL
    with pytest.raises(Unauthorized, match="apikey list"):
        await auth.identify(headers | {"authorization": "Bearer hg-01234567-x"}, "127.0.0.1")
    with pytest.raises(Unauthorized):
        await make_auth(password=PASSWORD).identify(headers | {"authorization": "Bearer none"}, "127.0.0.1")


async def test_with_a_password_the_machine_itself_logs_in_too() -> None:
    assert await make_auth(password=PASSWORD).identify({"host": "localhost"}, "127.0.0.1") is None


async def test_the_local_users_cookie_is_good_for_nothing_once_there_is_a_log_in() -> None:
    set_visitor(LOCAL)
    session = await make_auth().local_session()
    headers = cookie_of(session)
    assert await make_auth().identify(headers, "127.0.0.1") == LOCAL
    assert await make_auth(password=PASSWORD).identify(headers, "127.0.0.1") is None
    for other in (None, User("local")):
        set_visitor(other)
        assert await make_auth().local_session() is None


# Starting


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_alone_nothing_is_needed(host: str) -> None:
    assert not make_auth(host=host).login_required


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"host": "0.0.0.0"}, "at 0.0.0.0"),
        ({"host": "::"}, "at ::"),
        ({"host": "192.168.1.9"}, "at 192.168.1.9"),
        ({"host": "my-machine"}, "at my-machine"),
        ({"shared": True}, "through a tunnel"),
        ({"hosts": "studio.example"}, "at studio.example"),
    ],
)
def test_where_others_could_reach_it_it_does_not_start_without_a_log_in(options: dict[str, Any], where: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_auth(**options)
    for words in (where, "HTMLGEN_PASSWORD", "python -m htmlgen adduser", "OAuth", "--host 127.0.0.1"):
        assert words in str(caught.value)
    for way in ({"password": PASSWORD}, {"has_accounts": True}, {"oauth": True, "users": "ann@example.com"}):
        assert make_auth(**options, **way).login_required


def test_a_password_that_could_be_guessed_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="HTMLGEN_PASSWORD has 6 characters") as caught:
        make_auth(password="hunter")
    assert "hunter" not in str(caught.value)
    assert PASSWORD not in repr(Settings(_env_file=None, password=PASSWORD))


# Passwords and cookies


async def test_the_shared_password_gives_each_log_in_a_space_that_no_other_can_claim() -> None:
    auth = make_auth(password=PASSWORD)
    first, second = await auth.log_in(" Ann ", PASSWORD), await auth.log_in("ann", PASSWORD)
    assert first is not None
    assert second is not None
    assert first.shown == second.shown == "ann"
    assert first.name != second.name
    assert first.name.startswith("ann~")
    assert await auth.identify(cookie_of(first), "203.0.113.9") == User(first.name)
    imitation = await auth.log_in(first.name, PASSWORD)
    assert imitation is not None
    assert imitation.name != first.name
    for wrong in ("", "correct horse", PASSWORD + " ", PASSWORD.upper(), "x" * 100_000, "\ud800"):
        assert await auth.log_in("someone", wrong) is None


async def test_a_changed_password_ends_the_sessions_of_the_old_one() -> None:
    session = await make_auth(password=PASSWORD).log_in("ann", PASSWORD)
    assert await make_auth(password=PASSWORD).identify(cookie_of(session), "1.2.3.4") is not None
    assert await make_auth(password="another password").identify(cookie_of(session), "1.2.3.4") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"identifier": "local"},
        {"identifier": "ann~0000000000000000"},
        {"identifier": ["ann"]},
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"kind": "local", "seal": ""}},
        {"metadata": {"kind": "guest", "seal": "\ud800"}},
        {"exp": int(time.time()) - 5},
        {"exp": None},
        {"secret": "another secret of thirty-two characters or more"},
        {"algorithm": "HS384"},
        {"algorithm": "none", "secret": ""},
    ],
)
async def test_a_cookie_that_was_touched_is_a_strangers(changes: dict[str, Any]) -> None:
    auth = make_auth(password=PASSWORD)
    session = await auth.log_in("ann", PASSWORD)
    assert await auth.identify(cookie_of(session), "1.2.3.4") is not None
    assert await auth.identify(cookie_of(session, **changes), "1.2.3.4") is None


async def test_what_is_no_cookie_of_ours_is_a_strangers() -> None:
    auth = make_auth(password=PASSWORD)
    for cookie in ("access_token=", "access_token=x", "access_token=a.b.c", "access_token_0=x", "=;;=", "\x00"):
        assert await auth.identify({"cookie": cookie, "host": "localhost"}, "127.0.0.1") is None


async def test_many_log_ins_for_one_name_are_told_to_wait() -> None:
    auth = make_auth(has_accounts=True)
    auth._verify = lambda *_: False  # type: ignore[method-assign]  # 20 hashes take their time
    for _ in range(NAME_TRIES[1]):
        assert await auth.log_in("ann", "wrong password") is None
    with pytest.raises(TooManyRequests) as caught:
        await auth.log_in("ANN ", "wrong password")
    assert 1 <= caught.value.retry_after <= 60 / NAME_TRIES[0]
    assert await auth.log_in("ben", "wrong password") is None


async def test_the_shared_password_cannot_be_tried_fast_under_ever_new_names(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = make_auth(password=PASSWORD)
    monkeypatch.setattr(auth, "_verify", lambda *_: False)  # Argon2 takes its time
    for n in range(GUEST_TRIES[1]):
        assert await auth.log_in(f"name {n}", "a wrong one") is None
    for password in ("a wrong one", PASSWORD):
        with pytest.raises(TooManyRequests) as caught:
            await auth.log_in("yet another", password)
        assert 1 <= caught.value.retry_after <= 60 / GUEST_TRIES[0]
    monkeypatch.setattr(auth, "accounts", Ann())
    monkeypatch.setattr(auth, "_verify", lambda *_: True)
    assert (await auth.log_in("ann", "her own password")) is not None


# OAuth


async def test_only_who_is_named_comes_in_by_oauth() -> None:
    with pytest.raises(SettingsError, match="HTMLGEN_OAUTH_USERS"):
        make_auth(oauth=True)
    auth = make_auth(oauth=True, users="ann@example.com, @Example.org ,octocat")
    for identity in ("ann@example.com", "ANN@example.com", "who@example.org", "octocat"):
        session = await auth.oauth_session("github", identity)
        assert await auth.identify(cookie_of(session), "1.2.3.4") == User(f"github:{identity}")
    for identity in ("ben@example.com", "who@sub.example.org", "@example.org@evil", "example.org", "", "ann", "*"):
        assert await auth.oauth_session("github", identity) is None
    session = await auth.oauth_session("github", "octocat")
    assert await make_auth(oauth=True, users="ann").identify(cookie_of(session), "1.2.3.4") is None  # named no longer
    everybody = make_auth(oauth=True, users="*")
    assert await everybody.oauth_session("github", "local") == Session(
        "github:local",
        "local",
        (await everybody.oauth_session("github", "local")).claims,  # type: ignore[union-attr]
    )


# The secret


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINLIT_AUTH_SECRET", raising=False)
    data = tmp_path / "new" / "data"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(load_secret(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) >= 43
    assert stat.S_IMODE((data / "auth_secret").stat().st_mode) == 0o600
    assert os.listdir(data) == ["auth_secret"]
    (data / "auth_secret").chmod(0o644)
    assert load_secret(data) == found[0]
    assert stat.S_IMODE((data / "auth_secret").stat().st_mode) == 0o600


def test_a_secret_that_cannot_be_kept_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINLIT_AUTH_SECRET", raising=False)
    (tmp_path / "auth_secret").write_text("")
    with pytest.raises(SettingsError, match="Delete it"):
        load_secret(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="HTMLGEN_DATA"):
        load_secret(tmp_path / "file")
    monkeypatch.setenv("CHAINLIT_AUTH_SECRET", "given")
    assert load_secret(tmp_path / "file") == "given"


def test_nobody_asks_outside_a_request() -> None:
    assert visitor() is None

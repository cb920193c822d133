"""Accounts and API keys, in a real database and by their commands."""

import asyncio
import io
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from htmlgen import accounts, keys
from htmlgen.__main__ import main
from htmlgen.accounts import Accounts
from htmlgen.auth import Auth, User
from htmlgen.errors import SettingsError, Unauthorized
from htmlgen.keys import ApiKeys
from htmlgen.settings import Settings
from htmlgen.store import Store
from tests.test_auth import SECRET, cookie_of

PASSWORD = "correct horse battery"
SOMEWHERE = "203.0.113.9"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    yield store
    await store.close()


class Door:
    """An Auth over accounts and keys that forget what they saw, so that no test waits for it."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.accounts, self.keys = Accounts(lambda: store.engine), ApiKeys(lambda: store.engine)
        chosen = Settings(_env_file=None, **settings)
        self.auth = Auth(chosen, secret=SECRET, accounts=self.accounts, keys=self.keys, has_accounts=True)

    async def by_key(self, key: str) -> User | None:
        self.accounts._seen.clear()
        return await self.auth.identify({"authorization": f"Bearer {key}"}, SOMEWHERE)

    async def by_cookie(self, session: Any) -> User | None:
        self.accounts._seen.clear()
        return await self.auth.identify(cookie_of(session), SOMEWHERE)


async def test_an_account_logs_in_by_its_password_and_by_no_other(store: Store) -> None:
    door = Door(store)
    assert not await door.accounts.any()
    assert await door.accounts.set("ann", PASSWORD)
    assert await door.accounts.set("ben", "another password")
    assert await door.accounts.any()
    session = await door.auth.log_in(" ANN", PASSWORD)
    assert await door.by_cookie(session) == User("ann")
    for name, password in (
        ("ann", "another password"),
        ("ann", ""),
        ("cid", PASSWORD),
        ("", PASSWORD),
        ("ann\0", PASSWORD),
    ):
        assert await door.auth.log_in(name, password) is None
    session.claims["kind"] = "guest"
    assert await door.by_cookie(session) is None


async def test_a_new_password_or_a_disabled_account_ends_sessions(store: Store) -> None:
    door = Door(store)
    await door.accounts.set("ann", PASSWORD)
    old = await door.auth.log_in("ann", PASSWORD)
    assert not await door.accounts.set("ann", "another password")
    assert await door.by_cookie(old) is None
    new = await door.auth.log_in("ann", "another password")
    assert await door.by_cookie(new) == User("ann")
    assert await door.accounts.disable("ann")
    assert await door.by_cookie(new) is None
    assert await door.auth.log_in("ann", "another password") is None
    assert not await door.accounts.any()
    assert not await door.accounts.disable("ben")


async def test_the_shared_password_opens_nobodys_account(store: Store) -> None:
    door = Door(store, password="the shared password")
    await door.accounts.set("ann", PASSWORD)
    session = await door.auth.log_in("ann", "the shared password")
    user = await door.by_cookie(session)
    assert user is not None
    assert user.name.startswith("ann~")


async def test_a_key_acts_for_its_account_until_it_is_revoked(store: Store) -> None:
    door = Door(store)
    await door.accounts.set("ann", PASSWORD)
    key, other = await door.keys.add("ci", "ann"), await door.keys.add("old", "ann")
    (listed,) = [known for known in await door.keys.list() if known.name == "ci"]
    assert await door.by_key(key) == User("ann", key=listed.id)
    assert listed.id in key
    assert not listed.last_used_at
    assert (await door.keys.list())[0].last_used_at or (await door.keys.list())[1].last_used_at
    assert await door.keys.revoke(listed.id)
    assert not await door.keys.revoke(listed.id)
    with pytest.raises(Unauthorized):
        await door.by_key(key)
    assert await door.by_key(other) is not None
    await door.accounts.disable("ann")
    with pytest.raises(Unauthorized):
        await door.by_key(other)


async def test_a_key_is_good_while_the_database_cannot_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(store)
    key = await door.keys.add("ci", "local")
    writer = sqlite3.connect(store.engine.url.database or "", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert await door.by_key(key) is not None
    finally:
        writer.close()
    assert not (await door.keys.list())[0].last_used_at


@pytest.mark.parametrize(
    "change", [lambda k: k[:-1], lambda k: k + "x", lambda k: k.upper(), lambda k: k[:12] + "A" * 43, lambda k: ""]
)
async def test_what_is_almost_a_key_is_none(store: Store, change: Any) -> None:
    door = Door(store)
    key = await door.keys.add("ci", "local")
    assert await door.by_key(key) is not None
    with pytest.raises(Unauthorized):
        await door.by_key(change(key))


async def test_the_database_holds_neither_passwords_nor_keys(store: Store, tmp_path: Path) -> None:
    door = Door(store)
    await door.accounts.set("ann", PASSWORD)
    key = await door.keys.add("ci", "ann")
    dump = "\n".join(sqlite3.connect(tmp_path / "htmlgen.db").iterdump())
    assert "$argon2id$v=19$m=65536,t=3," in dump
    assert "'ci'" in dump
    assert PASSWORD not in dump
    assert key.split("-", 2)[2] not in dump


@pytest.mark.parametrize("name", ["", "Ann", "a b", "ann~1", "github:ann", "-x", "../x", "a" * 65, "ann\n"])
async def test_names_that_could_be_taken_for_others_are_refused(store: Store, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be an account's name"):
        await Accounts(lambda: store.engine).set(name, PASSWORD)


# The commands


def call(module: Any, *arguments: str) -> int:
    return main(["adduser" if module is accounts else "apikey", *arguments])


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where the commands find an empty data folder, and passwords in standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTMLGEN_DATA", str(tmp_path / "data"))
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_adduser_makes_an_account_and_says_so(
    commands: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    commands(f"{PASSWORD}\n")
    assert call(accounts, "Ann", "--password-stdin") == 0
    assert "ann can log in" in capsys.readouterr().out
    commands("another password\n")
    assert call(accounts, "ann", "--password-stdin") == 0
    assert "new password" in capsys.readouterr().out
    commands("short\n")
    assert call(accounts, "ben", "--password-stdin") == 1
    assert "5 characters" in capsys.readouterr().err
    assert call(accounts, "ben") == 1
    assert "--password-stdin" in capsys.readouterr().err
    assert call(accounts, "ann", "--disable") == 0
    assert call(accounts, "ben", "--disable") == 1

    async def known() -> bool:
        store = await Store.open(f"sqlite:///{tmp_path}/data/htmlgen.db")
        account = await Accounts(lambda: store.engine).get("ann")
        await store.close()
        return account is not None and account.disabled

    assert asyncio.run(known())


def test_apikey_adds_lists_and_revokes(commands: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(keys, "add", "ci") == 0
    said = capsys.readouterr()
    key = said.out.strip()
    assert keys.KEY.fullmatch(key)
    assert "not shown again" in said.err
    key_id = key.split("-")[1]
    assert call(keys, "list") == 0
    assert f"{key_id}  ci    local" in capsys.readouterr().out
    assert call(keys, "revoke", key_id) == 0
    assert call(keys, "revoke", key_id) == 1
    capsys.readouterr()
    assert call(keys, "list") == 0
    listed = capsys.readouterr().out
    assert "revoked" in listed
    assert key not in listed
    assert call(keys, "add", "x", "--account", "nobody") == 1
    assert "adduser nobody" in capsys.readouterr().err

"""API keys: what programs send as `Authorization: Bearer hg-…`.

    python -m htmlgen apikey add ci --account ann     # shows the key, once
    python -m htmlgen apikey list
    python -m htmlgen apikey revoke 3f9c21ab

A key is `hg-<id>-<secret>`. Only the SHA-256 of the secret is kept: it has 256 random bits, so nothing slower is called for.
"""

import argparse
import asyncio
import hashlib
import hmac
import re
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from htmlgen.accounts import NAME, Accounts
from htmlgen.auth import KEY_PREFIX
from htmlgen.database import migrated, storage
from htmlgen.errors import SettingsError, StorageFailed
from htmlgen.schema import api_keys, now
from htmlgen.settings import load_settings

KEY = re.compile(KEY_PREFIX + r"([0-9a-f]{8})-([A-Za-z0-9_-]{43})")

NOTED = 60.0
"""Seconds between two notes of when a key was last used."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `account` is whose pages it makes and reads."""

    id: str
    name: str
    account: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeys:
    """Makes, finds and revokes keys. `engine` is called when a key is looked up."""

    def __init__(self, engine: Callable[[], AsyncEngine]) -> None:
        self._engine = engine
        self._noted: dict[str, float] = {}

    async def add(self, name: str, account: str) -> str:
        """Makes a key and returns it; it cannot be shown again."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        row = {"id": key_id, "name": name, "account": account, "hash": _hash(secret), "created_at": now()}
        with storage("The key is not made"):
            async with self._engine().begin() as connection:
                await connection.execute(api_keys.insert().values(**row))
        return f"{KEY_PREFIX}{key_id}-{secret}"

    async def find(self, key: str) -> ApiKey | None:
        """The key that `key` is, unless it is unknown or revoked."""
        parts = KEY.fullmatch(key)
        if parts is None:
            return None
        with storage("The key cannot be looked up"):
            async with self._engine().connect() as connection:
                row = (await connection.execute(select(api_keys).where(api_keys.c.id == parts[1]))).one_or_none()
        right = hmac.compare_digest(row.hash if row else "", _hash(parts[2]))
        if row is None or not right or row.revoked_at is not None:
            return None
        with suppress(StorageFailed):  # a key that can be read is good, and the log has it
            await self._note(row.id)
        return _read(row)

    async def list(self) -> list[ApiKey]:
        """All keys, the newest first."""
        with storage("The keys cannot be read"):
            async with self._engine().connect() as connection:
                rows = (await connection.execute(select(api_keys).order_by(api_keys.c.created_at.desc()))).all()
        return [_read(row) for row in rows]

    async def revoke(self, key_id: str) -> bool:
        """Ends a key at once. False if there is none with that id, or it was revoked before."""
        change = api_keys.update().where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        with storage("The key is not revoked"):
            async with self._engine().begin() as connection:
                return bool((await connection.execute(change.values(revoked_at=now()))).rowcount)

    async def _note(self, key_id: str) -> None:
        clock = time.monotonic()
        if clock - self._noted.get(key_id, -NOTED) < NOTED:
            return
        self._noted[key_id] = clock
        with storage("The key's use is not noted"):
            async with self._engine().begin() as connection:
                await connection.execute(api_keys.update().where(api_keys.c.id == key_id).values(last_used_at=now()))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _read(row: object) -> ApiKey:
    return ApiKey(**{name: getattr(row, name) for name in ApiKey.__annotations__})


# python -m htmlgen apikey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Makes, lists and revokes the keys that programs call the API with."
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make a key, and show it once")
    add.add_argument("name", help="what the key is for, as the list shows it")
    add.add_argument("--account", default="local", help="whose pages it makes and reads (default: local)")
    actions.add_parser("list", help="show all keys, without their secrets")
    revoke = actions.add_parser("revoke", help="end a key at once")
    revoke.add_argument("id", help="the first column of the list")


def run(args: argparse.Namespace) -> int:
    """Returns the exit code; raises HtmlgenError."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    async with migrated(load_settings().database) as engine:
        keys = ApiKeys(lambda: engine)
        if args.action == "add":
            account = args.account.lower()
            if account != "local" and await Accounts(lambda: engine).get(account) is None:
                hint = f" Make it first: python -m htmlgen adduser {account}" if NAME.fullmatch(account) else ""
                raise SettingsError(f"There is no account {account!r}.{hint}")
            print(await keys.add(args.name[:100], account))
            print(f"Keep it: it is not shown again. It acts as {account}.", file=sys.stderr)
        elif args.action == "revoke":
            if not await keys.revoke(args.id):
                raise SettingsError(
                    f"There is no key {args.id!r} that works. `python -m htmlgen apikey list` shows them."
                )
            print(f"{args.id} is revoked.")
        else:
            _show(await keys.list())
        return 0


def _show(keys: list[ApiKey]) -> None:
    rows = [("id", "name", "account", "made", "last used", "")]
    rows += [
        (k.id, k.name, k.account, _day(k.created_at), _day(k.last_used_at), "revoked" if k.revoked_at else "")
        for k in keys
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "never"

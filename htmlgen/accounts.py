"""Accounts: people who log in with a name and a password of their own.

    python -m htmlgen adduser ann             # asks for a password; for a known name it sets a new one
    python -m htmlgen adduser ann --disable   # her sessions and keys end within seconds

Passwords are kept as Argon2id hashes, with the parameters that RFC 9106, section 4, recommends second (64 MiB, 3 passes).
"""

import argparse
import asyncio
import getpass
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from htmlgen.auth import check_password
from htmlgen.database import migrated, storage
from htmlgen.errors import SettingsError
from htmlgen.schema import accounts, now
from htmlgen.settings import load_settings

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
"""Names have no ":" and no "~", which mark users that have no account, see htmlgen/auth.py."""

REMEMBERED = 5.0
"""Seconds that an account is not looked up again: how long a disabled one may still come in."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    password_hash: str
    disabled: bool


class Accounts:
    """Looks accounts up. `engine` is called when one is needed, so that this can be made before the store is open."""

    def __init__(self, engine: Callable[[], AsyncEngine]) -> None:
        self._engine = engine
        self._seen: dict[str, tuple[float, Account | None]] = {}

    async def get(self, name: str) -> Account | None:
        """The account of that name, or None."""
        if not NAME.fullmatch(name):
            return None
        clock = time.monotonic()
        then, account = self._seen.get(name, (-REMEMBERED, None))
        if clock - then < REMEMBERED:
            return account
        query = select(accounts.c.password_hash, accounts.c.disabled_at).where(accounts.c.name == name)
        with storage("Nobody can log in"):
            async with self._engine().connect() as connection:
                row = (await connection.execute(query)).one_or_none()
        account = None if row is None else Account(name, row.password_hash, row.disabled_at is not None)
        if len(self._seen) > 1_000:
            self._seen.clear()
        self._seen[name] = (clock, account)
        return account

    async def any(self) -> bool:
        """Whether somebody could log in: there is an account, and it is not disabled."""
        query = select(accounts.c.name).where(accounts.c.disabled_at.is_(None)).limit(1)
        with storage("The accounts cannot be read"):
            async with self._engine().connect() as connection:
                return (await connection.execute(query)).first() is not None

    async def set(self, name: str, password: str) -> bool:
        """Makes an account, or gives a known one a new password and enables it again. True if it is new.

        Raises:
            SettingsError: the name or the password cannot be used.
        """
        if not NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} cannot be an account's name: up to 64 small letters, digits and . _ @ - are, beginning with a letter or digit."
            )
        check_password("The password", password)
        password_hash = await asyncio.to_thread(PasswordHasher().hash, password.encode("utf-8", "surrogatepass"))
        row = {"password_hash": password_hash, "disabled_at": None}
        self._seen.pop(name, None)
        with storage("The account is not saved"):
            async with self._engine().begin() as connection:
                changed = await connection.execute(accounts.update().where(accounts.c.name == name).values(**row))
                if changed.rowcount:
                    return False
                await connection.execute(accounts.insert().values(name=name, created_at=now(), **row))
                return True

    async def disable(self, name: str) -> bool:
        """Ends an account; its chats and pages stay. False if there is none of that name."""
        self._seen.pop(name, None)
        change = accounts.update().where(accounts.c.name == name).values(disabled_at=now())
        with storage("The account is not disabled"):
            async with self._engine().begin() as connection:
                return bool((await connection.execute(change)).rowcount)


# python -m htmlgen adduser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Makes an account for the log-in, or gives a known one a new password."
    parser.add_argument("name", help="what is typed at the log-in; `local` takes over the chats made without one")
    parser.add_argument(
        "--disable", action="store_true", help="end the account: nobody logs in by it, its keys do not work"
    )
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from the first line of standard input"
    )


def run(args: argparse.Namespace) -> int:
    """Returns the exit code; raises HtmlgenError."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    async with migrated(load_settings().database) as engine:
        known = Accounts(lambda: engine)
        name = args.name.lower()
        if args.disable:
            if not await known.disable(name):
                raise SettingsError(f"There is no account {name!r}.")
            print(f"{name} is disabled. A running server knows within seconds.")
            return 0
        new = await known.set(name, _read_password(args.password_stdin))
        if new:
            print(f"{name} can log in. A server that runs without log-in asks for one when it is started again.")
        else:
            print(f"{name} has a new password; sessions with the old one end.")
        return 0


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise SettingsError("There is no terminal to type a password at. Pipe it in with --password-stdin.")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Again: "):
        raise SettingsError("The two passwords differ. Nothing was changed.")
    return password

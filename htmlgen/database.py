"""Connections to SQLite or PostgreSQL, the newest schema in it, and what goes wrong there in words.

engine = connect("sqlite:///data/htmlgen.db")       # or postgresql://user:password@host/name
await migrate(engine)
with storage("This page is not saved"):
    async with engine.begin() as connection: ...
"""

import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from htmlgen.errors import SettingsError, StorageFailed

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds to wait for a lock that another process holds, before it is called locked."""

MIGRATIONS = Path(__file__).with_name("migrations")
_MIGRATION_LOCK = 0x68746D6C67656E
"""PostgreSQL's advisory lock while one process migrates: "htmlgen" in ASCII."""


def connect(url: str) -> AsyncEngine:
    """An engine for `sqlite:///path` or `postgresql://…`; nothing is opened before the first query.

    Chainlit's SQLAlchemyDataLayer must use this engine too: SQLite knows foreign keys, waiting for locks and lists of
    tags only on connections that were set up for them.

    Raises:
        SettingsError: the URL cannot be read, or names another kind of database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            "HTMLGEN_DATABASE_URL cannot be read. Write postgresql://user:password@host/name or sqlite:///path/to/file.db."
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgres":
            return _postgresql(parsed)
    raise SettingsError(
        f"HTMLGEN_DATABASE_URL names {parsed.get_backend_name()!r}. Known are postgresql:// and sqlite:///."
    )


def _sqlite(url: URL) -> AsyncEngine:
    if not url.database or ":memory:" in url.database:
        raise SettingsError("HTMLGEN_DATABASE_URL names no file. Write sqlite:///path/to/file.db.")
    path = Path(url.database)
    try:
        # For its user alone: SQLite gives the files beside it the same permissions.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise SettingsError(
            f"The database {path} cannot be made: {error.strerror}. Name another folder in HTMLGEN_DATA."
        ) from error
    # Chainlit hands lists to the driver, which PostgreSQL takes as arrays.
    sqlite3.register_adapter(list, json.dumps)
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), connect_args={"timeout": PATIENCE})

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        # Python's driver begins transactions late and ends them at DDL; ours begin where SQLAlchemy says, see "begin".
        connection.isolation_level = None
        cursor = connection.cursor()
        # WAL: readers and the one writer do not wait for each other. A deleted chat is overwritten, not just unlinked.
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("migrating"):
            # Alembic alters a table by copying and dropping it, which would take along what refers to it.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


ASYNCPG = {"host", "port", "ssl", "direct_tls", "passfile", "target_session_attrs", "krbsrvname", "gsslib"}
"""What asyncpg takes of a URL's query."""


def _postgresql(url: URL) -> AsyncEngine:
    # libpq's words, which providers put into the URLs they give out: asyncpg calls one otherwise, and binds no channels.
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    query.pop("channel_binding", None)
    if unknown := sorted(query.keys() - ASYNCPG):
        raise SettingsError(
            f"HTMLGEN_DATABASE_URL has {', '.join(unknown)} after its question mark, which the driver does not know. Leave it out; "
            f"known are sslmode, {', '.join(sorted(ASYNCPG - {'ssl'}))}."
        )
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg", query=query),
        pool_pre_ping=True,
        connect_args={"timeout": 2 * PATIENCE, "server_settings": {"lock_timeout": f"{PATIENCE * 1000:.0f}"}},
    )


async def migrate(engine: AsyncEngine) -> None:
    """Takes the database to the newest schema, in one transaction; processes that start together take turns.

    Raises:
        StorageFailed: it cannot be reached or written, or a newer version of this program has used it.
    """
    with storage("The database cannot be opened"):
        async with engine.execution_options(migrating=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await connection.run_sync(_upgrade)
        await engine.dispose()  # that connection's foreign keys were off


@asynccontextmanager
async def migrated(url: str) -> AsyncIterator[AsyncEngine]:
    """The database at `url` in its newest schema, for a while; raises what `connect` and `migrate` raise."""
    engine = connect(url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every step, of its own import too
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageFailed(
            f"The database is of another version than this program ({error}). Update the program, or name another "
            "database in HTMLGEN_DATABASE_URL."
        ) from error


@contextmanager
def storage(what: str) -> Iterator[None]:
    """Turns what a database raises into StorageFailed. `what` begins its message: what is (not) saved or shown now.

    Raises:
        StorageFailed: says why, and what to do.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("%s: %s", what, error)
        raise StorageFailed(f"{what}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    cause = str(error.orig if isinstance(error, DBAPIError) else error)
    low = cause.lower()
    if "disk is full" in low or "no space left" in low or "disk i/o error" in low or "could not extend" in low:
        return "the disk is full. Make room on the server and try again."
    if "locked" in low or "lock timeout" in low:
        return "another program holds the database. Close it and try again."
    if "readonly" in low or "read-only" in low or "unable to open database" in low or "permission denied" in low:
        return "the database file cannot be written. Check the permissions of the folder in HTMLGEN_DATA."
    if isinstance(error, (OSError, TimeoutError, OperationalError, InterfaceError)) or "connection" in low:
        return "the database cannot be reached. Check that it runs, and HTMLGEN_DATABASE_URL."
    return "the database refused it. The server's log has the details."

"""The tables: Chainlit's own five, and ours for accounts, versions of pages, votes and publications.

Chainlit's SQLAlchemyDataLayer writes SQL by hand and takes any database whose columns have its names; the types here make
that SQL mean the same on SQLite and PostgreSQL. Times of ours are UTC. A change here needs a migration
(`alembic -c htmlgen/migrations/alembic.ini revision --autogenerate -m "..."`); a test compares the two.
"""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB


class Utc(TypeDecorator[datetime]):
    """A moment. SQLite keeps no time zone, so all are stored in UTC and come back with it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        assert value is None or value.tzinfo is not None, "a moment needs its time zone"
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def storable(text: str) -> str:
    """The text as every database takes it: NUL, which PostgreSQL lacks, becomes U+FFFD, half a surrogate pair "?"."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


class Words(TypeDecorator[str]):
    """Text from anywhere, made storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


NAMES = {
    "ix": "%(table_name)s_%(column_0_name)s_index",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
"""Every constraint has a name, or no later migration could drop it."""

metadata = MetaData(naming_convention=NAMES)

Json = JSON().with_variant(JSONB(), "postgresql")
Tags = Text().with_variant(ARRAY(Text()), "postgresql")
"""A list of texts for Chainlit; on SQLite it is JSON, which htmlgen/store.py's connections write and read."""


def now() -> datetime:
    return datetime.now(timezone.utc)


def _version(name: str, **more: Any) -> Column[Any]:
    return Column(name, Words, ForeignKey("versions.id", ondelete="CASCADE"), **more)


# Chainlit's, in its spelling. What it writes as JSON text stays text: it reads it so on both databases.

users = Table(
    "users",
    metadata,
    Column("id", Words, primary_key=True),
    Column("identifier", Words, nullable=False, unique=True),
    Column("metadata", Words, nullable=False),
    Column("createdAt", Words),
)

threads = Table(
    "threads",
    metadata,
    Column("id", Words, primary_key=True),
    # Null in the INSERT of its upserts, so it cannot be NOT NULL.
    Column("createdAt", Words),
    Column("name", Words),
    Column("userId", Words, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("userIdentifier", Words),
    Column("tags", Tags),
    Column("metadata", Words),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("threadId", Words, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False, index=True),
    # No foreign key: Chainlit writes children and parents concurrently, in any order.
    Column("parentId", Words),
    Column("command", Words),
    Column("modes", Words),
    Column("streaming", Boolean),
    Column("waitForAnswer", Boolean),
    Column("isError", Boolean),
    Column("metadata", Words),
    Column("tags", Tags),
    Column("input", Words),
    Column("output", Words),
    Column("createdAt", Words),
    Column("start", Words),
    Column("end", Words),
    Column("generation", Words),
    Column("showInput", Words),
    Column("language", Words),
    Column("indent", Integer),
    Column("defaultOpen", Boolean),
    Column("autoCollapse", Boolean),
    Column("icon", Words),
)

elements = Table(
    "elements",
    metadata,
    Column("id", Words, primary_key=True),
    # No foreign keys: an element may be written before its thread and step. Chainlit deletes them itself.
    Column("threadId", Words, index=True),
    Column("type", Words),
    Column("url", Words),
    Column("path", Words),
    Column("chainlitKey", Words),
    Column("name", Words, nullable=False),
    Column("display", Words),
    Column("objectKey", Words),
    Column("size", Words),
    Column("page", Integer),
    Column("language", Words),
    Column("forId", Words, index=True),
    Column("mime", Words),
    Column("props", Words),
    Column("autoPlay", Boolean),
    Column("playerConfig", Words),
)

feedbacks = Table(
    "feedbacks",
    metadata,
    Column("id", Words, primary_key=True),
    Column("forId", Words, nullable=False, index=True),
    Column("threadId", Words),
    Column("value", Integer, nullable=False),
    Column("comment", Words),
)

# Ours

versions = Table(
    "versions",
    metadata,
    Column("id", Words, primary_key=True),
    Column("chat", Words, ForeignKey("threads.id", ondelete="CASCADE")),
    Column("owner", Words, nullable=False),
    Column("number", Integer, nullable=False),
    Column("parent", Words, ForeignKey("versions.id", ondelete="SET NULL"), index=True),
    Column("origin", Words, nullable=False),
    Column("instruction", Words, nullable=False),
    Column("input", Words),
    Column("html", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("adapter", Words),
    Column("sampling", Json, nullable=False),
    Column("usage", Json),
    Column("state", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    UniqueConstraint("chat", "number"),
    CheckConstraint("origin IN ('model', 'hand', 'upload', 'restore')", "origin"),
    CheckConstraint("state IN ('writing', 'finished', 'cut', 'stopped', 'failed')", "state"),
    Index("versions_owner_created_at_index", "owner", "created_at"),
)

votes = Table(
    "votes",
    metadata,
    _version("version_id", primary_key=True),
    Column("owner", Words, primary_key=True),
    Column("value", SmallInteger, nullable=False),
    Column("comment", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    CheckConstraint("value IN (-1, 1)", "value"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("id", Words, primary_key=True),
    Column("owner", Words, nullable=False),
    Column("kind", Words, nullable=False),
    _version("chosen", nullable=False, index=True),
    _version("rejected", nullable=False, index=True),
    Column("tie", Boolean, nullable=False),
    Column("created_at", Utc, nullable=False),
    CheckConstraint("kind IN ('compare', 'hand', 'fix')", "kind"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Words, primary_key=True),
    Column("password_hash", Words, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("disabled_at", Utc),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("account", Words, nullable=False, index=True),
    Column("hash", Words, nullable=False, index=True),
    Column("created_at", Utc, nullable=False),
    Column("revoked_at", Utc),
    Column("last_used_at", Utc),
)

publications = Table(
    "publications",
    metadata,
    Column("token", Words, primary_key=True),
    _version("version_id", nullable=False, index=True),
    Column("owner", Words, nullable=False, index=True),
    # As it was when published: Continue goes on writing a version that was cut.
    Column("html", Words, nullable=False),
    Column("password_hash", Words),
    Column("created_at", Utc, nullable=False),
    Column("revoked_at", Utc),
)

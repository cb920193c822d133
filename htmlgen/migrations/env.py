"""How Alembic finds the database: htmlgen/database.py hands over a connection; on the command line it opens one itself."""

import asyncio
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from htmlgen.database import connect
from htmlgen.schema import metadata
from htmlgen.settings import load_settings


def render(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Migrations name plain types: what htmlgen/schema.py means by its own may change, what was done may not."""
    if kind != "type":
        return False
    return {"Words": "sa.Text()", "Utc": "sa.DateTime(timezone=True)"}.get(type(item).__name__, False)


def migrate(connection: Connection) -> None:
    # SQLite cannot alter a column: Alembic then copies the table.
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_here() -> None:
    engine = connect(load_settings().database)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(migrate_here())
else:
    migrate(given)

"""The store: versions, votes and preferences, the same on SQLite and PostgreSQL."""

import asyncio
import os
import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select, text

from htmlgen.database import connect
from htmlgen.engine import GenerationRequest, Sampling, Usage
from htmlgen.errors import PageNotFound, SettingsError, StorageFailed
from htmlgen.schema import metadata, preferences, publications, threads, versions, votes
from htmlgen.settings import Settings
from htmlgen.store import Record, Store, Version
from tests.postgres import Postgres

ASK = GenerationRequest("a login page", sampling=Sampling(temperature=0.5, seed=7))


async def write(
    store: Store, id: str, html: str = "<h1>Hi</h1>", *, chat: str | None = "chat", **more: object
) -> Version:
    """A version that the demo model wrote."""
    await store.begin(id, Record("ann", chat, **more), ASK, model="demo", adapter="models/demo/adapter")  # type: ignore[arg-type]
    return await store.end(id, "finished", html=html, text=html)


async def count(store: Store, table: object) -> int:
    async with store.engine.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()  # type: ignore[arg-type]


# Schema


async def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    def compare(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with store.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_two_processes_that_start_together_both_find_the_newest_schema(database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(database_url) for _ in range(3)))
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_program_is_left_alone(database_url: str) -> None:
    store = await Store.open(database_url)
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(StorageFailed, match="another version than this program"):
        await Store.open(database_url)


def test_without_a_url_the_database_is_in_the_data_folder() -> None:
    assert Settings(_env_file=None, data="/x").database == "sqlite:////x/htmlgen.db"
    assert Settings(_env_file=None, database_url="postgresql://a:b@c/d").database == "postgresql://a:b@c/d"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://a:SECRET@b/c", "'mysql'"),
        ("postgresql://a:SECRET@b/c?sslmode=require&application_name=x", "has application_name after"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
    ],
)
def test_a_url_of_no_known_database_is_told_without_its_password(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        connect(url)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["postgres://u:p@h/d?sslmode=require&channel_binding=require", "postgresql+psycopg2://u:p@h/d?sslmode=require"],
)
def test_urls_as_providers_write_them_are_understood(url: str) -> None:
    assert connect(url).url.render_as_string() == "postgresql+asyncpg://u:***@h/d?ssl=require"


async def test_the_sqlite_file_is_in_wal_mode_in_a_folder_for_its_user_alone(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/data/htmlgen.db")
    async with store.engine.connect() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
    modes = {name: os.stat(tmp_path / "data" / name).st_mode & 0o777 for name in os.listdir(tmp_path / "data")}
    assert modes == {"htmlgen.db": 0o600, "htmlgen.db-wal": 0o600, "htmlgen.db-shm": 0o600}
    await store.close()
    assert os.stat(tmp_path / "data").st_mode & 0o777 == 0o700


# Versions


async def test_a_version_is_kept_with_all_that_made_it(store: Store) -> None:
    request = GenerationRequest("make it green", page="<h1>Hi</h1>", sampling=Sampling(top_k=5))
    begun = await store.begin("p", Record("ann", "chat"), request, model="demo", adapter="a")
    assert (begun.state, begun.number, begun.html) == ("writing", 1, "")
    await store.save("p", "<h1>", "Sure: <h1>")
    saved = await store.version("p")
    assert saved is not None
    assert (saved.html, saved.text, saved.state) == ("<h1>", "Sure: <h1>", "writing")
    usage = Usage(10, 20, 0.5, 40.0, 100)
    ended = await store.end("p", "cut", html="<h1>Hä 😀</h1>", text="Sure: <h1>Hä 😀</h1>", usage=usage)
    assert ended == await store.version("p")
    assert (ended.instruction, ended.input, ended.model, ended.adapter) == ("make it green", "<h1>Hi</h1>", "demo", "a")
    assert ended.sampling["top_k"] == 5
    assert ended.usage is not None
    assert ended.usage["new_tokens"] == 20
    assert ended.size == len("<h1>Hä 😀</h1>".encode())
    assert abs((datetime.now(timezone.utc) - ended.created_at).total_seconds()) < 60


async def test_versions_are_numbered_within_their_chat(store: Store) -> None:
    for id, chat in (("a", "x"), ("b", "x"), ("c", "y"), ("d", None), ("e", None)):
        await write(store, id, chat=chat)
    hand = await store.add("hand", "<h1>Ho</h1>", owner="ann", chat="x", parent="b", instruction="Edited by hand")
    assert [(v.id, v.number) for v in await store.versions("x")] == [("a", 1), ("b", 2), (hand.id, 3)]
    assert [v.number for v in await store.versions("y")] == [1]
    d = await store.version("d")
    assert d is not None
    assert d.number == 1
    assert (hand.origin, hand.parent, hand.state, hand.model) == ("hand", "b", "finished", "")


async def test_pages_that_begin_at_once_get_different_numbers(store: Store) -> None:
    await asyncio.gather(*(write(store, f"p{index}") for index in range(6)))
    assert [v.number for v in await store.versions("chat")] == [1, 2, 3, 4, 5, 6]


async def test_a_page_whose_parent_was_never_saved_is_saved_all_the_same(store: Store) -> None:
    assert (await write(store, "a", parent="nowhere")).parent is None
    assert (await write(store, "b", parent="a")).parent == "a"


async def test_beginning_a_version_again_goes_on_with_it(store: Store) -> None:
    first = await write(store, "a")
    again = await store.begin("a", Record("ann", "chat"), ASK, model="other")
    assert again == first


async def test_what_a_crash_left_unfinished_is_stopped_at_the_next_start(database_url: str) -> None:
    store = await Store.open(database_url)
    await store.begin("a", Record("ann"), ASK, model="demo")
    await store.save("a", "<h1>", "<h1>")
    await write(store, "b")
    await store.close()
    store = await Store.open(database_url)
    states = [version and version.state for version in (await store.version("a"), await store.version("b"))]
    await store.save("a", "<h1>H", "<h1>H")  # by another server that writes it still
    back = await store.version("a")
    await store.close()
    assert states == ["stopped", "finished"]
    assert back is not None
    assert back.state == "writing"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec=None)))
async def test_any_text_comes_back_but_for_nul_and_half_characters(store: Store, words: str) -> None:
    request = GenerationRequest("a page")
    id = f"p{hash(words)}"
    await store.begin(id, Record("ann"), request, model="demo")
    await store.end(id, "finished", html=words, text=words)
    back = await store.version(id)
    assert back is not None
    assert back.html == back.text == words.replace("\0", "\ufffd").encode(errors="replace").decode()


async def test_an_id_that_no_page_can_have_is_not_there(store: Store) -> None:
    for id in ("", "\0", "\ud800", "x" * 10_000, "' OR 1=1 --"):
        assert await store.version(id) is None


# Votes


async def test_a_vote_counts_once_and_can_be_changed_or_taken_back(store: Store) -> None:
    await write(store, "a")
    await store.vote("a", "ann", 1)
    await store.vote("a", "ann", -1, "The button is \0 missing")
    await store.vote("a", "bob", 1)
    mine = await store.votes("chat", "ann")
    assert {id: (vote.value, vote.comment) for id, vote in mine.items()} == {"a": (-1, "The button is \ufffd missing")}
    await store.vote("a", "ann", 0)
    assert await store.votes("chat", "ann") == {}
    assert await count(store, votes) == 1


async def test_a_choice_between_two_pages_replaces_the_earlier_one(store: Store) -> None:
    await write(store, "a")
    await write(store, "b")
    await store.prefer("ann", "compare", "a", "b")
    await store.prefer("ann", "compare", "b", "a", tie=True)
    await store.prefer("bob", "compare", "a", "b")
    async with store.engine.connect() as connection:
        rows = (await connection.execute(select(preferences).order_by(preferences.c.owner))).all()
    assert [(row.owner, row.chosen, row.rejected, row.tie) for row in rows] == [
        ("ann", "b", "a", True),
        ("bob", "a", "b", False),
    ]


async def test_votes_on_a_page_that_is_not_there_are_refused(store: Store) -> None:
    await write(store, "a")
    with pytest.raises(PageNotFound):
        await store.vote("gone", "ann", 1)
    with pytest.raises(PageNotFound):
        await store.prefer("ann", "compare", "a", "gone")


# Deleting


async def fill(store: Store) -> None:
    """Two chats of two pages each, with everything that hangs on them."""
    for chat in ("x", "y"):
        for name in ("1", "2"):
            await write(store, chat + name, f"<h1>SECRET-{chat}</h1>", chat=chat)
            await store.vote(chat + name, "ann", 1, "SECRET")
        await store.prefer("ann", "compare", chat + "1", chat + "2")
        async with store.engine.begin() as connection:
            publication = {
                "token": chat,
                "version_id": chat + "1",
                "owner": "ann",
                "html": "SECRET",
                "created_at": datetime.now(timezone.utc),
            }
            await connection.execute(publications.insert().values(**publication))


async def left(store: Store) -> list[int]:
    return [await count(store, table) for table in (versions, votes, preferences, publications)]


async def test_deleting_a_chat_deletes_all_that_hangs_on_it_and_nothing_else(store: Store) -> None:
    await fill(store)
    assert sorted(await store.delete_chat("x")) == ["x1", "x2"]
    assert await left(store) == [2, 2, 1, 1]
    assert await store.version("x1") is None
    with pytest.raises(PageNotFound, match="deleted"):
        await store.save("x1", "<h1>", "<h1>")


async def test_deleting_chainlits_thread_does_so_too(store: Store) -> None:
    await fill(store)
    async with store.engine.begin() as connection:
        await connection.execute(threads.delete().where(threads.c.id == "x"))
    assert await left(store) == [2, 2, 1, 1]


async def test_what_was_deleted_is_not_in_the_file_any_more(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    await fill(store)
    await store.delete_chat("x")
    await store.delete_chat("y")
    await store.close()  # the last connection: the write-ahead log goes into the file, and away
    assert os.listdir(tmp_path) == ["htmlgen.db"]
    assert b"SECRET" not in (tmp_path / "htmlgen.db").read_bytes()


# What goes wrong


async def test_a_full_disk_says_what_is_not_saved(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    await write(store, "a")
    async with store.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        # SQLite's own limit on the file, which fails as a full disk does.
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        assert raw is not None
    with pytest.raises(StorageFailed, match="This page is not saved: the disk is full"):
        await store.save("a", "x" * 200_000, "x" * 200_000)
    before = await store.version("a")
    assert before is not None
    assert before.html == "<h1>Hi</h1>"
    await store.close()


async def test_a_locked_sqlite_file_is_told_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htmlgen.database.PATIENCE", 0.2)
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    await write(store, "a")
    other = sqlite3.connect(tmp_path / "htmlgen.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match="Your vote is not saved: another program holds the database"):
        await store.vote("a", "ann", 1)
    with pytest.raises(StorageFailed, match="This chat is not deleted: another program holds the database"):
        await store.delete_chat("chat")
    assert await store.version("a") is not None  # readers do not wait
    other.rollback()
    other.close()
    await store.vote("a", "ann", 1)
    assert (await store.add("hand", "<p>", owner="ann", chat="chat")).number == 2, "that chat goes on"
    await store.close()


async def test_a_locked_table_in_postgresql_is_told_after_a_while(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("htmlgen.database.PATIENCE", 0.2)
    store = await Store.open(postgres.new_database())
    await write(store, "a")
    async with store.engine.begin() as other:
        await other.execute(text("LOCK TABLE versions IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StorageFailed, match="another program holds the database"):
            await store.save("a", "<h1>", "<h1>")
    await store.save("a", "<h1>", "<h1>")
    await store.close()


async def test_a_postgresql_that_restarts_is_used_again_and_one_that_is_gone_is_told(postgres: Postgres) -> None:
    store = await Store.open(postgres.new_database())
    await write(store, "a")
    try:
        postgres.stop()
        with pytest.raises(StorageFailed, match="This page is not saved: the database cannot be reached"):
            await store.save("a", "<h1>", "<h1>")
    finally:
        await asyncio.to_thread(postgres.start)
    await store.save("a", "<h1>", "<h1>")
    await store.close()


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made"):
        await Store.open(f"sqlite:///{tmp_path}/file/data/htmlgen.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StorageFailed, match="cannot be written"):
        await Store.open(f"sqlite:///{tmp_path}/folder.db")

"""What is written is saved while it is written: crashes, full disks, locks, deleted chats, restarts."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.errors import OutOfMemory, PageNotFound
from htmlgen.models import Model
from htmlgen.page import LivePage, PageShelf
from htmlgen.recorder import Recorder
from htmlgen.settings import PROJECT, Settings
from htmlgen.store import Record, Store, Version
from htmlgen.studio import Event, Finished, PageOpened, Studio
from tests.postgres import Postgres
from tests.scripted import SCRIPTED, ScriptedEngine

ASK = GenerationRequest("a page")
ANN = Record("ann", "chat")
LONG = ["<!DOCTYPE html>", *(f"<p>{number}</p>" for number in range(400))]


async def ready(store: Store | None, engine: ScriptedEngine | None = None, **settings: Any) -> Studio:
    chosen = Settings(_env_file=None, **settings)
    studio = Studio(engine or ScriptedEngine(), PageShelf(chosen.max_pages, store), chosen)
    await studio.wait_ready()
    return studio


async def collect(
    studio: Studio, request: GenerationRequest = ASK, record: Record | None = ANN, **more: Any
) -> list[Event]:
    async with aclosing(studio.generate(request, record=record, **more)) as events:
        return [event async for event in events]


def opened(events: list[Event]) -> PageOpened:
    return next(event for event in events if isinstance(event, PageOpened))


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


async def some(store: Store) -> None:
    """Waits until the page of the one generation that runs is being saved."""
    while not any(len(version.html) > 50 for version in await store.versions("chat")):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


# What is kept


async def test_a_generation_with_a_record_is_kept_with_all_that_made_it(store: Store) -> None:
    model = Model("runs/mine", "mine", "base", "runs/mine/adapter")
    studio = await ready(store, ScriptedEngine(["Sure:\n", "<h1>Hi</h1>"], models=[model]))
    request = GenerationRequest("make it green", page="<h1>Old</h1>", sampling=Sampling(seed=7))
    events = await collect(studio, request)
    end, first = finished(events), opened(events).version
    assert first is not None
    assert (first.number, first.state) == (1, "writing")
    version = end.version
    assert version is not None
    assert version == await store.version(first.id)
    assert end.unsaved is None
    assert (version.html, version.text, version.state) == ("<h1>Hi</h1>", "Sure:\n<h1>Hi</h1>", "finished")
    assert (version.instruction, version.input, version.owner, version.chat) == (
        "make it green", "<h1>Old</h1>", "ann", "chat",
    )  # fmt: skip
    assert (version.model, version.adapter, version.sampling["seed"]) == ("runs/mine", "runs/mine/adapter", 7)
    assert version.usage is not None
    assert version.usage["new_tokens"] == 2
    assert end.page is not None
    assert end.page.owner == "ann"


async def test_a_page_opens_as_soon_as_its_row_is_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htmlgen.recorder.HEAD_START", 3_600.0)
    studio = await ready(store)
    events = await asyncio.wait_for(collect(studio), 30)
    assert opened(events).version is not None


async def test_without_a_record_or_a_store_nothing_is_kept_and_nothing_is_said_of_it(store: Store) -> None:
    for studio, record in ((await ready(store), None), (await ready(None), ANN)):
        end = finished(await collect(studio, record=record))
        assert (end.version, end.unsaved) == (None, None)
    assert await store.versions("chat") == []


async def test_a_stopped_page_is_kept_as_stopped(store: Store) -> None:
    studio = await ready(store, ScriptedEngine(LONG, delay=0.01))
    async with aclosing(studio.generate(ASK, record=ANN)) as events:
        page = (await anext(event async for event in events if isinstance(event, PageOpened))).page
        while page.size < 100:
            await anext(events)
    version = await store.version(page.id)
    assert version is not None
    assert (version.state, version.html) == ("stopped", page.html)


async def test_a_page_is_kept_when_whoever_waited_for_it_is_cancelled(store: Store) -> None:
    studio = await ready(store, ScriptedEngine(LONG, delay=0.01))
    reader = asyncio.create_task(collect(studio))
    await some(store)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    [version] = await store.versions("chat")
    assert version.state == "stopped"
    assert version.html == (await studio.shelf.find(version.id)).html != ""


async def test_who_is_cancelled_while_he_waits_for_the_last_save_does_not_take_it_with_him(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, ending = store.end, asyncio.Event()

    async def slowly(*arguments: Any, **more: Any) -> Version:
        ending.set()
        await asyncio.sleep(0.1)
        return await end(*arguments, **more)

    monkeypatch.setattr(store, "end", slowly)
    page = LivePage("ann")
    page.append("<h1>")
    recorder = Recorder(store, ANN, ASK, SCRIPTED, page, ["<h1>"])
    await recorder.begin()
    waiting = asyncio.create_task(recorder.end("finished"))
    await ending.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await recorder.end("stopped")  # too late: it has ended already
    assert recorder.version == await store.version(page.id)
    assert recorder.version is not None
    assert (recorder.version.state, recorder.version.html) == ("finished", "<h1>")


async def test_a_generation_that_breaks_off_is_kept_as_failed(store: Store) -> None:
    studio = await ready(store, ScriptedEngine(error=OutOfMemory("Too little memory.")))
    with pytest.raises(OutOfMemory):
        await collect(studio)
    [version] = await store.versions("chat")
    assert (version.state, version.html.startswith("<!DOCTYPE html>")) == ("failed", True)


async def test_closing_the_studio_saves_what_is_being_written(store: Store) -> None:
    studio = await ready(store, ScriptedEngine(LONG, delay=0.01))
    reader = asyncio.create_task(collect(studio))
    await some(store)
    await studio.close()
    [version] = await store.versions("chat")
    assert version.state == "stopped"
    assert len(version.html) > 50
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)


# Going on


async def test_continue_goes_on_with_the_same_version_even_after_a_restart(store: Store) -> None:
    whole = "".join(LONG)
    studio = await ready(store, ScriptedEngine(LONG))
    short = GenerationRequest("a page", sampling=Sampling(max_new_tokens=10))
    first = finished(await collect(studio, short)).version
    assert first is not None
    assert first.state == "cut"
    studio = await ready(store, ScriptedEngine(LONG))  # nothing in memory
    page = await studio.shelf.find(first.id)
    assert (page.html, page.owner, page.finish_reason) == (first.html, "ann", "length")
    end = finished(await collect(studio, GenerationRequest("a page", prefix=first.text), page=page))
    assert end.version is not None
    assert (end.version.id, end.version.number, end.version.state) == (first.id, 1, "finished")
    assert end.version.html == end.version.text == page.html == whole


async def test_a_continuation_that_fails_before_its_first_word_leaves_the_version_as_it_was(store: Store) -> None:
    engine = ScriptedEngine(LONG)
    studio = await ready(store, engine)
    cut = finished(await collect(studio, GenerationRequest("a page", sampling=Sampling(max_new_tokens=10))))
    assert cut.page is not None
    engine.script, engine.error = [], OutOfMemory("Too little memory.")
    with pytest.raises(OutOfMemory):
        await collect(studio, GenerationRequest("a page", prefix=cut.text), page=cut.page)
    assert await store.version(cut.page.id) == cut.version


# The shelf


async def test_a_page_that_fell_off_the_shelf_comes_back_from_the_store(store: Store) -> None:
    studio = await ready(store, max_pages=1)
    pages = [finished(await collect(studio)).page for _ in range(3)]
    assert len(studio.shelf) == 1
    for page in pages:
        assert page is not None
        found = await studio.shelf.find(page.id)
        assert (found.id, found.html, found.finished, found.owner) == (page.id, page.html, True, "ann")
        assert await studio.shelf.find(page.id) is found
        assert len(studio.shelf) == 1
    with pytest.raises(PageNotFound):
        await studio.shelf.find("no-such-page")


async def test_readers_who_come_at_once_get_one_page(store: Store) -> None:
    page = finished(await collect(await ready(store))).page
    assert page is not None
    shelf = PageShelf(10, store)
    found = await asyncio.gather(*(shelf.find(page.id) for _ in range(5)))
    assert len({id(one) for one in found}) == 1


async def test_a_page_whose_chat_is_deleted_meanwhile_is_not_kept(store: Store) -> None:
    studio = await ready(store, ScriptedEngine(LONG, delay=0.005))
    reader = asyncio.create_task(collect(studio))
    await some(store)
    for id in await store.delete_chat("chat"):
        studio.shelf.forget(id)
    end = finished(await reader)
    assert (end.version, end.unsaved) == (None, None)
    assert await store.versions("chat") == []
    assert end.page is not None
    with pytest.raises(PageNotFound):
        await studio.shelf.find(end.page.id)


# What goes wrong


async def test_on_a_full_disk_the_page_is_shown_and_said_not_to_be_saved(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    studio = await ready(store, ScriptedEngine(["<h1>", "x" * 300_000]))
    async with store.engine.connect() as connection:
        limit = (await connection.execute(text("PRAGMA page_count"))).scalar_one() + 3

    @event.listens_for(store.engine.sync_engine, "checkout")
    def fill_the_disk(connection: Any, *_: Any) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count = {limit}")

    events = await collect(studio)
    end = finished(events)
    assert end.page is not None
    assert end.page.size == 300_004
    assert end.version is None
    assert str(end.unsaved).startswith("This page is not saved: the disk is full.")
    await store.close()


async def test_a_database_that_is_locked_for_a_while_holds_no_page_up_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("htmlgen.database.PATIENCE", 0.3)
    store = await Store.open(f"sqlite:///{tmp_path}/htmlgen.db")
    other = sqlite3.connect(tmp_path / "htmlgen.db")
    other.execute("BEGIN IMMEDIATE")
    studio = await ready(store, ScriptedEngine(LONG[:100], delay=0.01))
    async with aclosing(studio.generate(ASK, record=ANN)) as events:
        async for event in events:
            if isinstance(event, PageOpened):
                assert event.version is None
                other.rollback()  # until the page opens, so it did not wait for that
            end = event
    assert isinstance(end, Finished)
    assert end.page is not None
    assert end.unsaved is None
    assert end.version is not None
    assert end.version.html == end.page.html
    other.execute("BEGIN IMMEDIATE")
    locked = finished(await collect(studio))
    assert locked.version is None
    assert "not saved: another program holds the database" in str(locked.unsaved)
    assert await studio.shelf.find(locked.page.id) is locked.page  # type: ignore[union-attr]
    other.close()
    await store.close()


async def test_a_postgresql_that_goes_away_costs_no_page_that_is_on_the_screen(postgres: Postgres) -> None:
    store = await Store.open(postgres.new_database())
    studio = await ready(store)
    try:
        postgres.stop()
        end = finished(await collect(studio))
    finally:
        await asyncio.to_thread(postgres.start)
    assert end.page is not None
    assert end.version is None
    assert "not saved: the database cannot be reached" in str(end.unsaved)
    assert finished(await collect(studio)).version is not None
    await store.close()


CHILD = """
import asyncio, sys, time
from contextlib import aclosing
from htmlgen.engine import GenerationRequest
from htmlgen.page import PageShelf
from htmlgen.settings import Settings
from htmlgen.store import Record, Store, Version
from htmlgen.studio import PageOpened, Studio
from tests.scripted import ScriptedEngine

async def main():
    store = await Store.open(sys.argv[1])
    engine = ScriptedEngine(["<!DOCTYPE html>", *(f"<p>{n}</p>" for n in range(100_000))], delay=0.005)
    studio = Studio(engine, PageShelf(10, store), Settings(_env_file=None))
    await studio.wait_ready()
    async with aclosing(studio.generate(GenerationRequest("a page"), record=Record("ann", "chat"))) as events:
        async for event in events:
            if isinstance(event, PageOpened):
                page = event.page
            elif "page" in locals():
                print(time.time(), page.size, flush=True)

asyncio.run(main())
"""


async def test_kill_9_takes_nothing_that_was_shown_more_than_two_seconds_before(database_url: str) -> None:
    root = str(PROJECT)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, database_url, cwd=root, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    )  # fmt: skip
    assert child.stdout is not None
    shown: list[tuple[float, int]] = []
    while not shown or shown[-1][0] - shown[0][0] < 4.3:
        at, size = (await asyncio.wait_for(child.stdout.readline(), 60)).split()
        shown.append((float(at), int(size)))
    child.send_signal(signal.SIGKILL)
    killed = time.time()
    await child.wait()
    store = await Store.open(database_url)
    [version] = await store.versions("chat")
    page = await PageShelf(10, store).find(version.id)
    await store.close()
    assert version.state == "stopped"
    must = max(size for at, size in shown if at < killed - 2)
    assert must > 1_000
    assert version.size >= must
    assert (
        page.html
        == version.html
        == "".join(["<!DOCTYPE html>", *(f"<p>{n}</p>" for n in range(100_000))])[: len(version.html)]
    )

"""The chat's history over the store: what Chainlit writes by hand-made SQL is safe, and deleting a chat deletes its pages."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

import chainlit as cl
import pytest
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession, ws_sessions_id, ws_sessions_sid
from chainlit.types import ThreadDict
from chainlit.user import User
from sqlalchemy import func, select

from chat.history import History, bring_back
from htmlgen.engine import GenerationRequest
from htmlgen.errors import PageNotFound, StorageFailed
from htmlgen.page import PageShelf
from htmlgen.schema import elements, steps, threads, versions
from htmlgen.store import Record, Store


@pytest.fixture
def shelf(store: Store) -> PageShelf:
    return PageShelf(10, store)


@pytest.fixture
def history(store: Store, shelf: PageShelf) -> History:
    return History(lambda: store, shelf)


async def test_text_that_no_database_takes_is_kept_as_near_as_can_be(history: History) -> None:
    made = await history.create_user(User(identifier="ann"))
    assert made is not None
    await history.update_thread("chat", name="A \0 page \ud800", user_id=made.id, tags=["demo"])
    thread = await history.get_thread("chat")
    assert thread is not None
    assert (thread["name"], thread["userIdentifier"]) == ("A \ufffd page ?", "ann")


async def test_deleting_a_chat_takes_its_pages_out_of_memory_and_the_database(
    history: History, store: Store, shelf: PageShelf
) -> None:
    page = shelf.new("ann")
    page.finish("stop")
    await store.begin(page.id, Record("ann", "chat"), GenerationRequest("a page"), model="demo")
    await history.delete_thread("chat")
    assert await store.versions("chat") == []
    assert await history.get_thread("chat") is None
    with pytest.raises(PageNotFound):
        await shelf.find(page.id)


@pytest.fixture
def tab() -> Iterator[WebsocketSession]:
    """One that is open, with a chat in which something was said."""
    session = WebsocketSession("tab", "socket", AsyncMock(), AsyncMock(), {}, "webapp")
    session.has_first_interaction = True
    yield session
    ws_sessions_id.pop(session.id)
    ws_sessions_sid.pop(session.socket_id)


async def left_over(store: Store) -> dict[str, int]:
    """Rows by table, where there are any."""
    async with store.engine.connect() as connection:
        tables = (threads, steps, elements, versions)
        counts = {table.name: await connection.scalar(select(func.count()).select_from(table)) for table in tables}
    return {name: count for name, count in counts.items() if count}


async def test_nothing_that_comes_late_brings_a_deleted_chat_back(
    history: History, store: Store, tab: WebsocketSession
) -> None:
    """Chainlit opens a chat once more before it has it deleted, and keeps the settings of every tab that leaves."""
    chat = tab.thread_id
    init_ws_context(tab)
    step = {"id": "step", "name": "on_chat_resume", "type": "run", "threadId": chat}
    element = cl.CustomElement(name="PageCode", url="/pages/x/source", props={"page": "x"}, for_id="step")
    await history.create_step(step)
    await history.create_element(element)
    version = await store.add("upload", "<p>", owner="ann", chat=chat)
    assert await left_over(store) == {"threads": 1, "steps": 1, "elements": 1, "versions": 1}

    await history.delete_thread(chat)
    tab.emit.assert_awaited_once_with("window_message", {"htmlgen": "deleted", "id": chat})
    await history.create_step(step)
    await history.update_step(step)
    await history.create_element(element)
    await history.update_thread(chat, metadata={"chat_settings": {"seed": 7}})
    with pytest.raises(PageNotFound, match="Begin a new one"):
        await store.add("hand", "<p>", owner="ann", chat=chat, parent=version.id)
    with pytest.raises(PageNotFound, match="Begin a new one"):
        await store.begin("late", Record("ann", chat), GenerationRequest("a page"), model="demo")
    assert await left_over(store) == {}


async def test_a_write_that_had_begun_when_its_chat_was_deleted_does_not_bring_it_back(
    history: History, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await history.update_thread("chat", name="A page")
    execute = history.execute_sql

    async def delete_behind_it(query: str, parameters: dict[str, Any]) -> Any:
        result = await execute(query, parameters)
        if query.lstrip().startswith("SELECT"):
            await store.delete_chat("chat")
        return result

    monkeypatch.setattr(history, "execute_sql", delete_behind_it)
    await history.update_thread("chat", metadata={"chat_settings": {"seed": 7}})
    assert await left_over(store) == {}


@pytest.mark.parametrize(("restored", "current"), [(True, None), (False, "page")])
async def test_a_dropped_connection_does_not_take_a_new_page_back(
    store: Store, shelf: PageShelf, tab: WebsocketSession, restored: bool, current: str | None
) -> None:
    """After "New page" none is current. A tab that connects again keeps that; one that opens the chat anew gets the newest."""
    init_ws_context(tab)
    tab.restored = restored
    page = shelf.new("ann")
    page.finish("stop")
    await store.begin(page.id, Record("ann", tab.thread_id), GenerationRequest("a page"), model="demo")
    chat = AsyncMock(store=store, id=tab.thread_id, owner="ann", page_id=None)
    chat.panel.change = chat.pane.element = MagicMock()
    await bring_back(chat, cast(ThreadDict, {"steps": [], "elements": []}))
    assert chat.page_id == (page.id if current else None)


async def test_messages_are_as_they_were_last_whatever_overtakes_what(history: History, tab: WebsocketSession) -> None:
    """Chainlit starts each write in a task of its own, and waits for none."""
    init_ws_context(tab)
    await history.update_thread("chat", name="A chat")
    step = {
        "id": "step",
        "threadId": "chat",
        "type": "assistant_message",
        "name": "x",
        "streaming": False,
        "createdAt": "2026-01-01T00:00:00Z",
    }
    for number in range(30):
        first, last = ({**step, "id": f"{number}", "output": output} for output in ("first", "last"))
        await asyncio.gather(history.create_step(first), history.update_step(last))
        gone = {**step, "id": f"gone {number}", "output": "Reading your request…"}
        await asyncio.gather(history.create_step(gone), history.delete_step(gone["id"]))
    thread = await history.get_thread("chat")
    assert thread is not None
    assert [kept["output"] for kept in thread["steps"]] == ["last"] * 30


async def test_outside_of_a_chat_a_database_that_refuses_is_an_error(history: History) -> None:
    with pytest.raises(StorageFailed, match="not saved"):
        await history.execute_sql("INSERT INTO nowhere VALUES (:a)", {"a": "b"})

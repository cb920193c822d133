"""History: chats in the store's database, as Chainlit's data layer, and what opening one again brings back."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import chainlit as cl
from chainlit.context import ChainlitContextException, get_context
from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.types import PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from sqlalchemy import func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from chat.answer import Answer
from chat.compare import Comparison
from chat.conversation import Chat
from chat.labels import shorten
from chat.pane import complain, offer_commands
from chat.upload import split_pasted
from htmlgen.database import storage
from htmlgen.errors import PageNotFound, StorageFailed
from htmlgen.page import PageShelf
from htmlgen.schema import steps, storable, threads
from htmlgen.store import Store

log = logging.getLogger("htmlgen.chat")

LONGEST_NAME = 80

TELL_SECONDS = 20.0
"""Between two complaints: one message is several writes."""
NOT_SAVED = "This chat is not saved: the database cannot be written. Check the disk; the server's log has the details."


class History(SQLAlchemyDataLayer):
    """Chainlit's own data layer over the store's engine.

    Writes go one after the other: Chainlit starts them concurrently, and an older state of a message could overtake a
    newer one. Its custom elements are kept as their props, which name pages; it would fetch their addresses instead.
    """

    def __init__(self, get_store: Callable[[], Store], shelf: PageShelf) -> None:
        # Not the base's own __init__: it would open a second engine, before there is an event loop.
        self._get_store, self._shelf = get_store, shelf
        self._writing = asyncio.Lock()
        self._told = -TELL_SECONDS
        self.storage_provider = None
        self.user_thread_limit = 1_000
        self.show_logger = False

    @property
    def engine(self) -> AsyncEngine:
        return self._get_store().engine

    def async_session(self) -> AsyncSession:
        return AsyncSession(self.engine, expire_on_commit=False)

    async def close(self) -> None:
        """The engine is the store's, which closes it."""

    async def get_current_timestamp(self) -> str:
        return datetime.now(timezone.utc).replace(tzinfo=None).isoformat() + "Z"

    async def execute_sql(self, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]] | int | None:
        """Runs one statement. In a chat a failure is told there, for most of Chainlit's writes are awaited by nobody.

        Raises:
            StorageFailed: the database cannot be reached or written, and this is no chat.
        """
        parameters = {name: storable(value) if isinstance(value, str) else value for name, value in parameters.items()}
        try:
            async with self.async_session() as session, session.begin():
                result: Any = await session.execute(text(query), parameters)
                rows = [dict(row) for row in result.mappings()] if result.returns_rows else None
        except SQLAlchemyError as error:
            log.error("A chat cannot be saved: %s", error)
            try:
                emitter = get_context().emitter
            except ChainlitContextException:
                raise StorageFailed(NOT_SAVED) from error
            if time.monotonic() - self._told > TELL_SECONDS:
                self._told = time.monotonic()
                await emitter.send_toast(NOT_SAVED, "error")
            return None
        return self.clean_result(rows) if rows is not None else int(result.rowcount)

    # Chats

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        if name is not None:
            said, page = split_pasted(name)
            name = shorten(said or ("Pasted page" if page else name), LONGEST_NAME)
        await super().update_thread(thread_id, name, user_id, metadata, tags)
        if self._is_deleted(thread_id):  # before this or meanwhile: Chainlit makes a row that is missing anew
            await self._get_store().delete_chat(thread_id)

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        """One user's chats, the latest first, by what was said in them. Without their messages, which no list shows."""
        last = func.coalesce(func.max(steps.c.createdAt), threads.c.createdAt)
        query = (
            select(threads.c.id, threads.c.createdAt, threads.c.name, threads.c.userId, threads.c.userIdentifier)
            .outerjoin(steps, steps.c.threadId == threads.c.id)
            .where(threads.c.userId == filters.userId)
            .group_by(threads.c.id)
            .order_by(last.desc(), threads.c.id)
        )
        if wanted := (filters.search or "").strip():
            said = select(steps.c.threadId).where(
                steps.c.type.in_(("user_message", "assistant_message")),
                steps.c.output.icontains(wanted, autoescape=True),
            )
            query = query.where(or_(threads.c.id.in_(said), threads.c.name.icontains(wanted, autoescape=True)))
        try:
            async with self.engine.connect() as connection:
                found = [dict(row) for row in (await connection.execute(query)).mappings()]
        except SQLAlchemyError as error:
            raise StorageFailed("The list of chats cannot be read: the database does not answer.") from error
        begin = next((n + 1 for n, row in enumerate(found) if row["id"] == pagination.cursor), 0)
        page = found[begin : begin + pagination.first]
        empty: dict[str, Any] = {"tags": None, "metadata": {}, "steps": [], "elements": []}
        return PaginatedResponse(
            pageInfo=PageInfo(
                hasNextPage=len(found) > begin + pagination.first,
                startCursor=page[0]["id"] if page else None,
                endCursor=page[-1]["id"] if page else None,
            ),
            data=[ThreadDict(**row, **empty) for row in page],
        )

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        """A chat with its messages. JSON comes as what it means, on every database."""
        thread = await super().get_thread(thread_id)
        if thread is None:
            return None
        thread["metadata"] = _parsed(thread.get("metadata"))
        for step in thread["steps"]:
            step["metadata"] = _parsed(step.get("metadata"))
        for element in thread.get("elements") or []:
            element["props"] = _parsed(element.get("props"))
        return thread

    async def get_thread_author(self, thread_id: str) -> str:
        """Whose chat it is; empty where there is none, which Chainlit's routes answer with 404. Its own would raise."""
        query = select(threads.c.userIdentifier).where(threads.c.id == storable(thread_id))
        with storage("The chat cannot be read"):
            async with self.engine.connect() as connection:
                return (await connection.execute(query)).scalar_one_or_none() or ""

    async def delete_thread(self, thread_id: str) -> None:
        """Deletes a chat with its pages, from the database and from memory; tabs that show it begin a new one.

        Whatever writes into it later is ignored. Chainlit does: its page opens the chat once more before it asks for the
        deletion, and keeps the settings of every tab that leaves.
        """
        async with self._writing:
            pages = await self._get_store().delete_chat(thread_id)
        for page in pages:
            self._shelf.forget(page)
        for session in list(ws_sessions_id.values()):
            if session.thread_id == thread_id:
                await leave(session)

    def _is_deleted(self, chat: str) -> bool:
        return chat in self._get_store().deleted_chats

    # Messages and what is in them

    async def create_step(self, step_dict: Any) -> None:
        # The browser makes up the id of what its user says, and Chainlit writes over whatever has that id.
        async with self._writing:  # before anything is read, or what comes later would overtake this
            if self._is_deleted(step_dict["threadId"]):
                return
            query = 'SELECT id FROM steps WHERE id = :id AND "threadId" <> :chat'
            elsewhere = await self.execute_sql(query, {"id": step_dict["id"], "chat": step_dict["threadId"]})
            if elsewhere:
                log.warning("A message with the id of one in another chat is not saved.")
            elif elsewhere is not None:  # None: the database cannot be read, which has been told
                await super().create_step(dict(step_dict))

    async def update_step(self, step_dict: Any) -> None:
        await self.create_step(step_dict)

    async def delete_step(self, step_id: str) -> None:
        async with self._writing:
            await super().delete_step(step_id)

    @queue_until_user_message()
    async def create_element(self, element: Any) -> None:
        if not isinstance(element, cl.CustomElement) or not element.for_id:
            return  # the pane is made anew; files that came with a message are versions by now
        kept = {name: value for name, value in element.to_dict().items() if value is not None}
        kept["props"] = json.dumps(kept["props"])
        columns = ", ".join(f'"{name}"' for name in kept)
        values = ", ".join(f":{name}" for name in kept)
        changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in kept if name != "id")
        query = f"INSERT INTO elements ({columns}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {changes}"
        async with self._writing:
            if not self._is_deleted(element.thread_id):
                await self.execute_sql(query, kept)

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        async with self._writing:
            await super().delete_element(element_id, thread_id)


async def leave(session: WebsocketSession) -> None:
    """Has a tab whose chat has been deleted begin a new one (public/studio.js)."""
    await session.emit("window_message", {"htmlgen": "deleted", "id": session.thread_id})


async def bring_back(chat: Chat, thread: ThreadDict) -> None:
    """Opens a chat again: its answers with their buttons, its settings, and its newest page in the pane.

    `thread` is what Chainlit shows next, so what has changed since it was kept is changed in there.
    """
    elements: list[Any] = thread.get("elements") or []
    by_id = {step["id"]: step for step in thread["steps"]}
    versions = {version.id: version for version in await chat.store.versions(chat.id)}
    votes = await chat.store.votes(chat.id, chat.owner)
    for element in list(elements):
        step = by_id.get(element["forId"])
        if step is None:
            continue
        step["streaming"] = False
        if element["name"] == "ComparePages":
            Comparison.revive(chat, step, element)
        version = versions.get(element["props"].get("page"))
        if element["name"] == "PageCode" and version is not None:
            answer = await Answer.revive(chat, step, element, elements, version)
            if vote := votes.get(version.id):
                answer.vote, answer.comment = vote.value, vote.comment
    settings = cl.context.session.chat_settings or {}
    chat.panel.change(settings)
    await chat.panel.send()
    await offer_commands(has_page=bool(versions))
    if not versions:
        return
    newest = max(versions.values(), key=lambda version: version.number)
    shown = cl.user_session.get("page")
    page_id = shown if shown in versions else newest.id
    try:
        await chat.page(page_id)
    except PageNotFound as error:
        await complain(str(error))
        return
    if chat.page_id is not None or not cl.context.session.restored:
        chat.page_id = page_id  # else the connection dropped after "New page", and what comes next is one
    await chat.pane.widen()
    pane = chat.pane.element(await chat.shown(page_id))
    elements.append(pane.to_dict())
    thread["elements"] = elements


def _parsed(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    return value or {}

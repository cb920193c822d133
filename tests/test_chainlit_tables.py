"""Chainlit's own data layer, as installed, works on our tables: the same on SQLite and PostgreSQL."""

import json
from dataclasses import fields
from typing import Any

import pytest
from chainlit.data.sql_alchemy import SQLAlchemyDataLayer
from chainlit.data.storage_clients.base import BaseStorageClient
from chainlit.element import ElementDict
from chainlit.step import StepDict
from chainlit.types import Feedback, Pagination, ThreadFilter
from chainlit.user import User
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from htmlgen.engine import GenerationRequest
from htmlgen.schema import elements, feedbacks, steps
from htmlgen.store import Record, Store
from tests.test_store import count


class Shelves(BaseStorageClient):
    """Files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}

    async def upload_file(self, object_key: str, data: bytes | str, *_: Any, **__: Any) -> dict[str, Any]:
        self.files[object_key] = data
        return {"object_key": object_key, "url": f"/files/{object_key}"}

    async def delete_file(self, object_key: str) -> bool:
        return self.files.pop(object_key, None) is not None

    async def get_read_url(self, object_key: str) -> str:
        return f"/files/{object_key}"

    async def close(self) -> None:
        pass


@pytest.fixture
async def layer(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Chainlit's layer on the store's connections. It only warns of SQL that fails: here that is an error."""
    layer: Any = SQLAlchemyDataLayer("sqlite+aiosqlite://", storage_provider=Shelves())
    await layer.engine.dispose()
    layer.engine = store.engine
    layer.async_session = async_sessionmaker(store.engine, expire_on_commit=False, class_=AsyncSession)

    def fail(message: str) -> None:
        raise AssertionError(message)

    monkeypatch.setattr("chainlit.data.sql_alchemy.logger.warning", fail)
    return layer


def outside_of_a_session(method: Any) -> Any:
    """Chainlit holds writes back until the first message of a session; here there is no session."""
    return method.__wrapped__


async def say(layer: Any, chat: str, id: str, output: str, **more: Any) -> None:
    step = {
        "id": id, "threadId": chat, "parentId": None, "name": "ann", "type": "user_message", "output": output, "input": "",
        "createdAt": f"2026-01-01T00:00:0{id}Z", "start": None, "end": None, "streaming": False, "isError": False,
        "waitForAnswer": False, "metadata": {"favorite": True}, "tags": None, "language": None, "command": "New page",
        "modes": None, "defaultOpen": True, "autoCollapse": False, "showInput": "json", "generation": {"model": "demo"},
        "icon": "bot",
    }  # fmt: skip
    await outside_of_a_session(SQLAlchemyDataLayer.create_step)(layer, {**step, **more})


async def test_users_are_made_once_and_found(layer: Any) -> None:
    made = await layer.create_user(User(identifier="ann", metadata={"role": "user"}))
    again = await layer.create_user(User(identifier="ann", metadata={"role": "admin"}))
    assert made is not None
    assert again.id == made.id
    assert (await layer.get_user("ann")).metadata == {"role": "admin"}
    assert await layer.get_user("nobody") is None


async def test_a_chat_keeps_its_name_its_user_and_its_profile(layer: Any) -> None:
    ann = await layer.create_user(User(identifier="ann"))
    await layer.update_thread("chat", name="A login page", user_id=ann.id, tags=["demo"], metadata={"temperature": 0.5})
    await layer.update_thread("chat", metadata={"seed": 7})
    thread = await layer.get_thread("chat")
    assert (thread["name"], thread["userId"], thread["userIdentifier"]) == ("A login page", ann.id, "ann")
    assert thread["createdAt"]
    assert json.loads(thread["metadata"]) == {"temperature": 0.5, "seed": 7}
    tags = thread["tags"]
    assert (json.loads(tags) if isinstance(tags, str) else tags) == ["demo"]
    assert await layer.get_thread_author("chat") == "ann"


async def test_a_version_may_come_before_chainlits_thread(layer: Any, store: Store) -> None:
    await store.begin("page", Record("ann", "chat"), GenerationRequest("a page"), model="demo")
    ann = await layer.create_user(User(identifier="ann"))
    await layer.update_thread("chat", name="A page", user_id=ann.id, tags=["demo"])
    thread = await layer.get_thread("chat")
    assert (thread["name"], thread["userIdentifier"]) == ("A page", "ann")
    assert thread["createdAt"].endswith("Z")


async def test_messages_are_kept_found_and_deleted_with_their_chat(layer: Any, store: Store) -> None:
    ann = await layer.create_user(User(identifier="ann"))
    for chat, words in (("x", "A login page"), ("y", "A shop")):
        await layer.update_thread(chat, name=words, user_id=ann.id)
        await say(layer, chat, "1" + chat, words, createdAt="2026-01-01T00:00:01Z", tags=["a", "b"])
        await say(layer, chat, "2" + chat, "Done", createdAt="2026-01-01T00:00:02Z", type="assistant_message")
        await say(layer, chat, "2" + chat, "Done!", createdAt="2026-01-01T00:00:02Z", type="assistant_message")
        await layer.upsert_feedback(Feedback(forId="2" + chat, value=1, comment="Nice"))
        row = {"id": "e" + chat, "threadId": chat, "name": "PagePreview", "type": "custom", "display": "side"}
        async with store.engine.begin() as connection:
            await connection.execute(
                elements.insert().values(**row, forId="2" + chat, props="{}", objectKey=f"{chat}.json")
            )
        layer.storage_provider.files[f"{chat}.json"] = "{}"
        await store.add("upload", "<h1>", owner="ann", chat=chat)
    thread = await layer.get_thread("x")
    assert [step["output"] for step in thread["steps"]] == ["A login page", "Done!"]
    assert thread["steps"][1]["feedback"]["comment"] == "Nice"
    assert [element["id"] for element in thread["elements"]] == ["ex"]
    assert len(await layer.get_favorite_steps(ann.id)) == 4
    found = await layer.list_threads(Pagination(first=10), ThreadFilter(userId=ann.id, search="LOGIN"))
    assert [thread["id"] for thread in found.data] == ["x"]
    await layer.delete_thread("x")
    assert await layer.get_thread("x") is None
    assert list(layer.storage_provider.files) == ["y.json"]
    assert [await count(store, table) for table in (steps, feedbacks, elements)] == [2, 1, 1]
    assert await store.versions("x") == []
    assert len(await store.versions("y")) == 1


def test_the_tables_have_every_column_that_chainlit_writes() -> None:
    assert set(StepDict.__annotations__) - {"feedback"} <= set(steps.columns.keys())
    assert set(ElementDict.__annotations__) <= set(elements.columns.keys())
    assert {field.name for field in fields(Feedback)} <= set(feedbacks.columns.keys())

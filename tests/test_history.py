"""The chat's history over the store: what Chainlit writes by hand-made SQL is safe, and deleting a chat deletes its pages."""

import pytest
from chainlit.user import User

from chat.history import History
from htmlgen.engine import GenerationRequest
from htmlgen.errors import PageNotFound, StorageFailed
from htmlgen.page import PageShelf
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


async def test_outside_of_a_chat_a_database_that_refuses_is_an_error(history: History) -> None:
    with pytest.raises(StorageFailed, match="not saved"):
        await history.execute_sql("INSERT INTO nowhere VALUES (:a)", {"a": "b"})

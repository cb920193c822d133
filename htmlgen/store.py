"""Store: versions of pages, votes and preferences, in the tables of htmlgen/schema.py.

    store = await Store.open(settings.database)
    version = await store.begin(page.id, Record(owner="ann", chat=thread_id), request, model="demo")
    await store.save(page.id, page.html, text)          # again and again while it grows
    await store.end(page.id, "finished", html=page.html, text=text)
    await store.vote(page.id, "ann", +1)

Nothing here changes a version once it has ended, but Continue, which begins it again: a hand edit, an upload and a
restore are versions of their own. Every method raises StorageFailed when the disk is full, the database locked or gone.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from htmlgen.database import connect, migrate, storage
from htmlgen.engine import GenerationRequest, Usage
from htmlgen.errors import PageNotFound
from htmlgen.schema import elements, feedbacks, now, preferences, steps, threads, versions, votes

Origin = Literal["model", "hand", "upload", "restore"]
State = Literal["writing", "finished", "cut", "stopped", "failed"]
Kind = Literal["compare", "hand", "fix"]

NOT_SAVED = "This page is not saved"
CHAT_DELETED = "This chat has been deleted. Begin a new one."


@dataclass(frozen=True, slots=True)
class Record:
    """Whose page a generation writes and where it belongs; see `Studio.generate`."""

    owner: str
    chat: str | None = None
    """Chainlit's thread id; None for the API and the command line."""
    parent: str | None = None
    """The version that the instruction changes."""
    origin: Origin = "model"


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a page, with all that made it."""

    id: str
    """LivePage's, the one in /pages/<id>/."""
    chat: str | None
    """Chainlit's thread id; None for the API and the command line."""
    owner: str
    """The user's identifier; "local" without a log-in."""
    number: int
    """1… within the chat."""
    parent: str | None
    """The version this was made from; of a restore, the one that is back."""
    origin: Origin
    instruction: str
    """What was asked; of a hand edit, an upload or a restore, what the list of versions calls it."""
    input: str | None
    """The page that the model was given to change."""
    html: str
    text: str
    """All that the model wrote, prose included; Continue goes on from its end."""
    model: str
    adapter: str | None
    sampling: dict[str, Any]
    usage: dict[str, Any] | None
    state: State
    created_at: datetime
    """UTC."""

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return len(self.html.encode())


@dataclass(frozen=True, slots=True)
class Vote:
    version_id: str
    owner: str
    value: Literal[-1, 1]
    comment: str
    created_at: datetime


class Store:
    """One database. Everything here runs on the event loop that opened it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.deleted_chats: set[str] = set()
        """Those deleted since it was opened: what was still on its way into one of them must not bring it back."""

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Opens the database, takes it to the newest schema, and marks as stopped what a crash left unfinished.

        Raises:
            StorageFailed: it cannot be reached or written.
            SettingsError: the URL names no database that is known here.
        """
        store = cls(connect(url))
        try:
            await migrate(store.engine)
            with storage("The database cannot be opened"):
                async with store.engine.begin() as connection:
                    # Another process's page that is being written is marked again by its next save, a second later.
                    await connection.execute(
                        update(versions).where(versions.c.state == "writing").values(state="stopped")
                    )
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        await self.engine.dispose()

    # Versions

    async def begin(
        self, id: str, record: Record, request: GenerationRequest, *, model: str, adapter: str | None = None
    ) -> Version:
        """A new version that is being written; or the one with that id as it is, if the model goes on with it."""
        if (version := await self._find(id, NOT_SAVED)) is not None:
            return version
        return await self._insert(
            id=id,
            chat=record.chat,
            owner=record.owner,
            parent=record.parent,
            origin=record.origin,
            instruction=request.instruction,
            input=request.page,
            html="",
            text="",
            model=model,
            adapter=adapter,
            sampling=asdict(request.sampling),
            usage=None,
            state="writing",
        )

    async def save(self, id: str, html: str, text: str) -> None:
        """Keeps what is there by now."""
        await self._update(id, html=html, text=text, state="writing")

    async def end(self, id: str, state: State, *, html: str, text: str, usage: Usage | None = None) -> Version:
        """Keeps all of it, and what ended it."""
        return await self._update(id, html=html, text=text, state=state, usage=None if usage is None else asdict(usage))

    async def add(
        self,
        origin: Literal["hand", "upload", "restore"],
        html: str,
        *,
        owner: str,
        chat: str | None = None,
        parent: str | None = None,
        instruction: str = "",
    ) -> Version:
        """A version that no model wrote: a hand edit of `parent`, an upload, or `parent` restored."""
        return await self._insert(
            id=secrets.token_urlsafe(24),
            chat=chat,
            owner=owner,
            parent=parent,
            origin=origin,
            instruction=instruction,
            input=None,
            html=html,
            text=html,
            model="",
            adapter=None,
            sampling={},
            usage=None,
            state="finished",
        )

    async def _insert(self, **values: Any) -> Version:
        # A parent that was deleted, or could not be saved, is no reason to lose its child.
        parent = select(versions.c.id).where(versions.c.id == values["parent"]).scalar_subquery()
        row = {**values, "parent": parent, "number": 1, "created_at": now()}
        with storage(NOT_SAVED):
            async with self.engine.begin() as connection:
                if chat := values["chat"]:
                    row["number"] = await _next_number(connection, chat)
                    if chat in self.deleted_chats:
                        raise PageNotFound(CHAT_DELETED)
                return _version((await connection.execute(insert(versions).values(row).returning(versions))).one())

    async def _update(self, id: str, **values: Any) -> Version:
        with storage(NOT_SAVED):
            async with self.engine.begin() as connection:
                change = update(versions).where(versions.c.id == id).values(values).returning(versions)
                row = (await connection.execute(change)).one_or_none()
        if row is None:
            raise PageNotFound("This page is not saved: its chat has been deleted.")
        return _version(row)

    async def version(self, id: str) -> Version | None:
        """The version with that id."""
        return await self._find(id, "This page cannot be read")

    async def _find(self, id: str, failing: str) -> Version | None:
        with storage(failing):
            async with self.engine.connect() as connection:
                row = (await connection.execute(select(versions).where(versions.c.id == id))).one_or_none()
        return None if row is None else _version(row)

    async def versions(self, chat: str) -> list[Version]:
        """Those of one chat, by number."""
        query = select(versions).where(versions.c.chat == chat).order_by(versions.c.number)
        with storage("The versions of this chat cannot be read"):
            async with self.engine.connect() as connection:
                return [_version(row) for row in await connection.execute(query)]

    async def delete_chat(self, chat: str) -> list[str]:
        """Deletes a chat for good, all of it or nothing: what was said, its versions with their votes, pairs and publications.

        Returns the versions' ids, which are to be taken off the shelf (`PageShelf.forget`).
        """
        self.deleted_chats.add(chat)  # first: what is written from here on either sees it or is deleted below
        with storage("This chat is not deleted"):
            try:
                async with self.engine.begin() as connection:
                    said = select(steps.c.id).where(steps.c.threadId == chat)
                    await connection.execute(delete(feedbacks).where(feedbacks.c.forId.in_(said)))
                    await connection.execute(delete(elements).where(elements.c.threadId == chat))
                    await connection.execute(delete(steps).where(steps.c.threadId == chat))
                    # Locked, as by _next_number: a version that is just being added is told of, too.
                    await connection.execute(select(threads.c.id).where(threads.c.id == chat).with_for_update())
                    gone = delete(versions).where(versions.c.chat == chat).returning(versions.c.id)
                    pages = list((await connection.execute(gone)).scalars())
                    await connection.execute(delete(threads).where(threads.c.id == chat))
            except BaseException:
                self.deleted_chats.discard(chat)
                raise
        return pages

    # Votes

    async def vote(self, version_id: str, owner: str, value: Literal[-1, 0, 1], comment: str = "") -> None:
        """Keeps one user's vote on a version in place of an earlier one; 0 takes it back.

        Raises:
            PageNotFound: there is no such version.
        """
        mine = (votes.c.version_id == version_id) & (votes.c.owner == owner)
        with storage("Your vote is not saved"):
            async with self.engine.begin() as connection:
                await connection.execute(delete(votes).where(mine))
                if value:
                    await _require(connection, version_id)
                    vote = {"version_id": version_id, "owner": owner, "value": value, "comment": comment}
                    await connection.execute(insert(votes).values(**vote, created_at=now()))

    async def votes(self, chat: str, owner: str) -> dict[str, Vote]:
        """One user's votes on the versions of one chat, by version."""
        query = select(votes).join(versions, versions.c.id == votes.c.version_id)
        query = query.where(versions.c.chat == chat, votes.c.owner == owner)
        with storage("The votes of this chat cannot be read"):
            async with self.engine.connect() as connection:
                return {row.version_id: Vote(**row._mapping) for row in await connection.execute(query)}

    async def prefer(self, owner: str, kind: Kind, chosen: str, rejected: str, tie: bool = False) -> None:
        """Keeps that `owner` finds version `chosen` better than `rejected`; a later choice between the two replaces it.

        Raises:
            PageNotFound: one of the versions is not there.
        """
        pair = (chosen, rejected)
        same = (preferences.c.owner == owner) & preferences.c.chosen.in_(pair) & preferences.c.rejected.in_(pair)
        row = {"id": secrets.token_urlsafe(12), "owner": owner, "kind": kind, "tie": tie, "created_at": now()}
        with storage("Your choice is not saved"):
            async with self.engine.begin() as connection:
                await connection.execute(delete(preferences).where(same))
                await _require(connection, *pair)
                await connection.execute(insert(preferences).values(**row, chosen=chosen, rejected=rejected))


async def _next_number(connection: AsyncConnection, chat: str) -> int:
    """The number of the chat's next version. The thread stays locked until the transaction's end: no two get the same."""
    # Chainlit writes its thread in the background, perhaps later than this.
    thread = 'INSERT INTO threads (id, "createdAt") VALUES (:id, :at) ON CONFLICT (id) DO NOTHING'
    at = datetime.now(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
    await connection.execute(text(thread), {"id": chat, "at": at})
    await connection.execute(select(threads.c.id).where(threads.c.id == chat).with_for_update())
    last = select(func.coalesce(func.max(versions.c.number), 0)).where(versions.c.chat == chat)
    return (await connection.execute(last)).scalar_one() + 1


async def _require(connection: AsyncConnection, *ids: str) -> None:
    found = set((await connection.execute(select(versions.c.id).where(versions.c.id.in_(ids)))).scalars())
    if missing := set(ids) - found:
        raise PageNotFound(f"There is no saved page {missing.pop()!r} to vote on. It may have been deleted.")


def _version(row: Row[Any]) -> Version:
    return Version(**row._mapping)

"""One chat: whose it is, which page the next message changes, and what is going on in it."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import chainlit as cl

from chat.labels import shorten, title_of
from chat.pane import Pane
from chat.panel import Panel
from htmlgen.engine import GenerationRequest
from htmlgen.errors import PageNotFound, RequestError, StorageFailed
from htmlgen.models import Model, find_model
from htmlgen.page import LivePage
from htmlgen.store import Record, Store, Version
from htmlgen.studio import Studio

if TYPE_CHECKING:
    from chat.answer import Answer
    from chat.compare import Comparison


class Chat:
    """What one browser tab has going on. It lives as long as the tab; what outlives it is in the store."""

    def __init__(self, studio: Studio, store: Store, *, id: str, owner: str, model: str = "") -> None:
        self.studio, self.store = studio, store
        self.id, self.owner = id, owner
        self.asked_model = model
        self.panel = Panel(studio.settings, studio.engine.models, model)
        self.pane = Pane()
        self.page_id: str | None = None
        """The page that the next message changes: the one in the pane."""
        self.seen: str | None = None
        """The page in the pane when the connection was lost."""
        self.answers: dict[str, Answer] = {}
        """By the id of the page that each of them shows."""
        self.comparisons: dict[str, Comparison] = {}
        """By the id of the message that each of them is."""

    @property
    def model(self) -> Model:
        """The one that this chat's profile names.

        Raises:
            RequestError: it is no longer there.
        """
        return find_model(self.studio.engine.models, self.asked_model)

    # What is going on

    @property
    def is_busy(self) -> bool:
        """A page is being written, or something else that Stop would end."""
        task = cl.context.session.current_task
        return task is not None and not task.done() and task is not asyncio.current_task()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` in the background as what Stop ends, so that the button that asked for it is answered at once.

        Raises:
            RequestError: something else is going on.
        """
        if self.is_busy:
            work.close()
            raise RequestError("The model is still writing in this chat. Wait until it has finished, or stop it.")

        async def run() -> None:
            await cl.context.emitter.task_start()
            try:
                await work
            finally:
                await cl.context.emitter.task_end()

        cl.context.session.current_task = asyncio.create_task(run())

    def stop(self) -> None:
        if self.is_busy:
            cl.context.session.current_task.cancel()

    # Pages and versions

    def record(self, parent: str | None) -> Record:
        """What the store is told about a page that this chat asks for."""
        return Record(owner=self.owner, chat=self.id, parent=parent)

    async def page(self, page_id: str) -> LivePage:
        """One of this user's pages.

        Raises:
            PageNotFound: there is none, or it is somebody else's.
        """
        page = await self.studio.shelf.find(page_id)
        if page.owner != self.owner:
            raise PageNotFound("This page is not there any more. It may have been deleted with its chat.")
        return page

    async def version(self, page_id: str) -> Version:
        """One of this chat's versions.

        Raises:
            PageNotFound: this chat has none with that id.
        """
        version = await self.store.version(page_id)
        if version is None or version.chat != self.id or version.owner != self.owner:
            raise PageNotFound("This version is not part of this chat. It may have been deleted.")
        return version

    async def request_like(self, version: Version) -> GenerationRequest:
        """What `version` was the answer to.

        Raises:
            RequestError: its model is no longer there.
        """
        model = find_model(self.studio.engine.models, version.model)
        return GenerationRequest(
            version.instruction, page=version.input, sampling=self.panel.sampling_of(version.sampling), model=model.id
        )

    async def show(self, page_id: str, *, part: int = 1, writing: bool = False, title: str = "") -> None:
        """Shows a page in the pane, with all versions around it. The next message changes this one."""
        self.page_id = page_id
        props = await self.shown(page_id, part=part, writing=writing, title=title)
        await self.pane.show(props)

    async def shown(self, page_id: str, *, part: int = 1, writing: bool = False, title: str = "") -> dict[str, Any]:
        """What the pane gets to know about a page."""
        try:
            versions = await self.store.versions(self.id)
        except StorageFailed:
            versions = []  # the page is worth showing all the same; its end tells that it is not saved
        version = next((version for version in versions if version.id == page_id), None)
        answer = self.answers.get(page_id)
        if version is not None and not writing:
            title = title_of(version.html) or title or shorten(version.instruction)
        return {
            "page": page_id,
            "part": answer.part if answer is not None else part,
            "version": 1 if version is None else version.number,
            "title": title,
            "writing": writing,
            "model": self.label(version.model) if version is not None else "",
            "versions": [self._listed(other, page_id if writing else None) for other in versions],
            "publishable": version is not None,  # once it is finished, which the pane sees by itself
            "vote": answer.vote if answer is not None else 0,
        }

    def _listed(self, version: Version, writing: str | None) -> dict[str, Any]:
        return {
            "page": version.id,
            "number": version.number,
            "instruction": shorten(version.instruction, 200),
            "created_at": version.created_at.isoformat(),
            "size": 0 if version.id == writing else version.size,  # the pane is not told when it grows
            "model": self.label(version.model),
            "origin": version.origin,
            "state": "writing" if version.id == writing else version.state,
        }

    def label(self, model: str | None) -> str:
        """The name of a model for people; empty where there is none."""
        if not model:
            return ""
        return next((known.label for known in self.studio.engine.models if known.id == model), model)

"""Comparison: one prompt, two answers side by side, and whose was better.

Who wrote which is not told before the choice, and the sides are drawn by lot: people judge the page, not the name.
"""

import asyncio
import logging
import random
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import chainlit as cl

from chat.answer import BROKE_OFF
from chat.conversation import Chat
from chat.labels import shorten, size_of, title_of
from chat.pane import complain, offer_commands
from htmlgen.engine import GenerationRequest
from htmlgen.errors import HtmlgenError, RequestError
from htmlgen.page import LivePage
from htmlgen.studio import Event, Finished, PageOpened, Preparing, Queued, Started

log = logging.getLogger("htmlgen.chat")


@dataclass
class Side:
    """One contender and its page."""

    request: GenerationRequest
    label: str
    """Who it is, for people."""
    page: LivePage | None = None
    state: str = "waiting"
    """waiting, writing, finished, cut, stopped or failed"""
    says: str = "Waiting…"

    def take(self, event: Event) -> bool:
        """Takes in what happened; True if there is something new to show."""
        match event:
            case Queued(position):
                self.says = f"Waiting in the queue, place {position}"
            case Started():
                self.says = "Reading your request…"
            case Preparing(status):
                self.says = status
            case PageOpened(page):
                self.page, self.state, self.says = page, "writing", "Writing…"
            case Finished():
                self.finish(event)
            case _:
                return False
        return True

    def finish(self, end: Finished) -> None:
        if end.page is None:
            self.state, self.says = "failed", "Wrote no page"
            return
        states = {
            "stop": ("finished", "Finished"),
            "length": ("cut", "Cut at the limit"),
            "cancelled": ("stopped", "Stopped"),
        }
        self.state, says = states[end.finish_reason]
        facts = [] if end.usage is None else [f"{end.usage.new_tokens:,} tokens"]
        self.says = " · ".join([says, *facts, size_of(end.page.size)])

    def break_off(self, says: str) -> None:
        self.state = "failed" if self.page is None or says != "Stopped" else "stopped"
        self.says = says

    def shown(self, revealed: bool) -> dict[str, Any]:
        page = None if self.page is None else self.page.id
        title = "" if self.page is None else title_of(self.page.html)
        return {
            "page": page,
            "state": self.state,
            "says": self.says,
            "title": title,
            "name": self.label if revealed else "",
        }


class Comparison:
    """One message with two pages."""

    def __init__(self, chat: Chat, instruction: str) -> None:
        self.chat = chat
        self.title = shorten(instruction)
        self.message = cl.Message("")
        self.element: cl.CustomElement | None = None
        self.sides: list[Side] = []
        self.picked: str | None = None
        """The page that was found better, or "tie"."""

    @property
    def id(self) -> str:
        return str(self.message.id)

    def contenders(self, request: GenerationRequest) -> list[Side]:
        """The chat's model against the one in the settings, in an order that nobody knows.

        Raises:
            RequestError: both would write the same page.
        """
        chat = self.chat
        other = replace(request, model=chat.panel.other_model, sampling=chat.panel.other_sampling)
        sampling = request.sampling
        if request == other and (sampling.temperature == 0 or sampling.seed is not None):
            raise RequestError(
                "Both would write the same page. Choose another model or another temperature to compare with in the settings."
            )
        same_model = request.model == other.model
        sides = []
        for asked in (request, other):
            warmth = f"temperature {asked.sampling.temperature:g}"
            label = warmth if same_model else f"{chat.label(asked.model)}, {warmth}"
            sides.append(Side(asked, label))
        random.shuffle(sides)
        return sides

    async def write(self, request: GenerationRequest, parent: str | None) -> None:
        """Has both written at once, as far as the engine has places; every way that this can end leaves the message finished.

        Raises:
            RequestError: both would write the same page.
        """
        self.sides = self.contenders(request)
        await self.message.send()
        self.chat.comparisons[self.id] = self
        await self.draw()
        await cl.ElementSidebar.set_elements([])  # the two need the room
        tasks = [asyncio.create_task(self.write_side(side, parent)) for side in self.sides]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.end()

    async def write_side(self, side: Side, parent: str | None) -> None:
        try:
            await self.chat.studio.wait_ready()
            async with aclosing(self.chat.studio.generate(side.request, record=self.chat.record(parent))) as events:
                async for event in events:
                    if side.take(event):
                        await self.draw()
        except asyncio.CancelledError:
            side.break_off("Stopped")
            raise
        except HtmlgenError as error:
            side.break_off(str(error))
        except Exception:
            log.exception("A contender broke off")
            side.break_off(BROKE_OFF)

    async def draw(self, writing: bool = True) -> None:
        revealed = self.picked is not None or (not writing and not self.can_pick)
        props = {
            "comparison": self.id,
            "title": self.title,
            "writing": writing,
            "can_pick": self.can_pick and not writing,
            "picked": self.picked,
            "sides": [side.shown(revealed) for side in self.sides],
        }
        if self.element is None:
            self.element = cl.CustomElement(name="ComparePages", url=f"/compare/{self.id}", props=props)
        self.element.props = props
        await self.element.send(for_id=self.id)

    async def show_again(self) -> None:
        """Sends the element as it is, to a tab that may have missed it."""
        if self.element is not None:
            await self.element.send(for_id=self.id, persist=False)

    @property
    def can_pick(self) -> bool:
        """Two whole pages are there. A page that was cut or stopped has not lost by what it is."""
        return all(side.page is not None and side.state in ("finished", "cut") for side in self.sides)

    async def end(self) -> None:
        await self.draw(writing=False)
        await self.message.update()
        pages = [side.page for side in self.sides if side.page is not None]
        if pages:
            self.chat.page_id = pages[0].id  # until there is a choice
            await offer_commands(has_page=True)
        if not self.can_pick and pages:
            await self.chat.show(pages[0].id)
        if not pages and all(side.state == "failed" for side in self.sides):
            await complain(self.sides[0].says)

    async def reveal(self, winner: str, tie: bool) -> None:
        """Shows what was chosen, and who is who."""
        assert self.element is not None
        self.picked = "tie" if tie else winner
        if self.sides:
            return await self.draw(writing=False)
        self.element.props = {**self.element.props, "picked": self.picked}  # of an earlier session, which kept no names
        await self.element.send(for_id=self.id)

    @classmethod
    def revive(cls, chat: Chat, step: dict[str, Any], kept: dict[str, Any]) -> "Comparison":
        """A comparison of an earlier session. The dict of its element is brought up to date."""
        comparison = cls(chat, "")
        comparison.message = cl.Message.from_dict(step)
        props = kept["props"]
        if props.get("writing"):  # the server went down meanwhile
            sides = [
                {**side, "state": "stopped", "says": "Stopped"} if side["state"] in ("waiting", "writing") else side
                for side in props["sides"]
            ]
            kept["props"] = props = {**props, "writing": False, "can_pick": False, "sides": sides}
        comparison.element = cl.CustomElement(
            id=kept["id"], name=kept["name"], url=kept["url"], props=props, for_id=kept["forId"]
        )
        comparison.picked = props.get("picked")
        chat.comparisons[comparison.id] = comparison
        return comparison

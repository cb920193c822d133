"""One answer of the assistant, shown while it is made: what it is doing, prose, the page's code, what can be done about it."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import chainlit as cl

from chat.conversation import Chat
from chat.labels import shorten, size_of, title_of
from chat.pane import complain, offer_commands
from htmlgen.engine import GenerationRequest
from htmlgen.errors import HtmlgenError, StorageFailed
from htmlgen.page import LivePage
from htmlgen.schema import storable
from htmlgen.store import Version
from htmlgen.studio import Event, Finished, PageOpened, Preparing, Progress, Prose, Queued, Started

log = logging.getLogger("htmlgen.chat")

BROKE_OFF = "Something went wrong on the server, and its log has the details. Please try again."

OUTCOMES = {
    "finished": "Finished",
    "cut": "Cut at a limit",
    "stopped": "Stopped",
    "failed": "Broke off",
    "writing": "Stopped",
}
"""What ended a version of which no more is known than its state."""

ORIGINS = {"hand": "Edited by hand", "upload": "Uploaded", "restore": "Restored"}


class Answer:
    """One message that shows one page: one that the model writes, or one that was put there."""

    def __init__(self, chat: Chat, instruction: str) -> None:
        self.chat = chat
        self.message = cl.Message("")
        self.prose = ""
        self.code: cl.CustomElement | None = None
        self.tools: cl.CustomElement | None = None
        self.request: GenerationRequest | None = None
        self.parent: str | None = None
        self.page: LivePage | None = None
        self.title = shorten(instruction)
        self.version = self.part = 1
        self.text = ""
        """All that the model wrote, when it has ended; what a continuation goes on from."""
        self.vote, self.comment = 0, ""
        self.began = False
        """The page of this part is being written, or was."""
        self.progress = Progress(0, 0.0)

    @property
    def id(self) -> str:
        return str(self.message.id)

    # Writing

    async def write(self, request: GenerationRequest, parent: str | None) -> None:
        """Generates and shows one page, or the rest of one; every way that this can end leaves the message finished."""
        self.request, self.parent = request, parent
        self.began, self.progress = False, Progress(0, 0.0)
        try:
            await self.wait_ready()
            record = self.chat.record(parent)
            async with aclosing(self.chat.studio.generate(request, self.page, record)) as events:
                async for event in events:
                    await self.show(event)
        except asyncio.CancelledError:
            if self.began or self.page is None:
                await self.end("stopped", "Stopped", self.counted(), can_continue=await self.recall())
            else:
                await self.take_back()
            raise
        except HtmlgenError as error:
            await self.fail(str(error))
        except Exception:
            log.exception("An answer broke off")
            await self.fail(BROKE_OFF)

    async def go_on(self) -> None:
        """Goes on from the exact end of the page."""
        assert self.request is not None
        self.part += 1
        await self.write(replace(self.request, prefix=self.text), self.parent)

    async def recall(self) -> bool:
        """Fetches what the model wrote before it was stopped; True if a continuation can begin there."""
        try:
            version = None if self.page is None else await self.chat.store.version(self.page.id)
        except StorageFailed:
            return False
        if version is None or self.page is None or version.html != storable(self.page.html):
            return False  # the end of it could not be saved
        self.text = version.text
        return bool(self.text)

    async def wait_ready(self) -> None:
        told = None
        while self.chat.studio.state == "loading":
            if self.chat.studio.status != told:
                told = self.chat.studio.status
                await self.note(f"The model is still loading. {told}")
            await asyncio.sleep(0.3)
        await self.chat.studio.wait_ready()

    async def show(self, event: Event) -> None:
        match event:
            case Queued(position):
                ahead = "One page is" if position == 1 else f"{position} pages are"
                await self.note(f"Waiting in the queue, place {position}. {ahead} ahead of yours.")
            case Started():
                if self.page is None:
                    await self.note("Reading your request…")
            case Preparing(status):
                await self.note(status)
            case Prose(text):
                self.prose += text
                if self.prose.strip():
                    await self.set_content(self.prose[: -len(text)])
                    await self.message.stream_token(text)
            case PageOpened(page, version):
                await self.open(page, version)
            case Progress():
                self.progress = event
            case Finished():
                await self.finish(event)

    async def open(self, page: LivePage, version: Version | None) -> None:
        await self.set_content(self.prose)
        self.page, self.began = page, True
        self.chat.answers[page.id] = self
        self.version = self.version if version is None else version.number
        if self.tools is not None:  # what they offer is being done
            await self.draw_tools(writing=True)
        await self.draw(writing=True)
        await self.chat.show(page.id, writing=True, title=self.title)

    async def note(self, text: str) -> None:
        """A line about what is going on, where the answer goes on in a moment."""
        await self.set_content(f"{self.prose}\n\n*{text}*".strip())

    async def set_content(self, content: str) -> None:
        if not self.message.created_at:
            self.message.content = content
            await self.message.send()
        elif self.message.content != content:
            self.message.content = content
            await self.message.update()

    # What is under the prose

    async def draw(self, writing: bool, facts: dict[str, Any] | None = None) -> None:
        """Shows the code. Only state goes this way: the element reads the text from the page itself."""
        assert self.page is not None
        page, names = self.page.id, {"part": self.part, "version": self.version, "title": self.title}
        props = {"page": page, **names, "writing": writing, "facts": facts}
        if self.code is None:
            self.code = cl.CustomElement(name="PageCode", url=f"/pages/{page}/source", props=props)
        self.code.props = props
        await self.code.send(for_id=self.id)

    async def draw_tools(
        self, *, can_continue: bool = False, can_regenerate: bool = True, writing: bool = False
    ) -> None:
        """Shows what can be done about the page."""
        assert self.page is not None
        props = {
            "page": self.page.id,
            "can_continue": can_continue,
            "can_regenerate": can_regenerate,
            "writing": writing,
            "vote": self.vote,
            "comment": self.comment,
        }
        if self.tools is None:
            self.tools = cl.CustomElement(name="PageActions", url=f"/pages/{self.page.id}/source", props=props)
        self.tools.props = props
        await self.tools.send(for_id=self.id)

    async def show_again(self) -> None:
        """Sends the elements as they are, to a tab that may have missed them."""
        for element in (self.code, self.tools):
            if element is not None:
                await element.send(for_id=self.id, persist=False)

    async def set_vote(self, value: int, comment: str) -> None:
        """Shows a vote that has been kept, so that whoever opens the chat again sees it."""
        self.vote, self.comment = value, comment
        if self.tools is not None:
            self.tools.props = {**self.tools.props, "vote": value, "comment": comment}
            await self.tools.send(for_id=self.id)

    # The ways to end

    async def finish(self, end: Finished) -> None:
        self.text, usage = end.text, end.usage
        if end.version is not None:  # a slow database had no number for it when the page opened
            self.version = end.version.number
        figures = [] if usage is None else self.measured(end)
        if end.finish_reason == "cancelled":
            await self.end("stopped", "Stopped", figures, can_continue=end.page is not None)
        elif end.finish_reason == "stop":
            await self.end("finished", "Finished", figures)
        elif usage is None:
            most = self.chat.studio.settings.max_page_bytes
            await self.end("cut", f"Cut at the limit of {most:,} bytes", self.counted())
        else:
            limit, room = f"{usage.new_tokens:,} tokens", usage.context_left > 0
            says = f"Cut at the limit of {limit}" if room else f"Cut: the model's context is full after {limit}"
            await self.end("cut", says, figures[1:], can_continue=room)
        if end.unsaved is not None:
            await complain(str(end.unsaved))

    def measured(self, end: Finished) -> list[str]:
        """The engine's own figures."""
        assert end.usage is not None
        assert self.request is not None
        usage = end.usage
        figures = [
            f"{usage.new_tokens:,} tokens",
            f"{usage.tokens_per_second:,.0f} tokens/s",
            f"first after {usage.seconds_to_first_token:.1f} s",
        ]
        left = min(self.request.sampling.max_new_tokens - usage.new_tokens, usage.context_left)
        if left > 0:
            figures.append(f"{left:,} left before the limit")
        return figures

    def counted(self) -> list[str]:
        """Figures of a generation that ended before the engine gave its own."""
        figures = []
        if count := self.progress.new_tokens:
            figures.append(f"about {count:,} token{'s' if count > 1 else ''}")
        if rate := self.progress.tokens_per_second:
            figures.append(f"{rate:,.0f} tokens/s")
        return figures

    async def end(self, outcome: str, says: str, figures: list[str], can_continue: bool = False) -> None:
        said = self.prose.strip()
        if self.page is not None:
            self.title = title_of(self.page.html) or self.title
            if self.request is not None and len(self.chat.studio.engine.models) > 1:
                figures = [*figures, self.chat.label(self.request.model)]
            figures = [*figures, size_of(self.page.size)]
            await self.draw(writing=False, facts={"outcome": outcome, "says": says, "figures": figures})
            await self.draw_tools(can_continue=can_continue, can_regenerate=self.request is not None)
            await offer_commands(has_page=True)
        elif outcome != "finished":
            said = f"{said}\n\n*{says}.*".strip()
        elif not said:
            said = "*The model answered with nothing. Try other words or another seed.*"
        self.message.content = said
        await self.message.update()  # also when nothing changed: it is no longer streaming

    async def take_back(self) -> None:
        """A continuation that never began: the page is as it was, and can still be continued."""
        self.part -= 1
        await self.set_content(self.prose.strip())
        await self.draw_tools(can_continue=True)

    async def fail(self, message: str) -> None:
        if self.began:
            await self.end("failed", "Broke off", self.counted())
        elif self.page is not None:
            await self.take_back()
        elif self.message.created_at:
            await self.message.remove()
        await complain(message)

    # Pages that nobody waits for

    async def place(self, version: Version, page: LivePage) -> None:
        """Shows a version that the model did not write: a hand edit, an upload, an older one restored."""
        self.page, self.version, self.parent = page, version.number, version.parent
        self.chat.answers[page.id] = self
        await self.set_content("")
        await self.end("finished", ORIGINS[version.origin], [])
        await self.chat.show(page.id)

    @classmethod
    async def revive(
        cls, chat: Chat, step: dict[str, Any], code: dict[str, Any], elements: list[Any], version: Version
    ) -> "Answer":
        """An answer of an earlier session, from what is kept of it: its step and, among the chat's `elements`, its code's and its
        buttons'. These are brought up to date, and added where they are missing.
        """
        tools = next((e for e in elements if e["name"] == "PageActions" and e["forId"] == step["id"]), None)
        answer = cls(chat, version.instruction)
        answer.message = cl.Message.from_dict(step)
        answer.prose = answer.message.content
        answer.page = await chat.page(version.id)
        answer.part, answer.version = code["props"].get("part", 1), version.number
        answer.title = title_of(version.html) or answer.title
        answer.text, answer.parent = version.text, version.parent
        answer.code = _element(code)
        broken_off = not code["props"].get("facts") or (tools is not None and tools["props"].get("writing"))
        if broken_off and answer.page.finished:  # the server went down while it was written
            facts = {
                "outcome": "stopped" if version.state == "writing" else version.state,
                "says": OUTCOMES[version.state],
                "figures": [size_of(answer.page.size)],
            }
            code["props"] = answer.code.props = {**code["props"], "writing": False, "facts": facts}
            offered = {"page": version.id, "can_continue": bool(version.text), "can_regenerate": True, "writing": False}
            props = {**(tools["props"] if tools is not None else {"vote": 0, "comment": ""}), **offered}
            if tools is None:
                made = cl.CustomElement(name="PageActions", url=code["url"], props=props, for_id=answer.id)
                tools = dict(made.to_dict())
                elements.append(tools)
            tools["props"] = props
        if tools is not None:
            answer.tools = _element(tools)
            answer.vote, answer.comment = tools["props"].get("vote", 0), tools["props"].get("comment", "")
        chat.answers[version.id] = answer
        return answer

    async def prepare(self, version: Version) -> None:
        """Makes an answer ready to be continued, from where its page stands by now: another tab may have gone on with it."""
        if self.request is None:
            self.request = await self.chat.request_like(version)
        self.text, self.page = version.text, await self.chat.page(version.id)


def _element(kept: dict[str, Any]) -> cl.CustomElement:
    return cl.CustomElement(
        id=kept["id"], name=kept["name"], url=kept["url"], props=kept["props"], for_id=kept["forId"], display="inline"
    )

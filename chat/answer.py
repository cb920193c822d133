"""One answer of the assistant, shown while it is made."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import chainlit as cl

from chat.conversation import Chat
from chat.labels import shorten, size_of, title_of
from chat.pane import complain, offer_new_page
from htmlgen.engine import GenerationRequest
from htmlgen.errors import HtmlgenError
from htmlgen.page import LivePage
from htmlgen.studio import Event, Finished, PageOpened, Progress, Prose, Queued, Started

log = logging.getLogger("htmlgen.chat")


class Answer:
    """One message of the assistant: what it is doing, then prose, the page's code and what can be done about it."""

    def __init__(self, chat: Chat, instruction: str) -> None:
        self.chat = chat
        self.message = cl.Message("")
        self.prose = ""
        self.code: cl.CustomElement | None = None
        self.request: GenerationRequest | None = None
        self.page: LivePage | None = None
        self.title = shorten(instruction)
        self.version = self.part = 1
        self.text = ""
        self.began = False
        """The page of this part is being written, or was."""
        self.progress = Progress(0, 0.0)

    @property
    def id(self) -> str:
        return str(self.message.id)

    async def write(self, request: GenerationRequest) -> None:
        """Generates and shows one page, or the rest of one; every way that this can end leaves the message finished."""
        self.request, self.chat.cut = request, None
        self.began, self.progress = False, Progress(0, 0.0)
        try:
            await self.wait_ready()
            async with aclosing(self.chat.studio.generate(request, self.page)) as events:
                async for event in events:
                    await self.show(event)
        except asyncio.CancelledError:
            if self.began or self.page is None:
                await self.end("stopped", "Stopped", self.counted())
            else:
                await self.take_back()
            raise
        except HtmlgenError as error:
            await self.fail(str(error))
        except Exception:
            log.exception("An answer broke off")
            await self.fail("Something went wrong on the server, and its log has the details. Please try again.")

    async def go_on(self) -> None:
        assert self.request is not None
        self.part += 1
        await self.write(replace(self.request, prefix=self.text))

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
            case Prose(text):
                self.prose += text
                if self.prose.strip():
                    await self.set_content(self.prose[: -len(text)])
                    await self.message.stream_token(text)
            case PageOpened(page):
                await self.set_content(self.prose)
                if self.page is None:
                    self.chat.version += 1
                    self.version = self.chat.version
                self.page, self.chat.page_id, self.began = page, page.id, True
                await self.draw(writing=True)
                await self.chat.pane.show(writing=True, **self.names())
            case Progress():
                self.progress = event
            case Finished():
                await self.finish(event)

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

    def names(self) -> dict[str, Any]:
        assert self.page is not None
        return {"page": self.page.id, "part": self.part, "version": self.version, "title": self.title}

    async def draw(self, writing: bool, facts: dict[str, Any] | None = None) -> None:
        """Shows the code under the prose. Only state goes this way: the element reads the text from the page itself."""
        props = {**self.names(), "writing": writing, "facts": facts}
        if self.code is None:
            self.code = cl.CustomElement(name="PageCode", url=f"/pages/{props['page']}/source", props=props)
        self.code.props = props
        await self.code.send(for_id=self.id)

    async def finish(self, end: Finished) -> None:
        self.text = end.text
        figures = []
        if end.usage is not None:
            figures = [
                f"{end.usage.new_tokens:,} tokens",
                f"{end.usage.tokens_per_second:,.0f} tokens/s",
                f"first after {end.usage.seconds_to_first_token:.1f} s",
            ]
        if end.finish_reason == "cancelled":
            await self.end("stopped", "Stopped", figures)
        elif end.finish_reason == "stop":
            await self.end("finished", "Finished", figures)
        elif end.usage is None:
            await self.end(
                "cut", f"Cut at the limit of {self.chat.studio.settings.max_page_bytes:,} bytes", self.counted()
            )
        else:
            limit = f"{end.usage.new_tokens:,} tokens"
            room = end.usage.context_left > 0
            says = f"Cut at the limit of {limit}" if room else f"Cut: the model's context is full after {limit}"
            await self.end("cut", says, figures[1:], can_continue=room)

    async def end(self, outcome: str, says: str, figures: list[str], can_continue: bool = False) -> None:
        said = self.prose.strip()
        if self.page is not None:
            self.title = title_of(self.page.html) or self.title
            figures = [*figures, size_of(self.page.size)]
            await self.draw(writing=False, facts={"outcome": outcome, "says": says, "figures": figures})
            await offer_new_page()
        elif outcome != "finished":
            said = f"{said}\n\n*{says}.*".strip()
        elif not said:
            said = "*The model answered with nothing. Try other words or another seed.*"
        self.message.content = said
        await self.message.update()  # also when nothing changed: it is no longer streaming
        if can_continue:
            await self.offer_continue()

    async def offer_continue(self) -> None:
        self.chat.cut = self
        button = cl.Action(
            name="continue",
            label="Continue",
            icon="play",
            tooltip="Go on from the exact cut, in the same page",
            payload={"answer": self.id},
        )
        await button.send(for_id=self.id)

    async def take_back(self) -> None:
        """A continuation that never began: the page is as it was, and can still be continued."""
        self.part -= 1
        await self.set_content(self.prose.strip())
        await self.offer_continue()

    async def fail(self, message: str) -> None:
        if self.began:
            await self.end("failed", "Broke off", self.counted())
        elif self.page is not None:
            await self.take_back()
        elif self.message.created_at:
            await self.message.remove()
        await complain(message)

    def counted(self) -> list[str]:
        """Figures of a generation that ended before the engine gave its own."""
        figures = []
        if count := self.progress.new_tokens:
            figures.append(f"about {count:,} token{'s' if count > 1 else ''}")
        if rate := self.progress.tokens_per_second:
            figures.append(f"{rate:,.0f} tokens/s")
        return figures

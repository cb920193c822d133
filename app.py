"""The chat: `chainlit run app.py`. Hooks only; what they show comes from htmlgen/studio.py, event by event."""

import asyncio
import logging
import re
from contextlib import aclosing
from dataclasses import replace
from html import unescape
from typing import Any

import chainlit as cl
import chainlit.server
from chainlit.input_widget import NumberInput, Slider, TextInput

from htmlgen.api import make_api, make_sampling
from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.errors import HtmlgenError, PageNotFound
from htmlgen.local import LocalEngine, choose_preset
from htmlgen.origin import protect
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import make_preview
from htmlgen.settings import load_settings
from htmlgen.starters import STARTERS
from htmlgen.studio import Event, Finished, PageOpened, Progress, Prose, Queued, Started, Studio

log = logging.getLogger("htmlgen.chat")

settings = load_settings()
shelf = PageShelf(settings.max_pages)
engine = LocalEngine(
    choose_preset(settings),
    adapter=settings.adapter,
    quantization=settings.quantization,
    prompt_format=settings.prompt_format,
)
studio = Studio(engine, shelf, settings)

NEW_PAGE = "New page"
STOP_NOTICE = "Task manually stopped."
"""What Chainlit itself says to Stop; the line under the page says it better."""

# Chainlit's last route answers every path, so ours go before it.
for routes in (make_api(lambda: studio), make_preview(shelf)):
    chainlit.server.app.router.routes[:0] = routes.routes
protect(chainlit.server.app)

# Chainlit's page names fonts and style sheets on other servers, which nothing here uses. Without them a machine without
# a network need not wait for them, and nobody else learns who opens the chat.
chainlit_page = chainlit.server.get_html_template
chainlit.server.get_html_template = lambda root_path: re.sub(
    r'<link\b[^>]*\bhref="https?://[^>]*>', "", chainlit_page(root_path)
)


@cl.on_app_startup
async def on_app_startup() -> None:
    await studio.start()


@cl.on_app_shutdown
async def on_app_shutdown() -> None:
    await studio.close()


@cl.set_starters
async def set_starters() -> list[cl.Starter]:
    return [cl.Starter(label=s.label, message=s.prompt, icon=f"/public/starters/{s.icon}") for s in STARTERS]


# One chat


class Chat:
    """What one browser tab has going on."""

    def __init__(self) -> None:
        self.page_id: str | None = None
        """The page that the next message changes: the one in the pane."""
        self.version = 0
        """How often that page has been written: 1 is the first, 2 the first change."""
        self.pane: cl.CustomElement | None = None
        """The preview beside the chat: one for the chat's life, so that showing another page does not stack panes."""
        self.cut: Answer | None = None
        """The answer that can be continued."""


def current_chat() -> Chat:
    chat = cl.user_session.get("chat")
    if chat is None:
        chat = Chat()
        cl.user_session.set("chat", chat)
    return chat


@cl.on_chat_start
async def on_chat_start() -> None:
    await cl.ChatSettings(settings_widgets(make_sampling(settings))).send()


@cl.on_chat_end
async def on_chat_end() -> None:
    """The tab was closed or its connection dropped: nobody reads on, so the model's time goes to the next in line."""
    task = cl.context.session.current_task
    if task is not None and task is not asyncio.current_task():
        task.cancel()


@cl.on_stop
async def on_stop() -> None:
    for message in reversed(cl.chat_context.get()):
        if message.content == STOP_NOTICE:
            await message.remove()
            break


@cl.on_message
async def on_message(message: cl.Message) -> None:
    chat = current_chat()
    answer = Answer(chat, message.content)
    if message.command == NEW_PAGE:
        chat.page_id = None  # stays so if this message is refused: the next try is for an empty page too
    try:
        page = None if chat.page_id is None else shelf.get(chat.page_id).html
        chosen = cl.user_session.get("chat_settings") or {}
        request = GenerationRequest(message.content, page=page, sampling=read_sampling(chosen))
    except HtmlgenError as error:
        if isinstance(error, PageNotFound):
            chat.page_id = None
        await complain(str(error))
        return
    if page is None:
        chat.version = 0
    await answer.write(request)


@cl.action_callback("continue")
async def on_continue(action: cl.Action) -> None:
    """Goes on from the cut. The button's own request is answered at once: the chat's Stop has a task to cancel."""
    answer = current_chat().cut
    if answer is None or answer.id != action.payload.get("answer"):
        await complain("This page has been changed since. Ask for what is missing in a message.")
        return

    async def run() -> None:
        await cl.context.emitter.task_start()
        try:
            await answer.go_on()
        finally:
            await cl.context.emitter.task_end()

    await action.remove()
    cl.context.session.current_task = asyncio.create_task(run())


@cl.action_callback("show_page")
async def on_show_page(action: cl.Action) -> None:
    """The Preview button over the code of any page of this chat."""
    try:
        page = shelf.get(str(action.payload.get("page")))
    except PageNotFound as error:
        await complain(str(error))
        return
    current_chat().page_id = page.id
    shown = {name: action.payload.get(name) for name in ("part", "version", "title")}
    await show_beside(current_chat(), page=page.id, writing=not page.finished, **shown)


# One answer


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
            async with aclosing(studio.generate(request, self.page)) as events:
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
        while studio.state == "loading":
            if studio.status != told:
                told = studio.status
                await self.note(f"The model is still loading. {told}")
            await asyncio.sleep(0.3)
        await studio.wait_ready()

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
                await show_beside(self.chat, writing=True, **self.names())
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
            await self.end("cut", f"Cut at the limit of {settings.max_page_bytes:,} bytes", self.counted())
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


async def show_beside(chat: Chat, **props: Any) -> None:
    """Shows a page in the pane beside the chat, and opens the pane where it was closed."""
    if chat.pane is None:
        # "canvas" is Chainlit's word for a pane that gets half of the window; it looks at it once.
        await cl.ElementSidebar.set_title("canvas")
        chat.pane = cl.CustomElement(
            name="PagePreview", display="side", url=f"/pages/{props['page']}/live", props=props
        )
    chat.pane.props = props
    await chat.pane.send(for_id="")
    await cl.ElementSidebar.set_title(f"Preview: {props['title']}")


async def complain(message: str) -> None:
    await cl.ErrorMessage(content=message).send()


async def offer_new_page() -> None:
    """A button in the composer: the next message begins an empty page instead of changing this one."""
    await cl.context.emitter.set_commands(
        [
            {
                "id": NEW_PAGE,
                "description": "Begin an empty page",
                "icon": "file-plus",
                "button": True,
                "persistent": False,
            }
        ]
    )


# Settings


def settings_widgets(default: Sampling) -> list[Any]:
    return [
        Slider(id="temperature", label="Temperature", initial=default.temperature, min=0, max=2, step=0.05,
               description="0 always takes the likeliest token. Higher is more varied and makes more mistakes."),
        Slider(id="top_p", label="Top-p", initial=default.top_p, min=0.05, max=1, step=0.05,
               description="Only the likeliest tokens that make up this share of the probability."),
        Slider(id="top_k", label="Top-k", initial=default.top_k, min=0, max=200, step=1,
               description="Only the k likeliest tokens; 0 keeps all."),
        Slider(id="repetition_penalty", label="Repetition penalty", initial=default.repetition_penalty, min=1, max=2, step=0.05,
               description="HTML repeats itself by nature: above 1.1 tags break."),
        NumberInput(id="max_new_tokens", label="Longest page, in tokens", initial=default.max_new_tokens,
                    description="A page of 3 KB takes 800 to 1,000. A page that is cut can be continued."),
        TextInput(id="seed", label="Seed", initial="", placeholder="random",
                  description="The same seed and settings give the same page. Empty takes a new one each time."),
    ]  # fmt: skip


def read_sampling(chosen: dict[str, Any]) -> Sampling:
    """What the panel says; its number fields give text or floats, and an empty one means the default."""
    values: dict[str, Any] = {}
    for name, value in chosen.items():
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            values[name] = value  # Sampling says what is wrong with it
            continue
        whole = name in ("top_k", "max_new_tokens", "seed")
        values[name] = int(number) if whole and number.is_integer() else number
    return make_sampling(settings, **values)


# Words


def shorten(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def title_of(html: str) -> str:
    found = re.search(r"<title[^>]*>([^<]{1,300})</title", html[:20_000], re.IGNORECASE)
    return shorten(unescape(found[1])) if found else ""


def size_of(size: int) -> str:
    return f"{size:,} bytes" if size < 1000 else f"{size / 1000:,.1f} KB"

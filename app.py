"""The chat: `chainlit run app.py`. The hooks that Chainlit calls, and wiring; chat/ holds what they show."""

import asyncio
import re

import chainlit as cl
import chainlit.server

from chat.answer import Answer
from chat.conversation import Chat
from chat.pane import NEW_PAGE, complain
from chat.panel import read_sampling, settings_widgets
from htmlgen.api import make_api, make_sampling
from htmlgen.engine import GenerationRequest
from htmlgen.errors import HtmlgenError, PageNotFound
from htmlgen.local import LocalEngine, choose_preset
from htmlgen.origin import protect
from htmlgen.page import PageShelf
from htmlgen.preview import make_preview
from htmlgen.settings import load_settings
from htmlgen.starters import STARTERS
from htmlgen.studio import Studio

settings = load_settings()
shelf = PageShelf(settings.max_pages)
engine = LocalEngine(
    choose_preset(settings),
    adapter=settings.adapter,
    quantization=settings.quantization,
    prompt_format=settings.prompt_format,
)
studio = Studio(engine, shelf, settings)

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


def current_chat() -> Chat:
    chat = cl.user_session.get("chat")
    if chat is None:
        chat = Chat(studio)
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
        request = GenerationRequest(message.content, page=page, sampling=read_sampling(chosen, settings))
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
    chat = current_chat()
    chat.page_id = page.id
    shown = {name: action.payload.get(name) for name in ("part", "version", "title")}
    await chat.pane.show(page=page.id, writing=not page.finished, **shown)

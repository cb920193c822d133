"""The chat: `chainlit run app.py`. The hooks that Chainlit calls, and wiring; chat/ holds what they show."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import chainlit as cl
import chainlit.server
from chainlit.types import ThreadDict

from chat import turn
from chat.bodies import read_bodies
from chat.conversation import Chat
from chat.events import read_events
from chat.history import History, bring_back, leave
from chat.link import lock_if_shared, open_link
from chat.login import lock
from chat.pane import offer_commands
from chat.reconnect import end_elsewhere, on_reconnect
from chat.upload import keep_uploads_apart
from chat.wording import reword
from htmlgen.api import make_api
from htmlgen.engines import make_engine
from htmlgen.errors import HtmlgenError
from htmlgen.links import make_links
from htmlgen.page import PageShelf
from htmlgen.preview import make_preview
from htmlgen.publish import make_publishing
from htmlgen.settings import load_settings
from htmlgen.share import Sharing
from htmlgen.shutdown import end_on_signals
from htmlgen.starters import STARTERS
from htmlgen.store import Store
from htmlgen.studio import Studio

settings, made_password = lock_if_shared(load_settings())
shelf = PageShelf(settings.max_pages)
engine = make_engine(settings)
studio = Studio(engine, shelf, settings)
store: Store
"""Opened at start-up, where the event loop is."""

STOP_NOTICE = "Task manually stopped."
"""What Chainlit itself says to Stop; the line under the page says it better."""

# Chainlit's last route answers every path, so ours go before it.
publishing = make_publishing(lambda: store), make_links(lambda: store, lambda: sharing.url if sharing else None)
for routes in (make_api(studio), make_preview(shelf), *publishing):
    chainlit.server.app.router.routes[:0] = routes.routes
read_bodies(chainlit.server.app)
keep_uploads_apart()
auth = lock(settings, lambda: store.engine)
sharing: Sharing | None = open_link(settings, auth, made_password)

# Chainlit's page names fonts and style sheets on other servers, which nothing here uses. Without them a machine without
# a network need not wait for them, and nobody else learns who opens the chat.
chainlit_page = chainlit.server.get_html_template
chainlit.server.get_html_template = lambda root_path: re.sub(
    r'<link\b[^>]*\bhref="https?://[^>]*>', "", chainlit_page(root_path)
)


reword()


@cl.on_app_startup
async def on_app_startup() -> None:
    global store
    store = shelf.store = await Store.open(settings.database)
    await studio.start()
    end_on_signals(studio, on_app_shutdown)
    if sharing is not None:
        sharing.announce()


@cl.on_app_shutdown
async def on_app_shutdown() -> None:
    if sharing is not None:
        await asyncio.to_thread(sharing.close)
    await studio.close()
    await store.close()


@cl.data_layer
def data_layer() -> History:
    return History(lambda: store, shelf)


@cl.set_chat_profiles
async def set_chat_profiles(_: cl.User | None) -> list[cl.ChatProfile]:
    """What can be chosen here, read anew whenever somebody opens the chat."""
    return [
        cl.ChatProfile(
            name=model.id, display_name=model.label, markdown_description=model.note or model.label, default=first
        )
        for model, first in ((model, n == 0) for n, model in enumerate(studio.engine.models))
    ]


@cl.set_starters
async def set_starters() -> list[cl.Starter]:
    return [cl.Starter(label=s.label, message=s.prompt, icon=f"/public/starters/{s.icon}") for s in STARTERS]


# One chat


def current_chat() -> Chat:
    chat = cl.user_session.get("chat")
    if chat is None:
        session = cl.context.session
        owner = session.user.identifier if session.user is not None else "local"
        chat = Chat(studio, store, id=session.thread_id, owner=owner, model=session.chat_profile or "")
        cl.user_session.set("chat", chat)
    return chat


async def greet() -> None:
    chat = current_chat()
    if chat.id in store.deleted_chats:  # opened while it was being deleted
        await leave(cl.context.session)
    await chat.panel.send()
    await offer_commands(has_page=False)


@cl.on_chat_start
async def on_chat_start() -> None:
    await greet()


on_reconnect(greet, current_chat)
read_events()


@cl.on_chat_resume
async def on_chat_resume(thread: ThreadDict) -> None:
    chat = current_chat()
    await end_elsewhere(chat.id)
    await bring_back(chat, thread)


@cl.on_stop
async def on_stop() -> None:
    for message in reversed(cl.chat_context.get()):
        if message.content == STOP_NOTICE:
            await message.remove()
            break


@cl.on_settings_update
async def on_settings_update(chosen: dict[str, Any]) -> None:
    chat = current_chat()
    try:
        chat.panel.change(chosen)
    except HtmlgenError as error:
        await cl.context.emitter.send_toast(str(error), "error")
    await chat.panel.send()  # what holds now: a refused value is taken back


@cl.on_message
async def on_message(message: cl.Message) -> None:
    # An edited message's turn is no task of Chainlit's, and Stop would not find it.
    cl.context.session.current_task = asyncio.current_task()
    await turn.take_message(current_chat(), message)


# Buttons in the chat and in the pane. Each answers at once with {} or {"error": what to tell}.

Press = Callable[[Chat, dict[str, Any]], Awaitable[None]]


def on_press(name: str) -> Callable[[Press], Press]:
    def register(press: Press) -> Press:
        async def callback(action: cl.Action) -> dict[str, str]:
            try:
                await press(current_chat(), action.payload)
            except HtmlgenError as error:
                return {"error": str(error)}
            return {}

        cl.action_callback(name)(callback)
        return press

    return register


@on_press("continue")
async def on_continue(chat: Chat, said: dict[str, Any]) -> None:
    await turn.go_on(chat, str(said.get("page")))


@on_press("regenerate")
async def on_regenerate(chat: Chat, said: dict[str, Any]) -> None:
    await turn.regenerate(chat, str(said.get("page")))


@on_press("show_page")
async def on_show_page(chat: Chat, said: dict[str, Any]) -> None:
    await turn.show_page(chat, str(said.get("page")))


@on_press("fix_error")
async def on_fix_error(chat: Chat, said: dict[str, Any]) -> None:
    line = said.get("line")
    await turn.fix_error(chat, str(said.get("page")), str(said.get("message")), line if isinstance(line, int) else 0)


@on_press("change_element")
async def on_change_element(chat: Chat, said: dict[str, Any]) -> None:
    page, path, markup, instruction = (str(said.get(name, "")) for name in ("page", "path", "markup", "instruction"))
    await turn.change_element(chat, page, path, markup, instruction)


@on_press("save_edit")
async def on_save_edit(chat: Chat, said: dict[str, Any]) -> None:
    await turn.save_edit(chat, str(said.get("page")), str(said.get("html", "")))


@on_press("restore")
async def on_restore(chat: Chat, said: dict[str, Any]) -> None:
    await turn.restore(chat, str(said.get("page")))


@on_press("vote")
async def on_vote(chat: Chat, said: dict[str, Any]) -> None:
    value = said.get("value")
    await turn.vote(chat, str(said.get("page")), value if isinstance(value, int) else 2, str(said.get("comment") or ""))


@on_press("pick")
async def on_pick(chat: Chat, said: dict[str, Any]) -> None:
    comparison, chosen, rejected = (str(said.get(name)) for name in ("comparison", "chosen", "rejected"))
    await turn.pick(chat, comparison, chosen, rejected, said.get("tie") is True)


@on_press("stop")
async def on_press_stop(chat: Chat, said: dict[str, Any]) -> None:
    chat.stop()

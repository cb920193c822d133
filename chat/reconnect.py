"""Reconnect: a tab whose connection was lost goes on where it was, with what it missed.

A page is written on for `GRACE` seconds after the connection is lost, and what was sent meanwhile, into nothing, is sent
again: messages and elements are known by their ids, so what did arrive is only drawn anew.

Before anything was said, a tab gets its settings and buttons again. Chainlit's page connects twice where there are
several models to choose from: at once, and with the first of them as its chat profile. The server takes the second
connection for a restored one and does not begin the chat again, so whatever the beginning sent into the first
connection's end was lost: the chat had no settings for as long as it was open.
"""

import asyncio
from collections.abc import Awaitable, Callable

import chainlit as cl
import chainlit.server
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession, ws_sessions_id

from chat.conversation import Chat

GRACE = 10.0
"""Seconds that a page is written on for nobody: Chainlit's page tries again after one, two and four."""

GRACE_LEFT = 0.5
"""The same where the tab said that it goes, since Chainlit's page says so too when it only connects anew; or where others
wait for the model."""


_watches: set[asyncio.Task[None]] = set()
"""The loop itself holds tasks only weakly."""


def on_reconnect(greet: Callable[[], Awaitable[None]], get_chat: Callable[[], Chat]) -> None:
    """Has every tab that comes back greeted if nothing was said yet, else told what it missed; and a page for which none
    comes back stopped."""
    sio = chainlit.server.sio
    connected, disconnected = (sio.handlers["/"][event] for event in ("connection_successful", "disconnect"))

    async def again(sid: str) -> None:
        await connected(sid)
        session = WebsocketSession.get(sid)
        if session is None or not session.restored:
            return
        init_ws_context(session)
        if not session.has_first_interaction:
            await greet()
        else:
            await catch_up(get_chat())

    async def gone(sid: str, reason: str = "") -> None:
        if sio.manager.is_connected(sid, "/"):
            return  # an event that a browser named "disconnect"
        session = WebsocketSession.get(sid)
        if session is not None:
            init_ws_context(session)
            lose(get_chat(), session, GRACE_LEFT if reason == sio.reason.CLIENT_DISCONNECT else GRACE)
        await disconnected(sid)

    sio.on("connection_successful", handler=again)
    sio.on("disconnect", handler=gone)


def lose(chat: Chat, session: WebsocketSession, grace: float) -> None:
    """The connection has ended: the tab was closed, or left this chat, or its network did it."""
    chat.seen = chat.page_id
    cl.user_session.set("page", chat.page_id)
    task, socket = session.current_task, session.socket_id
    if task is None:
        return

    async def give_up() -> None:
        """Nobody reads on: the model's time goes to the next in line, at the latest when the grace is over."""
        waited = 0.0
        while waited < grace and not (waited >= GRACE_LEFT and chat.studio.waiting):
            await asyncio.sleep(GRACE_LEFT)
            waited += GRACE_LEFT
            if session.socket_id != socket:
                return
        task.cancel()

    if session.to_clear:  # "New chat"
        task.cancel()
        return
    watch = asyncio.create_task(give_up())
    _watches.add(watch)
    watch.add_done_callback(_watches.discard)


async def catch_up(chat: Chat) -> None:
    """Sends all of the chat again."""
    if not cl.context.session.thread_id_to_resume:  # else Chainlit has just done it
        for message in cl.chat_context.get():
            await cl.context.emitter.send_step(message.to_dict())
        for answer in list(chat.answers.values()):
            await answer.show_again()
        for comparison in list(chat.comparisons.values()):
            await comparison.show_again()
        if chat.page_id is not None and chat.page_id != chat.seen:
            await chat.show(chat.page_id, writing=not (await chat.page(chat.page_id)).finished)
    if chat.is_busy:
        await cl.context.emitter.task_start()


async def end_elsewhere(chat_id: str) -> None:
    """Stops what is still written for a connection that this chat has lost, for it is being opened again."""
    sio = chainlit.server.sio
    tasks = [
        session.current_task
        for session in ws_sessions_id.values()
        if session.thread_id == chat_id
        and session.current_task is not None
        and not sio.manager.is_connected(session.socket_id, "/")
    ]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

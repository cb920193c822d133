"""Reconnect: a tab that connects anew before anything was said gets its settings and buttons again.

Chainlit's page connects twice where there are several models to choose from: at once, and with the first of them as its
chat profile. The server takes the second connection for a restored one and does not begin the chat again, so whatever
the beginning sent into the first connection's end was lost: the chat had no settings for as long as it was open.
"""

from collections.abc import Awaitable, Callable

import chainlit.server
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession


def on_reconnect(greet: Callable[[], Awaitable[None]]) -> None:
    """Has `greet` run in the chat of every such tab."""
    handle = chainlit.server.sio.handlers["/"]["connection_successful"]

    async def again(sid: str) -> None:
        await handle(sid)
        session = WebsocketSession.get(sid)
        if session is not None and session.restored and not session.has_first_interaction:
            init_ws_context(session)
            await greet()

    chainlit.server.sio.on("connection_successful", handler=again)

"""Events: what a browser sends over its connection, read before Chainlit acts on it.

    read_events()        # when all handlers are there

Chainlit 2.12 takes its own page at its word here as well (chat/bodies.py is the same for HTTP): an event of another shape than
that one's is a crash in it, and a traceback in the log. Here it is a line, and nothing happens.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import chainlit.server
from chainlit.chat_context import chat_contexts
from chainlit.session import WebsocketSession
from pydantic import UUID4, BaseModel, InstanceOf, Json, StringConstraints, TypeAdapter, ValidationError

log = logging.getLogger("htmlgen.chat")

Handler = Callable[..., Awaitable[Any]]
Text = InstanceOf[str]
"""Any string: pydantic's own `str` refuses half a character, which people can send and htmlgen/page.py mends."""


UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
Id = Annotated[str, StringConstraints(pattern=UUID)]


def is_uuid(text: Any) -> bool:
    return isinstance(text, str) and bool(re.fullmatch(UUID, text))


class Beginning(BaseModel):
    """What a browser tells when it connects.

    Chainlit makes a folder's name of the session's id, writes uploads there, and deletes it with all that is in it when the
    session ends: "../htmlgen" or "/home" would do as well. So both ids are UUIDs, and written as such.
    """

    sessionId: Id
    threadId: Id | Literal[""] | None = None
    clientType: Literal["webapp", "copilot", "teams", "slack", "discord"]
    userEnv: Json[dict[str, Any]] | Literal[""] | None = None
    chatProfile: Text | None = None


class Said(BaseModel):
    """A message that a person sends, as far as Chainlit reads it."""

    id: UUID4
    createdAt: Text
    output: Text
    type: Text = "user_message"
    name: Text | None = None
    parentId: Text | None = None
    command: Text | None = None
    metadata: dict[str, Any] | None = None


class Edited(BaseModel):
    id: Text
    output: Text


class FileReference(BaseModel):
    id: Text


class Message(BaseModel):
    message: Said
    fileReferences: list[FileReference] | None = None


class Edit(BaseModel):
    message: Edited


SHAPES: dict[str, tuple[TypeAdapter[Any], ...]] = {
    "connection_successful": (),
    "clear_session": (),
    "stop": (),
    "client_message": (TypeAdapter(Message),),
    "edit_message": (TypeAdapter(Edit),),
    "chat_settings_change": (TypeAdapter(dict[str, Any]),),
    "chat_settings_edit": (TypeAdapter(dict[str, Any]),),
}
"""What comes with each event that the chat has a use for. Chainlit's others (audio, favourites, a window around it) are not heard."""


def read_events() -> None:
    """Puts a reader in front of each of Chainlit's handlers, and takes away those that nothing here uses."""
    sio = chainlit.server.sio
    handlers: dict[str, Handler] = sio.handlers["/"]
    for event in handlers.keys() - SHAPES.keys() - {"connect", "disconnect"}:
        del handlers[event]
    for event, shapes in SHAPES.items():
        sio.on(event, handler=_reader(event, shapes, handlers[event]))
    sio.on("connect", handler=_connection_reader(handlers["connect"]))


def _reader(event: str, shapes: tuple[TypeAdapter[Any], ...], handle: Handler) -> Handler:
    async def read(sid: str, *said: Any) -> None:
        try:
            for shape, part in zip(shapes, said, strict=True):
                shape.validate_python(part)
        except (ValidationError, ValueError) as error:
            log.warning("An event %r that no page of ours sends (%s); it is ignored.", event, type(error).__name__)
            return
        session = WebsocketSession.get(sid)
        if session is None or (event == "edit_message" and not _is_message(session, said[0]["message"]["id"])):
            return
        await handle(sid, *said)

    return read


def _is_message(session: WebsocketSession, id: str) -> bool:
    """Whether the chat has such a message. Chainlit runs the chat's code on an edit of none, too."""
    return any(message.id == id for message in chat_contexts.get(session.id, []))


def _connection_reader(connect: Handler) -> Handler:
    """Takes a connection's own beginning, and only one.

    python-socketio calls the same handler for an event that a browser names "connect", with a request of the browser's making.
    Chainlit looks at that one's cookie less closely than the gate does.
    """
    sio = chainlit.server.sio

    async def read(sid: str, environ: Any = None, auth: Any = None, *_: Any) -> Any:
        if environ is None or environ is not sio.get_environ(sid):
            log.warning("A connection that has begun said that it begins; that is ignored.")
            return False
        try:
            Beginning.model_validate(auth)
        except ValidationError as error:
            fields = ", ".join(str(part["loc"][0]) if part["loc"] else "all of it" for part in error.errors())
            raise ConnectionRefusedError(f"No page of ours connects like that: {fields}.") from None
        return await connect(sid, environ, auth)

    return read

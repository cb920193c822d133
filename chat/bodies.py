"""Bodies: what Chainlit's own routes are sent, read before they read it.

    read_bodies(chainlit.server.app)        # before the gate, which stands in front of it

Chainlit 2.12 takes its own page at its word: another body than that sends, or a session that has ended, is a crash in it and
500. Here they are what they are, the sender's mistake, and a 500 in the log is the server's own again.
"""

import json
from typing import Any

import chainlit as cl
from chainlit.config import config
from chainlit.session import WebsocketSession
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat.events import is_uuid
from htmlgen.errors import RequestError
from htmlgen.problems import InvalidBody, NotJson, problem_response, read_validation_error

COOKIE, ACTION = "/set-session-cookie", "/project/action"
"""The routes whose bodies nobody checks in Chainlit; FastAPI does on the others."""


class NoSuchSession(RequestError):
    code = "no_such_session"
    status = 404


def check(path: str, body: bytes) -> None:
    """Raises:
    NotJson, InvalidBody, NoSuchSession: the route at `path` could do nothing with `body`.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson("The body is not JSON. Send an object.") from None
    if not isinstance(said, dict):
        raise InvalidBody([("", "An object is needed.")])
    field = "session_id" if path == COOKIE else "sessionId"
    session = said.get(field)
    if not is_uuid(session):
        raise InvalidBody([(field, "A session's id is needed, which is a UUID.")])
    if path == ACTION:
        _check_action(said.get("action"))
        if WebsocketSession.get_by_id(session) is None:
            raise NoSuchSession("This connection has ended. Load the page anew.")


def _check_action(said: Any) -> None:
    try:
        cl.Action(**said)
    except (TypeError, ValidationError):
        raise InvalidBody([("action", "An object with the action's name and payload is needed.")]) from None


class BodyReader:
    """ASGI middleware. The gate has limited what it reads."""

    def __init__(self, app: ASGIApp) -> None:
        root = config.run.root_path.rstrip("/")
        self.app, self.paths = app, {root + path: path for path in (COOKIE, ACTION)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self.paths.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if path is None:
            return await self.app(scope, receive, send)
        try:
            body = await Request(scope, receive).body()
            check(path, body)
        except ClientDisconnect:
            return
        except RequestError as error:
            return await problem_response(error)(scope, receive, send)
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)


def read_bodies(app: FastAPI) -> None:
    """Puts a `BodyReader` in front of `app`, which must not have started, and makes what FastAPI finds wrong a problem: its own
    answer repeats the body, and fails where that holds half a character.
    """

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_response(read_validation_error(error, request.headers.get("content-type", "")))

    app.add_middleware(BodyReader)

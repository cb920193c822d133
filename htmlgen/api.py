"""The HTTP interface: `POST /generate_html` and `GET /ready`.

    curl localhost:8000/generate_html -H 'content-type: application/json' -d '{"prompt": "a login page"}'
    {"html": "<!DOCTYPE html>…", "finish_reason": "stop", "text": "…", "usage": {"new_tokens": 812, …}}

Requests stand in the same queue as the chat. A client that hangs up ends its generation.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.requests import ClientDisconnect

from htmlgen.engine import SAMPLING_FIELDS, GenerationRequest, Sampling
from htmlgen.errors import HtmlgenError, RequestError
from htmlgen.settings import Settings
from htmlgen.studio import Finished, Studio

log = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that hung up; nobody reads it but a log."""


class _Prompt(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str = Field(description="What page to write, or what to change in `html`.")
    html: str | None = Field(None, description="The current page, when the prompt asks for a change to it.")


# Its numbers have the names and types of Sampling, which also checks their ranges: one place for both.
GenerateBody = create_model(
    "GenerateBody",
    __base__=_Prompt,
    **{name: (Sampling.__annotations__[name] | None, None) for name in SAMPLING_FIELDS},  # type: ignore[call-overload]
)


def make_sampling(settings: Settings, **chosen: Any) -> Sampling:
    """Sampling with the server's default length; None and absent mean the default.

    Raises:
        RequestError: a value is outside its range.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    return Sampling(**{"max_new_tokens": settings.max_new_tokens, **given})


def parse_body(data: bytes, settings: Settings) -> GenerationRequest:
    """The request in a JSON body.

    Raises:
        RequestError: no JSON, a field is missing, unknown, of the wrong type or out of range; the message names it.
    """
    try:
        body = GenerateBody.model_validate_json(data)
    except ValidationError as error:
        raise RequestError("; ".join(_complaint(dict(e)) for e in error.errors())) from error
    fields = body.model_dump()
    return GenerationRequest(
        fields["prompt"],
        page=fields["html"],
        sampling=make_sampling(settings, **{name: fields[name] for name in SAMPLING_FIELDS}),
    )


def _complaint(error: dict[str, Any]) -> str:
    name = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "json_invalid":
            return 'The body is not JSON. Send {"prompt": "a login page"} as application/json.'
        case "missing":
            return f'"{name}" is missing. Send {{"prompt": "a login page"}}.'
        case "extra_forbidden":
            return f'"{name}" is not a field. Known are prompt, html, {", ".join(SAMPLING_FIELDS)}.'
    return f'"{name}": {error["msg"]}.' if name else f"{error['msg']}."


def make_api(get_studio: Callable[[], Studio]) -> APIRouter:
    """The routes. `get_studio` is called for each request, so that they can be added before the studio is made."""
    api = APIRouter()

    @api.get("/ready", summary="Can the model generate?")
    async def ready() -> JSONResponse:
        studio = get_studio()
        if studio.state == "ready":
            return JSONResponse({"status": "ready", "model": studio.engine.name, "waiting": studio.waiting})
        body = {"status": studio.state, "reason": studio.status, "model": studio.engine.name}
        return JSONResponse(body, status_code=503, headers={} if studio.state == "failed" else {"Retry-After": "5"})

    @api.post(
        "/generate_html",
        summary="Write a page, or change one",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": GenerateBody.model_json_schema()}},
            }
        },
    )
    async def generate_html(request: Request) -> Response:
        studio = get_studio()
        try:
            data = await _read(request, limit=12 * studio.settings.max_prompt_chars + 10_000)
            end = await _unless_gone(request, studio, parse_body(data, studio.settings))
        except ClientDisconnect:
            return Response(status_code=499)  # hung up before the whole body had come: nobody reads this
        except HtmlgenError as error:
            headers = {"Retry-After": "30"} if error.status in (429, 503) else None
            return JSONResponse(
                {"error": {"code": error.code, "message": str(error)}}, status_code=error.status, headers=headers
            )
        if end is None:
            return JSONResponse({}, status_code=CLIENT_CLOSED_REQUEST)
        return JSONResponse(
            {
                "html": None if end.page is None else end.page.html,
                "finish_reason": end.finish_reason,
                "text": end.text,
                "usage": None if end.usage is None else asdict(end.usage),
            }
        )

    return api


async def _read(request: Request, limit: int) -> bytes:
    """The body, refused before it fills the memory: `limit` bytes is what the longest prompt takes in escaped JSON."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise RequestError(f"The request is longer than {limit:,} bytes. Shorten the prompt or the page.")
    return bytes(data)


async def _unless_gone(request: Request, studio: Studio, wanted: GenerationRequest) -> Finished | None:
    """The end of the generation, or None when the client hung up before it."""

    async def run() -> Finished:
        async with aclosing(studio.generate(wanted)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event
        raise AssertionError("a generation ends in Finished or an exception")

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    work, watch = asyncio.create_task(run()), asyncio.create_task(gone())
    try:
        await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        log.info("A client hung up; its generation ends.")
        return None
    finally:
        work.cancel()
        watch.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)

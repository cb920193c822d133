"""Errors over HTTP: problem details (RFC 9457) as application/problem+json.

    {"type": "about:blank", "title": "Too Many Requests", "status": 429, "code": "busy",
     "detail": "Busy: 8 requests are waiting already. Try again in a minute."}

`code` is what programs read; a 422 also has `errors`, one {"field", "message"} for each field that is wrong.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from htmlgen.errors import Busy, GenerationFailed, HtmlgenError, NotReady, RequestError, ServerBusy, TooManyRequests

MEDIA_TYPE = "application/problem+json"

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that hung up; nobody reads it but a log."""


class FieldError(BaseModel):
    """One field that is wrong."""

    field: str = Field(description="Its name; dots and numbers lead to fields inside others.", examples=["temperature"])
    message: str = Field(examples=["Input should be less than or equal to 2."])


class Problem(BaseModel):
    """What went wrong, after RFC 9457."""

    type: str = Field("about:blank", description="Always `about:blank`: `code` tells problems apart.")
    title: str = Field(description="The status in words.", examples=["Too Many Requests"])
    status: int = Field(examples=[429])
    code: str = Field(description="For programs.", examples=["busy"])
    detail: str = Field(description="What happened and what to do, for people.")
    errors: list[FieldError] | None = Field(None, description="The fields that are wrong; only with status 422.")


class InvalidBody(RequestError):
    """The body is JSON, and some of its fields cannot be used: (name, what is wrong) each."""

    code = "invalid_fields"
    status = 422

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        assert fields
        self.fields = tuple(fields)
        super().__init__(" ".join(f"{name}: {message}" if name else message for name, message in fields))


class NotJson(RequestError):
    code = "not_json"


class NoPage(GenerationFailed):
    """The model answered with `said` and no page, and a page is what was to be sent."""

    code = "no_page"

    def __init__(self, said: str) -> None:
        words = " ".join(said.split())
        super().__init__(f"The model wrote no page. It said: {words[:200] or 'nothing'}")


class NoSuchModel(RequestError):
    code = "model_not_found"
    status = 404


class UnsupportedMediaType(RequestError):
    code = "unsupported_media_type"
    status = 415


def _storable(text: str) -> str:
    place = text.find("\0")
    if place >= 0:
        raise ValueError(f"There is a NUL character at position {place:,}. Take it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"There is half a character at position {error.start:,}. Take it out") from error
    return text


Text: TypeAlias = Annotated[str, AfterValidator(_storable)]
"""A string of a body: whole characters, which UTF-8 can write, and no NUL, which PostgreSQL cannot store."""


def problem(status: int, code: str, detail: str, fields: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """The members of a problem."""
    members: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors := [{"field": name, "message": message} for name, message in fields]:
        members["errors"] = errors
    return members


def describe(error: HtmlgenError) -> dict[str, Any]:
    """The problem that an error of ours is."""
    fields = error.fields if isinstance(error, InvalidBody) else ()
    return problem(error.status, error.code, str(error), fields)


def problem_response(error: HtmlgenError, headers: Mapping[str, str] | None = None) -> Response:
    """An error of ours as a response, with the headers that its status calls for."""
    return respond(describe(error), {**_headers(error), **(headers or {})})


def with_openai_error(members: dict[str, Any]) -> dict[str, Any]:
    """The problem with `error` added, the member that OpenAI's clients look at."""
    error = {
        "message": members["detail"],
        "type": "invalid_request_error" if members["status"] < 500 else "server_error",
        "param": members["errors"][0]["field"] if "errors" in members else None,
        "code": members["code"],
    }
    return {**members, "error": error}


def respond(members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    # ASCII: whatever half characters a request had in a field's name can be sent back.
    return Response(
        json.dumps(members), members["status"], {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE
    )


def _headers(error: HtmlgenError) -> dict[str, str]:
    match error:
        case TooManyRequests():
            return {"Retry-After": str(error.retry_after)}
        case Busy() | ServerBusy():
            return {"Retry-After": "30"}
        case NotReady():
            return {"Retry-After": "5"}
    return {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}


def read_validation_error(error: RequestValidationError, content_type: str) -> RequestError:
    """Our error for what FastAPI and pydantic found wrong with a request."""
    fields = []
    for found in error.errors():
        place = [str(part) for part in found["loc"]]
        if found["type"] == "json_invalid":
            return NotJson('The body is not JSON. Send an object such as {"prompt": "a login page"}.')
        if place == ["body"] and not _is_json(content_type):
            said = f"is {content_type[:100]!r}" if content_type else "is missing"
            return UnsupportedMediaType(f"The body's Content-Type {said}. Send JSON, as `application/json`.")
        name = ".".join(place[1:])
        if found["type"] == "missing":
            message = "Field required." if name else "A JSON body is needed, and there is none."
        elif found["type"] == "string_unicode" and not name:
            message = "The name of a field holds half a character."
        elif found["type"] == "extra_forbidden":
            message = "There is no such field."
        else:
            message = f"{found['msg'].removeprefix('Value error, ').rstrip('.')}."
        fields.append((name, message))
    return InvalidBody(fields)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


def answer_with_problems(app: FastAPI) -> None:
    """Makes every error that leaves a route of `app`, and every path and method it does not have, a problem."""
    make_schema = app.openapi

    def openapi() -> dict[str, Any]:
        schema = make_schema()
        known = schema.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in known:
            found = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            known.update(found.pop("$defs"))
            known["Problem"] = found
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

    def answer(request: Request, members: dict[str, Any], headers: Mapping[str, str] | None) -> Response:
        return respond(with_openai_error(members) if request.url.path.startswith("/v1/") else members, headers)

    @app.exception_handler(HtmlgenError)
    async def ours(request: Request, error: HtmlgenError) -> Response:
        return answer(request, describe(error), _headers(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await ours(request, read_validation_error(error, request.headers.get("content-type", "")))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return answer(request, problem(error.status_code, code, _explain(request, error)), error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        detail = "Something went wrong on the server, and its log has the details. Please try again."
        return answer(request, problem(500, "internal_error", detail), None)


def _explain(request: Request, error: HTTPException) -> str:
    match error.status_code:
        case 400:
            return "The body cannot be read: it must be JSON in UTF-8, and not nested deeply."
        case 404:
            return f"There is nothing at {request.url.path[:200]}. /docs lists what there is."
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            return f"{request.method} is not for {request.url.path[:200]}{f', {allowed} is' if allowed else ''}."
        case 413:
            return "The body is longer than what is read here. Shorten the prompt or the page."
    return str(error.detail)


REASONS = {
    400: "The body is not JSON, or what it asks for cannot be done.",
    401: "No key, or one that is not known.",
    404: "There is no such model.",
    413: "The body, the prompt or the page is too long.",
    415: "The body is not `application/json`.",
    422: "Some fields are wrong; `errors` names them.",
    429: "The line is full, or this key asks too often. `Retry-After` has the seconds to wait.",
    500: "The model broke off.",
    503: "The model is still loading, or cannot be loaded.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a route: these statuses are problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }

"""POST /generate_html: a prompt, and a page if it is to be changed, become a page.

    curl localhost:8000/generate_html -H 'content-type: application/json' -d '{"prompt": "a login page"}'
    {"html": "<!DOCTYPE html>…", "text": "…", "finish_reason": "stop", "usage": {"new_tokens": 812, …}, "model": "demo", "page_url": …}

With `stream` the answer comes while it is written: as server-sent events (queued, started, preparing, page, delta, then
result or error), or, to `Accept: text/html`, as the document itself. A client that hangs up ends its generation.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.sse import KEEPALIVE_COMMENT
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from htmlgen.auth import User, current_user
from htmlgen.engine import RANGES, SAMPLING_FIELDS, FinishReason, GenerationRequest, Sampling
from htmlgen.errors import HtmlgenError
from htmlgen.isolation import page_headers
from htmlgen.models import Model, find_model
from htmlgen.page import LivePage
from htmlgen.problems import InvalidBody, NoPage, Text, describe, problems
from htmlgen.relay import EVENT_SCHEMA, STREAM_HEADERS, Stream, first_of, last_of, relay, sse, unless_gone
from htmlgen.settings import make_sampling
from htmlgen.store import Record
from htmlgen.studio import Event, Finished, PageOpened, Preparing, Queued, Started, Studio, Wrote

BEARER = Depends(HTTPBearer(auto_error=False, description="A key of `python -m htmlgen apikey add`."))


async def _user(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, BEARER]) -> User:
    """Who asks. The gate has looked at the key by now: it is named here for the description alone."""
    return await current_user(request)


CurrentUser: TypeAlias = Annotated[User, Depends(_user)]

EXAMPLE = "<!DOCTYPE html>\n<html>…</html>"

SAYS = {
    "temperature": "0 always takes the likeliest token. Higher is more varied and makes more mistakes.",
    "top_p": "Only the likeliest tokens that make up this share of the probability; above 0.",
    "top_k": "Only the k likeliest tokens; 0 keeps all.",
    "repetition_penalty": "HTML repeats itself by nature: above 1.1 tags break.",
    "max_new_tokens": "Tokens to write at most. A page of 3 KB takes 800 to 1,000.",
    "seed": "The same seed and settings give the same page.",
}
ABSENT = {"max_new_tokens": "what HTMLGEN_MAX_NEW_TOKENS says", "seed": "a new one each time"}


def sampling_field(name: str, says: str = "") -> Any:
    """A body's field for that field of Sampling, with its range; None stands for the default."""
    least, most = RANGES[name]
    if not says:
        says = f"{SAYS[name]} Absent: {ABSENT.get(name, getattr(Sampling(), name))}."
    if name == "top_p":
        return Field(None, gt=least, le=most, allow_inf_nan=False, description=says)
    if isinstance(most, float):
        return Field(None, ge=least, le=most, allow_inf_nan=False, description=says)
    return Field(None, ge=int(least), le=int(most), description=says)


def _said(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("It is empty. Say what page you want")
    return prompt


class GenerateBody(BaseModel):
    """What page, and how."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        # Without it /docs would propose a temperature of 2 and a page of one token: the ends of the ranges.
        json_schema_extra={"examples": [{"prompt": "A login page for Acme"}]},
    )

    prompt: Annotated[Text, AfterValidator(_said)] = Field(
        description="What page to write, or what to change in `html`.",
        examples=["A login page for Acme"],
        json_schema_extra={"pattern": r"\S"},
    )
    html: Text | None = Field(None, description="The current page, when the prompt asks for a change to it.")
    model: Text | None = Field(None, description="An `id` of GET /models. Absent: the server's default.")
    stream: bool = Field(
        False,
        description="Send the page while it is written: as server-sent events, or, to `Accept: text/html`, the document itself.",
    )
    temperature: float | None = sampling_field("temperature")
    top_p: float | None = sampling_field("top_p")
    top_k: int | None = sampling_field("top_k")
    repetition_penalty: float | None = sampling_field("repetition_penalty")
    max_new_tokens: int | None = sampling_field("max_new_tokens")
    seed: int | None = sampling_field("seed")


class UsageCounts(BaseModel):
    """Counts of one generation; seconds since the model took it up."""

    prompt_tokens: int
    new_tokens: int
    seconds_to_first_token: float
    tokens_per_second: float
    context_left: int = Field(description="Tokens that would still fit into the model's context after this page.")


class Generated(BaseModel):
    """What the model wrote."""

    html: str | None = Field(description="The page; null if the model wrote none.", examples=[EXAMPLE])
    text: str = Field(description="All that it wrote, what it said around the page included.")
    finish_reason: FinishReason = Field(description="`length`: cut at max_new_tokens or at HTMLGEN_MAX_PAGE_BYTES.")
    usage: UsageCounts | None = Field(description="null when the page was cut at HTMLGEN_MAX_PAGE_BYTES.")
    model: str = Field(examples=["demo"])
    page_url: str | None = Field(
        description="Where the page is shown, isolated, for the one who asked for it.",
        examples=["http://localhost:8000/pages/Ux…/live"],
    )
    warning: str | None = Field(description="Why the page is kept in memory only, if it could not be saved.")


def choose_model(studio: Studio, id: str | None) -> Model:
    """The model of that id, the default for None.

    Raises:
        InvalidBody: there is none.
    """
    try:
        return find_model(studio.engine.models, id or "")
    except HtmlgenError as error:
        raise InvalidBody([("model", str(error))]) from error


def page_url(request: Request, page: LivePage) -> str:
    return f"{request.base_url}pages/{page.id}/live"


def make_generate_api(studio: Studio) -> APIRouter:
    routes = APIRouter()
    streams = {
        "text/event-stream": {
            "schema": EVENT_SCHEMA,
            "example": 'event: started\ndata: {}\n\nevent: delta\ndata: {"text": "<h1>", "html": "<h1>"}\n\nevent: result\ndata: {…}\n\n',
        },
        "text/html": {"schema": {"type": "string"}, "example": EXAMPLE},
    }

    @routes.post(
        "/generate_html",
        summary="Write a page, or change one",
        response_model=Generated,
        responses={
            200: {"description": "The page.", "content": streams},
            **problems(400, 401, 413, 415, 422, 429, 500, 503),
        },
    )
    async def generate_html(request: Request, user: CurrentUser, body: GenerateBody) -> Response:
        model = choose_model(studio, body.model)
        wanted = GenerationRequest(
            body.prompt,
            page=body.html,
            sampling=make_sampling(studio.settings, **{name: getattr(body, name) for name in SAMPLING_FIELDS}),
            model=model.id,
        )
        events = studio.generate(wanted, record=Record(user.name))

        def answer(end: Finished) -> dict[str, Any]:
            return Generated(
                html=None if end.page is None else end.page.html,
                text=end.text,
                finish_reason=end.finish_reason,
                usage=None if end.usage is None else UsageCounts(**asdict(end.usage)),
                model=model.id,
                page_url=None if end.page is None else page_url(request, end.page),
                warning=None if end.unsaved is None else str(end.unsaved),
            ).model_dump()

        if not body.stream:
            return JSONResponse(answer(await unless_gone(request, last_of(events))))
        if _wants_document(request):
            return await _document(request, events)
        return await _event_stream(request, events, answer)

    return routes


# How an answer is sent


def _wants_document(request: Request) -> bool:
    """Whether the client asks for HTML, and not as one of anything it would take."""
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return "text/html" in accepted and not {"text/event-stream", "application/json"} & set(accepted)


async def _event_stream(request: Request, generation: AsyncGenerator[Event, None], answer: Any) -> Response:
    events = relay(generation)
    first = await first_of(request, events)

    async def body() -> AsyncGenerator[bytes, None]:
        event: Event | None = first
        try:
            while not isinstance(event, Finished):
                if frame := _frame(request, event):
                    yield frame
                event = await anext(events)
            yield sse(answer(event), "result")
        except HtmlgenError as error:
            yield sse(describe(error), "error")

    return Stream(body(), events, headers=STREAM_HEADERS, media_type="text/event-stream")


def _frame(request: Request, event: Event | None) -> bytes:
    match event:
        case None:
            return KEEPALIVE_COMMENT
        case Queued(position):
            return sse({"position": position}, "queued")
        case Started():
            return sse({}, "started")
        case Preparing(status):
            return sse({"status": status}, "preparing")
        case PageOpened(page):
            return sse({"page_url": page_url(request, page)}, "page")
        case Wrote(text, html):
            return sse({"text": text, "html": html}, "delta")
    return b""


async def _document(request: Request, generation: AsyncGenerator[Event, None]) -> Response:
    events = relay(generation)

    async def opened() -> LivePage:
        said = ""
        async for event in events:
            match event:
                case PageOpened(page):
                    return page
                case Finished():
                    said = event.text
        raise NoPage(said)

    try:
        page = await unless_gone(request, opened())
    except BaseException:
        await events.aclose()
        raise

    async def body() -> AsyncGenerator[bytes, None]:
        async with aclosing(page.read()) as chunks:
            async for chunk in chunks:
                yield chunk
        # A generation that broke off raises here. That cuts the connection, and so tells that this is not all.
        async for _ in events:
            pass

    headers = page_headers() | STREAM_HEADERS | {"Content-Location": page_url(request, page)}
    return Stream(body(), events, headers=headers, media_type="text/html; charset=utf-8")

"""OpenAI's protocol, for programs that speak it already: GET /v1/models and POST /v1/chat/completions.

    client = openai.OpenAI(base_url="http://localhost:8000/v1", api_key="hg-…")
    client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "a login page"}], stream=True)

A conversation becomes one request: the newest page that the assistant wrote is the current page, and what the user said since
then is the instruction, after the system's words if there are any. Whatever else was said has no place in the prompt that the
models here are trained on. Reference: https://platform.openai.com/docs/api-reference/chat
"""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from htmlgen.engine import GenerationRequest, Usage
from htmlgen.errors import HtmlgenError
from htmlgen.extract import HtmlExtractor
from htmlgen.generate_api import CurrentUser, sampling_field
from htmlgen.models import Model, find_model
from htmlgen.problems import InvalidBody, NoSuchModel, Text, describe, problems, with_openai_error
from htmlgen.relay import EVENT_SCHEMA, STREAM_HEADERS, Stream, first_of, last_of, relay, sse, unless_gone
from htmlgen.settings import make_sampling
from htmlgen.store import Record
from htmlgen.studio import Event, Finished, Studio, Wrote


class TextPart(BaseModel):
    model_config = ConfigDict(strict=True)

    type: Literal["text"]
    text: Text


# Told apart by a function, so that what is wrong is told of one of them only.
Content: TypeAlias = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[TextPart], Tag("parts")],
    Discriminator(lambda value: "parts" if isinstance(value, list) else "text"),
]


class Message(BaseModel):
    """What somebody said: text, or a list of parts that are text."""

    model_config = ConfigDict(strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Content | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    model_config = ConfigDict(strict=True)

    include_usage: bool = Field(False, description="Send the counts before the end of the stream.")


class ChatBody(BaseModel):
    """What OpenAI's clients send. Fields that would not change the answer are ignored; those that cannot be obeyed are refused."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"messages": [{"role": "user", "content": "A login page for Acme"}]}]},
    )

    model: Text = Field("", description="An id of GET /v1/models; empty is the server's default.")
    messages: list[Message] = Field(min_length=1, max_length=1_000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = sampling_field("temperature", "0 always takes the likeliest token.")
    top_p: float | None = sampling_field("top_p")
    top_k: int | None = sampling_field("top_k", "Not OpenAI's: only the k likeliest tokens; 0 keeps all.")
    repetition_penalty: float | None = sampling_field("repetition_penalty", "Not OpenAI's. Above 1.1 tags break.")
    max_completion_tokens: int | None = sampling_field("max_new_tokens", "Tokens to write at most.")
    max_tokens: int | None = sampling_field("max_new_tokens", "The older name of `max_completion_tokens`.")
    seed: int | None = sampling_field("seed", "The same seed and settings give the same page.")
    n: int | None = Field(None, ge=1, le=1, description="One answer is what there is.")
    stop: list[str] | None = Field(None, max_length=0, description="Not supported.")
    tools: list[Any] | None = Field(None, max_length=0, description="Not supported.")
    functions: list[Any] | None = Field(None, max_length=0, description="Not supported.")
    logprobs: bool | None = Field(None, description="Not supported.", json_schema_extra={"const": False})
    logit_bias: dict[str, float] | None = Field(None, max_length=0, description="Not supported.")
    presence_penalty: float | None = Field(None, ge=0, le=0, description="Not supported.")
    frequency_penalty: float | None = Field(None, ge=0, le=0, description="Not supported.")
    response_format: dict[str, Any] | None = None

    @field_validator("logprobs")
    @classmethod
    def _no_logprobs(cls, wanted: bool | None) -> bool | None:
        if wanted:
            raise ValueError("The probabilities of tokens are not kept. Leave it out")
        return wanted

    @field_validator("response_format")
    @classmethod
    def _text_is_all_there_is(cls, wanted: dict[str, Any] | None) -> dict[str, Any] | None:
        if wanted is not None and wanted.get("type") != "text":
            raise ValueError('Only {"type": "text"} is there: these models write pages, not JSON')
        return wanted


def read_conversation(messages: Sequence[Message]) -> tuple[str, str | None]:
    """(instruction, current page or None) of a conversation.

    Raises:
        InvalidBody: the user did not say anything since the newest page.
    """
    page, since = None, 0
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role == "assistant" and (page := page_in(messages[place].text)) is not None:
            since = place + 1
            break
    system = [m.text for m in messages if m.role in ("system", "developer")]
    user = [m.text for m in messages[since:] if m.role == "user"]
    if not "".join(user).strip():
        raise InvalidBody(
            [("messages", "The last of them must be the user's, and say what page to write or to change.")]
        )
    return "\n\n".join(text.strip() for text in [*system, *user] if text.strip()), page


def page_in(text: str) -> str | None:
    """The page in what an assistant said, or None."""
    extractor = HtmlExtractor()
    html = extractor.feed(text) + extractor.close()
    return html if extractor.found and html.strip() else None


def make_openai_api(studio: Studio) -> APIRouter:
    """The two routes. Their errors also have OpenAI's member `error`, which its clients read."""
    routes = APIRouter(prefix="/v1")

    def entry(model: Model) -> dict[str, Any]:
        return {"id": model.id, "object": "model", "created": 0, "owned_by": "htmlgen"}

    def choose(id: str) -> Model:
        try:
            return find_model(studio.engine.models, id)
        except HtmlgenError as error:
            raise NoSuchModel(str(error)) from error

    @routes.get("/models", summary="What can be chosen", responses=problems(401))
    async def models(user: CurrentUser) -> dict[str, Any]:
        return {"object": "list", "data": [entry(model) for model in studio.engine.models]}

    @routes.get("/models/{model:path}", summary="One of them", responses=problems(401, 404))
    async def model(model: str, user: CurrentUser) -> dict[str, Any]:
        return entry(choose(model))

    @routes.post(
        "/chat/completions",
        summary="Write a page, or change one, in OpenAI's protocol",
        responses={
            200: {
                "description": "The completion, or with `stream` its chunks.",
                "content": {"text/event-stream": {"schema": EVENT_SCHEMA}},
            },
            **problems(400, 401, 404, 413, 415, 422, 429, 500, 503),
        },
    )
    async def chat_completions(request: Request, user: CurrentUser, body: ChatBody) -> Response:
        model = choose(body.model)
        instruction, page = read_conversation(body.messages)
        sampling = make_sampling(
            studio.settings,
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            repetition_penalty=body.repetition_penalty,
            max_new_tokens=body.max_completion_tokens or body.max_tokens,
            seed=body.seed,
        )
        wanted = GenerationRequest(instruction, page=page, sampling=sampling, model=model.id)
        events = studio.generate(wanted, record=Record(user.name))
        envelope = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model.id}
        if body.stream:
            include_usage = body.stream_options is not None and body.stream_options.include_usage
            return await _stream(request, events, envelope, include_usage)
        end = await unless_gone(request, last_of(events))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": end.text, "refusal": None},
            "logprobs": None,
            "finish_reason": _finish_reason(end),
        }
        return JSONResponse({**envelope, "object": "chat.completion", "choices": [choice], "usage": _usage(end.usage)})

    return routes


async def _stream(
    request: Request, generation: AsyncGenerator[Event, None], envelope: dict[str, Any], include_usage: bool
) -> Response:
    events = relay(generation)
    first = await first_of(request, events)

    def chunk(choices: list[dict[str, Any]], usage: Usage | None = None) -> bytes:
        members = {**envelope, "object": "chat.completion.chunk", "choices": choices}
        return sse({**members, "usage": _usage(usage)} if include_usage else members)

    def choice(delta: dict[str, str], finish_reason: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]

    async def body() -> AsyncGenerator[bytes, None]:
        event: Event | None = first
        yield chunk(choice({"role": "assistant", "content": ""}))
        try:
            while not isinstance(event, Finished):
                if isinstance(event, Wrote) and event.text:
                    yield chunk(choice({"content": event.text}))
                elif event is None:
                    yield KEEPALIVE_COMMENT
                event = await anext(events)
        except HtmlgenError as error:
            yield sse(with_openai_error(describe(error)))
            return
        yield chunk(choice({}, _finish_reason(event)))
        if include_usage:
            yield chunk([], event.usage)
        yield format_sse_event(data_str="[DONE]")

    return Stream(body(), events, headers=STREAM_HEADERS, media_type="text/event-stream")


def _finish_reason(end: Finished) -> str:
    return "stop" if end.finish_reason == "stop" else "length"  # there is no word for a page that a shutdown broke off


def _usage(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.new_tokens,
        "total_tokens": usage.prompt_tokens + usage.new_tokens,
    }

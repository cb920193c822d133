"""OpenAI's protocol, spoken by OpenAI's own client."""

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from htmlgen.engine import Sampling
from htmlgen.errors import GenerationFailed
from htmlgen.models import Model
from htmlgen.openai_api import Message, page_in, read_conversation
from htmlgen.problems import InvalidBody
from tests.api_server import ApiClient, serve
from tests.scripted import ScriptedEngine

PAGE = ["Here:\n\n```html\n", "<!DOCTYPE html>\n", "<html><body>", "<h1>Hi</h1>", "</body></html>\n", "```\nDone."]
TEXT = "".join(PAGE)
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "a login page"}]


def speaker(client: ApiClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{client.url}/v1", api_key="unused", max_retries=0, timeout=20)


def say(*said: tuple[str, str]) -> list[Message]:
    return [Message.model_validate({"role": role, "content": text}) for role, text in said]


async def test_a_completion_has_all_that_the_model_wrote() -> None:
    engine = ScriptedEngine(PAGE)
    async with serve(engine) as client, speaker(client) as ai:
        done = await ai.chat.completions.create(model="scripted", messages=ASKED)
    assert done.choices[0].message.content == TEXT
    assert done.choices[0].finish_reason == "stop"
    assert done.model == "scripted"
    assert done.usage is not None
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (3, 6, 9)
    assert engine.requests[0].instruction == "a login page"


async def test_the_pieces_of_a_stream_are_the_completion() -> None:
    async with serve(ScriptedEngine(PAGE, delay=0.01)) as client, speaker(client) as ai:
        options = {"include_usage": True}
        stream = await ai.chat.completions.create(model="scripted", messages=ASKED, stream=True, stream_options=options)
        chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, pieces)) == TEXT
    assert len(pieces) > 3
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(PAGE)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_stream_has_no_counts_unless_they_are_asked_for() -> None:
    async with serve(ScriptedEngine(PAGE)) as client, speaker(client) as ai:
        stream = await ai.chat.completions.create(model="scripted", messages=ASKED, stream=True)
        chunks = [chunk async for chunk in stream]
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


async def test_the_clients_own_stream_helper_works() -> None:
    async with (
        serve(ScriptedEngine(PAGE)) as client,
        speaker(client) as ai,
        ai.chat.completions.stream(model="scripted", messages=ASKED) as stream,
    ):
        done = await stream.get_final_completion()
    assert done.choices[0].message.content == TEXT


async def test_an_edit_changes_the_page_that_the_assistant_wrote() -> None:
    engine = ScriptedEngine(PAGE)
    async with serve(engine) as client, speaker(client) as ai:
        first = await ai.chat.completions.create(model="scripted", messages=ASKED)
        said: list[ChatCompletionMessageParam] = [
            *ASKED,
            {"role": "assistant", "content": first.choices[0].message.content},
            {"role": "user", "content": "make the header green"},
        ]
        await ai.chat.completions.create(model="scripted", messages=said)
    assert engine.requests[1].instruction == "make the header green"
    assert engine.requests[1].page == "<!DOCTYPE html>\n<html><body><h1>Hi</h1></body></html>"


async def test_every_field_goes_to_the_engine() -> None:
    models = (Model("a", "A", "x"), Model("runs/b", "B", "x"))
    engine = ScriptedEngine(PAGE, models=models)
    async with serve(engine, max_new_tokens=77) as client, speaker(client) as ai:
        await ai.chat.completions.create(
            model="runs/b",
            messages=ASKED,
            temperature=0.5,
            top_p=0.8,
            seed=11,
            max_completion_tokens=3,
            extra_body={"top_k": 7, "repetition_penalty": 1.1},
        )
        await ai.chat.completions.create(model="", messages=ASKED, max_tokens=2)
        cut = await ai.chat.completions.create(model="a", messages=ASKED, max_tokens=1)
        await ai.chat.completions.create(model="a", messages=ASKED)
        engine.finish_reason = "cancelled"
        broken_off = await ai.chat.completions.create(model="a", messages=ASKED)
    assert engine.requests[0].model == "runs/b"
    assert engine.requests[0].sampling == Sampling(0.5, 0.8, 7, 1.1, 3, 11)
    assert engine.requests[1].model == "a"
    assert engine.requests[1].sampling == Sampling(max_new_tokens=2)
    assert cut.choices[0].finish_reason == broken_off.choices[0].finish_reason == "length"
    assert engine.requests[3].sampling == Sampling(max_new_tokens=77)


async def test_models_are_listed_and_looked_up() -> None:
    models = (Model("a", "A", "x"), Model("runs/b", "B", "x"))
    async with serve(ScriptedEngine(PAGE, models=models)) as client, speaker(client) as ai:
        assert [model.id async for model in ai.models.list()] == ["a", "runs/b"]
        assert (await ai.models.retrieve("runs/b")).id == "runs/b"
        with pytest.raises(openai.NotFoundError) as caught:
            await ai.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"
    assert "Choose one of: a, runs/b" in str(caught.value)


# What cannot be done


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 9}, "temperature"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"n": 2}, "n"),
    ({"stop": ["</html>"]}, "stop"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"logprobs": True}, "logprobs"),
    ({"frequency_penalty": 0.5}, "frequency_penalty"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "system", "content": "be brief"}]}, "messages"),
    ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages.0.role"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages.0.content.parts.0.type",
    ),
    ({"messages": [{"role": "user", "content": "a\0b"}]}, "messages.0.content.text"),
]


async def test_what_cannot_be_obeyed_is_refused_by_name() -> None:
    async with serve(ScriptedEngine(PAGE)) as client, speaker(client) as ai:
        for body, field in REFUSED:
            with pytest.raises(openai.UnprocessableEntityError) as caught:
                await ai.chat.completions.create(**{"model": "scripted", "messages": ASKED} | body)
            assert (caught.value.code, caught.value.param) == ("invalid_fields", field)


async def test_what_changes_nothing_is_ignored() -> None:
    async with serve(ScriptedEngine(PAGE)) as client, speaker(client) as ai:
        done = await ai.chat.completions.create(
            model="scripted",
            messages=ASKED,
            user="ann",
            n=1,
            presence_penalty=0,
            stop=[],
            metadata={"a": "b"},
            response_format={"type": "text"},
        )
    assert done.choices[0].message.content == TEXT


async def test_an_error_in_the_middle_reaches_the_client_as_one() -> None:
    engine = ScriptedEngine(PAGE[:2], error=GenerationFailed("It broke off."))
    async with serve(engine) as client, speaker(client) as ai:
        with pytest.raises(openai.APIError, match="It broke off"):
            await ai.chat.completions.create(model="scripted", messages=ASKED)
        stream = await ai.chat.completions.create(model="scripted", messages=ASKED, stream=True)
        got: list[str | None] = []

        async def read() -> None:
            async for chunk in stream:
                got.append(chunk.choices[0].delta.content)

        with pytest.raises(openai.APIError, match="It broke off") as caught:
            await read()
    assert caught.value.code == "generation_failed"
    assert "".join(filter(None, got)) == "".join(PAGE[:2])


async def test_a_full_line_is_a_rate_limit_to_the_client() -> None:
    async with serve(ScriptedEngine(PAGE, delay=0.2), queue_size=0) as client, speaker(client) as ai:
        stream = await ai.chat.completions.create(model="scripted", messages=ASKED, stream=True)
        with pytest.raises(openai.RateLimitError) as caught:
            await ai.chat.completions.create(model="scripted", messages=ASKED)
        await stream.close()
    assert caught.value.code == "busy"
    assert int(caught.value.response.headers["retry-after"]) > 0


# Conversations


def test_the_newest_page_is_the_current_one_and_what_followed_is_asked() -> None:
    said = say(
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "<p>first</p>"),
        ("user", "two"),
        ("assistant", "```html\n<p>second</p>\n```"),
        ("user", "three"),
        ("assistant", "Which colour?"),
        ("user", "green"),
    )
    assert read_conversation(said) == ("Be brief.\n\nthree\n\ngreen", "<p>second</p>")


def test_a_question_back_is_no_page() -> None:
    said = say(("user", "a login page"), ("assistant", "Which colour?"), ("user", "green"))
    assert read_conversation(said) == ("a login page\n\ngreen", None)


def test_parts_of_a_message_are_one_text() -> None:
    parts = Message.model_validate(
        {"role": "user", "content": [{"type": "text", "text": "a "}, {"type": "text", "text": "page"}]}
    )
    assert read_conversation([parts]) == ("a page", None)


@pytest.mark.parametrize(
    "said", [say(("user", "x"), ("assistant", "<p>page</p>")), say(("user", "  ")), say(("system", "x"))]
)
def test_somebody_must_have_asked(said: list[Message]) -> None:
    with pytest.raises(InvalidBody, match="user's"):
        read_conversation(said)


@pytest.mark.parametrize(("text", "page"), [("", None), ("a < b", None), ("Here:\n<h1>x</h1>", "<h1>x</h1>")])
def test_page_in(text: str, page: str | None) -> None:
    assert page_in(text) == page

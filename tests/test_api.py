"""The HTTP interface, through a real server on a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from htmlgen.api import make_api, make_sampling, parse_body
from htmlgen.engine import Sampling
from htmlgen.errors import ModelNotFound, PromptTooLong, RequestError
from htmlgen.page import PageShelf
from htmlgen.settings import Settings
from htmlgen.studio import Studio
from tests.scripted import ScriptedEngine

PAGE = ["Here:\n\n", "<!DOCTYPE html>\n", "<html><body>", "<h1>Hi</h1>", "</body></html>"]
HTML = "".join(PAGE[1:])


@asynccontextmanager
async def serve(engine: ScriptedEngine, *, wait: bool = True, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A server with the API over `engine`, and a client of it; `client.studio` is the studio."""
    chosen = Settings(_env_file=None, **settings)
    studio = Studio(engine, PageShelf(10), chosen)
    await studio.start()
    if wait:
        await studio.wait_ready()
    app = FastAPI()
    app.include_router(make_api(lambda: studio))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
            client.studio = studio  # type: ignore[attr-defined]
            yield client
    finally:
        server.should_exit = True
        await task
        await studio.close()
        listener.close()


async def until(condition: Any, seconds: float = 10) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.002)


async def test_a_prompt_becomes_a_page() -> None:
    engine = ScriptedEngine(PAGE)
    async with serve(engine) as client:
        answer = await client.post("/generate_html", json={"prompt": "a login page"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["html"] == HTML
    assert body["finish_reason"] == "stop"
    assert body["text"] == "".join(PAGE)
    assert body["usage"]["new_tokens"] == len(PAGE)
    assert engine.requests[0].instruction == "a login page"
    assert engine.requests[0].page is None


async def test_the_current_page_and_every_sampling_field_go_to_the_engine() -> None:
    engine = ScriptedEngine(PAGE)
    chosen = {
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 7,
        "repetition_penalty": 1.1,
        "max_new_tokens": 2,
        "seed": 11,
    }
    async with serve(engine) as client:
        answer = await client.post("/generate_html", json={"prompt": "make it green", "html": "<p>old</p>", **chosen})
    assert answer.json()["finish_reason"] == "length"
    assert engine.requests[0].page == "<p>old</p>"
    assert engine.requests[0].sampling == Sampling(**chosen)


async def test_without_a_length_the_servers_own_limit_holds() -> None:
    engine = ScriptedEngine(PAGE)
    async with serve(engine, max_new_tokens=77) as client:
        await client.post("/generate_html", json={"prompt": "x", "temperature": None})
    assert engine.requests[0].sampling == Sampling(max_new_tokens=77)


async def test_an_answer_without_html_has_text_and_null() -> None:
    async with serve(ScriptedEngine(["Sorry, ", "no."])) as client:
        body = (await client.post("/generate_html", json={"prompt": "x"})).json()
    assert body["html"] is None
    assert body["text"] == "Sorry, no."


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "object"),
        ("{}", '"prompt" is missing'),
        ('{"prompt": 3}', '"prompt": Input should be a valid string'),
        ('{"prompt": "  "}', "prompt is empty"),
        ('{"prompt": "x", "promt": 1}', '"promt" is not a field. Known are prompt, html, temperature'),
        ('{"prompt": "x", "temperature": 9}', "temperature is 9.0 but must be between"),
        ('{"prompt": "x", "temperature": NaN}', "temperature"),
        ('{"prompt": "x", "temperature": "hot"}', '"temperature": Input should be a valid number'),
        ('{"prompt": "x", "top_p": 0}', "top_p"),
        ('{"prompt": "x", "top_k": 1.5}', '"top_k": Input should be a valid integer'),
        ('{"prompt": "x", "max_new_tokens": true}', '"max_new_tokens": Input should be a valid integer'),
        ('{"prompt": "x", "seed": -1}', "seed is -1"),
        ('{"prompt": "x", "html": 5}', '"html": Input should be a valid string'),
        ('{"prompt": "\\ud800"}', "JSON"),
    ],
)
async def test_a_request_that_cannot_be_read_is_told_which_field_is_wrong(body: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_body(body.encode(), Settings(_env_file=None))
    assert words in str(caught.value)
    assert "pydantic" not in str(caught.value)


async def test_errors_have_a_status_a_code_and_a_message() -> None:
    async with serve(ScriptedEngine(PAGE), max_prompt_chars=100) as client:
        bad = await client.post("/generate_html", content=b"{", headers={"content-type": "application/json"})
        long = await client.post("/generate_html", json={"prompt": "x" * 101})
        huge = await client.post("/generate_html", json={"prompt": "x" * 200_000})
    assert bad.status_code == long.status_code == huge.status_code == 400
    assert bad.json()["error"]["code"] == "bad_request"
    assert "not JSON" in bad.json()["error"]["message"]
    assert "101 characters" in long.json()["error"]["message"]
    assert "11,200 bytes" in huge.json()["error"]["message"]


async def test_an_engines_error_is_answered_and_the_next_request_served() -> None:
    engine = ScriptedEngine([], error=PromptTooLong(5_000, 4_096))
    async with serve(engine) as client:
        answer = await client.post("/generate_html", json={"prompt": "x"})
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "prompt_too_long"
        assert "5,000" in answer.json()["error"]["message"]
        engine.error, engine.script = RuntimeError("secret detail"), PAGE
        answer = await client.post("/generate_html", json={"prompt": "x"})
        assert answer.status_code == 500
        assert "secret" not in answer.text
        engine.error = None
        assert (await client.post("/generate_html", json={"prompt": "x"})).json()["html"] == HTML


async def test_one_more_than_may_wait_is_busy() -> None:
    engine = ScriptedEngine(PAGE, delay=0.05)
    async with serve(engine, queue_size=1) as client:
        asked = [asyncio.create_task(client.post("/generate_html", json={"prompt": str(n)})) for n in range(2)]
        await until(lambda: client.studio.waiting == 1)  # type: ignore[attr-defined]
        busy = await client.post("/generate_html", json={"prompt": "one too many"})
        assert busy.status_code == 429
        assert busy.json()["error"]["code"] == "busy"
        assert "Try again" in busy.json()["error"]["message"]
        assert int(busy.headers["retry-after"]) > 0
        assert [(await answer).status_code for answer in asked] == [200, 200]


async def test_a_client_that_hangs_up_ends_its_generation() -> None:
    engine = ScriptedEngine(["<!DOCTYPE html><html><body>", *["<p>x</p>"] * 1_000], delay=0.02)
    async with serve(engine) as client:
        studio = client.studio  # type: ignore[attr-defined]
        host, port = client.base_url.host, client.base_url.port
        _, writer = await asyncio.open_connection(host, port)
        body = json.dumps({"prompt": "x"}).encode()
        writer.write(b"POST /generate_html HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await until(lambda: engine.running == 1)
        waiting = asyncio.create_task(client.post("/generate_html", json={"prompt": "y", "max_new_tokens": 1}))
        await until(lambda: studio.waiting == 1)
        writer.close()
        await until(lambda: engine.cancelled == 1, seconds=2)
        assert (await waiting).status_code == 200


async def test_ready_says_why_not_until_it_is() -> None:
    engine = ScriptedEngine(PAGE, load_seconds=0.5)
    async with serve(engine, wait=False) as client:
        before = await client.get("/ready")
        refused = await client.post("/generate_html", json={"prompt": "x"})
        await client.studio.wait_ready()  # type: ignore[attr-defined]
        after = await client.get("/ready")
    assert before.status_code == 503
    assert before.json()["reason"] == "Loading the script."
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "not_ready"
    assert after.status_code == 200
    assert after.json() == {"status": "ready", "model": "scripted", "waiting": 0}


async def test_ready_says_why_never() -> None:
    engine = ScriptedEngine(load_error=ModelNotFound("There is no model 'x'. Set HTMLGEN_MODEL."))
    async with serve(engine, wait=False) as client:
        await until(lambda: client.studio.state == "failed")  # type: ignore[attr-defined]
        answer = await client.get("/ready")
        refused = await client.post("/generate_html", json={"prompt": "x"})
    assert answer.status_code == refused.status_code == 503
    assert answer.json()["status"] == "failed"
    assert "Set HTMLGEN_MODEL" in answer.json()["reason"]
    assert refused.json()["error"]["code"] == "model_not_found"


def test_sampling_is_checked_by_the_one_class_that_knows_the_ranges() -> None:
    with pytest.raises(RequestError, match="top_k"):
        make_sampling(Settings(_env_file=None), top_k=-1)

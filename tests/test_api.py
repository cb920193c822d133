"""POST /generate_html and what stands beside it, through a real server on a real socket."""

import asyncio
import json
import re
import socket
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from htmlgen.engine import SAMPLING_FIELDS, Sampling
from htmlgen.errors import ModelNotFound, PromptTooLong, RequestError
from htmlgen.generate_api import GenerateBody
from htmlgen.isolation import page_headers
from htmlgen.models import Model
from htmlgen.settings import Settings, make_sampling
from tests.api_server import ApiClient, serve, until
from tests.scripted import ScriptedEngine

PAGE = ["Here:\n\n", "<!DOCTYPE html>\n", "<html><body>", "<h1>Hi</h1>", "</body></html>"]
HTML = "".join(PAGE[1:])
ENDLESS = ["<!DOCTYPE html><html><body>", *["<p>x</p>"] * 1_000]


async def ask(client: ApiClient, **body: Any) -> list[ServerSentEvent]:
    """The events of a streamed answer."""
    async with aconnect_sse(client, "POST", "/generate_html", json={"stream": True, **body}) as source:
        return [event async for event in source.aiter_sse()]


async def test_a_prompt_becomes_a_page() -> None:
    engine = ScriptedEngine(PAGE)
    async with serve(engine) as client:
        answer = await client.post("/generate_html", json={"prompt": "a login page"})
        body = answer.json()
        shown = await client.get(body["page_url"])
    assert answer.status_code == 200
    assert body["html"] == HTML
    assert body["finish_reason"] == "stop"
    assert body["text"] == "".join(PAGE)
    assert body["usage"]["new_tokens"] == len(PAGE)
    assert body["model"] == "scripted"
    assert body["warning"] is None
    assert "<h1>Hi</h1>" in shown.text
    assert engine.requests[0].instruction == "a login page"
    assert engine.requests[0].page is None


async def test_the_current_page_the_model_and_every_sampling_field_go_to_the_engine() -> None:
    models = (Model("a", "A", "a script"), Model("b", "B", "a script"))
    engine = ScriptedEngine(PAGE, models=models)
    chosen = {
        "temperature": 0.5,
        "top_p": 0.8,
        "top_k": 7,
        "repetition_penalty": 1.1,
        "max_new_tokens": 2,
        "seed": 11,
    }
    async with serve(engine) as client:
        body = {"prompt": "make it green", "html": "<p>old</p>", "model": "b", **chosen}
        answer = (await client.post("/generate_html", json=body)).json()
    assert answer["finish_reason"] == "length"
    assert answer["model"] == engine.requests[0].model == "b"
    assert engine.requests[0].page == "<p>old</p>"
    assert engine.requests[0].sampling == Sampling(**chosen)
    assert set(SAMPLING_FIELDS) == set(chosen) <= set(GenerateBody.model_fields)


async def test_without_a_length_the_servers_own_limit_holds() -> None:
    engine = ScriptedEngine(PAGE)
    async with serve(engine, max_new_tokens=77) as client:
        await client.post("/generate_html", json={"prompt": "x", "temperature": None})
    assert engine.requests[0].sampling == Sampling(max_new_tokens=77)
    assert engine.requests[0].model == "scripted"


async def test_an_answer_without_html_has_text_and_null() -> None:
    async with serve(ScriptedEngine(["Sorry, ", "no."])) as client:
        body = (await client.post("/generate_html", json={"prompt": "x"})).json()
        document = await client.post(
            "/generate_html", json={"prompt": "x", "stream": True}, headers={"Accept": "text/html"}
        )
    assert body["html"] is body["page_url"] is None
    assert body["text"] == "Sorry, no."
    assert document.status_code == 500
    assert document.json()["code"] == "no_page"
    assert "Sorry, no." in document.json()["detail"]


# Streams


async def test_events_tell_what_happens_and_their_pieces_are_the_answer() -> None:
    async with serve(ScriptedEngine(PAGE, delay=0.01)) as client:
        events = await ask(client, prompt="x")
        whole = (await client.post("/generate_html", json={"prompt": "x"})).json()
    kinds = [event.event for event in events]
    assert kinds[0] == "started"
    assert kinds[-1] == "result"
    assert kinds.count("page") == 1
    assert kinds.count("delta") > 2, "it comes while it is written"
    result = events[-1].json()
    deltas = [event.json() for event in events if event.event == "delta"]
    assert "".join(delta["html"] for delta in deltas) == result["html"] == whole["html"]
    assert "".join(delta["text"] for delta in deltas) == result["text"] == whole["text"]
    assert result.keys() == whole.keys()
    page = next(event.json() for event in events if event.event == "page")
    assert page["page_url"] == result["page_url"]


async def test_events_tell_the_place_in_the_line_and_that_the_stream_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htmlgen.relay.QUIET_SECONDS", 0.05)
    async with serve(ScriptedEngine(PAGE, delay=0.1)) as client:
        first = asyncio.create_task(ask(client, prompt="x"))
        await until(lambda: client.studio.running == 1)
        async with client.stream("POST", "/generate_html", json={"prompt": "y", "stream": True}) as answer:
            text = (await answer.aread()).decode()
        await first
    assert text.startswith('event: queued\ndata: {"position": 1}\n\n')
    assert "\n: ping\n" in text


async def test_a_generation_that_breaks_off_ends_the_events_with_a_problem() -> None:
    engine = ScriptedEngine(PAGE[:3], error=PromptTooLong(5_000, 4_096))
    async with serve(engine) as client:
        events = await ask(client, prompt="x")
    assert events[-1].event == "error"
    assert events[-1].json()["code"] == "prompt_too_long"
    assert events[-1].json()["status"] == 413
    assert "result" not in [event.event for event in events]


async def test_the_document_itself_comes_in_pieces_under_the_headers_of_pages() -> None:
    async with serve(ScriptedEngine(PAGE, delay=0.05)) as client:
        options: dict[str, Any] = {"json": {"prompt": "x", "stream": True}, "headers": {"Accept": "text/html"}}
        async with client.stream("POST", "/generate_html", **options) as answer:
            pieces = [piece async for piece in answer.aiter_raw()]
        kept = await client.get(answer.headers["content-location"].replace("/live", "/source"))
    assert b"".join(pieces).decode() == kept.text == HTML
    assert len(pieces) > 2
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    missing = {name for name, value in page_headers().items() if answer.headers.get(name) != value}
    assert not missing


async def test_a_document_that_breaks_off_is_cut_so_that_nobody_takes_it_for_whole() -> None:
    async with serve(ScriptedEngine(PAGE[:4], error=RuntimeError("secret"), delay=0.02)) as client:
        options: dict[str, Any] = {"json": {"prompt": "x", "stream": True}, "headers": {"Accept": "text/html"}}
        async with client.stream("POST", "/generate_html", **options) as answer:
            pieces = answer.aiter_raw()
            got = [await anext(pieces)]

            async def rest() -> None:
                got.extend([piece async for piece in pieces])

            with pytest.raises(httpx.RemoteProtocolError):
                await rest()
    assert "".join(PAGE[1:4]).startswith(b"".join(got).decode())


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/event-stream"),
        ("text/event-stream", "text/event-stream"),
        ("text/html, text/event-stream", "text/event-stream"),
        ("text/html", "text/html"),
        ("text/html;q=0.9, */*;q=0.1", "text/html"),
        ("application/json, text/html", "text/event-stream"),
    ],
)
async def test_a_stream_is_a_document_only_for_those_who_want_one(accept: str, kind: str) -> None:
    async with serve(ScriptedEngine(PAGE)) as client:
        answer = await client.post("/generate_html", json={"prompt": "x", "stream": True}, headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind


# Refusals


async def test_an_engines_error_is_answered_and_the_next_request_served() -> None:
    engine = ScriptedEngine([], error=PromptTooLong(5_000, 4_096))
    async with serve(engine) as client:
        answer = await client.post("/generate_html", json={"prompt": "x"})
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "prompt_too_long"
        assert "5,000" in answer.json()["detail"]
        engine.error, engine.script = RuntimeError("secret detail"), PAGE
        answer = await client.post("/generate_html", json={"prompt": "x"})
        assert answer.status_code == 500
        assert "secret" not in answer.text
        engine.error = None
        assert (await client.post("/generate_html", json={"prompt": "x"})).json()["html"] == HTML


@pytest.mark.parametrize("stream", [False, True])
async def test_one_more_than_may_wait_is_busy(stream: bool) -> None:
    engine = ScriptedEngine(PAGE, delay=0.05)
    async with serve(engine, queue_size=1) as client:
        asked = [asyncio.create_task(client.post("/generate_html", json={"prompt": str(n)})) for n in range(2)]
        await until(lambda: client.studio.waiting == 1)
        busy = await client.post("/generate_html", json={"prompt": "one too many", "stream": stream})
        assert busy.status_code == busy.json()["status"] == 429
        assert busy.json()["code"] == "busy"
        assert busy.json()["title"] == "Too Many Requests"
        assert "Try again" in busy.json()["detail"]
        assert int(busy.headers["retry-after"]) > 0
        assert [(await answer).status_code for answer in asked] == [200, 200]


async def test_a_model_that_is_not_there_is_a_field_that_is_wrong() -> None:
    async with serve(ScriptedEngine(PAGE)) as client:
        answer = await client.post("/generate_html", json={"prompt": "x", "model": "gpt-9"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "model", "message": "There is no model 'gpt-9' here. Choose one of: scripted."}
    ]


async def test_programs_get_no_page_for_people_where_there_is_nothing() -> None:
    async with serve(ScriptedEngine(PAGE)) as client:
        for path in (
            "/v1/nope",
            "/v1/chat",
            "/generate_html/",
            "/models/x",
            "/ready/x",
            "/metrics/x",
            "/api/generate",
            "/docs/x",
            "/v1/models/a%0Ab",
        ):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        for method, path in (("GET", "/generate_html"), ("DELETE", "/models"), ("PUT", "/v1/chat/completions")):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), path
            assert answer.headers["allow"]


# Clients that vanish


def http(body: dict[str, Any], path: str = "/generate_html", accept: str = "*/*") -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data


CHAT = {"messages": [{"role": "user", "content": "x"}]}
ROUTES = {
    "answer": http({"prompt": "x"}),
    "events": http({"prompt": "x", "stream": True}),
    "document": http({"prompt": "x", "stream": True}, accept="text/html"),
    "completion": http(CHAT, "/v1/chat/completions"),
    "completion stream": http({**CHAT, "stream": True}, "/v1/chat/completions"),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("abort", [False, True], ids=["closes", "resets"])
async def test_the_place_of_a_client_that_vanishes_is_free_within_a_second(route: str, abort: bool) -> None:
    engine = ScriptedEngine(ENDLESS, delay=0.02)
    async with serve(engine) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(ROUTES[route])
        await until(lambda: engine.running == 1)
        if "stream" in route or route in ("events", "document"):
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            await reader.read(10)
        waiting = asyncio.create_task(client.post("/generate_html", json={"prompt": "y", "max_new_tokens": 1}))
        await until(lambda: client.studio.waiting == 1)
        writer.transport.abort() if abort else writer.close()
        await until(lambda: engine.cancelled == 1, seconds=1)
        assert (await waiting).status_code == 200
        assert client.studio.running == 0


@pytest.mark.parametrize("route", ROUTES)
async def test_a_client_that_vanishes_in_the_line_leaves_it(route: str) -> None:
    engine = ScriptedEngine(ENDLESS, delay=0.02)
    async with serve(engine) as client:
        async with client.stream("POST", "/generate_html", json={"prompt": "first", "stream": True}):
            await until(lambda: engine.running == 1)
            _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write(ROUTES[route])
            await until(lambda: client.studio.waiting == 1)
            writer.close()
            await until(lambda: client.studio.waiting == 0, seconds=1)
            assert [request.instruction for request in engine.requests] == ["first"]
        await until(lambda: engine.cancelled == 1, seconds=1)


@pytest.mark.parametrize("route", ["events", "document", "completion stream"])
async def test_a_reader_that_stalls_keeps_nobody_from_the_model(route: str) -> None:
    engine = ScriptedEngine(["<!DOCTYPE html><html><body>", *["<p>" + "x" * 9_000 + "</p>"] * 200])
    async with serve(engine) as client:
        # Asked in blocking mode and never read: with a small buffer here, the server's own is soon full.
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            stalled.connect((client.base_url.host, client.base_url.port))
            stalled.sendall(ROUTES[route])
            await until(lambda: len(engine.requests) == 1)
            engine.script = PAGE
            answer = await asyncio.wait_for(client.post("/generate_html", json={"prompt": "next"}), 10)
            assert answer.json()["html"] == HTML


# What state it is in


async def test_ready_says_why_not_until_it_is() -> None:
    engine = ScriptedEngine(PAGE, load_seconds=0.5)
    async with serve(engine, wait=False) as client:
        before = await client.get("/ready")
        refused = await client.post("/generate_html", json={"prompt": "x", "stream": True})
        await client.studio.wait_ready()
        after = await client.get("/ready")
        assert (await client.head("/ready")).status_code == 200
    assert before.status_code == 503
    assert before.headers["retry-after"] == "5"
    assert before.json() == {"status": "loading", "model": "scripted", "reason": "Loading the script."}
    assert refused.status_code == 503
    assert refused.json()["code"] == "not_ready"
    assert after.status_code == 200
    assert after.json() == {"status": "ready", "model": "scripted", "waiting": 0}


async def test_ready_says_why_never() -> None:
    engine = ScriptedEngine(load_error=ModelNotFound("There is no model 'x'. Set HTMLGEN_MODEL."))
    async with serve(engine, wait=False) as client:
        await until(lambda: client.studio.state == "failed")
        answer = await client.get("/ready")
        refused = await client.post("/generate_html", json={"prompt": "x"})
    assert answer.status_code == refused.status_code == 503
    assert answer.json()["status"] == "failed"
    assert "Set HTMLGEN_MODEL" in answer.json()["reason"]
    assert refused.json()["code"] == "model_not_found"


async def test_models_lists_what_a_request_can_choose() -> None:
    models = (Model("a", "A", "x", note="The first."), Model("runs/mine", "Mine", "x", "runs/mine/adapter"))
    async with serve(ScriptedEngine(PAGE, models=models)) as client:
        answer = await client.get("/models")
    assert answer.json()["models"] == [
        {"id": "a", "label": "A", "note": "The first.", "default": True},
        {"id": "runs/mine", "label": "Mine", "note": "", "default": False},
    ]


# The description


async def test_the_description_is_local_and_has_examples() -> None:
    async with serve(ScriptedEngine(PAGE)) as client:
        page = (await client.get("/docs")).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert loaded
        for address in loaded:
            assert address.startswith("/"), f"{address} is somewhere else"
        scripts = [await client.get(address) for address in loaded if address.endswith((".js", ".css"))]
        schema = (await client.get("/openapi.json")).json()
    assert len(scripts) == 2
    assert all(answer.status_code == 200 and len(answer.content) > 100_000 for answer in scripts)
    assert set(schema["paths"]) == {
        *("/generate_html", "/models", "/ready", "/metrics"),
        *("/v1/models", "/v1/models/{model}", "/v1/chat/completions"),
    }
    assert schema["components"]["schemas"]["GenerateBody"]["examples"] == [{"prompt": "A login page for Acme"}]
    generate = schema["paths"]["/generate_html"]["post"]["responses"]
    assert set(generate["200"]["content"]) == {"application/json", "text/event-stream", "text/html"}
    assert generate["429"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert "Problem" in schema["components"]["schemas"]


def test_sampling_is_checked_by_the_one_class_that_knows_the_ranges() -> None:
    with pytest.raises(RequestError, match="top_k"):
        make_sampling(Settings(_env_file=None), top_k=-1)

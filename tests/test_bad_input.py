"""What comes over HTTP and should not: each with the answer it gets, and the server as well as before."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api_server import SHELL, ApiClient, serve
from tests.scripted import ScriptedEngine

JSON = "application/json"
MEGABYTE = "x" * 1_000_000

# name -> (body, Content-Type, status, code, field or None)
BODIES: dict[str, tuple[bytes, str | None, int, str, str | None]] = {
    "nothing": (b"", JSON, 422, "invalid_fields", ""),
    "an empty object": (b"{}", JSON, 422, "invalid_fields", "prompt"),
    "an empty prompt": (b'{"prompt": ""}', JSON, 422, "invalid_fields", "prompt"),
    "blanks": (b'{"prompt": " \\n\\t"}', JSON, 422, "invalid_fields", "prompt"),
    "a megabyte of prompt": (json.dumps({"prompt": MEGABYTE}).encode(), JSON, 400, "bad_request", None),
    "a megabyte of page": (json.dumps({"prompt": "x", "html": MEGABYTE}).encode(), JSON, 400, "bad_request", None),
    "three megabytes": (json.dumps({"prompt": MEGABYTE * 3}).encode(), JSON, 413, "body_too_large", None),
    "NUL in the prompt": (b'{"prompt": "a\\u0000b"}', JSON, 422, "invalid_fields", "prompt"),
    "NUL in the page": (b'{"prompt": "x", "html": "a\\u0000b"}', JSON, 422, "invalid_fields", "html"),
    "NUL in the model": (b'{"prompt": "x", "model": "\\u0000"}', JSON, 422, "invalid_fields", "model"),
    "NUL between the fields": (b'{"prompt": "x"}\0', JSON, 400, "not_json", None),
    "half a character in the prompt": (b'{"prompt": "\\ud800"}', JSON, 422, "invalid_fields", "prompt"),
    "half a character in the page": (b'{"prompt": "x", "html": "\\udfff"}', JSON, 422, "invalid_fields", "html"),
    "half a character in a field's name": (b'{"prompt": "x", "\\ud800": 1}', JSON, 422, "invalid_fields", ""),
    "invalid UTF-8": (b'{"prompt": "\xff\xfe"}', JSON, 400, "bad_request", None),
    "Latin-1": ('{"prompt": "Zoë"}'.encode("latin-1"), JSON, 400, "bad_request", None),
    "deep lists": (b"[" * 100_000 + b"]" * 100_000, JSON, 400, "bad_request", None),
    "deep objects": (b'{"prompt": ' * 50_000 + b"1" + b"}" * 50_000, JSON, 400, "bad_request", None),
    "a number with 10,000 digits": (b'{"prompt": "x", "seed": ' + b"1" * 10_000 + b"}", JSON, 400, "bad_request", None),
    "a list": (b"[]", JSON, 422, "invalid_fields", ""),
    "a string": (b'"a login page"', JSON, 422, "invalid_fields", ""),
    "null": (b"null", JSON, 422, "invalid_fields", ""),
    "half a body": (b'{"prompt": "x"', JSON, 400, "not_json", None),
    "two bodies": (b'{"prompt": "x"}{"prompt": "y"}', JSON, 400, "not_json", None),
    "a form": (b"prompt=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type", None),
    "text": (b'{"prompt": "x"}', "text/plain", 415, "unsupported_media_type", None),
    "no type": (b'{"prompt": "x"}', None, 415, "unsupported_media_type", None),
    "a type that is none": (b'{"prompt": "x"}', ";;;=\xff", 415, "unsupported_media_type", None),
    "a field that is not there": (b'{"prompt": "x", "promt": "y"}', JSON, 422, "invalid_fields", "promt"),
    "__proto__": (b'{"prompt": "x", "__proto__": {"a": 1}}', JSON, 422, "invalid_fields", "__proto__"),
    "a model that climbs": (b'{"prompt": "x", "model": "../../etc/passwd"}', JSON, 422, "invalid_fields", "model"),
}

# field -> what it cannot be, as it stands in the JSON
VALUES: dict[str, tuple[str, ...]] = {
    "prompt": ("1", "true", "null", '["x"]', '{"a": "x"}'),
    "html": ("1", "false", '["<p>"]'),
    "model": ("1", '["demo"]', '"nope"'),
    "stream": ('"yes"', "1", "null", '"true"'),
    "temperature": ("NaN", "Infinity", "-Infinity", "1e999", "-0.1", "2.1", '"0.5"', "true", "[]"),
    "top_p": ("NaN", "0", "-1", "1.01", "1" + "0" * 400, '"0.5"', "false"),
    "top_k": ("NaN", "-1", "1.5", "1000001", '"5"', "true", "1" + "0" * 400),
    "repetition_penalty": ("NaN", "0.9", "-1", "2.5", '"1"', "null_"),
    "max_new_tokens": ("NaN", "0", "-1", "1000001", "1e6", "1.5", '"100"', "true", "9" * 100),
    "seed": ("NaN", "-1", "9223372036854775808", "1.5", '"1"', "true"),
}


@pytest.fixture
async def client() -> AsyncIterator[ApiClient]:
    async with serve(ScriptedEngine()) as client:
        yield client
        # Whatever it was: nothing of it is left, and the next one is served.
        assert client.studio.running == client.studio.waiting == 0
        assert (await client.post("/generate_html", json={"prompt": "x"})).status_code == 200


async def send(client: ApiClient, data: bytes, kind: str | None, path: str = "/generate_html") -> Any:
    headers = {} if kind is None else {"Content-Type": kind.encode("latin-1")}
    return await client.post(path, content=data, headers=headers)  # type: ignore[arg-type]


async def test_every_bad_body_has_its_answer(client: ApiClient) -> None:
    for name, (data, kind, status, code, field) in BODIES.items():
        answer = await send(client, data, kind)
        problem = answer.json()
        assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), name
        assert answer.headers["content-type"] == "application/problem+json", name
        assert problem["detail"], name
        assert [error["field"] for error in problem.get("errors", [])] == ([] if field is None else [field]), name
        assert len(answer.content) < 2_000, f"{name}: an answer does not repeat what it refuses"
        for word in ("Traceback", "pydantic", "Error("):
            assert word not in answer.text, name
    assert not client.studio.engine.requests  # type: ignore[attr-defined]


async def test_every_bad_value_is_told_by_its_field(client: ApiClient) -> None:
    for field, values in VALUES.items():
        for value in values:
            rest = "" if field == "prompt" else '"prompt": "x", '
            answer = await send(client, f'{{{rest}"{field}": {value}}}'.encode(), JSON)
            problem = answer.json()
            if value == "null_":
                assert (answer.status_code, problem["code"]) == (400, "not_json")
                continue
            assert (answer.status_code, problem["code"]) == (422, "invalid_fields"), (field, value)
            assert [error["field"] for error in problem["errors"]] == [field], value
    assert not client.studio.engine.requests  # type: ignore[attr-defined]


async def test_the_same_holds_for_conversations(client: ApiClient) -> None:
    path = "/v1/chat/completions"

    async def refused(body: str, status: int, param: str | None) -> None:
        answer = await send(client, body.encode("utf-8", "surrogatepass"), JSON, path)
        assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), body[:100]

    for content in ("1", '"a\\u0000b"', '"\\ud800"', '["x"]', '[{"type": "text"}]', '{"a": 1}'):
        answer = await send(client, f'{{"messages": [{{"role": "user", "content": {content}}}]}}'.encode(), JSON, path)
        assert answer.status_code == 422, content
        assert answer.json()["error"]["param"].startswith("messages.0.content"), content
    await refused('{"messages": {}}', 422, "messages")
    await refused('{"messages": [' + ",".join(['{"role": "user", "content": "x"}'] * 1_001) + "]}", 422, "messages")
    await refused('{"messages": [1]}', 422, "messages.0")
    await refused('{"messages": [{"role": "root", "content": "x"}]}', 422, "messages.0.role")
    await refused('{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}', 422, "temperature")
    await refused('{"messages": [{"role": "user", "content": "x"}], "max_tokens": -5}', 422, "max_tokens")
    await refused('{"messages": [{"role": "user", "content": "x"}], "stream_options": 3}', 422, "stream_options")
    await refused("[" * 100_000, 400, None)
    await refused('{"messages": [{"role": "user", "content": "' + MEGABYTE + '"}]}', 400, None)


@pytest.mark.parametrize(
    "path",
    [
        "/pages/../../etc/passwd/live",
        "/pages/%2e%2e%2f%2e%2e%2fetc%2fpasswd/live",
        "/pages/..%2f..%2fapp.py/source",
        "/pages/%00/live",
        "/pages/%ff/download",
        "/pages/" + "x" * 5_000 + "/live",
        "/docs/assets/../../app.py",
        "/docs/assets/%2e%2e/%2e%2e/consts.py",
        "/docs/assets/..%2f__init__.py",
        "/docs/assets/%00",
        "/docs/assets//etc/passwd",
        "/v1/models/../../etc/passwd",
        "/v1/models/..%2f..%2fapp.py",
        "/v1/models/%ff%00",
        "/v1/../htmlgen/api.py",
    ],
)
async def test_no_id_and_no_name_leads_out(client: ApiClient, path: str) -> None:
    # As it stands: a client would tidy the path up.
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] in (b"400", b"404") or body.decode() == SHELL, head
    for secret in (b"root:", b"import ", b"def "):
        assert secret not in body


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Length: -1", b"400"),
        ("Content-Length: many", b"400"),
        ("Transfer-Encoding: chunked\r\n\r\nzz", b"400"),
        ("Content-Length: 99999999999999999999", b"413"),
    ],
)
async def test_a_length_that_cannot_be_is_refused_at_once(client: ApiClient, head: str, status: bytes) -> None:
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(f"POST /generate_html HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n{head}\r\n\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    assert line.split()[1] == status, line


async def test_a_body_that_is_broken_off_leaves_nothing_behind(client: ApiClient) -> None:
    _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /generate_html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    await asyncio.sleep(0.05)
    writer.close()


async def test_an_endless_body_is_refused_before_it_fills_the_memory(client: ApiClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b" " * 65_536

    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(
        f"POST /generate_html HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    sent = 0

    async def pour() -> None:
        nonlocal sent
        async for chunk in endless():
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
            sent += len(chunk)

    pouring = asyncio.create_task(pour())
    line = await asyncio.wait_for(reader.readline(), 20)
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)
    writer.transport.abort()
    assert line.split()[1] == b"413"
    assert sent < 20_000_000

"""A server of OpenAI's protocol that follows a script, on a real socket: every way in which a server can go wrong, exactly."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request, and the way to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has closed the connection."""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def watch(self) -> None:
        with suppress(ConnectionError):
            await self.reader.read(1)
        self.gone.set()


def status(code: int, body: Any = None, **headers: str) -> Reply:
    """Answers with `body` as JSON, or as it is if it is text."""

    async def reply(exchange: Exchange) -> None:
        kind = "text/html" if isinstance(body, str) else "application/json"
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        lines = [f"HTTP/1.1 {code} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await exchange.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    return reply


def refusal(status_: int, message: str, **fields: Any) -> Reply:
    """An error as OpenAI words it."""
    headers = {name: fields.pop(name) for name in tuple(fields) if name[0].isupper()}
    return status(status_, {"error": {"message": message, **fields}}, **headers)


def listing(*cards: dict[str, Any] | str) -> Reply:
    return status(200, {"object": "list", "data": [{"id": c} if isinstance(c, str) else c for c in cards]})


def whole(text: str = "<", prompt_tokens: int | None = None) -> Reply:
    """A completion that is not streamed."""
    usage = {} if prompt_tokens is None else {"usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 1}}
    return status(200, {"choices": [{"text": text, "finish_reason": "length"}], **usage})


def event(payload: Any) -> bytes:
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()


def piece(text: str, reason: str | None = None, chat: bool = False) -> bytes:
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
    choice |= {"delta": {"content": text}} if chat else {"text": text}
    return event({"choices": [choice]})


def count(prompt: int, new: int) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": new}})


DONE = b"data: [DONE]\n\n"


def raw(*parts: bytes | float, content_type: str = "text/event-stream", cut: bool = False) -> Reply:
    """A chunked stream: bytes are sent as they are, numbers are seconds to wait; `cut` drops the connection in the middle."""

    async def reply(exchange: Exchange) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        await exchange.send(head.encode())
        watching = asyncio.create_task(exchange.watch())
        try:
            for part in parts:
                if isinstance(part, bytes):
                    await exchange.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                else:
                    await asyncio.wait([watching], timeout=part)
                if exchange.gone.is_set():
                    return
            if not cut:
                await exchange.send(b"0\r\n\r\n")
        finally:
            watching.cancel()

    return reply


def stream(*texts: str, reason: str = "stop", usage: tuple[int, int] | None = None, chat: bool = False) -> Reply:
    """A stream as it should be."""
    counted = [] if usage is None else [count(*usage)]
    return raw(*(piece(text, chat=chat) for text in texts), piece("", reason, chat=chat), *counted, DONE)


async def drop(exchange: Exchange) -> None:
    """Closes the connection without a word."""


async def hang(exchange: Exchange) -> None:
    await exchange.watch()


class ScriptedServer:
    """Answers `/v1/models` with `models`, probes (requests that are not streamed) with `probe`, and streams with `replies`
    one after the other, the last again and again. `requests` are the bodies of streams, `probes` those of probes."""

    def __init__(self, *replies: Reply, models: Reply | None = None, probe: Reply | None = None) -> None:
        self.models, self.probe = models or listing("html"), probe or whole()
        self.replies: Sequence[Reply] = replies or [stream("<p>", "Hi")]
        self.exchanges: list[Exchange] = []
        self.requests: list[Any] = []
        self.probes: list[Any] = []
        self.looks = 0
        """How often the list of models was asked for."""
        self.url = ""

    async def answer(self, exchange: Exchange) -> None:
        if exchange.path.endswith("/models"):
            self.looks += 1
            return await self.models(exchange)
        if not exchange.body.get("stream"):
            self.probes.append(exchange.body)
            return await self.probe(exchange)
        self.exchanges.append(exchange)
        self.requests.append(exchange.body)
        await self.replies[min(len(self.requests), len(self.replies)) - 1](exchange)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await self.answer(Exchange(method, path, headers, json.loads(body or b"null"), reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["ScriptedServer"]:
        server = await asyncio.start_server(self.connected, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

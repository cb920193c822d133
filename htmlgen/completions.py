"""OpenAI's completions protocol over HTTP: models listed, one completion, a stream of one; and what can go wrong with each.

It reads what the servers of that protocol have in common (vLLM, llama.cpp, Ollama, TGI, transformers serve, OpenAI) and
gives every way to fail an error of its own. Until the first token came, a request is repeated when the connection or
the server gave out for a moment; after that never, since nobody could tell where the rest goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2

from htmlgen.errors import GenerationFailed, HtmlgenError, ServerUnavailable, SettingsError
from htmlgen.refusal import NoSuchRoute, explained, status_of

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
TOKEN_SECONDS = 60.0
"""Between two tokens: a server that computes a long prompt of somebody else's meanwhile needs some seconds."""
LIST_SECONDS = 30.0
"""For the list of models, which no model has to think about."""
TRIES = 3
RETRY_BASE = 0.5
"""Seconds before the second try; twice as long before each one more."""
LONGEST_WAIT = 20.0
"""Seconds of Retry-After that are waited for; who is told to wait longer is told so."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class _Again(Exception):
    """What failed may work in a moment: `told` is what to say if it does not, `wait` the seconds asked for."""

    def __init__(self, told: HtmlgenError, wait: float | None = None) -> None:
        self.told, self.wait = told, wait


@dataclass(frozen=True, slots=True)
class Card:
    """A model as `/v1/models` lists it. `parent` is the base of a LoRA adapter, as vLLM tells it."""

    id: str
    parent: str | None = None
    context: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a completion. Counts are None where the server does not tell them here."""

    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None


class CompletionsClient:
    """One server. `url` may end in `/v1` or not.

    Raises:
        SettingsError: `url` is no http or https URL, or the key cannot be sent.
    """

    def __init__(self, url: str, *, key: str | None = None, first_token_seconds: float = 300.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"HTMLGEN_SERVER={url!r} is not a URL. Write it like http://127.0.0.1:8000/v1.")
        if key is not None and (not key.isascii() or not key.isprintable()):
            raise SettingsError("HTMLGEN_SERVER_KEY holds a character that no header can carry. Copy the key again.")
        base = url.rstrip("/")
        self.url = base if base.endswith("/v1") else f"{base}/v1"
        self.first_token_seconds = first_token_seconds
        self._has_key = bool(key)
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(first_token_seconds, connect=CONNECT_SECONDS, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8),
            # A proxy of the company's is for what lies behind it, never for this machine.
            trust_env=parts.hostname not in LOOPBACK,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def models(self) -> list[Card]:
        """What the server serves; empty where it does not tell.

        Raises:
            ServerUnavailable, ServerBusy, ServerRefused, GenerationFailed: as its text says.
        """
        try:
            content = await self._request("GET", "models", timeout=LIST_SECONDS)
        except NoSuchRoute:
            return []
        listed = _parsed(content)
        cards = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(cards, list):
            raise self._garbage("a list of models without `data`")
        return [_card(card) for card in cards if isinstance(card, dict) and isinstance(card.get("id"), str)]

    async def complete(self, path: str, body: Mapping[str, Any]) -> Piece:
        """One whole completion, not streamed.

        Raises:
            HtmlgenError: as `stream`.
        """
        return self._read(_parsed(await self._request("POST", path, json=dict(body))))

    async def _request(self, method: str, path: str, **options: Any) -> bytes:
        """The body of an answer with status 200, tried again as a stream is before its first token."""
        for attempt in range(TRIES):
            try:
                async with self._reaching():
                    response = await self._client.request(method, f"{self.url}/{path}", **options)
                    self._check(response.status_code, response.headers, response.content)
                return response.content
            except _Again as again:
                await self._wait(again, attempt)
        raise AssertionError("the last try raises")

    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        """Pieces as they are made, until the server ends; closing it closes the connection, so that the server stops.

        Raises:
            ServerUnavailable: it cannot be reached or does not let us in.
            ServerBusy: it has too much to do.
            ModelNotFound: it has no such model.
            ContextExceeded, NoSuchRoute, ServerRefused: it does not take this request.
            GenerationFailed: it broke off, fell silent, or does not speak the protocol.
        """
        for attempt in range(TRIES):
            began = False
            try:
                async with aclosing(self._stream(path, body)) as pieces:
                    async for piece in pieces:
                        began = True
                        yield piece
                return
            except _Again as again:
                await self._wait(again, TRIES if began else attempt)

    async def _wait(self, again: _Again, attempt: int) -> None:
        """Until the next try; raises what went wrong if that was the last one, or the server asks for too long a wait."""
        wait = RETRY_BASE * 2**attempt * random.uniform(0.75, 1.25) if again.wait is None else again.wait
        if attempt >= TRIES - 1 or wait > LONGEST_WAIT:
            raise again.told from again.__cause__
        log.warning("%s Trying again in %.1f s.", again.told, wait)
        await asyncio.sleep(wait)

    async def _stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        patience, began = time.monotonic() + self.first_token_seconds, False
        async with self._reaching(), self._client.sse(f"{self.url}/{path}", method="POST", json=dict(body)) as source:
            response = source.response
            if response.status_code != 200:
                self._check(response.status_code, response.headers, await response.aread())
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise self._garbage(f"{response.headers.get('content-type', 'an untyped answer')} instead of a stream")
            async with aclosing(cast(AsyncGenerator[httpx2.ServerSentEvent, None], aiter(source))) as events:
                while True:
                    # Comments that keep a connection alive are no tokens, so the transport's own time-out would not do.
                    seconds = TOKEN_SECONDS if began else patience - time.monotonic()
                    try:
                        event = await asyncio.wait_for(anext(events), max(0.0, seconds))
                    except StopAsyncIteration:
                        return
                    except asyncio.TimeoutError as error:
                        silent = TOKEN_SECONDS if began else self.first_token_seconds
                        raise self._silent(silent, began) from error
                    data = event.data.strip()
                    if data == "[DONE]":
                        return
                    if not data:
                        continue
                    piece = self._read(_parsed(data))
                    if piece.text or piece.finish_reason is not None or piece.prompt_tokens is not None:
                        began = True
                        yield piece

    def _reaching(self) -> _Reaching:
        return _Reaching(self)

    def _check(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Raises what a status other than 200 means."""
        if status == 200:
            return
        if 300 <= status < 400:
            raise ServerUnavailable(
                f"The server in HTMLGEN_SERVER sends us elsewhere: {headers.get('location', 'it does not say where')}. "
                "Set HTMLGEN_SERVER to the address that it names."
            )
        told = explained(status, _parsed(content) or content.decode(errors="replace"), self._has_key)
        if status in (429, 502, 503, 504):
            raise _Again(told, _seconds(headers.get("retry-after")))
        raise told

    def _read(self, answer: Any) -> Piece:
        """The first choice of a completion or of a piece of one, of a chat or not."""
        if not isinstance(answer, dict):
            raise self._garbage(f"{str(answer)[:80]!r}")
        if answer.get("error"):
            # It had said 200 before it knew.
            raise explained(status_of(answer), answer, self._has_key)
        choices = answer.get("choices")
        usage = answer.get("usage")
        if not isinstance(choices, list) or not isinstance(usage, dict | None):
            raise self._garbage(f"{json.dumps(answer)[:80]!r}")
        prompt, new = (usage or {}).get("prompt_tokens"), (usage or {}).get("completion_tokens")
        counts = (prompt if isinstance(prompt, int) else None, new if isinstance(new, int) else None)
        if not choices:
            return Piece("", None, *counts)
        choice = choices[0]
        if not isinstance(choice, dict):
            raise self._garbage(f"{json.dumps(answer)[:80]!r}")
        text = choice.get("text")
        if text is None:
            message = choice.get("delta") or choice.get("message") or {}
            text = message.get("content") if isinstance(message, dict) else None
        reason = choice.get("finish_reason")
        if not isinstance(text, str | None) or not isinstance(reason, str | None):
            raise self._garbage(f"{json.dumps(answer)[:80]!r}")
        return Piece(text or "", reason, *counts)

    def _garbage(self, what: str) -> GenerationFailed:
        log.error("%s answered with %s", self.url, what)
        return GenerationFailed(
            "The server in HTMLGEN_SERVER does not answer as OpenAI's API does. Check the address; the log has what it said."
        )

    def _silent(self, seconds: float, began: bool) -> GenerationFailed:
        log.error("%s was silent for %.0f s", self.url, seconds)
        if began:
            return GenerationFailed(
                f"The server in HTMLGEN_SERVER fell silent for {seconds:.0f} s in the middle of this page. Try again."
            )
        return GenerationFailed(
            f"The server in HTMLGEN_SERVER gave no token within {seconds:g} s. Try again later, or raise HTMLGEN_SERVER_TIMEOUT."
        )


class _Reaching:
    """Turns the transport's errors into ours, around one request."""

    def __init__(self, client: CompletionsClient) -> None:
        self._client = client

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        match error:
            case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.ProxyError():
                log.error("%s cannot be reached: %s", self._client.url, error)
                why = "no answer" if isinstance(error, httpx2.TimeoutException) else str(error) or "refused"
                raise _Again(
                    ServerUnavailable(
                        f"The server in HTMLGEN_SERVER cannot be reached ({why}). Start it, or correct the address."
                    )
                ) from error
            case httpx2.TimeoutException():
                raise self._client._silent(self._client.first_token_seconds, False) from error
            case httpx2.SSEError() | httpx2.DecodingError():
                raise self._client._garbage(f"a stream that cannot be read: {error}") from error
            case httpx2.TransportError() | httpx2.StreamError():
                log.error("%s broke off: %s", self._client.url, error or type(error).__name__)
                raise _Again(
                    GenerationFailed(
                        "The connection to the server in HTMLGEN_SERVER broke off. Try again; both logs may have the reason."
                    )
                ) from error
            case httpx2.HTTPError() | httpx2.InvalidURL():
                raise self._client._garbage(str(error)) from error


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None if isinstance(text, bytes) else text


def _card(card: Mapping[str, Any]) -> Card:
    parent, context = card.get("parent"), card.get("max_model_len")
    return Card(
        str(card["id"]), parent if isinstance(parent, str) else None, context if isinstance(context, int) else None
    )


def _seconds(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After; a date is not understood, and then our own schedule holds."""
    try:
        return max(0.0, float(retry_after or ""))
    except ValueError:
        return None

"""A client of a running studio, for the command line: nothing of the model is loaded here.

async with aclosing(ask_server("http://localhost:8000", key, {"prompt": "a login page"})) as news:
    async for event in news: ...        # Status and pieces of the page, then Written
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from htmlgen.errors import (
    GenerationFailed,
    HtmlgenError,
    ServerBusy,
    ServerRefused,
    ServerUnavailable,
    SettingsError,
    Unauthorized,
)

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""A studio says that it is alive every 15 s."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is going on, in a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """The end. `html` is None when the model wrote no page; `page_url` is where a server shows it."""

    html: str | None
    text: str
    finish_reason: str
    new_tokens: int | None = None
    tokens_per_second: float | None = None
    page_url: str | None = None


News = Status | str | Written
"""What a generation tells of itself; a str is the next piece of the page."""


async def ask_server(server: str, key: str | None, body: dict[str, Any]) -> AsyncGenerator[News, None]:
    """The news of one page that the studio at `server` writes. `body` is that of POST /generate_html.

    Raises:
        SettingsError: `server` is no http address.
        ServerUnavailable, ServerBusy, ServerRefused, Unauthorized, GenerationFailed: what came of it.
    """
    if urlsplit(server).scheme not in ("http", "https") or not urlsplit(server).netloc:
        raise SettingsError(f"--server {server!r} is no address. Give one such as http://localhost:8000.")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
    url = f"{server.rstrip('/')}/generate_html"
    try:
        async with (
            httpx2.AsyncClient(timeout=timeout) as client,
            client.sse(
                url, method="POST", json={**body, "stream": True}, headers=headers, max_event_size=None
            ) as source,
        ):
            if source.response.status_code != 200:
                await source.response.aread()
                raise _refusal(server, source.response)
            async for event in source:
                if event.event == "error":
                    raise _explain(event.json())
                if (news := _read(event.event, event.json())) is not None:
                    yield news
                if event.event == "result":
                    return
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise ServerUnavailable(f"There is no server at {server}: {error}. Start it with `make run`.") from error
    except httpx2.HTTPError as error:
        raise ServerUnavailable(
            f"The connection to {server} broke: {error or type(error).__name__}. Try again."
        ) from error
    raise ServerUnavailable(f"The answer of {server} ended too early. Try again.")


def _read(event: str, data: Any) -> News | None:
    match event:
        case "queued":
            return Status(f"Waiting in the queue, place {data['position']}.")
        case "started":
            return Status("Reading the request…")
        case "preparing":
            return Status(str(data["status"]))
        case "delta":
            return str(data["html"])
        case "result":
            usage = data["usage"] or {}
            return Written(
                data["html"],
                data["text"],
                data["finish_reason"],
                usage.get("new_tokens"),
                usage.get("tokens_per_second"),
                data["page_url"],
            )
    return None


def _refusal(server: str, response: httpx2.Response) -> HtmlgenError:
    """The error in a response that is no stream."""
    try:
        problem = response.json()
        problem["code"], problem["detail"], problem["status"]
    except (ValueError, TypeError, KeyError):
        return ServerRefused(
            f"{server} answered {response.status_code} and is no HTMLGen Studio, it seems. Check the address."
        )
    return _explain(problem)


def _explain(problem: Any) -> HtmlgenError:
    status, detail = problem["status"], str(problem["detail"])
    if status == 401:
        return Unauthorized(f"{detail} Give the key by --key or HTMLGEN_KEY.")
    if status == 429 or problem["code"] in ("not_ready", "server_busy"):
        return ServerBusy(detail)
    return GenerationFailed(detail) if status >= 500 else ServerRefused(detail)

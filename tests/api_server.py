"""The API behind its gate, over a scripted engine, on a real socket: what the tests of programs' routes talk to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.responses import HTMLResponse

from htmlgen.api import make_api
from htmlgen.auth import Auth
from htmlgen.gate import admit
from htmlgen.page import PageShelf
from htmlgen.preview import make_preview
from htmlgen.settings import Settings
from htmlgen.studio import Studio
from tests.scripted import ScriptedEngine

SHELL = "<!DOCTYPE html><title>The app</title>"
"""What the app's last route answers to every path, as Chainlit's does."""


class ApiClient(httpx.AsyncClient):
    """A client of one server; `studio` is the server's."""

    studio: Studio
    url: str


def make_app(studio: Studio) -> FastAPI:
    """The API and the pages, in front of a route that answers everything, behind the gate."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes[:0] = [*make_api(studio).routes, *make_preview(studio.shelf).routes]

    @app.get("/{path:path}")
    async def shell(path: str) -> HTMLResponse:
        return HTMLResponse(SHELL)

    admit(app, Auth(studio.settings))
    return app


@asynccontextmanager
async def serve(engine: ScriptedEngine, *, wait: bool = True, **settings: Any) -> AsyncIterator[ApiClient]:
    """A server with the API over `engine`, and a client of it."""
    studio = Studio(engine, PageShelf(10), Settings(_env_file=None, **settings))
    await studio.start()
    if wait:
        await studio.wait_ready()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(studio), log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with ApiClient(base_url=url, timeout=20, trust_env=False) as client:
            client.studio, client.url = studio, url
            yield client
    finally:
        server.should_exit = True
        await task
        await studio.close()
        listener.close()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Returns when `condition` holds; fails after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.002)


@contextmanager
def running(engine: ScriptedEngine, **settings: Any) -> Iterator[ApiClient]:
    """The same server in a thread of its own, for tests that are no coroutines. Its client belongs to that thread."""
    ready: Future[ApiClient] = Future()
    stop = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with serve(engine, **settings) as client:
            ready.set_result(client)
            await stop.wait()

    thread = Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    try:
        yield ready.result(30)
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(30)

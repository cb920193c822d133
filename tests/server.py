"""Servers of these tests: an ASGI app in a thread, or the whole app as a process, `chainlit run` as a user would."""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(seconds: float, ready: Callable[[], T], what: str) -> T:
    """What `ready` returns, once it is true. Not for use while Playwright should go on: that needs tab.wait_for_timeout."""
    end = time.monotonic() + seconds
    while not (result := ready()):
        assert time.monotonic() < end, f"{what}: not within {seconds} seconds"
        time.sleep(0.02)
    return result


class AppServer:
    """An ASGI app under uvicorn in a thread of its own, on a free port of this machine."""

    def __init__(self, app: Any) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_for(20, lambda: self._server.started, "the server starts")

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Runs `function` on the server's event loop, where its pages belong, and returns what it returns."""

        async def run() -> T:
            return function(*arguments)

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for what takes its time."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@dataclass
class Server:
    """A running app; `script` is the file its engine follows."""

    url: str
    script: Path
    process: "subprocess.Popen[bytes]"

    def play(self, *answers: dict[str, Any]) -> None:
        """What the engine writes from now on: one answer a request, the last one again and again."""
        self.log.unlink(missing_ok=True)
        self.script.write_text(json.dumps({"answers": answers}))

    @contextmanager
    def hold(self, tokens: int) -> Iterator[None]:
        """While it lasts, every page waits after so many tokens, however fast the engine and the machine are."""
        file = Path(f"{self.script}.hold")
        file.write_text(str(tokens))
        try:
            yield
        finally:
            file.unlink()

    @property
    def log(self) -> Path:
        """What its engine was asked."""
        return Path(f"{self.script}.log")

    @property
    def said(self) -> str:
        """What it has printed."""
        return (self.script.parent / "server.log").read_text()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What the engine was asked since the last `play`."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def source(self, page_id: str) -> str:
        return httpx.get(f"{self.url}/pages/{page_id}/source", trust_env=False).text


def environment(folder: Path) -> dict[str, str]:
    """What a server is started with whose files are in `folder`: none of the settings of who runs the tests."""
    given = {
        name: text for name, text in os.environ.items() if not name.startswith(("HTMLGEN_", "CHAINLIT_", "OAUTH_"))
    }
    return {
        **given,
        "HTMLGEN_SCRIPT": str(folder / "script.json"),
        "HTMLGEN_DATA": str(folder / "data"),
        # Cookies know no ports, so one that a server of these tests has set goes to all of them.
        "CHAINLIT_AUTH_SECRET": "the tests' own secret, for all of their servers",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def run_server(folder: Path, target: str, *, wait: bool = True, script: Any = None, **env: str) -> Iterator[Server]:
    """`chainlit run target`, as a user would; until it answers /ready if `wait`, else until it answers at all."""
    port, path = free_port(), folder / "script.json"
    path.write_text(json.dumps(script or {"chunks": []}))
    names = environment(folder) | env
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "chainlit", "run", target, "--headless", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=names, stdout=log, stderr=log)
    try:
        url = f"http://localhost:{port}"
        deadline = time.monotonic() + 180
        while True:
            said = (folder / "server.log").read_text()
            assert process.poll() is None, f"the server ended: {said[-3000:]}"
            assert time.monotonic() < deadline, f"the server does not get ready: {said[-3000:]}"
            try:
                answer = httpx.get(f"{url}/ready", trust_env=False).json()
                if answer["status"] == "ready" or not wait:
                    break
                assert answer["status"] == "loading", answer["reason"]
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        yield Server(url, path, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def rows(server: Server, query: str, *values: Any) -> list[dict[str, Any]]:
    """What is in the server's database."""
    with sqlite3.connect(f"file:{server.script.parent}/data/htmlgen.db?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def left_of(server: Server, chat: str) -> dict[str, list[dict[str, Any]]]:
    """What the database has of a chat, by table."""
    columns = {"threads": "id", "steps": "threadId", "elements": "threadId", "versions": "chat"}
    found = {table: rows(server, f"SELECT * FROM {table} WHERE {key} = ?", chat) for table, key in columns.items()}
    return {table: kept for table, kept in found.items() if kept}

"""Who comes to a running server: by HTTP, and over a socket as Chainlit's own page does."""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import socketio

from tests.server import ROOT, Server, environment


def manage(folder: Path, *arguments: str, said: str = "") -> str:
    """What its owner does at the command line (accounts, keys), on the files of a server in `folder`."""
    code = f"import argparse, sys; from htmlgen import {arguments[0]} as m; p = argparse.ArgumentParser(); "
    code += "m.add_arguments(p); sys.exit(m.run(p.parse_args(sys.argv[1:])))"
    command = [sys.executable, "-c", code, *arguments[1:]]
    names = environment(folder)
    done = subprocess.run(command, cwd=ROOT, env=names, input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_client(server: Server, cookies: dict[str, str] | None = None) -> httpx.AsyncClient:
    headers = {"Origin": server.url}
    return httpx.AsyncClient(base_url=server.url, headers=headers, cookies=cookies, timeout=30, trust_env=False)


@dataclass
class Chat:
    """A browser's connection, and what came over it."""

    session: str
    socket: socketio.AsyncClient
    events: list[tuple[str, Any]] = field(default_factory=list)

    async def wait(self, event: str, wanted: Callable[[Any], bool] = lambda data: True, seconds: float = 20) -> Any:
        """What came with the last such event."""
        deadline = time.monotonic() + seconds
        while not (found := [data for name, data in self.events if name == event and wanted(data)]):
            assert time.monotonic() < deadline, f"no {event!r} in {self.events}"
            await asyncio.sleep(0.05)
        return found[-1]

    async def say(self, text: str, **message: Any) -> str:
        step = {
            **{"id": str(uuid.uuid4()), "name": "user", "type": "user_message", "output": text, "threadId": ""},
            **{"createdAt": "2026-01-01T00:00:00Z", "metadata": {}},
            **message,
        }
        self.events.clear()
        await self.socket.emit("client_message", {"message": step, "fileReferences": []})
        await self.wait("task_end")
        await asyncio.sleep(0.3)  # what is stored by a task of its own
        return str(step["id"])


@asynccontextmanager
async def connect(server: Server, cookies: dict[str, str], **auth: Any) -> AsyncIterator[Chat]:
    """As Chainlit's own page connects."""
    auth = {
        "clientType": "webapp",
        "sessionId": str(uuid.uuid4()),
        "threadId": "",
        "userEnv": "{}",
        "chatProfile": "",
    } | auth
    client = socketio.AsyncClient(reconnection=False)
    chat = Chat(auth["sessionId"], client)
    client.on("*", lambda event, data=None: chat.events.append((event, data)))
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = {"Cookie": cookie, "Origin": server.url}
    await client.connect(server.url, headers, auth, ["websocket"], socketio_path="/ws/socket.io")
    try:
        await client.emit("connection_successful")
        await chat.wait("clear_call_fn")
        yield chat
    finally:
        await client.disconnect()

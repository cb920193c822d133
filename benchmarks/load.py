"""The studio under load: python benchmarks/load.py [--seconds 120] [--idle 200] [--askers 50] [--demo]

Starts the real server with an engine that follows a script (or the demo model), and beside it, for that long:

- idle chats, open over Chainlit's socket;
- askers, half over the API and half in chats of their own, who ask again as soon as they have their answer. Of those over
  the API every fifth reads slowly and every fifth hangs up in the middle of its page.

Each prompt is unlike any other, and the scripted engine writes it into its page: an answer to somebody else's prompt is
seen. Nothing may be lost: each request ends with its page, with a refusal that says when to come back, or with the client
hanging up. Then it is measured how soon a place is free again after its client has vanished. Ends with 1 if an aim of
docs/reliability.md was missed. Only talks to 127.0.0.1.
"""

import argparse
import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import socketio

ROOT = Path(__file__).resolve().parent.parent
HEAD = "<!DOCTYPE html><html><head><title>{prompt}</title></head><body>\n"
LINE = "<p>Bread with a crackle, baked since five.</p>\n"
PATIENCE = 300
"""Seconds after which a request counts as lost."""

RETRY = 5
"""Seconds after which one who was told to wait asks again."""


@dataclass
class Tally:
    """What became of the requests, and what the server took for it."""

    ends: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    freed: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def end(self, kind: str, how: str, since: float | None = None) -> None:
        self.ends[f"{kind}: {how}"] += 1
        if since is not None:
            self.seconds.append(time.monotonic() - since)


@asynccontextmanager
async def server(folder: Path, options: argparse.Namespace) -> AsyncIterator[tuple[str, "subprocess.Popen[bytes]"]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chunks = [HEAD, *[LINE] * options.lines, "</body></html>\n"]
    (folder / "script.json").write_text(json.dumps({"places": 2, "chunks": chunks, "delay": 0.01}))
    names = {
        "HTMLGEN_SCRIPT": str(folder / "script.json"),
        "HTMLGEN_DATA": str(folder / "data"),
        "HTMLGEN_MAX_NEW_TOKENS": "60" if options.demo else "2048",
        "HTMLGEN_MODEL": "demo",
        "HF_HUB_OFFLINE": "1",
    }
    target = "app.py" if options.demo else "tests/browser/scripted_app.py"
    command = [sys.executable, "-m", "chainlit", "run", target, "--headless", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  it only begins here
            command, cwd=ROOT, env=os.environ | names, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(600):
                if process.poll() is not None:
                    raise SystemExit((folder / "server.log").read_text()[-3000:])
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{url}/ready") as answer:
                        if (await answer.json())["status"] == "ready":
                            break
                await asyncio.sleep(0.5)
        yield url, process
    finally:
        process.kill()
        process.wait()


class Chat:
    """One chat over Chainlit's socket, as a browser tab has it."""

    def __init__(self, url: str, cookies: str) -> None:
        self.url, self.cookies = url, cookies
        self.socket = socketio.AsyncClient(reconnection=False)
        self.ended = asyncio.Event()
        self.began = False
        self.said: list[str] = []
        self.pages: set[str] = set()
        self.socket.on("*", self._hear)

    async def open(self) -> None:
        auth = {
            "clientType": "webapp",
            "sessionId": str(uuid.uuid4()),
            "threadId": "",
            "userEnv": "{}",
            "chatProfile": "",
        }
        headers = {"Cookie": self.cookies, "Origin": self.url}
        await self.socket.connect(
            self.url,
            headers=headers,
            auth=auth,
            socketio_path="/ws/socket.io",
            transports=["websocket"],
            wait_timeout=60,
        )
        # Its write loop gives up when the server's ping is 5 s late; a browser waits for 20.
        self.socket.eio.ping_timeout = 60
        await self.socket.emit("connection_successful")

    async def _hear(self, event: str, *data: Any) -> None:
        if event == "task_start":
            self.began = True
        elif event == "task_end" and self.began:
            self.ended.set()
        elif self.began:
            self.said.append(json.dumps(data, default=str))

    async def ask(self, prompt: str) -> list[str]:
        """All that the chat was sent until the answer's end."""
        self.ended.clear()
        self.began, self.said = False, []
        message = {
            "id": str(uuid.uuid4()), "threadId": "", "name": "User", "type": "user_message", "output": prompt, "metadata": {},
            "createdAt": datetime.now(UTC).isoformat(), "command": "New page",
        }  # fmt: skip
        await self.socket.emit("client_message", {"message": message, "fileReferences": []})
        await asyncio.wait_for(self.ended.wait(), PATIENCE)
        return self.said


async def ask_in_chat(chat: Chat, prompt: str, http: aiohttp.ClientSession, tally: Tally, echoes: bool) -> None:
    since = time.monotonic()
    try:
        said = "\n".join(await chat.ask(prompt))
    except (TimeoutError, asyncio.TimeoutError, socketio.exceptions.SocketIOError) as error:
        tally.end("chat", f"LOST ({type(error).__name__})")
        return
    # An answer may also draw the pages before it anew: its own is the one that was not there yet.
    pages = [page for page in dict.fromkeys(re.findall(r"/pages/([\w-]+)/source", said)) if page not in chat.pages]
    chat.pages.update(pages)
    if "Busy:" in said:
        tally.end("chat", "told to wait")
        await asyncio.sleep(RETRY)
    elif not pages:
        tally.end("chat", f"LOST (no page, but {said[-300:]!r})" if echoes else "answered in words", since)
    else:
        async with http.get(f"{chat.url}/pages/{pages[-1]}/source", headers={"Cookie": chat.cookies}) as answer:
            page = await answer.text()
        if echoes and (f"<title>{prompt}</title>" not in page or "</html>" not in page):
            tally.wrong.append(f"{prompt}: {page[:80]}")
        tally.end("chat", "answered", since)


async def ask_over_api(
    number: int, url: str, prompt: str, http: aiohttp.ClientSession, tally: Tally, echoes: bool
) -> None:
    since, body = time.monotonic(), {"prompt": prompt, "stream": True}
    slow, vanishes = number % 5 == 1, number % 5 == 3
    try:
        async with http.post(f"{url}/generate_html", json=body, headers={"Accept": "text/html"}) as answer:
            if answer.status == 429:
                assert "Retry-After" in answer.headers, "a refusal that does not say when to come back"
                tally.end("API", "told to wait")
                await asyncio.sleep(RETRY)
                return
            if answer.status != 200:
                tally.end("API", f"LOST (status {answer.status}: {(await answer.text())[:120]})")
                return
            if vanishes:
                await answer.content.readany()
                answer.close()
                tally.end("API", "hung up on purpose")
                return
            page = b""
            async for piece in answer.content.iter_chunked(256 if slow else 65_536):
                page += piece
                if slow:
                    await asyncio.sleep(0.1)
    except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError) as error:
        tally.end("API", f"LOST ({type(error).__name__}: {error})")
        return
    if echoes and (f"<title>{prompt}</title>" not in page.decode() or b"</html>" not in page):
        tally.wrong.append(f"{prompt}: {page[:80]!r}")
    tally.end("API", "answered, read slowly" if slow else "answered", since)


async def running(url: str, http: aiohttp.ClientSession) -> int:
    async with http.get(f"{url}/metrics") as answer:
        found = re.search(r"^htmlgen_running (\d+)", await answer.text(), re.MULTILINE)
    assert found, "no htmlgen_running in /metrics"
    return int(found[1])


async def vanish(url: str, http: aiohttp.ClientSession, cookies: str, tally: Tally, echoes: bool) -> None:
    """Seconds from hanging up in the middle of a page until the place is free, by socket and by chat."""

    async def free_again() -> None:
        since = time.monotonic()
        while await running(url, http):
            await asyncio.sleep(0.02)
            assert time.monotonic() - since < 30, "the place is never free again"
        tally.freed.append(time.monotonic() - since)

    while await running(url, http):  # noqa: ASYNC110  another process has no events
        await asyncio.sleep(0.2)
    for n in range(5):
        body = {"prompt": f"vanish {n}", "stream": True}
        async with http.post(f"{url}/generate_html", json=body, headers={"Accept": "text/html"}) as answer:
            await answer.content.readany()
            answer.close()
        await free_again()
        chat = Chat(url, cookies)
        await chat.open()
        asking = asyncio.create_task(chat.ask(f"vanish {n} in a chat"))
        while not await running(url, http):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        asking.cancel()
        await chat.socket.disconnect()
        await free_again()


async def run(options: argparse.Namespace, folder: Path) -> Tally:
    tally, echoes = Tally(), not options.demo
    async with server(folder, options) as (url, process):
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        # A connection a request: one that is kept may be closed by the server at the moment it is used again.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            async with http.post(f"{url}/auth/header", headers={"Origin": url}) as answer:
                answer.raise_for_status()
                cookies = "; ".join(f"{c.key}={c.value}" for c in answer.cookies.values())
            http.cookie_jar.clear()
            print(f"opening {options.idle} idle chats", flush=True)
            idle = [Chat(url, cookies) for _ in range(options.idle)]
            asking = [Chat(url, cookies) for _ in range(options.askers // 2)]
            for chat in [*idle, *asking]:
                await chat.open()
            began = time.monotonic()
            until = began + options.seconds

            async def asker(number: int) -> None:
                n = 0
                while time.monotonic() < until:
                    n += 1
                    prompt = f"request {number}-{n}"
                    if number < len(asking):
                        await ask_in_chat(asking[number], prompt, http, tally, echoes)
                    else:
                        await ask_over_api(number, url, prompt, http, tally, echoes)

            async def watch() -> None:
                while True:
                    tally.memory.append((time.monotonic() - began, psutil.Process(process.pid).memory_info().rss))
                    await asyncio.sleep(1)

            watching = asyncio.create_task(watch())
            print(f"{options.askers} ask at once, for {options.seconds} s", flush=True)
            await asyncio.gather(*(asker(number) for number in range(options.askers)))
            watching.cancel()
            gone = sum(not chat.socket.connected for chat in idle)
            if gone:
                tally.ends[f"idle chats: LOST ({gone} of {len(idle)} are disconnected)"] += gone
            await vanish(url, http, cookies, tally, echoes)
            for chat in [*idle, *asking]:
                await chat.socket.disconnect()
    return tally


def report(tally: Tally, seconds: int) -> bool:
    """Prints the figures; whether all aims were met."""
    for how, count in sorted(tally.ends.items()):
        print(f"{count:7,} {how}")
    answers = sorted(tally.seconds)
    if answers:
        print(f"answers after {answers[len(answers) // 2]:.1f} s (median), {answers[-1]:.1f} s (slowest)")
    print(f"{len(tally.wrong)} answers to another's prompt {tally.wrong[:3] or ''}")
    first = min(60.0, seconds / 2)
    at_first = next((rss for at, rss in tally.memory if at >= first), tally.memory[-1][1])
    most = max((rss for at, rss in tally.memory if at >= first), default=at_first)
    growth = most / at_first - 1
    print(
        f"memory of the server: {at_first / 2**20:.0f} MiB after {first:.0f} s, at most {most / 2**20:.0f} MiB from then on (+{growth:.1%})"
    )
    for at, rss in tally.memory[:: max(1, len(tally.memory) // 12)]:
        print(f"    {at:5.0f} s {rss / 2**20:7.1f} MiB")
    print("a place is free after its client vanished: " + ", ".join(f"{s:.2f}" for s in sorted(tally.freed)) + " s")
    lost = sum(count for how, count in tally.ends.items() if "LOST" in how)
    return not lost and not tally.wrong and growth <= 0.10 and max(tally.freed, default=0) <= 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="of asking; docs/reliability.md says what was run")
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--askers", type=int, default=50)
    parser.add_argument("--lines", type=int, default=30, help="of a scripted page, a line a token")
    parser.add_argument("--demo", action="store_true", help="the demo model instead of a script")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = asyncio.run(run(options, Path(folder)))
    sys.exit(not report(tally, options.seconds))


if __name__ == "__main__":
    main()

"""A stand-in for the ngrok agent, which tests cannot fetch: pyngrok starts it, reads its log and calls its local API.

It takes the agent's arguments and configuration file, logs the lines that pyngrok waits for, answers /api/endpoints, and
forwards what reaches a local port, its "public" side, to the upstream with the headers that ngrok adds. Tests install it
with `install(folder)`; it follows the JSON file in NGROK_STAND_IN, read anew for each step:

    {"token": "good", "refuse": "ERR_NGROK_108 …", "refuse_endpoint": "ERR_NGROK_334 …", "url": "https://x.ngrok.app",
     "port": 4711, "silent": false}

and writes what it was given beside it: NGROK_STAND_IN + ".seen", one JSON object a line. POST /stand-in to its API with
{"do": "lose" | "back" | "exit" | "drop"} makes something happen to the tunnel.
"""

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def install(folder: Path) -> Path:
    """An executable of this file, for PYNGROK_NGROK_PATH."""
    agent = folder / "ngrok"
    agent.write_text(f"#!{sys.executable}\n{Path(__file__).read_text('utf-8')}", "utf-8")
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    return agent


def script() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path(os.environ["NGROK_STAND_IN"]).read_text("utf-8"))
    return read


def note(**seen: Any) -> None:
    with Path(os.environ["NGROK_STAND_IN"] + ".seen").open("a", encoding="utf-8") as file:
        file.write(json.dumps(seen) + "\n")


def log(level: str, message: str, **fields: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    rest = "".join(f" {name}={json.dumps(value)}" for name, value in fields.items())
    print(f"t={now} lvl={level} msg={json.dumps(message)}{rest}", flush=True)


class Agent:
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.public: asyncio.Server | None = None

    async def run(self) -> None:
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        api = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        port = api.sockets[0].getsockname()[1]
        token = self.config.get("agent", {}).get("authtoken", "")
        note(start=True, pid=os.getpid(), argv=sys.argv[1:], config=self.config, api=port)
        if script().get("silent"):
            await ended.wait()
            return
        log("info", "no configuration paths supplied")
        log("info", "starting web service", obj="web", addr=f"127.0.0.1:{port}", allow_hosts="[]")
        refusal = script().get("refuse")
        if refusal is None and token != script().get("token", token):
            refusal = f"The authtoken you specified is properly formed, but it is invalid.\nYour authtoken: {token}\r\n\r\nERR_NGROK_107\r\n"
        if refusal is not None:
            for message in (
                "failed to auth",
                "failed to reconnect session",
                "session closing",
                "terminating with error",
            ):
                log("eror", message, obj="tunnels.session", err=f"authentication failed: {refusal}")
            log("crit", "command failed", err=f"authentication failed: {refusal}")
            sys.exit(1)
        log("info", "tunnel session started", obj="tunnels.session")
        log("info", "client session established", obj="csess", id="1f2e3d")
        await ended.wait()
        log("info", "received stop request", obj="app", stopReq="{err:<nil> restart:false}")

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request to the local API."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path = head.split(" ")[:2]
        length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        body = json.loads(await reader.readexactly(length)) if length else {}
        status, answer = await self.act(method, path, body)
        data = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + data
        )
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def act(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/stand-in":
            return await self.happen(body["do"])
        if path == "/api/endpoints" and method == "GET":
            return 200, {"endpoints": list(self.endpoints.values()), "uri": path}
        if path == "/api/endpoints" and method == "POST":
            return await self.start(body)
        if path.startswith("/api/endpoints/") and method == "DELETE":
            self.endpoints.pop(path.rpartition("/")[2], None)
            return 204, {}
        return 404, {"error_code": 100, "status_code": 404, "msg": "not found"}

    async def start(self, endpoint: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        note(endpoint=endpoint)
        if refusal := script().get("refuse_endpoint"):
            told = {"err": f"failed to start tunnel: {refusal}\r\n"}
            return 502, {"error_code": 103, "status_code": 502, "msg": "failed to start tunnel", "details": told}
        upstream = urlsplit(endpoint["upstream"]["url"])
        wanted = endpoint["url"] if endpoint.get("url") not in (None, "https://") else script()["url"]

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await pump_request(reader, writer, str(upstream.hostname), int(upstream.port or 80))

        if self.public is None and script().get("port"):
            self.public = await asyncio.start_server(forward, "127.0.0.1", script()["port"])
        self.endpoints[endpoint["name"]] = {
            "name": endpoint["name"],
            "uri": f"/api/endpoints/{endpoint['name']}",
            "url": wanted,
            "upstream": endpoint["upstream"],
        }
        log(
            "info", "started tunnel", obj="tunnels", name=endpoint["name"], addr=endpoint["upstream"]["url"], url=wanted
        )
        return 201, self.endpoints[endpoint["name"]]

    async def happen(self, what: str) -> tuple[int, dict[str, Any]]:
        if what == "lose":
            log("eror", "heartbeat timeout, terminating session", obj="csess", id="1f2e3d")
            log("eror", "session closed, starting reconnect loop", obj="csess", err="session closed")
            log(
                "eror",
                "failed to reconnect session",
                obj="csess",
                err="dial tcp: lookup connect.ngrok-agent.com: no such host",
            )
        elif what == "back":
            log("info", "client session established", obj="csess", id="4a5b6c")
        elif what == "drop":
            self.endpoints.clear()
        elif what == "exit":
            asyncio.get_running_loop().call_later(0.05, os._exit, 3)
        return 200, {}


async def pump_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Forwards one connection as ngrok does: the visitor's Host stays, X-Forwarded-* say who and how."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        named = next((line[5:].strip() for line in head if line.lower().startswith("host:")), "")
        lines = [line for line in head[:-2] if not line.lower().startswith("x-forwarded-")]
        if not any(line.lower().startswith("upgrade:") for line in lines):
            lines = [line for line in lines if not line.lower().startswith("connection:")] + ["Connection: close"]
        lines += ["X-Forwarded-For: 198.51.100.7", f"X-Forwarded-Host: {named}", "X-Forwarded-Proto: https"]
        upstream, to_upstream = await asyncio.open_connection(host, port)
        to_upstream.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await asyncio.gather(copy(reader, to_upstream), copy(upstream, writer))
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def main(argv: list[str]) -> None:
    import yaml

    if argv[:1] != ["start"]:
        sys.exit(f"unexpected arguments {argv}")
    config = yaml.safe_load(Path(argv[argv.index("--config") + 1]).read_text("utf-8"))
    asyncio.run(Agent(config).run())


if __name__ == "__main__":
    main(sys.argv[1:])

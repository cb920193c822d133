"""Two replicas of the app over one PostgreSQL, behind nginx with the configuration that docs/scale.md gives."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import socketio

from tests.server import ROOT, environment, free_port

if TYPE_CHECKING:
    from tests.postgres import Postgres

PASSWORD = "correct horse battery"
PROXY = "127.0.0.9"
"""Where nginx calls from: as on a host of its own, and unlike 127.0.0.1, no address that is trusted anyway."""

NGINX = """
{user}pid nginx.pid; error_log nginx.log; daemon off; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  proxy_bind {proxy};
  ssl_certificate certificate.pem; ssl_certificate_key key.pem;
  {documented}
}}
"""


def wait_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, f"{url} does not get ready"
        try:
            if httpx.get(f"{url}/ready", verify=False, headers={"Host": "studio.test"}, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)


class Studio:
    """The proxy's address, and the replicas' processes and addresses."""

    def __init__(self, url: str, replicas: "list[subprocess.Popen[bytes]]", urls: list[str]) -> None:
        self.url, self.replicas, self.urls = url, replicas, urls

    def visit(self, cookies: dict[str, str] | None = None, address: str = "127.0.0.1") -> httpx.Client:
        """A visitor from that address; without a cookie of the proxy's, at either replica."""
        return httpx.Client(
            base_url=self.url,
            headers={"Host": "studio.test", "Origin": "https://studio.test"},
            cookies={"studio": uuid.uuid4().hex} | (cookies or {}),
            transport=httpx.HTTPTransport(verify=False, local_address=address),
            timeout=30,
        )

    def log_in(self, visitor: httpx.Client) -> httpx.Response:
        return visitor.post("/login", data={"username": "ann", "password": PASSWORD})


@pytest.fixture(scope="module")
def studio(postgres: "Postgres", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed")
    folder = tmp_path_factory.mktemp("replicas")
    (folder / "script.json").write_text(
        json.dumps({"chunks": ["<!DOCTYPE html><title>{prompt}</title>\n", *["<p>x</p>\n"] * 50], "delay": 0.02})
    )
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=studio.test",
        shell=True, check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    ports, port = [free_port(), free_port()], free_port()
    documented = re.search(r"^upstream studio .*?^}$", (ROOT / "docs/scale.md").read_text(), re.MULTILINE | re.DOTALL)
    assert documented is not None
    block = documented[0].replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    for n, replica in enumerate(ports, 1):
        block = block.replace(f"app-{n}:8000", f"127.0.0.1:{replica}")
    user = "user root; " if os.geteuid() == 0 else ""  # else its workers would be nobody, and the folder is ours alone
    (folder / "nginx.conf").write_text(NGINX.format(user=user, proxy=PROXY, documented=block))
    env = environment(folder) | {
        **{"HTMLGEN_DATABASE_URL": postgres.new_database(), "HTMLGEN_PASSWORD": PASSWORD},
        **{"HTMLGEN_HOSTS": "studio.test", "FORWARDED_ALLOW_IPS": PROXY},
    }
    started = []
    command = [sys.executable, "-m", "chainlit", "run", "tests/browser/scripted_app.py", "--headless", "--port"]
    try:
        for replica in ports:
            log = folder / f"{replica}.log"
            with log.open("w") as said:
                own = env | {"HTMLGEN_DATA": str(folder / str(replica))}
                started.append(subprocess.Popen([*command, str(replica)], cwd=ROOT, env=own, stdout=said, stderr=said))
            wait_ready(f"http://127.0.0.1:{replica}", started[-1], log)
        proxy = [nginx, "-p", str(folder), "-e", "nginx.log", "-c", str(folder / "nginx.conf")]
        started.append(subprocess.Popen(proxy, stderr=subprocess.DEVNULL))
        wait_ready(f"https://127.0.0.1:{port}", started[-1], folder / "nginx.log")
        yield Studio(f"https://127.0.0.1:{port}", started[:2], [f"http://127.0.0.1:{replica}" for replica in ports])
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def session(studio: Studio) -> dict[str, str]:
    """The cookie of somebody who logged in."""
    answer = studio.log_in(studio.visit())
    assert answer.status_code == 200
    kept = {cookie.partition("=")[0]: cookie for cookie in answer.headers.get_list("set-cookie")}
    assert set(kept) == {"access_token", "studio"}
    for cookie in kept.values():
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    return {"access_token": answer.cookies["access_token"]}


def test_a_log_in_and_a_page_of_one_replica_are_good_at_the_other(studio: Studio, session: dict[str, str]) -> None:
    with studio.visit(session) as visitor:
        made = visitor.post("/generate_html", json={"prompt": "here", "max_new_tokens": 3}).raise_for_status()
    assert made.json()["page_url"].startswith("https://studio.test/pages/")
    path = made.json()["page_url"].removeprefix("https://studio.test")
    for _ in range(8):  # each at one of the two
        with studio.visit(session) as visitor:
            assert "<title>here</title>" in visitor.get(path).raise_for_status().text


def test_a_page_comes_while_it_is_written(studio: Studio, session: dict[str, str]) -> None:
    body = {"prompt": "x", "stream": True}
    with (
        studio.visit(session) as visitor,
        visitor.stream("POST", "/generate_html", json=body, headers={"Accept": "text/html"}) as answer,
    ):
        assert sum(1 for _ in answer.iter_raw()) > 10


@asynccontextmanager
async def chat(url: str, cookies: dict[str, str]) -> AsyncIterator[str]:
    """A chat's connection, by the id of its session."""
    auth = {"clientType": "webapp", "sessionId": str(uuid.uuid4()), "threadId": "", "userEnv": "{}", "chatProfile": ""}
    headers = {"Host": "studio.test", "Origin": "https://studio.test"}
    headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    begun = asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        client.on("chat_settings", lambda _: begun.set())
        await client.connect(url, headers, auth, ["websocket"], socketio_path="/ws/socket.io")
        await client.emit("connection_successful")
        await asyncio.wait_for(begun.wait(), 20)
        yield auth["sessionId"]
        await client.disconnect()


async def test_a_chat_stays_at_its_replica_and_takes_the_largest_upload(
    studio: Studio, session: dict[str, str]
) -> None:
    cookies = session | {"studio": "this-browser"}
    page = {"file": ("page.html", b"<p>" + b"x" * 1_990_000, "text/html")}
    async with chat(studio.url, cookies) as id:
        with studio.visit(cookies) as visitor:
            for _ in range(3):  # the other replica does not know the session
                sent = await asyncio.to_thread(visitor.post, f"/project/file?session_id={id}", files=page)
                assert sent.status_code == 200, sent.text


def test_visitors_are_told_apart(studio: Studio) -> None:
    """Else all of them together could log in ten times, then six times a minute."""
    for n in range(12):
        with studio.visit({"studio": "one replica"}, f"127.0.1.{n}") as visitor:
            assert studio.log_in(visitor).status_code == 200


async def test_when_one_replica_ends_the_other_goes_on_and_keeps_its_files(
    studio: Studio, session: dict[str, str]
) -> None:
    """Last: nobody starts it again. Both were started in one folder."""
    page = {"file": ("page.html", b"<p>x</p>", "text/html")}
    async with (
        chat(studio.urls[1], session) as id,
        httpx.AsyncClient(
            base_url=studio.urls[1], headers={"Host": "studio.test", "Origin": "https://studio.test"}, cookies=session
        ) as ann,
    ):
        path = f"/project/file?session_id={id}"
        before = (await ann.post(path, files=page)).raise_for_status().json()["id"]
        studio.replicas[0].terminate()
        await asyncio.to_thread(studio.replicas[0].wait, 10)
        assert (await ann.get(f"/project/file/{before}?session_id={id}")).content == b"<p>x</p>"
        assert (await ann.post(path, files=page)).status_code == 200
    for _ in range(6):
        with studio.visit(session) as visitor:
            assert visitor.get("/models").status_code == 200

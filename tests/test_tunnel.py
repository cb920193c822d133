"""The tunnel, by pyngrok's own code, to a stand-in agent (tests/ngrok_agent.py) that really forwards."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from htmlgen import tunnel as tunnel_module
from htmlgen.errors import SharingFailed
from htmlgen.settings import PROJECT
from htmlgen.tunnel import Tunnel
from tests import ngrok_agent
from tests.server import free_port, wait_for

TOKEN = "2abcDEFghiJKLmnoPQRstuVWXyz_1234567890abcdefghij"


class StandIn:
    """The agent that tests talk to: what it should do, and what it was given."""

    def __init__(self, folder: Path) -> None:
        self.agent = ngrok_agent.install(folder)
        self.script = folder / "script.json"
        self.port = free_port()
        self.url = "https://4af1-198-51-100-7.ngrok-free.app"
        self.follow()

    def follow(self, **script: Any) -> None:
        self.script.write_text(json.dumps({"token": TOKEN, "url": self.url, "port": self.port} | script))

    def seen(self, what: str) -> list[dict[str, Any]]:
        path = Path(f"{self.script}.seen")
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if what in line]

    def happen(self, what: str) -> None:
        port = self.seen("start")[-1]["api"]
        body = json.dumps({"do": what}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/stand-in", body, timeout=5).read()

    def running(self) -> list[int]:
        return [start["pid"] for start in self.seen("start") if runs(start["pid"])]

    def get(self, path: str = "/") -> str:
        """What a visitor of the link gets."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Host": self.url[8:]})
        return str(urllib.request.urlopen(request, timeout=5).read().decode())


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    standing = StandIn(tmp_path)
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(standing.agent))
    monkeypatch.setenv("NGROK_STAND_IN", str(standing.script))
    monkeypatch.setenv("NGROK_AUTHTOKEN", "of the environment, which must not win")
    yield standing
    assert not standing.running()


@pytest.fixture
def site() -> Iterator[str]:
    """A server on this machine that answers with the headers it got."""

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(dict(self.headers.items())).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_tunnel(stand_in: StandIn) -> Iterator[Callable[..., Tunnel]]:
    opened: list[Tunnel] = []

    def start(upstream: str = "http://127.0.0.1:9", token: str = TOKEN, **options: Any) -> Tunnel:
        opened.append(Tunnel.open(upstream, token, **options))
        return opened[-1]

    yield start
    for tunnel in opened:
        tunnel.close()


def test_a_visitor_of_the_link_reaches_the_server_and_is_known_to_come_from_elsewhere(
    stand_in: StandIn, open_tunnel: Callable[..., Tunnel], site: str
) -> None:
    tunnel = open_tunnel(site)
    assert (tunnel.url, tunnel.host, tunnel.state) == (stand_in.url, stand_in.url[8:], "online")
    got = json.loads(stand_in.get())
    assert got["Host"] == tunnel.host
    assert (got["X-Forwarded-For"], got["X-Forwarded-Proto"]) == ("198.51.100.7", "https")


def test_the_agent_keeps_no_requests_and_its_token_is_in_no_list_of_processes(
    stand_in: StandIn, open_tunnel: Callable[..., Tunnel]
) -> None:
    open_tunnel(options={"url": "https://studio.ngrok.app", "traffic_policy": {"on_http_request": []}})
    start = stand_in.seen("start")[0]
    assert TOKEN not in " ".join(psutil.Process(start["pid"]).cmdline())
    assert start["config"]["agent"]["authtoken"] == TOKEN
    assert start["config"]["agent"]["inspect_db_size"] == -1
    config = Path(start["argv"][start["argv"].index("--config") + 1])
    assert config.stat().st_mode & 0o077 == 0
    assert config.parent.stat().st_mode & 0o077 == 0
    endpoint = stand_in.seen("endpoint")[0]["endpoint"]
    assert endpoint["url"] == "https://studio.ngrok.app"
    assert endpoint["traffic_policy"] == {"on_http_request": []}


def test_closing_leaves_no_process_and_no_file(stand_in: StandIn, open_tunnel: Callable[..., Tunnel]) -> None:
    tunnel = open_tunnel()
    start = stand_in.seen("start")[0]
    assert stand_in.running() == [start["pid"]]
    tunnel.close()
    assert not stand_in.running()
    assert not Path(start["argv"][start["argv"].index("--config") + 1]).parent.exists()
    assert tunnel.state == "closed"
    tunnel.close()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"token": "another"}, r"refused the token in NGROK_AUTHTOKEN.*your-authtoken.*ERR_NGROK_107"),
        ({"refuse": "Usage of ngrok requires an account.\r\nERR_NGROK_4018\r\n"}, r"refused the token.*ERR_NGROK_4018"),
        ({"refuse": "Your account is limited to 1 sessions.\r\nERR_NGROK_108\r\n"}, r"as many agents as its plan.*pkill ngrok"),
        ({"refuse_endpoint": "Your account may not run more than 1.\r\nERR_NGROK_324"}, r"as many tunnels as its plan"),
        ({"refuse_endpoint": "The endpoint is already online.\r\nERR_NGROK_334"}, r"in use already.*HTMLGEN_SHARE_DOMAIN"),
        ({"refuse_endpoint": "You must reserve a hostname.\r\nERR_NGROK_319"}, r"not reserved for your ngrok account"),
        ({"refuse_endpoint": "A policy is invalid: x.\nERR_NGROK_2201"}, r"refused the tunnel: .*A policy is invalid: x \(https://.*err_ngrok_2201"),
        ({"refuse": f"Odd: {TOKEN}.\nERR_NGROK_999"}, r"refused the tunnel: .*Odd: … \(https://.*err_ngrok_999"),
        ({"refuse": "dial tcp: lookup connect.ngrok-agent.com: no such host"}, r"No tunnel: .*no such host.*Check the network"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:18],
)  # fmt: skip
def test_each_refusal_is_one_message_that_says_what_to_do(
    stand_in: StandIn, open_tunnel: Callable[..., Tunnel], capfd: pytest.CaptureFixture[str], script: dict[str, Any], expected: str
) -> None:  # fmt: skip
    stand_in.follow(**script)
    with pytest.raises(SharingFailed, match=expected) as caught:
        open_tunnel()
    assert TOKEN not in str(caught.value)
    assert "\\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # what the agent logs has the token in it
    assert not stand_in.running()


def test_an_agent_that_says_nothing_is_given_up(
    stand_in: StandIn, open_tunnel: Callable[..., Tunnel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel_module, "STARTUP_SECONDS", 1)
    stand_in.follow(silent=True)
    with pytest.raises(SharingFailed, match="within 1 seconds"):
        open_tunnel()


def test_an_agent_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The download goes to a port where nobody listens."""
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(tmp_path / "bin" / "ngrok"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pyngrok.installer.get_ngrok_cdn_url", lambda _: f"http://127.0.0.1:{free_port()}/ngrok.tgz")
    with pytest.raises(SharingFailed, match=r"could not be downloaded \(.*refused\).*PYNGROK_NGROK_PATH"):
        Tunnel.open("http://127.0.0.1:9", TOKEN)


def test_a_file_that_is_no_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ngrok").write_text("not a program")
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(tmp_path / "ngrok"))
    with pytest.raises(SharingFailed, match=r"ngrok cannot be started: .*[Pp]ermission"):
        Tunnel.open("http://127.0.0.1:9", TOKEN)


class TestWatching:
    def open(
        self, open_tunnel: Callable[..., Tunnel], upstream: str = "http://127.0.0.1:9"
    ) -> tuple[Tunnel, list[str]]:
        said: list[str] = []
        return open_tunnel(upstream, say=said.append), said

    def test_a_lost_network_is_told_once_and_so_is_its_return(
        self, stand_in: StandIn, open_tunnel: Callable[..., Tunnel]
    ) -> None:
        tunnel, said = self.open(open_tunnel)
        stand_in.happen("lose")
        wait_for(5, lambda: tunnel.state == "reconnecting", "the loss is seen")
        assert "The link is down: ngrok cannot be reached (" in said[0]
        assert "no such host" in said[0]
        stand_in.happen("back")
        wait_for(5, lambda: tunnel.state == "online", "the return is seen")
        assert said[1:] == [f"The link is up again: {stand_in.url}"]
        assert len(stand_in.running()) == 1

    def test_an_agent_that_ends_is_started_again_even_under_another_address(
        self, stand_in: StandIn, open_tunnel: Callable[..., Tunnel], site: str
    ) -> None:
        changes: list[tuple[str, str]] = []
        tunnel = open_tunnel(site, say=lambda text: None, on_change=lambda t: changes.append((t.state, t.url)))
        former = stand_in.url
        stand_in.url = "https://other.ngrok-free.app"
        stand_in.follow()
        stand_in.happen("exit")
        wait_for(15, lambda: tunnel.state == "online" and tunnel.url == stand_in.url, "a new agent")
        assert changes == [("reconnecting", former), ("online", stand_in.url)]
        assert json.loads(stand_in.get())["Host"] == tunnel.host
        assert len(stand_in.running()) == 1

    def test_it_is_given_up_when_ngrok_refuses_for_good(
        self, stand_in: StandIn, open_tunnel: Callable[..., Tunnel]
    ) -> None:
        tunnel, said = self.open(open_tunnel)
        stand_in.follow(token="revoked meanwhile")
        stand_in.happen("exit")
        wait_for(15, lambda: tunnel.state == "lost", "the end is seen")
        assert said[-1].startswith("Sharing has ended. ngrok refused the token")
        assert said[-1].endswith("The studio still runs at http://127.0.0.1:9.")
        tunnel.close()
        assert not stand_in.running()
        assert not Path(tunnel._folder.name).exists(), "its configuration has the token"

    def test_a_tunnel_that_ngrok_closed_is_opened_again(
        self, stand_in: StandIn, open_tunnel: Callable[..., Tunnel], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tunnel_module, "ENDPOINT_SECONDS", 0.5)
        tunnel, said = self.open(open_tunnel)
        stand_in.happen("drop")
        wait_for(15, lambda: len(stand_in.seen("endpoint")) == 2 and tunnel.state == "online", "it is open again")
        assert said[0] == "The link is down: ngrok closed the tunnel. Opening it again."

    def test_closing_while_a_new_agent_is_tried_leaves_none(
        self, stand_in: StandIn, open_tunnel: Callable[..., Tunnel]
    ) -> None:
        tunnel, _ = self.open(open_tunnel)
        stand_in.follow(silent=True)
        stand_in.happen("exit")
        wait_for(10, lambda: len(stand_in.seen("start")) == 2, "a second agent starts")
        tunnel.close()
        assert not stand_in.running()


@pytest.mark.parametrize("ending", ["return", "SIGTERM", "SIGINT", "SIGHUP"])
def test_no_way_out_of_the_process_leaves_an_agent(stand_in: StandIn, ending: str) -> None:
    """Outside a server, whose own handlers come before these: while the model loads, say."""
    code = (
        "import sys, time; from htmlgen.tunnel import Tunnel\n"
        f"Tunnel.open('http://127.0.0.1:9', {TOKEN!r}); print('open', flush=True)\n"
        f"time.sleep({0 if ending == 'return' else 30})"
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        if ending != "return":
            process.send_signal(getattr(signal, ending))
        process.wait(10)
    assert stand_in.seen("start")
    assert not stand_in.running()

"""Tunnel: a public https link to this server, through an ngrok agent that pyngrok starts, watches and ends.

    tunnel = Tunnel.open("http://127.0.0.1:8000", token, {"url": "https://studio.ngrok.app"})
    tunnel.url                                  # https://studio.ngrok.app
    tunnel.close()                              # the agent's process is gone

The agent keeps its own connection to ngrok and renews it when the network drops; a thread of ours reads what it logs,
says so, and starts a new agent when it ends by itself. All of that is blocking work, so none of it knows the event loop.
"""

import atexit
import contextlib
import json
import logging
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psutil
import yaml  # type: ignore[import-untyped]
from pyngrok import conf, ngrok
from pyngrok.exception import PyngrokError, PyngrokNgrokError, PyngrokNgrokHTTPError, PyngrokNgrokInstallError
from pyngrok.log import NgrokLog

from htmlgen.errors import SharingFailed

STARTUP_SECONDS = 20
"""Longest wait for an agent to say that it is connected; one behind a slow network needs two or three."""

ENDPOINT_SECONDS = 15.0
"""How often the agent is asked whether it still has the tunnel."""

NAME = "htmlgen-studio"
"""What ngrok's dashboard calls the tunnel."""

DASHBOARD = "https://dashboard.ngrok.com"

REFUSALS = {
    ("105", "106", "107", "4018"): (
        "ngrok refused the token in NGROK_AUTHTOKEN. Copy the current one from "
        f"{DASHBOARD}/get-started/your-authtoken and start again."
    ),
    ("108", "348"): (
        "Your ngrok account runs as many agents as its plan allows. End the other one, which may be left from a run that "
        f"was killed (pkill ngrok, or {DASHBOARD}/agents), and start again."
    ),
    ("324",): (
        f"Your ngrok account has as many tunnels as its plan allows. Close one on {DASHBOARD}/endpoints and start again."
    ),
    ("334",): (
        "This link is in use already: another tunnel of your account has it. Stop that one "
        f"({DASHBOARD}/endpoints), or name another domain in HTMLGEN_SHARE_DOMAIN."
    ),
    ("319", "320", "7117", "7118"): (
        "The domain in HTMLGEN_SHARE_DOMAIN is not reserved for your ngrok account. Reserve it on "
        f"{DASHBOARD}/domains, or leave the setting out to get one."
    ),
    (
        "120",
        "121",
    ): "This ngrok agent is too old for ngrok's servers. Run `ngrok update`, or delete it to get a new one.",
}
"""What users meet most, by ngrok's error codes (https://ngrok.com/docs/errors/); the others are told in ngrok's words."""

FINAL = {"105", "106", "107", "4018", "319", "320", "7117", "7118", "120", "121"}
"""Refusals that trying again does not change."""

State = Literal["online", "reconnecting", "lost", "closed"]


class Tunnel:
    """One open tunnel. `url` changes only if a new agent had to be started and ngrok gave it another address."""

    def __init__(
        self,
        upstream: str,
        token: str,
        options: dict[str, Any],
        say: Callable[[str], None],
        on_change: Callable[["Tunnel"], None],
    ) -> None:
        self.upstream, self.options, self.url = upstream, options, ""
        self.state: State = "closed"
        self._token, self._say, self._on_change = token, say, on_change
        self._folder = tempfile.TemporaryDirectory(prefix="htmlgen-ngrok-")  # mode 0700
        self._config = _agent_config(Path(self._folder.name), token, self._on_log)
        self._closing = threading.Event()
        self._trouble = ""
        """Why the agent has no connection to ngrok just now, in its words; empty while it has one."""
        self._watcher = threading.Thread(target=self._watch, name="tunnel", daemon=True)

    @classmethod
    def open(
        cls,
        upstream: str,
        token: str,
        options: dict[str, Any] | None = None,
        *,
        say: Callable[[str], None] = print,
        on_change: Callable[["Tunnel"], None] = lambda tunnel: None,
    ) -> "Tunnel":
        """Opens a tunnel to `upstream`, an http URL of this machine; takes seconds, more where the agent is fetched first.

        `options` are an endpoint's, as https://ngrok.com/docs/agent/config/v3/ has them. `say` gets a sentence whenever
        something happens to the tunnel, and `on_change` is called after its url or state changed, both in another thread.

        Raises:
            SharingFailed: no agent, no network, or ngrok refused; the message says which and what to do.
        """
        tunnel = cls(upstream, token, options or {}, say, on_change)
        # Chainlit leaves by os._exit, which skips this: app.py closes the tunnel itself. This is for every other way out.
        atexit.register(tunnel.close)
        _end_in_order_on_signals()
        try:
            tunnel._connect()
        except SharingFailed:
            tunnel.close()
            raise
        tunnel._watcher.start()
        return tunnel

    @property
    def host(self) -> str:
        """The host in the link, as browsers send it."""
        return urlsplit(self.url).netloc

    def close(self) -> None:
        """Ends the agent and returns when its process is gone. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._end_agents()
        if self._watcher.is_alive() and self._watcher is not threading.current_thread():
            self._watcher.join(STARTUP_SECONDS)
            self._end_agents()  # one that the watcher was just starting
        ngrok.kill(self._config)  # pyngrok forgets it too
        self._folder.cleanup()
        self.state = "closed"
        atexit.unregister(self.close)

    def _connect(self) -> None:
        """Starts an agent where none runs, and opens the endpoint."""
        # pyngrok waits for a line from the agent for as long as it takes.
        overdue = threading.Timer(STARTUP_SECONDS, self._end_agents)
        try:
            ngrok.install_ngrok(self._config)
            overdue.start()
            self._trouble = ""
            opened = ngrok.connect(self.upstream, name=NAME, pyngrok_config=self._config, **self.options)
        except (PyngrokError, OSError) as error:
            raise self._explain(error) from None  # ngrok's text has the token in it, and so would the traceback
        finally:
            overdue.cancel()
        self.url, self.state = str(opened.public_url), "online"

    def _explain(self, error: Exception) -> SharingFailed:
        """What the user reads, from what pyngrok raised."""
        if isinstance(error, PyngrokNgrokInstallError):
            return SharingFailed(
                f"The ngrok agent is not on this machine and could not be downloaded ({_reason(error)}). Check the "
                "network, or install it (https://ngrok.com/download) and name it in PYNGROK_NGROK_PATH."
            )
        text = _agent_text(error).replace(self._token, "…")
        code = next(iter(re.findall(r"ERR_NGROK_(\d+)", text)), "")
        for codes, message in REFUSALS.items():
            if code in codes:
                return SharingFailed(f"{message} (ERR_NGROK_{code})")
        if code:
            page = f"https://ngrok.com/docs/errors/err_ngrok_{code}"
            return SharingFailed(f"ngrok refused the tunnel: {_first_sentence(text)} ({page})")
        if isinstance(error, OSError):
            return SharingFailed(f"The ngrok agent {self._config.ngrok_path} cannot be started: {text}.")
        return SharingFailed(
            f"No tunnel: the ngrok agent did not get a connection to ngrok within {STARTUP_SECONDS} seconds "
            f"({_first_sentence(text)}). Check the network: proxies and firewalls must let it reach "
            f"connect.ngrok-agent.com:443. If it does, the agent may be older than 3.16: `{self._config.ngrok_path} update`."
        )

    # Watching

    def _on_log(self, log: NgrokLog) -> None:
        """Called by pyngrok with each line that the agent logs."""
        message = log.msg or ""
        if "client session established" in message:
            self._trouble = ""
        elif any(words in message for words in ("heartbeat timeout", "reconnect session", "starting reconnect loop")):
            self._trouble = _first_sentence((log.err or message).replace(self._token, "…"))

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._closing.wait(0.5):
            if not self._agents():
                self._restart("The link is down: the ngrok agent ended by itself. Starting it again.")
            elif self._trouble and self.state == "online":
                self._change(
                    "reconnecting", f"The link is down: ngrok cannot be reached ({self._trouble}). Trying again."
                )
            elif not self._trouble and self.state == "reconnecting":
                self._change("online", f"The link is up again: {self.url}")
            elif not self._trouble and time.monotonic() - looked > ENDPOINT_SECONDS:
                looked = time.monotonic()
                if not self._has_endpoint():
                    self._end_agents()
                    self._restart("The link is down: ngrok closed the tunnel. Opening it again.")

    def _has_endpoint(self) -> bool:
        """Whether the agent, which runs, still has our tunnel: ngrok's side can end one."""
        try:
            return any(tunnel.public_url == self.url for tunnel in ngrok.get_tunnels(self._config))
        except (PyngrokError, OSError):
            return bool(self._closing.is_set() or not self._agents())  # it is ending, which is seen to elsewhere

    def _restart(self, why: str) -> None:
        """Starts agents until one holds, or ngrok refuses for good."""
        self._change("reconnecting", why)
        pause, told = 1.0, ""
        while not self._closing.wait(pause):
            former = self.url
            ngrok.kill(self._config)  # what pyngrok remembers of the old one
            try:
                self._connect()
            except SharingFailed as error:
                if self._closing.is_set():
                    return
                if any(f"ERR_NGROK_{code})" in str(error) for code in FINAL):
                    self.close()  # its agent may still run, and the folder has the token
                    self._change("lost", f"Sharing has ended. {error} The studio still runs at {self.upstream}.")
                    return
                if str(error) != told:
                    self._say(f"{error} Trying again every minute until it works.")
                pause, told = min(60.0, pause * 2), str(error)
            else:
                moved = "" if self.url == former else " It is another one than before."
                self._change("online", f"The link is up again: {self.url}{moved}")
                return

    def _change(self, state: State, text: str) -> None:
        self.state = state
        self._say(text)
        self._on_change(self)

    # Processes

    def _agents(self) -> list[psutil.Process]:
        """The agents that this process runs for this tunnel."""
        found = []
        for child in psutil.Process().children():
            try:
                if self._config.config_path in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
            except psutil.Error:  # gone meanwhile
                continue
        return found

    def _end_agents(self) -> None:
        agents = self._agents()
        for agent in agents:
            _signal(agent.terminate)  # in order, so that ngrok forgets the session at once
        for agent in psutil.wait_procs(agents, timeout=3)[1]:
            _signal(agent.kill)


def _agent_config(folder: Path, token: str, on_log: Callable[[NgrokLog], None]) -> conf.PyngrokConfig:
    """A configuration of our own, since the user's may hold tunnels, other log formats and a web address of its own.

    The token goes into the file, where only this user reads it: an argument would be in everybody's list of processes.
    """
    path = folder / "ngrok.yml"
    path.touch(mode=0o600)
    agent = {
        "authtoken": token,
        "console_ui": False,
        "inspect_db_size": -1,  # it would keep what visitors send, passwords too, for whoever asks on its local port
        "remote_management": False,
        "update_check": False,
    }
    path.write_text(yaml.safe_dump({"version": "3", "agent": agent}), encoding="utf-8")
    # What the agent logs may have the token in it, and pyngrok would put it on the terminal.
    logger = logging.getLogger("pyngrok")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    config = conf.PyngrokConfig(
        config_path=str(path),
        log_event_callback=on_log,
        startup_timeout=STARTUP_SECONDS,
        request_timeout=STARTUP_SECONDS,
        # Ctrl-C reaches every process of the terminal's group; the agent is for us to end, after the last answer.
        start_new_session=True,
    )
    config.auth_token = None
    if not Path(config.ngrok_path).exists() and (installed := _installed_agent()):
        config.ngrok_path = installed
    return config


def _installed_agent() -> str | None:
    """ngrok on the PATH, if it is the agent: pyngrok installs a script of the same name beside Python."""
    found = shutil.which("ngrok")
    if found is None or Path(found).parent in (Path(sys.prefix) / "bin", Path(sys.prefix) / "Scripts"):
        return None
    return None if Path(found).read_bytes()[:2] == b"#!" else found


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()


def _end_in_order_on_signals() -> None:
    """SIGTERM and a closed terminal leave through atexit. While the server runs, its own handlers stand before these."""

    def leave(number: int, frame: types.FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, leave)


def _agent_text(error: Exception) -> str:
    """All that ngrok said about it: in the body of a refused request, or in the agent's last words."""
    if isinstance(error, PyngrokNgrokHTTPError):
        try:
            body = json.loads(error.body)
            return str(body.get("details", {}).get("err") or body.get("msg") or error.body)
        except (ValueError, AttributeError):
            return str(error.body)
    if isinstance(error, PyngrokNgrokError):
        if error.ngrok_error:
            return str(error.ngrok_error)
        told = [log.err for log in error.ngrok_logs if log.err and log.err not in ("nil", "<nil>")]
        return str(told[-1]) if told else "it said nothing"
    return str(error)


def _first_sentence(text: str) -> str:
    line = " ".join(
        re.sub(r"ERR_NGROK_\d+", "", text.replace("\\r", " ").replace("\\n", "\n")).strip().split("\n")[0].split()
    )
    return line[:200].rstrip(".")


def _reason(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1].strip("<> ")[:120]

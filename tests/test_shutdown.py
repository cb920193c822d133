"""SIGTERM while pages are written, on the real server: what is nearly done is finished, the rest is saved, and it ends in time."""

import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server import Server, run_server

LINE = "<p>Bread with a crackle, baked since five in the morning, by hand and by heart.</p>\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    head = "<!DOCTYPE html><html><body>"
    # Written before the signal, just after it, and never: the last one fills the buffers of a reader who does not read.
    script = {
        "places": 2,
        "answers": [
            {"chunks": [head, *[LINE] * 40], "delay": 0.05},
            {"chunks": [head, *[LINE * 50] * 2_000], "delay": 0.02},
        ],
    }
    target = "tests/browser/scripted_app.py"
    yield from run_server(tmp_path, target, script=script, HTMLGEN_MAX_PAGE_BYTES="100000000")


@pytest.mark.parametrize("signum", [signal.SIGTERM])
def test_pages_are_finished_or_saved_and_the_process_ends_within_ten_seconds(
    server: Server, tmp_path: Path, signum: int
) -> None:
    process, url = server.process, server.url
    answers: dict[str, Any] = {}

    def ask(name: str) -> None:
        answers[name] = httpx.post(f"{url}/generate_html", json={"prompt": name}, timeout=60, trust_env=False).json()

    short = threading.Thread(target=ask, args=("short",))
    short.start()
    wait_for(lambda: len(rows(tmp_path)) == 1)
    endless = threading.Thread(target=ask, args=("endless",))
    endless.start()
    wait_for(lambda: len(rows(tmp_path)) == 2)
    page = next(id for id, instruction, *_ in rows(tmp_path) if instruction == "endless")
    # A reader who has stopped reading: his connection would keep the server for ever.
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(f"GET /pages/{page}/source HTTP/1.1\r\nHost: {url[7:]}\r\n\r\n".encode())
        time.sleep(0.5)
        process.send_signal(signum)
        told = time.monotonic()
        process.wait(20)
        took = time.monotonic() - told
    short.join(20)
    endless.join(20)
    assert took < 10
    assert answers["short"]["finish_reason"] == "stop"
    assert answers["endless"]["finish_reason"] == "cancelled"
    saved = {instruction: (state, html) for _, instruction, state, html in rows(tmp_path)}
    assert saved["short"] == ("finished", answers["short"]["html"])
    assert saved["endless"] == ("stopped", answers["endless"]["html"])
    assert saved["endless"][1].count(LINE) > 50


def rows(folder: Path) -> list[Any]:
    """What the database holds."""
    try:
        with sqlite3.connect(folder / "data" / "htmlgen.db") as database:
            return database.execute("SELECT id, instruction, state, html FROM versions").fetchall()
    except sqlite3.OperationalError:
        return []


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

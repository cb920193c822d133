"""A PostgreSQL of the tests' own: Debian's binaries, a temporary folder, a free port, never root, gone afterwards."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import asyncpg


def find_binaries() -> Path | None:
    """The folder with initdb and postgres, or None where they are not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").is_file()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """One server. Its data is worth nothing, so it never waits for the disk."""

    def __init__(self, binaries: Path) -> None:
        self.binaries, self.password = binaries, secrets.token_urlsafe(16)
        # Not below pytest's own folder, which nobody but its user may enter: PostgreSQL refuses to run as root.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 500e6 else None
        self.folder = Path(tempfile.mkdtemp(prefix="htmlgen-postgres-", dir=memory))
        self.user = "nobody" if os.geteuid() == 0 else None
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        secret = self.folder / "password"
        secret.write_text(self.password)
        for path in (self.folder, secret):
            if self.user:
                shutil.chown(path, self.user)
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "tester", "-A", "scram-sha-256", f"--pwfile={secret}",
                  "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        self.start()

    def start(self) -> None:
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
                   "full_page_writes": "off", "max_connections": "40", "shared_buffers": "16MB"}  # fmt: skip
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", *flags],
                stdout=log, stderr=log, user=self.user, cwd=self.folder,
            )  # fmt: skip
        _elsewhere(self._wait())

    def stop(self) -> None:
        """Ends the server as a power cut would; its data stays."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def close(self) -> None:
        if self.server is not None:
            self.server.send_signal(
                signal.SIGINT
            )  # PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"postgresql://tester:{self.password}@127.0.0.1:{self.port}/postgres"

    def new_database(self) -> str:
        """The URL of the one database, empty again: making and deleting the files of another takes a second."""
        _elsewhere(self._execute("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public"))
        return self.url

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def _wait(self) -> None:
        for _ in range(300):
            assert self.server is not None
            assert self.server.poll() is None, (self.folder / "log").read_text()
            try:
                return await self._execute("SELECT 1")
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)
        raise AssertionError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.binaries / program, *arguments], user=self.user, cwd=self.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _elsewhere(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine from a fixture, beside the test's own event loop."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()

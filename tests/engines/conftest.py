"""Real servers of OpenAI's protocol over the demo model, merged and exported anew: `make test-engines`."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from htmlgen.settings import PROJECT
from train.merge import GGUF_FILE

LLAMA_PYTHON = PROJECT / ".venv-engines" / "bin" / "python"
START_SECONDS = 240.0


@dataclass(frozen=True)
class Serving:
    """A server that runs: its address, the name of its model, its key, and the folder of the tokenizer."""

    url: str
    model: str
    tokenizer: str
    key: str | None = None
    exact: bool = True
    """It computes as transformers does, to the bit."""


@pytest.fixture(scope="session")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo base and adapter in one, with its GGUF file."""
    out = tmp_path_factory.mktemp("engines") / "demo"
    adapter = PROJECT / "models" / "demo" / "adapter"
    command = [sys.executable, "-m", "train", "merge", "--adapter", str(adapter), "--out", str(out), "--gguf"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    assert (out / GGUF_FILE).is_file()
    return out


@contextmanager
def running(command: Callable[[int], list[str]], log: Path, ready: str, **environment: str) -> Iterator[str]:
    """Starts `command(port)` and waits until `ready` answers; gives its URL and ends it at last."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | environment,
        )
        try:
            until = time.monotonic() + START_SECONDS
            while True:
                assert process.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
                assert time.monotonic() < until, f"the server did not start: {log.read_text()[-2000:]}"
                try:
                    if httpx.get(f"http://127.0.0.1:{port}{ready}", trust_env=False).status_code < 500:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.3)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def transformers_serve(merged: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    log = tmp_path_factory.mktemp("serve") / "log"

    def command(port: int) -> list[str]:
        program = Path(sys.executable).parent / "transformers"
        return [str(program), "serve", str(merged), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]

    with running(command, log, "/health") as url:
        yield Serving(url, model=str(merged), tokenizer=str(merged))


@pytest.fixture(scope="session")
def llama_cpp(merged: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Given the demo's tokenizer, since none of the divisions into words built into llama.cpp is the demo's."""
    yield from _llama_cpp(
        merged, tmp_path_factory.mktemp("llama") / "log", "--hf_pretrained_model_name_or_path", str(merged)
    )


@pytest.fixture(scope="session")
def llama_cpp_alone(merged: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """With nothing but the GGUF file."""
    yield from _llama_cpp(merged, tmp_path_factory.mktemp("llama") / "log")


def _llama_cpp(merged: Path, log: Path, *flags: str) -> Iterator[Serving]:
    assert LLAMA_PYTHON.exists(), "run make test-engines: it makes .venv-engines"

    def command(port: int) -> list[str]:
        return [
            str(LLAMA_PYTHON), "-m", "llama_cpp.server", "--model", str(merged / GGUF_FILE), "--model_alias", "demo", "--n_ctx", "2048",
            "--host", "127.0.0.1", "--port", str(port), "--api_key", "sk-test", "--interrupt_requests", "false", "--n_threads", "2", *flags,
        ]  # fmt: skip

    with running(command, log, "/v1/models") as url:
        yield Serving(url, model="demo", tokenizer=str(merged), key="sk-test", exact=False)

"""`python -m train …` again and again for one import of torch, which takes longer than a tiny model's training.

    with Trainer() as trainer:
        trainer.run("fit", "--data", data, …, processes=2)

A process that has imported everything forks one for each run, or several that find each other as torchrun's do.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Trainer:
    def __init__(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self._log = tempfile.NamedTemporaryFile("r", prefix="trainer")  # noqa: SIM115  closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.trainer", self._log.name],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, *_: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()

    def run(self, *arguments: Any, processes: int = 1) -> None:
        """One run to its end; an AssertionError with what it said, if that is not 0."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._log.seek(0, os.SEEK_END)
        print(json.dumps([processes, *map(str, arguments)]), file=self._process.stdin, flush=True)
        statuses = json.loads(self._process.stdout.readline())
        assert not any(statuses), f"{statuses}: {self._log.read()[-4000:]}"


def preload() -> None:
    """Imports what a run does, also what it imports only on its way."""
    import datasets  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import scipy.io  # noqa: F401
    import torch.distributed.fsdp

    import train.fit  # noqa: F401

    torch.set_num_threads(1)


def serve(log: str) -> None:
    preload()
    for line in sys.stdin:
        processes, *arguments = json.loads(line)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        children = {start(arguments, rank, processes, port, log) for rank in range(processes)}
        statuses = []
        while children:
            child, status = os.wait()
            children.remove(child)
            statuses.append(status)
            for other in children if status else ():  # it would wait for the one that has ended
                os.kill(other, signal.SIGKILL)
        print(json.dumps(statuses), flush=True)


def start(arguments: list[str], rank: int, processes: int, port: int, log: str) -> int:
    if child := os.fork():
        return child
    from train.__main__ import main

    said = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    if processes > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
        os.environ |= {"LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    status = 1
    try:
        status = main(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])

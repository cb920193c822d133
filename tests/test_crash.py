"""kill -9 at random moments, in the middle of saving too: resume always works and ends with the very same weights."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trainer import preload
from train import checkpoint

ROOT = Path(__file__).resolve().parent.parent
KILLS = int(os.environ.get("CRASH_KILLS", "6"))
"""20 in the run that the log tells of; fewer here, since each takes a start."""


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def arguments(data: Path, base: Path, out: Path) -> list[str]:
    """Dropout, a 4-bit base, packed rows, validation: all that a resume must get right. Saves after each step."""
    flags = f"--epochs {max(2, KILLS * 3 // 4)} --micro-batch-size 1 --gradient-accumulation 2 --max-length 300 --save-every 1 --eval-every 3"
    more = "--sample-every 0 --track none --validation-size 0.2 --prompt-format plain --lora-dropout 0.1"
    return ["--data", str(data), "--base", str(base), "--out", str(out), *flags.split(), *more.split()]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [
        {
            "instruction": f"Page {n}",
            "output": f"<html><body><h1>Page {n}</h1>{'<p>words</p>' * (4 + n % 9)}</body></html>",
        }
        for n in range(30)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def files_of(out: Path) -> dict[str, bytes]:
    newest = checkpoint.names(out / "checkpoints")[-1]
    paths = [out / "checkpoints" / newest / f"{name}.safetensors" for name in ("adapter", "optimizer", "random")]
    return {path.name: path.read_bytes() for path in [*paths, out / "adapter/adapter_model.safetensors"]}


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_the_same(pairs: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, __file__, str(KILLS), str(tmp_path), *arguments(pairs, tiny_llama_dir, tmp_path / "_")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    print(done.stdout)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    losses = [
        [(line["step"], line["loss"], line.get("eval_loss")) for line in map(json.loads, path.read_text().splitlines())]
        for path in (tmp_path / "whole/metrics.jsonl", tmp_path / "killed/metrics.jsonl")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends_with_its_exit_status(
    pairs: Path, tiny_llama_dir: Path, tmp_path: Path, signum: signal.Signals
) -> None:
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "train",
        "fit",
        *arguments(pairs, tiny_llama_dir, out),
        "--epochs",
        "500",
        "--eval-every",
        "5000",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 240
        while not checkpoint.names(out / "checkpoints") and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.1)
        process.send_signal(signum)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 128 + signum
    saved = checkpoint.load(out / "checkpoints")
    assert f"saved {out / 'checkpoints' / saved.name}" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    lines = (out / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] >= saved.state["step"] - 1
    assert (out / "curves.png").exists()
    assert (out / "adapter/adapter_model.safetensors").exists()  # though no validation has chosen one yet


def zygote(kills: int, folder: Path, arguments: list[str]) -> None:
    """Imports everything once, and forks a process for each run that is to be killed."""
    from train.__main__ import main

    preload()
    chance = random.Random(20)
    at = arguments.index("--out") + 1

    def start(out: str, *more: str, die_at_call: int | None = None) -> int:
        child = os.fork()
        if child:
            return child
        silent = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        if die_at_call is not None:
            die_within_a_save(die_at_call)
        os._exit(main(["fit", *arguments[:at], str(folder / out), *arguments[at + 1 :], *more]))

    def end(child: int) -> int:
        return os.waitpid(child, 0)[1]

    began = time.monotonic()
    child = start("whole")
    while not checkpoint.names(folder / "whole/checkpoints"):
        time.sleep(0.01)
    first = time.monotonic() - began
    status = end(child)
    assert status == 0, (folder / "log.txt").read_text()[-3000:]
    steps = len((folder / "whole/metrics.jsonl").read_text().splitlines())
    a_step = (time.monotonic() - began - first) / steps
    print(f"whole run: {steps} steps, the first saved after {first:.2f} s, then {a_step:.2f} s each")
    for kill in range(kills):
        resume = ("--resume",) if kill else ()
        if kill % 2:  # in the middle of saving, at any of its system calls
            call = chance.randrange(1, 17)
            status = end(start("killed", *resume, die_at_call=call))
            moment = f"call {call} of saving"
        else:
            delay = chance.uniform(0.8 * first, first + 3 * a_step)
            child = start("killed", *resume)
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
            status = end(child)
            moment = f"{delay:.2f} s"
        names = checkpoint.names(folder / "killed/checkpoints")
        intact = [checkpoint.is_intact(folder / "killed/checkpoints" / name) for name in names]
        print(f"kill {kill + 1} at {moment}: status {status}, {names} intact {intact}")
        assert all(intact)
        assert status in (signal.SIGKILL, 0), (folder / "log.txt").read_text()[-3000:]
    status = end(start("killed", "--resume"))
    assert status == 0, (folder / "log.txt").read_text()[-3000:]


def die_within_a_save(call: int) -> None:
    """SIGKILL to this process at its `call`-th flush or rename."""
    left = call

    def counted(real):  # type: ignore[no-untyped-def]
        def inner(*args, **options):  # type: ignore[no-untyped-def]
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return inner

    os.fsync = counted(os.fsync)
    os.rename = counted(os.rename)
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]


if __name__ == "__main__":
    zygote(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

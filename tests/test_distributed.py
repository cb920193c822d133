"""Two processes learn what one learns: data parallel or sharded, 4-bit base or not, and save the same adapter."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.trainer import Trainer

ROOT = Path(__file__).resolve().parent.parent
FLAGS = (
    "--validation-size 0.25 --prompt-format plain --lora-dropout 0 --r 4 --precision fp32 --epochs 2 --max-length 300 "
    "--micro-batch-size 1 --learning-rate 5e-3 --sample-every 0 --track none --eval-every 2 --save-every 2"
)


TORCHRUN = "torch.distributed.run --standalone --nproc_per_node 2 -m -- train"
"""Without the dashes it takes --r for one of its own flags."""
ACCELERATE = "accelerate.commands.launch --multi_gpu --num_processes 2 --main_process_port 0 -m train"
"""Nothing but --multi_gpu or --use_fsdp has it start two, GPUs or not."""


def launch(launcher: str, *arguments: Any) -> None:
    """Runs the command in two processes as a person would."""
    command = [sys.executable, "-m", *launcher.split(), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def trainer() -> Iterator[Trainer]:
    with Trainer() as trainer:
        yield trainer


def metrics(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 rows, 12 of them for training: with four rows a step, and packed, the last step is not full."""
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    rows = [
        {"instruction": f"Page {n}", "output": f"<html><body><h1>Page {n}</h1>{'<p>words</p>' * (n % 6)}</body></html>"}
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module", params=["none", "4bit"])
def alone(
    request: pytest.FixtureRequest,
    trainer: Trainer,
    pairs: Path,
    tiny_llama_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Any], Path]:
    """The command for the rows with one quantisation, and what one process makes of them."""
    out = tmp_path_factory.mktemp("alone") / "run"
    command = ["fit", "--data", pairs, "--base", tiny_llama_dir, *FLAGS.split(), "--quantization", request.param]
    trainer.run(*command, "--out", out, "--gradient-accumulation", "4")
    return command, out


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_learn_what_one_does(
    alone: tuple[list[Any], Path], trainer: Trainer, tmp_path: Path, parallel: str
) -> None:
    command, out = alone
    command = [*command, "--out", tmp_path / "two", "--gradient-accumulation", "2", "--parallel", parallel]
    if parallel == "fsdp":
        command += ["--gradient-checkpointing", "true"]
    if "none" in command:
        launch(TORCHRUN if parallel == "ddp" else ACCELERATE, *command)
    else:
        trainer.run(*command, processes=2)
    one, two = metrics(out), metrics(tmp_path / "two")
    assert [line["step"] for line in two] == [line["step"] for line in one]
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], abs=1e-4)
        assert b.get("eval_loss") == (a.get("eval_loss") and pytest.approx(a["eval_loss"], abs=1e-4))
    files = sorted(path.name for path in (tmp_path / "two/adapter").iterdir())
    assert files == sorted(path.name for path in (out / "adapter").iterdir())
    configs = [(run / "adapter/adapter_config.json").read_text() for run in (out, tmp_path / "two")]
    assert configs[0] == configs[1]
    expected = load_file(out / "adapter/adapter_model.safetensors")
    found = load_file(tmp_path / "two/adapter/adapter_model.safetensors")
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4)
    if parallel == "fsdp":  # and what was sharded goes on in other processes than it was saved by
        trainer.run(*command, "--epochs", "3", "--resume", processes=2)
        assert metrics(tmp_path / "two")[-1]["epoch"] == 3.0

"""The loop learns what it is shown, weighs tokens alike, stops where it should, and goes on exactly where it stopped."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from htmlgen.errors import OutOfMemory, SettingsError
from htmlgen.prompt import format_prompt, prompt_ids, read_prompt_format
from train import checkpoint
from train.__main__ import main
from train.checkpoint import CheckpointDamaged
from train.config import AdapterConfig, DataConfig, TrainConfig, load_config
from train.data import load_split
from train.estimate import estimate
from train.fit import fit
from train.interrupt import Interrupt
from train.learned import Learned
from train.loop import Diverged, Loop
from train.run import RunFolder
from train.session import load_session

PAGE = '<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1><p class="intro">{1}</p></body></html>'
WORDS = [
    "red",
    "blue",
    "login",
    "form",
    "page",
    "table",
    "green",
    "big",
    "small",
    "header",
    "button",
    "list",
    "card",
    "menu",
    "footer",
]


def pair(number: int) -> dict[str, str]:
    words = " ".join(WORDS[(number * 7 + k * (number % 5 + 1)) % len(WORDS)] for k in range(3 + number % 9))
    return {"instruction": f"Make page {number}: {words}", "output": PAGE.format(f"Page {number}", words)}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair(number)) + "\n" for number in range(20)))
    return path


@pytest.fixture
def config(pairs: Path, tiny_llama_dir: Path, tmp_path: Path) -> TrainConfig:
    """12 training, 4 validation and 4 test rows; two rows a micro-batch, two of those a step: three steps an epoch."""
    return TrainConfig(
        dataset=DataConfig(path=str(pairs), validation_size=0.25, prompt_format="plain"),
        adapter=AdapterConfig(r=4, lora_alpha=8, lora_dropout=0.0),
        base=str(tiny_llama_dir),
        out=str(tmp_path / "run"),
        quantization="none",
        precision="fp32",
        epochs=1,
        micro_batch_size=2,
        gradient_accumulation=2,
        packing=False,
        learning_rate=5e-3,
        sample_every=0,
        track="none",
    )


def metrics(config: TrainConfig) -> list[dict[str, Any]]:
    return RunFolder(config.out).read_metrics()


def weights(config: TrainConfig) -> dict[str, torch.Tensor]:
    return load_file(RunFolder(config.out).adapter / "adapter_model.safetensors")


def last_weights(config: TrainConfig) -> dict[str, torch.Tensor]:
    return checkpoint.load(RunFolder(config.out).checkpoints).tensors["adapter"]


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], *, exactly: bool) -> None:
    assert one.keys() == other.keys()
    for name in one:
        if exactly:
            assert torch.equal(one[name], other[name]), name
        else:
            torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=2e-5)


def changed_base(base: Path, folder: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Path:
    """A copy of a base in which one tensor is another."""
    shutil.copytree(base, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = change(tensors[name])
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


# -- it learns ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sure_base(tiny_llama_dir: Path, tmp_path: Path) -> Path:
    """The base with a larger output layer: over that of a random one, nothing below it can make any token likely."""
    return changed_base(tiny_llama_dir, tmp_path / "sure", "lm_head.weight", lambda head: head * 12)


def test_a_memorised_pair_has_no_loss_and_is_written_back(config: TrainConfig, sure_base: Path, tmp_path: Path) -> None:
    """Fails if labels slip against their tokens, if the answer is not learned, or its end is not: the classic mistakes."""
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(pair(3)))
    config = replace(
        config,
        dataset=replace(config.dataset, path=str(path), test_size=0, validation_size=0),
        base=str(sure_base),
        adapter=replace(config.adapter, r=16, lora_alpha=32),
        quantization="4bit",
        gradient_accumulation=1,
        micro_batch_size=1,
        learning_rate=1e-2,
        schedule="linear",
        epochs=60,
        log_every=30,
        save_every=60,
    )
    result = fit(config)
    assert result.loss is not None
    assert result.loss < 0.02
    tokenizer = AutoTokenizer.from_pretrained(config.base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(config.base), result.folder.adapter)
    ids = prompt_ids(tokenizer, format_prompt("plain", pair(3)["instruction"]))
    written = model.generate(input_ids=torch.tensor([ids]), max_new_tokens=400, do_sample=False)[0, len(ids) :]
    assert tokenizer.decode(written, skip_special_tokens=True) == pair(3)["output"]
    assert written[-1] == tokenizer.eos_token_id
    assert len(written) < 400
    assert read_prompt_format(result.folder.adapter) == "plain"


def test_micro_batches_are_weighted_by_tokens(config: TrainConfig, tmp_path: Path) -> None:
    """Four rows of different lengths as one micro-batch, or one by one: the same losses and the same adapter."""
    config = replace(config, group_by_length=False)
    whole = replace(config, micro_batch_size=4, gradient_accumulation=1, out=str(tmp_path / "whole"))
    one_by_one = replace(config, micro_batch_size=1, gradient_accumulation=4, out=str(tmp_path / "one"))
    fit(whole)
    fit(one_by_one)
    for a, b in zip(metrics(whole), metrics(one_by_one), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-4)
    assert_equal(weights(whole), weights(one_by_one), exactly=False)


def test_packed_loss_equals_padded_loss(config: TrainConfig) -> None:
    losses = []
    for packing in (True, False):
        session = load_session(replace(config, packing=packing))
        assert session.packed is packing
        loop = Loop(config, session, RunFolder(config.out), Interrupt())
        losses.append(sum(loop.loss_of(session.plan.rows, [i]).item() for i in range(len(session.plan.rows))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_validation_and_samples_leave_training_as_it_is(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bitsandbytes repacks 4-bit weights on a CPU in eval mode, for good and without a gradient, unless told not to."""
    monkeypatch.setattr("train.samples.MAX_NEW_TOKENS", 8)
    config = replace(config, quantization="4bit", adapter=replace(config.adapter, lora_dropout=0.1))
    seldom = replace(config, out=str(tmp_path / "seldom"))
    often = replace(config, out=str(tmp_path / "often"), eval_every=1, sample_every=1)
    fit(seldom)
    fit(often)
    assert_equal(last_weights(seldom), last_weights(often), exactly=True)
    assert [line["loss"] for line in metrics(seldom)] == [line["loss"] for line in metrics(often)]
    assert all("eval_loss" in line for line in metrics(often))
    samples = sorted(path.name for path in RunFolder(often.out).samples.glob("*.txt"))
    assert samples == [f"step-{step:08d}-{number}.txt" for step in (1, 2, 3) for number in (1, 2)]


def test_gradient_checkpointing_changes_nothing(config: TrainConfig, tmp_path: Path) -> None:
    config = replace(config, adapter=replace(config.adapter, lora_dropout=0.1))
    on, off = (replace(config, out=str(tmp_path / str(on)), gradient_checkpointing=on) for on in (True, False))
    fit(on)
    fit(off)
    assert_equal(last_weights(on), last_weights(off), exactly=True)


def test_fp16_trains_float32_adapters_with_scaled_losses(config: TrainConfig) -> None:
    config = replace(config, precision="fp16", quantization="4bit", epochs=4)
    result = fit(config)
    lines = metrics(config)
    assert result.loss is not None
    assert result.loss < lines[0]["loss"] - 0.2
    assert all(tensor.dtype == torch.float32 for tensor in weights(config).values())
    assert checkpoint.load(result.folder.checkpoints).state["scaler"]["scale"] > 1


# -- its folder -------------------------------------------------------------------------------------------------------


def test_one_command_makes_a_folder_that_explains_itself(
    config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.samples.MAX_NEW_TOKENS", 8)
    out = tmp_path / "run"
    flags = f"--data {config.dataset.path} --base {config.base} --out {out} --epochs 1 --gradient-accumulation 4"
    assert main(["fit", *flags.split()]) == 0
    assert {path.name for path in out.iterdir()} == {
        "config.yaml", "learned.txt", "metrics.jsonl", "samples", "curves.png", "adapter", "checkpoints", "tensorboard",
    }  # fmt: skip
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert all({"step", "epoch", "loss", "lr", "tokens_per_second", "peak_memory_mib"} <= line.keys() for line in lines)
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert "eval_loss" in lines[-1]
    assert lines[-1]["epoch"] == 1.0
    assert lines[-1]["peak_memory_mib"] > 50
    assert load_config(out / "config.yaml").epochs == 1
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((out / "tensorboard").rglob("events*"))
    assert {path.name for path in (out / "adapter").iterdir()} == {
        "adapter_model.safetensors", "adapter_config.json", "htmlgen.json",
    }  # fmt: skip
    assert "The adapter is in" in capsys.readouterr().out


def test_a_dry_run_shows_an_example_and_an_estimate_and_writes_nothing(
    config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = f"--data {config.dataset.path} --base {config.base} --out {tmp_path / 'run'} --dry-run"
    assert main(["fit", *flags.split()]) == 0
    printed = capsys.readouterr().out
    assert "--- learned ---" in printed
    assert "GiB of memory" in printed
    assert "tokens/s" in printed
    assert not (tmp_path / "run").exists()


def test_a_folder_with_a_run_is_not_written_over(config: TrainConfig) -> None:
    fit(replace(config, max_steps=1))
    with pytest.raises(SettingsError, match="holds a run already"):
        fit(config)


def test_a_tracker_that_is_not_installed_is_not_passed_over(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="--track wandb needs its package: pip install wandb"):
        fit(replace(config, track="wandb"))


# -- it stops -----------------------------------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_adapter(config: TrainConfig) -> None:
    """A rate that is far too high makes validation worse after a while; the best adapter is of that step, not of the last."""
    config = replace(config, epochs=20, learning_rate=0.1, schedule="constant", eval_every=1, patience=3, save_every=1)
    config = replace(config, keep_checkpoints=50)
    result = fit(config)
    losses = [line["eval_loss"] for line in metrics(config)]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert result.finished
    assert result.steps == best + 1 + 3 < 60
    assert result.best_eval_loss == losses[best]
    saved = checkpoint.load(result.folder.checkpoints, checkpoint.name_of(best + 1)).tensors["adapter"]
    kept = weights(config)
    for name, tensor in saved.items():
        assert torch.equal(kept[name.removeprefix("model.").replace(".default", "")], tensor)


def poison(base: Path, folder: Path, character: str) -> Path:
    """The base with an embedding of `character` that is no number: any row with it has a loss that is none either."""
    (token,) = AutoTokenizer.from_pretrained(base).encode(character, add_special_tokens=False)

    def spoil(embeddings: torch.Tensor) -> torch.Tensor:
        embeddings[token] = math.nan
        return embeddings

    return changed_base(base, folder, "model.embed_tokens.weight", spoil)


@pytest.mark.parametrize("packing", [False, True])
def test_a_loss_that_is_no_number_stops_the_step_and_names_the_row(
    config: TrainConfig, tiny_llama_dir: Path, tmp_path: Path, packing: bool
) -> None:
    rows = [pair(number) for number in range(12)]
    rows[5]["instruction"] += " ~"
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = replace(
        config,
        base=str(poison(tiny_llama_dir, tmp_path / "poisoned", "~")),
        dataset=replace(config.dataset, path=str(path), test_size=0, validation_size=0, max_length=256),
        gradient_accumulation=1,
        packing=packing,
        seed=3,
    )
    with pytest.raises(Diverged, match=r"Step \d+: the loss is not finite, in data rows ([\d, ]*\b)?5\b") as caught:
        fit(config)
    saved = checkpoint.load(RunFolder(config.out).checkpoints)
    assert saved.name in str(caught.value)
    assert saved.state["step"] == len(metrics(config))
    assert all(tensor.isfinite().all() for tensor in saved.tensors["adapter"].values())
    if not packing:
        assert "in data rows 5." in str(caught.value)
        assert saved.state["step"] > 0


def test_deterministic_allows_no_other_kernels(config: TrainConfig) -> None:
    try:
        fit(replace(config, max_steps=1, deterministic=True))
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_too_little_memory_says_what_to_lower(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Loop, "loss_of", full)
    with pytest.raises(OutOfMemory, match=r"Step 1 needs more memory.*--micro-batch-size"):
        fit(config)
    with pytest.raises(OutOfMemory, match=r"largest micro-batch needs more memory.*--micro-batch-size"):
        estimate(config)


# -- and goes on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", [False, True])
def test_resume_mid_epoch_is_exact(config: TrainConfig, tmp_path: Path, packing: bool) -> None:
    """Bit for bit: losses, weights, best adapter; with dropout, 4-bit base, and the fastest arithmetic of this CPU."""
    config = replace(
        config,
        quantization="4bit",
        precision="auto",
        adapter=replace(config.adapter, lora_dropout=0.2),
        dataset=replace(config.dataset, max_length=300),
        packing=packing,
        micro_batch_size=1,
        epochs=2,
        save_every=1,
        eval_every=2,
        keep_checkpoints=100,
    )
    whole = replace(config, out=str(tmp_path / "whole"))
    fit(whole)
    expected = metrics(whole)
    steps = len(expected)
    broken = replace(config, out=str(tmp_path / "broken"))
    shutil.copytree(whole.out, broken.out)
    folder = RunFolder(broken.out)
    shutil.rmtree(folder.adapter)
    at = next(step for step in range(3, steps) if (step * 2) % steps)  # in the middle of an epoch
    for name in checkpoint.names(folder.checkpoints)[at:]:
        shutil.rmtree(folder.checkpoints / name)
    with folder.metrics.open("a") as file:
        file.write('{"step": 9')  # cut short by the kill
    fit(replace(broken, resume="latest"))
    same = ("step", "epoch", "loss", "eval_loss", "lr", "grad_norm")
    assert [[line.get(k) for k in same] for line in metrics(broken)] == [
        [line.get(k) for k in same] for line in expected
    ]
    assert_equal(last_weights(broken), last_weights(whole), exactly=True)
    assert_equal(weights(broken), weights(whole), exactly=True)


def test_resume_refuses_what_is_another_run(config: TrainConfig, tmp_path: Path) -> None:
    fit(replace(config, max_steps=1))
    with pytest.raises(SettingsError, match="--seed was 0 and is 1"):
        fit(replace(config, seed=1, resume="latest"))
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(pair(number)) + "\n" for number in range(30, 50)))
    with pytest.raises(SettingsError, match="rows are not the same"):
        fit(replace(config, dataset=replace(config.dataset, path=str(other)), resume="latest"))
    with pytest.raises(SettingsError, match="adapter"):
        fit(replace(config, adapter=replace(config.adapter, r=8), resume="latest"))


def test_resume_refuses_a_damaged_checkpoint_and_takes_the_one_before(config: TrainConfig) -> None:
    fit(replace(config, save_every=1))
    names = checkpoint.names(RunFolder(config.out).checkpoints)
    file = RunFolder(config.out).checkpoints / names[-1] / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointDamaged, match=f"{names[-1]} is damaged.*--resume {names[-2]}"):
        fit(replace(config, resume="latest"))
    result = fit(replace(config, resume=names[-2], save_every=1))
    assert result.finished
    assert checkpoint.is_intact(file.parent)


def test_an_older_checkpoint_leaves_what_came_after_it(config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    config = replace(config, epochs=2, save_every=1, keep_checkpoints=9)
    fit(config)
    folder = RunFolder(config.out)
    names = checkpoint.names(folder.checkpoints)
    assert len(names) == 6
    capsys.readouterr()
    fit(replace(config, resume=names[1], learning_rate=1e-5, max_steps=4))
    assert "--learning-rate 0.005 -> 1e-05" in capsys.readouterr().out
    assert checkpoint.names(folder.checkpoints) == names[:4], "latest is of the new branch"
    assert [line["step"] for line in metrics(config)] == [1, 2, 3, 4]
    assert [line["lr"] < 2e-5 for line in metrics(config)] == [False, False, True, True]
    step = checkpoint.load(folder.checkpoints).state["best_step"]
    best = checkpoint.load(folder.checkpoints, checkpoint.name_of(step)).tensors["adapter"]
    best = {name.removeprefix("model.").replace(".default", ""): tensor for name, tensor in best.items()}
    assert_equal(weights(config), best, exactly=True)


def test_precision_may_change_and_is_told(config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    """Colab gives a T4 today and an A100 tomorrow."""
    fit(replace(config, max_steps=1, precision="bf16"))
    result = fit(replace(config, precision="fp16", resume="latest"))
    assert result.steps == 3
    assert "precision bfloat16 -> float16" in capsys.readouterr().out


def test_without_a_finite_validation_loss_the_last_adapter_is_kept(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Loop, "evaluate", lambda self, progress: math.nan)
    flags = ["--data", config.dataset.path, "--base", config.base, "--out", config.out, "--quantization", "none"]
    assert main(["fit", *flags, "--max-steps", "1", "--sample-every", "0", "--track", "none"]) == 0
    assert "no finite validation loss" in capsys.readouterr().out
    assert (RunFolder(config.out).adapter / "adapter_model.safetensors").is_file()


def test_a_run_goes_on_from_another_runs_adapter(config: TrainConfig, tmp_path: Path) -> None:
    """With its prompt format, and without judging itself on what that one has learned."""
    config = replace(config, dataset=replace(config.dataset, prompt_format="alpaca"))
    fit(config)
    first = Learned.read(Path(config.out))
    assert first is not None
    other = tmp_path / "more.jsonl"
    other.write_text("".join(json.dumps(pair(number)) + "\n" for number in range(40)))
    data = replace(config.dataset, path=str(other), prompt_format=None, split_seed=1)
    adapter = replace(config.adapter, start_from=config.out)
    second = replace(config, dataset=data, adapter=adapter, out=str(tmp_path / "second"), max_steps=1)
    session = load_session(second)
    assert session.prompt_format == "alpaca"
    assert first.uses.keys() <= session.learned.uses.keys()
    assert any(first.use_of(record) == "train" for record in load_split(data).validation), "or nothing was moved"
    assert not any(first.use_of(record) == "train" for record in session.prompts)
    with pytest.raises(SettingsError, match="format 'alpaca', not 'plain'"):
        load_session(replace(second, dataset=replace(data, prompt_format="plain")))


def test_resume_with_nothing_saved_yet_starts_anew(config: TrainConfig) -> None:
    assert fit(replace(config, max_steps=1, resume="latest")).steps == 1


def test_a_finished_run_goes_on_with_more_epochs(config: TrainConfig) -> None:
    fit(config)
    assert fit(replace(config, epochs=2, resume="latest")).steps == 6
    assert [line["step"] for line in metrics(config)] == [1, 2, 3, 4, 5, 6]

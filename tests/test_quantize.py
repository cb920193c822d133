"""A GPTQ base is made from a full one where requirements-gptq.txt is installed; elsewhere it is said what to install."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoConfig, LlamaConfig

from htmlgen.presets import PRESETS
from train.__main__ import main
from train.config import AdapterConfig, DataConfig, TrainConfig
from train.quantize import group_size

HAS_GPTQ = all(importlib.util.find_spec(name) for name in ("gptqmodel", "optimum"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [{"instruction": f"Page {n}", "output": f"<html><body><h1>Page {n}</h1></body></html>"} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(pairs: Path, base: Path, out: Path) -> list[str]:
    return ["quantize", "--base", str(base), "--data", str(pairs), "--out", str(out), "--group-size", "32"]


@pytest.mark.skipif(HAS_GPTQ, reason="the packages are here")
def test_without_the_packages_it_says_what_to_install(
    pairs: Path, tiny_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(pairs, tiny_llama_dir, tmp_path / "gptq")) == 1
    said = capsys.readouterr().err
    assert "gptqmodel" in said
    assert "pip install -r requirements-gptq.txt" in said
    assert not (tmp_path / "gptq").exists()


def test_groups_divide_the_layers(
    pairs: Path, tiny_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = AutoConfig.from_pretrained(PRESETS["demo"].base)
    assert (demo.hidden_size % 128, demo.intermediate_size % 64, group_size(demo, None)) == (64, 0, 64)
    codellama = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_attention_heads=32)
    assert (group_size(codellama, None), group_size(codellama, 32), group_size(codellama, -1)) == (128, 32, -1)
    assert group_size(LlamaConfig(hidden_size=40, intermediate_size=80, num_attention_heads=4), None) == -1
    assert main([*command(pairs, tiny_llama_dir, tmp_path / "gptq")[:-1], "48"]) == 1
    assert "--group-size 48 does not divide" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_not_written_into(
    pairs: Path, tiny_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file"):
        assert main(command(pairs, tiny_llama_dir, out)) == 1
        assert "is no empty folder" in capsys.readouterr().err


def test_a_base_that_is_not_there_is_told(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(pairs, Path("no/such"), tmp_path / "gptq")) == 1
    assert "no/such" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not HAS_GPTQ, reason="needs requirements-gptq.txt")
def test_an_adapter_learns_on_the_quantised_base(pairs: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    from train.fit import fit

    assert main(command(pairs, tiny_llama_dir, tmp_path / "gptq")) == 0
    assert json.loads((tmp_path / "gptq/config.json").read_text())["quantization_config"]["quant_method"] == "gptq"
    config = TrainConfig(
        dataset=DataConfig(path=str(pairs)),
        adapter=AdapterConfig(r=4),
        base=str(tmp_path / "gptq"),
        out=str(tmp_path / "run"),
        micro_batch_size=4,
        gradient_accumulation=1,
        learning_rate=5e-3,
        sample_every=0,
        track="none",
    )
    first = fit(replace(config, max_steps=1, out=str(tmp_path / "first")))
    last = fit(config)
    assert first.loss is not None
    assert last.loss is not None
    assert last.loss < first.loss - 0.05

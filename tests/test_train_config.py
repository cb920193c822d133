"""Every field is a flag and a YAML key; what cannot be is refused with the flag's name."""

import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from htmlgen.errors import SettingsError
from htmlgen.settings import PROJECT
from train import __main__ as command_line
from train.config import (
    AdapterConfig,
    DataConfig,
    TrainConfig,
    add_settings,
    field_docs,
    load_config,
    read_settings,
    save_config,
    settings_parser,
)

CONFIGS = (DataConfig, AdapterConfig, TrainConfig)
PLAIN = TrainConfig(dataset=DataConfig(path="rows.json"), out="run")


def parse(*flags: str) -> TrainConfig:
    parser = settings_parser("fit")
    add_settings(parser, TrainConfig)
    return read_settings(parser.parse_args(flags), TrainConfig)


def test_data_base_out_and_epochs_are_enough() -> None:
    config = parse("--data", "rows.json", "--base", "demo", "--out", "run", "--epochs", "2")
    assert config == replace(PLAIN, epochs=2)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "error: the following arguments are required: --data, --out\n"),
        (["--data", "x", "--out", "y", "--epochs", "many"], "error: --epochs: Expected int. Got value: many\n"),
        (["--data", "x", "--out", "y", "--schedule", "up"], "error: --schedule: Expected one of ['linear', 'cosine', 'constant']"),
    ],
    ids=["missing", "no number", "no choice"],
)  # fmt: skip
def test_a_wrong_flag_is_named_as_it_is_typed(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(*flags)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_field_says_what_it_costs(config: type) -> None:
    docs = field_docs(config)
    for item in fields(config):
        if item.name not in ("dataset", "adapter"):
            assert len(docs.get(item.name, "")) > 20, item.name


def test_every_field_is_a_flag_of_one_name() -> None:
    parser = settings_parser("fit")
    add_settings(parser, TrainConfig)
    flags = set(re.findall(r"^ {2}(--[\w-]+)", parser.format_help(), re.MULTILINE))
    names = [item.name for config in CONFIGS for item in fields(config) if item.name not in ("dataset", "adapter")]
    assert len(names) == len(set(names)), "a flag would stand for two fields"
    renamed = {"path": "data", "type": "adapter-type"}
    assert {"--" + renamed.get(name, name.replace("_", "-")) for name in names} <= flags


@pytest.mark.parametrize(
    ("flags", "section", "name", "value"),
    [
        (["--test-size", "0.3"], "dataset", "test_size", 0.3),
        (["--overlong", "drop"], "dataset", "overlong", "drop"),
        (["--max-length", "512"], "dataset", "max_length", 512),
        (["--max-length", "null"], "dataset", "max_length", None),
        (["--adapter-type", "dora"], "adapter", "type", "dora"),
        (["--r", "4"], "adapter", "r", 4),
        (["--target-modules", "[q_proj, v_proj]"], "adapter", "target_modules", ["q_proj", "v_proj"]),
        (["--learning-rate", "1e-3"], None, "learning_rate", 1e-3),
        (["--betas", "[0.8, 0.9]"], None, "betas", (0.8, 0.9)),
        (["--packing", "false"], None, "packing", False),
        (["--packing", "auto"], None, "packing", "auto"),
        (["--dry-run"], None, "dry_run", True),
        (["--group-by-length", "false"], None, "group_by_length", False),
        (["--resume"], None, "resume", "latest"),
        (["--resume", "step-40"], None, "resume", "step-40"),
        (["--track", "none"], None, "track", "none"),
    ],
)
def test_flags_are_read_with_their_types(flags: list[str], section: str | None, name: str, value: object) -> None:
    config = parse("--data", "x", "--out", "y", *flags)
    assert getattr(getattr(config, section) if section else config, name) == value


@pytest.mark.parametrize(
    ("config", "change", "flag"),
    [
        (DataConfig, {"path": " "}, "--data"),
        (DataConfig, {"test_size": 1.0}, "--test-size is 1.0"),
        (DataConfig, {"validation_size": -0.1}, "--validation-size is -0.1"),
        (DataConfig, {"test_split": "train"}, "--test-split"),
        (DataConfig, {"test_split": "held", "validation_split": "held"}, "--test-split and --validation-split"),
        (DataConfig, {"overlap": 0}, "--overlap is 0"),
        (DataConfig, {"max_length": 100, "overlap": 100}, "--overlap 100 leaves no room in --max-length 100"),
        (DataConfig, {"max_length": 7, "overlap": 1}, "--max-length is 7"),
        (AdapterConfig, {"r": 0}, "--r is 0"),
        (AdapterConfig, {"lora_alpha": 0}, "--lora-alpha is 0"),
        (AdapterConfig, {"lora_dropout": 1.0}, "--lora-dropout is 1.0"),
        (AdapterConfig, {"virtual_tokens": 0}, "--virtual-tokens is 0"),
        (AdapterConfig, {"target_modules": []}, "--target-modules"),
        (TrainConfig, {"epochs": 0}, "--epochs is 0"),
        (TrainConfig, {"max_steps": 0}, "--max-steps is 0"),
        (TrainConfig, {"keep_checkpoints": 1}, "--keep-checkpoints is 1 but must be at least 2"),
        (TrainConfig, {"learning_rate": 0.0}, "--learning-rate is 0.0"),
        (TrainConfig, {"learning_rate": float("nan")}, "--learning-rate is nan"),
        (TrainConfig, {"warmup_ratio": 1.0}, "--warmup-ratio is 1.0"),
        (TrainConfig, {"betas": (0.9, 1.0)}, "--betas"),
        (TrainConfig, {"out": ""}, "--out"),
        (TrainConfig, {"adapter": AdapterConfig(type="pissa")}, "--adapter-type pissa .* --quantization 4bit"),
        (TrainConfig, {"adapter": AdapterConfig(type="prefix"), "packing": True}, "--adapter-type prefix .* --packing"),
        (TrainConfig, {"patience": 3, "dataset": DataConfig(path="x", validation_size=0)}, "--patience needs"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_flag(config: type, change: dict[str, Any], flag: str) -> None:
    good = {DataConfig: PLAIN.dataset, AdapterConfig: PLAIN.adapter, TrainConfig: PLAIN}[config]
    with pytest.raises(SettingsError, match=flag):
        replace(good, **change)


def test_what_goes_together_is_taken() -> None:
    replace(PLAIN, adapter=AdapterConfig(type="pissa"), quantization="none")
    replace(PLAIN, adapter=AdapterConfig(type="prefix"), packing="auto")
    replace(PLAIN, patience=3, dataset=DataConfig(path="x", validation_size=0, validation_split="held"))


def test_saved_settings_read_back_the_same(tmp_path: Path) -> None:
    config = replace(
        PLAIN,
        dataset=DataConfig(path="Grüße.json", max_length=512, overlong="drop"),
        adapter=AdapterConfig(type="dora", target_modules=["q_proj"]),
        betas=(0.8, 0.95),
        packing=False,
        resume="latest",
    )
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("out: x\ndataset: {path: y, test_siz: 1}", "test_siz"),
        ("out: x\ndataset: {path: y}\nepochs: many", "epochs"),
        ("out: x", "dataset.path"),
        ("out: x\ndataset: {path: y, test_size: 3}", "--test-size is 3"),
        ("{", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_settings_file_that_cannot_be_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_config(path)


@pytest.mark.parametrize("path", sorted((PROJECT / "runs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_of_runs_is_valid_and_explains_itself(path: Path) -> None:
    config = load_config(path)
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert f"--config runs/{path.name}" in text
    for section in (
        yaml.safe_load(text),
        yaml.safe_load(text).get("dataset", {}),
        yaml.safe_load(text).get("adapter", {}),
    ):
        assert section, "an empty section"
    assert config.out.startswith("runs/")


def fake_command(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    def add_arguments(parser: Any) -> None:
        add_settings(parser, TrainConfig)

    monkeypatch.setattr(
        command_line.importlib, "import_module", lambda name: SimpleNamespace(add_arguments=add_arguments, run=run)
    )


def test_flags_override_the_file_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_config(replace(PLAIN, epochs=7, learning_rate=1.0), tmp_path / "run.yaml")
    seen: list[TrainConfig] = []
    fake_command(monkeypatch, lambda arguments: seen.append(read_settings(arguments, TrainConfig)) or 5)
    assert command_line.main(["fit", "--epochs", "2", "--config", str(tmp_path / "run.yaml"), "--r", "3"]) == 5
    assert (seen[0].epochs, seen[0].learning_rate, seen[0].adapter.r) == (2, 1.0, 3)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [(SettingsError("do this"), 1, "error: do this"), (KeyboardInterrupt(), 130, "interrupted")],
)
def test_failures_end_in_a_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, text: str
) -> None:
    def run(arguments: Any) -> int:
        raise error

    fake_command(monkeypatch, run)
    assert command_line.main(["fit", "--data", "x", "--out", "y"]) == status
    assert capsys.readouterr().err.strip() == text


def test_help_names_every_command_without_loading_torch() -> None:
    code = (
        "import sys; from train.__main__ import main\ntry: main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for name in command_line.COMMANDS:
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)

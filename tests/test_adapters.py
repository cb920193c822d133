"""Every kind of adapter trains on every kind of base that it goes with, and what is saved is what was trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from htmlgen.errors import ModelNotFound, SettingsError
from htmlgen.presets import Preset, find_preset
from htmlgen.prompt import read_prompt_format
from htmlgen.settings import PROJECT
from train import precision
from train.adapters import adapter_files, attach, base_name, load_base, prepare_checkpointing, trained_parameters
from train.config import AdapterConfig, DataConfig, TrainConfig
from train.loss import SummedLoss
from train.optimizer import learning_rate_at, make_optimizer, rate, warmup_steps
from train.parallel import optimizer_tensors, set_optimizer_tensors, whole
from train.precision import choose_precision

TYPES = ["lora", "rslora", "dora", "pissa", "prefix", "prompt"]
CPU = torch.device("cpu")


@pytest.fixture
def preset(tiny_llama_dir: Path) -> Preset:
    return find_preset(str(tiny_llama_dir))


def batch() -> dict[str, torch.Tensor]:
    ids = torch.arange(4, 36).reshape(2, 16)
    return {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}


def trained(model: Any, steps: int = 3, dtype: torch.dtype = torch.float32) -> None:
    """Moves the adapter away from where it began."""
    loss = SummedLoss(model).train()
    optimizer = torch.optim.AdamW(trained_parameters(model).values(), lr=1e-2)
    for _ in range(steps):
        # Not around all steps: autocast keeps the rounded weights of the first one until its end.
        with precision.Precision(dtype, CPU).autocast():
            value = loss(batch())
        value.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_saved_is_what_was_trained(kind: Any, preset: Preset, tmp_path: Path) -> None:
    """peft loads the files over the untouched base and gives the logits of the trained model; pissa's too."""
    torch.manual_seed(0)
    model = attach(load_base(preset, "none", torch.float32), AdapterConfig(type=kind, r=4, lora_dropout=0.0), preset)
    assert all(p.dtype == torch.float32 and "base_layer" not in n for n, p in trained_parameters(model).items())
    initial = {name: whole(p) for name, p in trained_parameters(model).items()} if kind == "pissa" else None
    trained(model)
    weights = {name: whole(parameter) for name, parameter in trained_parameters(model).items()}
    for name, data in adapter_files(model, weights, initial, preset, "alpaca").items():
        (tmp_path / name).write_bytes(data)
    with torch.no_grad():
        expected = model.eval()(batch()["input_ids"]).logits
        base = AutoModelForCausalLM.from_pretrained(preset.base)
        loaded = PeftModel.from_pretrained(base, tmp_path).eval()(batch()["input_ids"]).logits
        bare = AutoModelForCausalLM.from_pretrained(preset.base)(batch()["input_ids"]).logits
    torch.testing.assert_close(loaded, expected, rtol=1e-4, atol=1e-4)
    assert (bare - expected[:, -16:]).abs().max() > 1e-3
    assert read_prompt_format(tmp_path) == "alpaca"
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == preset.base


@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_quantised_base_stays_as_it_is_and_its_adapter_learns(
    quantization: Any, dtype: torch.dtype, preset: Preset
) -> None:
    base = load_base(preset, quantization, dtype)
    (kind,) = {"4bit": ["Linear4bit"], "8bit": ["Linear8bitLt"]}[quantization]
    assert sum(type(module).__name__ == kind for module in base.modules()) == 14
    model = attach(base, AdapterConfig(r=4, lora_dropout=0.0), preset)
    frozen = {n: p.detach().clone() for n, p in model.named_parameters() if not p.requires_grad}
    first = SummedLoss(model)(batch()).item()
    trained(model, 5, dtype)
    assert SummedLoss(model)(batch()).item() < first - 1
    for name, parameter in model.named_parameters():
        if name in frozen:  # compared as bytes: packed in floating-point numbers, some of them are no numbers
            assert torch.equal(parameter.data.view(torch.uint8), frozen[name].data.view(torch.uint8)), name


def test_four_bit_weights_are_stored_in_the_type_they_compute_in(preset: Preset) -> None:
    """FSDP shards groups of one type."""
    base = load_base(preset, "4bit", torch.bfloat16)
    assert {parameter.dtype for parameter in base.parameters()} == {torch.bfloat16}


def test_gradients_survive_an_evaluation(preset: Preset) -> None:
    """bitsandbytes repacks 4-bit weights in eval mode on some CPUs, after which nothing below them learns."""
    model = attach(load_base(preset, "4bit", torch.bfloat16), AdapterConfig(r=4, lora_dropout=0.0), preset)
    loss, gradients = SummedLoss(model), []
    for _ in range(2):
        loss.train()
        with torch.autocast("cpu", torch.bfloat16):
            loss(batch()).backward()
        gradients.append({name: p.grad.clone() for name, p in trained_parameters(model).items()})
        model.zero_grad()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            loss.eval()(batch())
    assert any(gradient.any() for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        assert torch.equal(gradient, gradients[1][name]), name


def test_targets_are_the_presets_own_unless_named(preset: Preset) -> None:
    def targets(preset: Preset, config: AdapterConfig) -> set[str]:
        model = attach(load_base(preset, "none", torch.float32), config, preset)
        return {name.split(".lora_")[0].rpartition(".")[2] for name in trained_parameters(model)}

    everything = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert targets(preset, AdapterConfig()) == everything
    own = Preset("own", preset.base, None, "alpaca", "MIT", 0.0, target_modules=("q_proj", "v_proj"))
    assert targets(own, AdapterConfig()) == {"q_proj", "v_proj"}
    assert targets(own, AdapterConfig(target_modules=["o_proj"])) == {"o_proj"}


def test_what_cannot_be_is_refused_with_advice(preset: Preset, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"pissa.*--quantization none"):
        attach(load_base(preset, "4bit", torch.float32), AdapterConfig(type="pissa"), preset)
    with pytest.raises(SettingsError, match=r"query_key_value.*linear layers are: down_proj, .*q_proj"):
        attach(load_base(preset, "none", torch.float32), AdapterConfig(target_modules=["query_key_value"]), preset)
    with pytest.raises(ModelNotFound, match="no/such"):
        load_base(find_preset("no/such"), "none", torch.float32)
    model = attach(load_base(preset, "none", torch.float32), AdapterConfig(type="prefix"), preset)
    with pytest.raises(SettingsError, match="--gradient-checkpointing does not go"):
        prepare_checkpointing(model, True, AdapterConfig(type="prefix"))
    assert not prepare_checkpointing(model, "auto", AdapterConfig(type="prefix"))


def test_training_goes_on_from_an_adapter(preset: Preset, tmp_path: Path) -> None:
    config = AdapterConfig(r=4, target_modules=["q_proj", "v_proj"])
    first = attach(load_base(preset, "none", torch.float32), config, preset)
    for parameter in trained_parameters(first).values():
        torch.nn.init.normal_(parameter)
    for name, data in adapter_files(first, trained_parameters(first), None, preset, "plain").items():
        (tmp_path / name).write_bytes(data)
    second = attach(load_base(preset, "none", torch.float32), replace(config, start_from=str(tmp_path)), preset)
    assert trained_parameters(second).keys() == trained_parameters(first).keys()
    for name, parameter in trained_parameters(second).items():
        assert torch.equal(parameter, trained_parameters(first)[name]), name
        assert parameter.requires_grad
    for other in (replace(config, r=8), replace(config, target_modules=["q_proj"])):
        with pytest.raises(SettingsError, match="--r and --target-modules"):
            attach(load_base(preset, "none", torch.float32), replace(other, start_from=str(tmp_path)), preset)
    for other, flag in (
        (replace(config, lora_alpha=8), "--lora-alpha 64"),
        (replace(config, type="rslora"), "--adapter-type"),
    ):
        with pytest.raises(SettingsError, match=flag):
            attach(load_base(preset, "none", torch.float32), replace(other, start_from=str(tmp_path)), preset)
    there = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(there | {"base_model_name_or_path": "someone/else-7b"}))
    with pytest.raises(SettingsError, match="was trained on someone/else-7b"):
        attach(load_base(preset, "none", torch.float32), replace(config, start_from=str(tmp_path)), preset)
    with pytest.raises(ModelNotFound, match="run's folder"):
        attach(load_base(preset, "none", torch.float32), replace(config, start_from=str(tmp_path / "none")), preset)
    with pytest.raises(SettingsError, match="--start-from"):
        AdapterConfig(type="prefix", start_from=str(tmp_path))


def test_a_gptq_base_says_what_to_install(preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads((Path(preset.base) / "config.json").read_text())
    (tmp_path / "config.json").write_text(
        json.dumps(config | {"quantization_config": {"quant_method": "gptq", "bits": 4}})
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"gptqmodel and optimum: pip install -r requirements-gptq\.txt"):
        load_base(find_preset(str(tmp_path)), "4bit", torch.float32)


def test_a_base_within_the_project_is_named_from_there(preset: Preset, tmp_path: Path) -> None:
    assert base_name(preset) == preset.base
    inside = Preset("x", str(PROJECT / "htmlgen"), None, "alpaca", "MIT", 0.0)
    assert base_name(inside) == "htmlgen"
    assert base_name(find_preset("codellama")) == "TinyPixel/CodeLlama-7B-Instruct-bf16-sharded"


# -- optimizer and precision -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 1]),
        ("linear", [1 / 3, 2 / 3, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8]),
        ("cosine", [1 / 3, 2 / 3, 1, 0.9619398, 0.8535534, 0.6913417, 0.5, 0.3086583, 0.1464466]),
    ],
)
def test_rates(schedule: Any, expected: list[float]) -> None:
    assert [rate(step, 10, 2, schedule) for step in range(9)] == pytest.approx(expected)


def settings(**changes: Any) -> TrainConfig:
    return TrainConfig(dataset=DataConfig(path="pages.jsonl"), out="run", **changes)


def test_warmup_is_given_in_steps_or_as_a_share() -> None:
    assert warmup_steps(1000, settings()) == 30
    assert warmup_steps(1000, settings(warmup_ratio=0.1)) == 100
    assert warmup_steps(1000, settings(warmup_ratio=0.1, warmup_steps=7)) == 7
    assert learning_rate_at(0, 100, settings(warmup_steps=0, learning_rate=0.5)) == 0.5
    assert learning_rate_at(99, 100, settings()) < 1e-6


@pytest.mark.parametrize("kind", ["adamw_8bit", "paged_adamw_8bit"])
def test_eight_bit_optimizers_need_cuda(kind: Any) -> None:
    with pytest.raises(SettingsError, match=f"{kind} needs a CUDA GPU.*--optimizer adamw"):
        make_optimizer(settings(optimizer=kind), [torch.nn.Parameter(torch.zeros(2))], CPU)


def test_the_optimizer_gets_its_settings() -> None:
    made = make_optimizer(settings(betas=(0.8, 0.95), weight_decay=0.1), [torch.nn.Parameter(torch.zeros(2))], CPU)
    assert isinstance(made, torch.optim.AdamW)
    assert made.param_groups[0]["betas"] == (0.8, 0.95)
    assert made.param_groups[0]["weight_decay"] == 0.1


def test_an_optimizer_takes_up_its_state_again() -> None:
    """bitsandbytes counts steps as a number, torch as a tensor; both come back as what they were."""
    parameters = {"a": torch.nn.Parameter(torch.ones(3))}
    first, second = (torch.optim.AdamW(parameters.values()) for _ in range(2))
    parameters["a"].sum().backward()
    first.step()
    first.state[parameters["a"]] |= {"count": 7, "scale": torch.ones(2)}
    set_optimizer_tensors(second, parameters, optimizer_tensors(first, parameters))
    assert second.state[parameters["a"]].keys() == first.state[parameters["a"]].keys()
    for name, value in first.state[parameters["a"]].items():
        found = second.state[parameters["a"]][name]
        assert type(found) is type(value)
        assert torch.equal(torch.as_tensor(found), torch.as_tensor(value))


def test_precision_is_what_the_hardware_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    for has, expected in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(precision, "_cuda_has_bf16", lambda has=has: has)
        assert choose_precision("auto", cuda).dtype == expected
    assert choose_precision("auto", cuda).scaled
    assert choose_precision("auto", cuda, sharded=True).dtype == torch.float32
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    with pytest.raises(SettingsError, match="Tesla T4 has no bf16"):
        choose_precision("bf16", cuda)
    with pytest.raises(SettingsError, match="fp16 cannot be combined with --parallel fsdp"):
        choose_precision("fp16", CPU, sharded=True)
    for has, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(precision, "_cpu_has_bf16", lambda has=has: has)
        assert choose_precision("auto", CPU).dtype == expected

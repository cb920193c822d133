"""Merging a real, tiny adapter: equal logits, whole folders, refusals that say what to do, and the model card."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from htmlgen.adapter import attach
from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.errors import AdapterMismatch, ModelError, ModelNotFound, SettingsError
from htmlgen.local import LocalEngine, choose_preset
from htmlgen.prompt import read_prompt_format, write_prompt_format
from htmlgen.settings import Settings
from train import merge as merging
from train.config import AdapterConfig, DataConfig, TrainConfig, save_config
from train.merge import add_arguments, merge, run
from train.source import find_base, find_source
from train.weights import adapter_digest


def arguments(*flags: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args([str(flag) for flag in flags])


@torch.no_grad()
def logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    return model.eval()(input_ids=ids).logits


@pytest.fixture
def adapter(tiny_adapter_dir: Path, tmp_path: Path) -> Path:
    """A copy of the adapter in a run's folder, to be changed at will."""
    return Path(shutil.copytree(tiny_adapter_dir, tmp_path / "run" / "adapter"))


def make_adapter(base: Path, folder: Path, config: Any, std: float = 0.3) -> Path:
    torch.manual_seed(2)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name or "lora_embedding_A" in name:
            torch.nn.init.normal_(parameter, std=std)
    model.save_pretrained(folder)
    write_prompt_format(folder, "plain", str(base))
    return folder


@pytest.mark.parametrize(
    "kind",
    [{}, {"use_rslora": True}, {"use_dora": True}, {"modules_to_save": ["lm_head"]}],
    ids=["lora", "rslora", "dora", "head"],
)
def test_merged_logits_are_those_of_base_and_adapter(
    tiny_llama_dir: Path, tmp_path: Path, kind: dict[str, Any]
) -> None:
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", **kind)
    folder = make_adapter(tiny_llama_dir, tmp_path / "adapter", config)
    assert run(arguments("--adapter", folder, "--out", tmp_path / "merged")) == 0
    base = AutoModelForCausalLM.from_pretrained(tiny_llama_dir)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert merged.dtype == torch.float32
    ids = torch.randint(0, base.config.vocab_size, (2, 40), generator=torch.Generator().manual_seed(0))
    alone = logits(base, ids)
    expected = logits(PeftModel.from_pretrained(base, folder), ids)
    found = logits(merged, ids)
    assert (found - expected).abs().max() < 1e-4
    assert (found - alone).abs().max() > 0.1, "the adapter does change the model"


@pytest.mark.parametrize(
    "kind",
    [{"target_modules": ["q_proj", "embed_tokens", "lm_head"]}, {"target_modules": ["embed_tokens"]},
     {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}],
    ids=["both", "embeddings", "head"],
)  # fmt: skip
def test_a_base_whose_head_is_its_embeddings_is_merged_with_each_of_its_own(
    tiny_llama_dir: Path, tmp_path: Path, kind: dict[str, Any]
) -> None:
    tied = tmp_path / "tied"
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tiny_llama_dir, tie_word_embeddings=True))
    assert base.lm_head.weight is base.model.embed_tokens.weight
    base.save_pretrained(tied)
    AutoTokenizer.from_pretrained(tiny_llama_dir).save_pretrained(tied)
    folder = make_adapter(tied, tmp_path / "adapter", LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **kind))
    assert run(arguments("--adapter", folder, "--out", tmp_path / "merged")) == 0
    ids = torch.randint(0, base.config.vocab_size, (2, 40), generator=torch.Generator().manual_seed(0))
    expected = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tied), folder), ids)
    served = attach(AutoModelForCausalLM.from_pretrained(tied), folder, merge=True)
    assert (logits(served, ids) - expected).abs().max() < 1e-4, "as the engine merges it"
    assert (logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged"), ids) - expected).abs().max() < 1e-4


def test_the_folder_is_whole(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    assert run(arguments("--adapter", adapter, "--out", out)) == 0
    assert read_prompt_format(out) == "alpaca"
    text = "<h1>Grüße</h1> </s>"
    assert AutoTokenizer.from_pretrained(out).encode(text) == AutoTokenizer.from_pretrained(tiny_llama_dir).encode(text)
    config = json.loads((out / "config.json").read_text())
    assert config["use_cache"] is True
    assert "quantization_config" not in config
    assert "peft" not in (out / "README.md").read_text().split("---")[1]
    assert (out / "model.safetensors").is_file()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["merged", "run"], "no temporary folder stays"


async def test_it_is_served_by_its_path_alone(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    write_prompt_format(adapter, "plain", str(tiny_llama_dir))
    run(arguments("--adapter", adapter, "--out", out))
    engine = LocalEngine(choose_preset(Settings(model=str(out))), quantization="none")
    await engine.load()
    try:
        assert engine.prompt_format == "plain"
        (completion,) = await engine.generate_batch([GenerationRequest("A page", sampling=Sampling(max_new_tokens=4))])
        assert completion.usage.new_tokens >= 1
        name = "model.layers.0.self_attn.q_proj.weight"
        served = engine.model.state_dict()[name]
        assert torch.equal(served, load_file(out / "model.safetensors")[name].to(served.dtype))
        assert not torch.equal(served, load_file(tiny_llama_dir / "model.safetensors")[name].to(served.dtype))
    finally:
        await engine.close()


def test_bf16_base_stays_bf16_unless_told(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(tiny_llama_dir, dtype=torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(tiny_llama_dir).save_pretrained(half)
    for flag, dtype in (("auto", torch.bfloat16), ("float32", torch.float32)):
        run(arguments("--adapter", adapter, "--base", half, "--out", tmp_path / flag, "--dtype", flag))
        assert load_file(tmp_path / flag / "model.safetensors")["lm_head.weight"].dtype == dtype


def test_weights_that_are_not_finite_are_refused(adapter: Path, tmp_path: Path) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    next(tensor for name, tensor in weights.items() if "lora_B" in name)[0, 0] = float("nan")
    save_file(weights, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="NaN"):
        run(arguments("--adapter", adapter, "--out", tmp_path / "merged"))
    assert not (tmp_path / "merged").exists()


def test_infinity_in_any_weight_is_found() -> None:
    layer = torch.nn.Linear(2, 2)
    merging.refuse_not_finite(layer)
    layer.bias.data[1] = float("inf")
    with pytest.raises(ModelError, match="bias is not finite"):
        merging.refuse_not_finite(layer)


def test_a_merge_that_changed_the_model_is_refused(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(model: Any, *_: object) -> None:
        model.lm_head.weight.data += 0.01

    monkeypatch.setattr(merging, "refuse_not_finite", forget)
    with pytest.raises(ModelError, match="differ from those of base"):
        run(arguments("--adapter", adapter, "--out", tmp_path / "merged"))
    assert not (tmp_path / "merged").exists()


def test_a_quantised_base_is_refused(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_llama_dir, tmp_path / "gptq"))
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"quantised itself \(gptq\).*--base"):
        run(arguments("--adapter", adapter, "--base", base, "--out", tmp_path / "merged"))


def test_another_base_is_a_mismatch(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama_dir)
    model.config.hidden_size, model.config.num_attention_heads, model.config.num_key_value_heads = 32, 2, 2
    other = type(model)(model.config)
    other.save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(tiny_llama_dir).save_pretrained(tmp_path / "other")
    with pytest.raises(AdapterMismatch, match="--base"):
        run(arguments("--adapter", adapter, "--base", tmp_path / "other", "--out", tmp_path / "merged"))


def test_prompt_tuning_cannot_be_merged(tiny_llama_dir: Path, tmp_path: Path) -> None:
    folder = make_adapter(
        tiny_llama_dir, tmp_path / "prompt", PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    )
    with pytest.raises(SettingsError, match=r"prompt tuning.*--what adapter"):
        merge(find_source(str(folder)), tmp_path / "merged")


def test_missing_adapter_base_and_out(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="There is no adapter"):
        run(arguments("--adapter", tmp_path / "nothing", "--out", tmp_path / "x"))
    with pytest.raises(ModelNotFound, match="--base"):
        run(arguments("--adapter", adapter, "--base", tmp_path / "nothing", "--out", tmp_path / "x"))
    with pytest.raises(SettingsError, match="--out is missing"):
        run(arguments("--adapter", adapter))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(SettingsError, match="not empty"):
        run(arguments("--adapter", adapter, "--out", tmp_path / "full"))


def test_bases_are_found_by_every_name_they_go_by() -> None:
    assert find_base("demo").name == find_base("models/demo/base").name == "demo"
    assert find_base("mistralai/Mistral-7B-v0.1").licence == "Apache-2.0"
    assert find_base("somebody/other").base == "somebody/other"


def write_run(adapter: Path, base: Path) -> None:
    """What `fit` leaves beside an adapter, and what `evaluate` leaves in the run's folder."""
    run_folder = adapter.parent
    config = TrainConfig(
        dataset=DataConfig(path="/home/anna/secret/pages.jsonl"), adapter=AdapterConfig(r=4, lora_alpha=8),
        base=str(base), out=str(run_folder), patience=None,
    )  # fmt: skip
    save_config(config, run_folder / "config.yaml")
    lines = [{"step": 1, "loss": 3.0}, {"step": 2, "eval_loss": 2.5}, {"step": 9, "loss": 1.25, "eval_loss": 2.75}]
    (run_folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    score = {"score": 0.5, "low": 0.25, "high": 0.75}
    report = {
        "metrics": [{"name": "chrf", "label": "chrF", "digits": 2}],
        "systems": [
            {"name": "base", "adapter": None, "adapter_sha256": None, "scores": {"chrf": {**score, "score": 0.125}}},
            {
                "name": "pages",
                "adapter": str(adapter),
                "adapter_sha256": adapter_digest(adapter),
                "scores": {"chrf": score},
            },
        ],
        "data": {"evaluated": 12, "part": "test"},
        "settings": {"sampling": {"temperature": 0.0}, "quantization": "4bit"},
    }
    (run_folder / "evaluation").mkdir()
    (run_folder / "evaluation" / "report.json").write_text(json.dumps(report))


def test_the_card_tells_data_settings_and_scores(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    write_run(adapter, tiny_llama_dir)
    out = tmp_path / "published"
    assert run(arguments("--adapter", adapter.parent, "--what", "adapter", "--out", out)) == 0
    card = (out / "README.md").read_text()
    head = card.split("---")[1]
    assert "library_name: peft" in head
    assert "pipeline_tag: text-generation" in head
    assert "`pages.jsonl` (a local file)" in card
    assert "secret" not in card, "no path of anybody's machine"
    assert "20% of the rows" in card
    assert "lora, r 4, alpha 8" in card
    assert "| Steps done | 9 |" in card
    assert "| Training loss | 3.0000 at first, 1.2500 at the end |" in card
    assert "| Validation loss | 2.5000 at best, 2.7500 at the end |" in card
    assert "| chrF | 0.50 (0.25 to 0.75) | 0.12 |" in card
    assert sorted(file.name for file in out.iterdir()) == [
        "README.md", "adapter_config.json", "adapter_model.safetensors", "htmlgen.json",
    ]  # fmt: skip
    assert (out / "adapter_model.safetensors").read_bytes() == (adapter / "adapter_model.safetensors").read_bytes()


def test_the_card_says_when_the_scores_are_of_rows_that_were_learned(
    adapter: Path, tiny_llama_dir: Path, tmp_path: Path
) -> None:
    write_run(adapter, tiny_llama_dir)
    file = adapter.parent / "evaluation" / "report.json"
    report = json.loads(file.read_text())
    report["data"] |= {"part": "train", "warnings": ["some may be rows it has learned."]}
    file.write_text(json.dumps(report))
    with (adapter.parent / "metrics.jsonl").open("a") as log:
        log.write('{"step": 10, "lo')  # the run was killed
    assert run(arguments("--adapter", adapter.parent, "--what", "adapter", "--out", tmp_path / "published")) == 0
    card = (tmp_path / "published" / "README.md").read_text()
    assert "12 prompts, those of training among them (train part)" in card
    assert "Note: some may be rows it has learned." in card


def test_scores_of_other_weights_are_not_claimed(adapter: Path, tiny_llama_dir: Path, tmp_path: Path) -> None:
    write_run(adapter, tiny_llama_dir)
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file(
        {name: tensor * 2 for name, tensor in weights.items()}, adapter / "adapter_model.safetensors", {"format": "pt"}
    )
    run(arguments("--adapter", adapter, "--what", "adapter", "--out", tmp_path / "published"))
    assert "It was not evaluated" in (tmp_path / "published" / "README.md").read_text()
    with pytest.raises(SettingsError, match="does not hold this adapter"):
        run(
            arguments(
                "--adapter", adapter, "--out", tmp_path / "x", "--report", adapter.parent / "evaluation" / "report.json"
            )
        )


def test_push_asks_for_the_token_before_the_merge(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.setattr(merging, "merge", lambda *_, **__: pytest.fail("merged for nothing"))
    with pytest.raises(SettingsError, match="settings/tokens"):
        run(arguments("--adapter", adapter, "--out", tmp_path / "merged", "--push", "anna/pages"))

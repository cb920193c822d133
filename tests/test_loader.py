"""What cannot be loaded says why and what to do, before weights are read where that can be told."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from htmlgen import loader
from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.errors import AdapterMismatch, ModelError, ModelNotFound, OutOfMemory
from htmlgen.local import LocalEngine
from htmlgen.presets import find_preset


def load(base: Path | str, adapter: Path | str | None = None, quantization: Any = "none") -> loader.Loaded:
    return loader.load(str(base), None if adapter is None else str(adapter), quantization, lambda status: None)


@pytest.fixture
def base(tiny_llama_dir: Path, tmp_path: Path) -> Path:
    """A copy of the base to break."""
    return Path(shutil.copytree(tiny_llama_dir, tmp_path / "base"))


@pytest.fixture
def adapter(tiny_adapter_dir: Path, tmp_path: Path) -> Path:
    """A copy of the adapter to break."""
    return Path(shutil.copytree(tiny_adapter_dir, tmp_path / "adapter"))


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def empty(base: Path) -> None:
    for file in base.iterdir():
        file.unlink()


def truncate(base: Path) -> None:
    file = base / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def git_pointer(base: Path) -> None:
    (base / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def lose_a_shard(base: Path) -> None:
    shards = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def lose_a_tensor(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, base / "model.safetensors", {"format": "pt"})


def set_trap(base: Path) -> None:
    (base / "model.safetensors").unlink()
    torch.save({"x": Trap(base / "sprung")}, base / "pytorch_model.bin")


def bring_code(base: Path) -> None:
    edit_json(
        base / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"},
    )
    (base / "mine.py").write_text(f"open({str(base / 'sprung')!r}, 'w')")


def grow_tokenizer(base: Path) -> None:
    edit_json(base / "config.json", vocab_size=400)


def quantize_by_gptq(base: Path) -> None:
    edit_json(base / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})


BROKEN: list[tuple[Callable[[Path], None], type[ModelError], str]] = [
    (empty, ModelNotFound, r"no config\.json.*HTMLGEN_MODEL"),
    (lambda base: (base / "model.safetensors").unlink(), ModelNotFound, "has no weights"),
    (lambda base: (base / "config.json").write_text("{"), ModelError, "config"),
    (lambda base: (base / "tokenizer.json").write_text("{"), ModelError, "cannot be loaded"),
    (truncate, ModelError, r"model\.safetensors is damaged.*fetch it again"),
    (git_pointer, ModelError, "damaged.*git lfs pull"),
    (lose_a_shard, ModelNotFound, "incomplete: model-00002-of-00002.safetensors is missing"),
    (lose_a_tensor, ModelError, r"lacks 1 of the model's tensors, such as model\.layers\.1\.mlp\.up_proj"),
    (set_trap, ModelError, "more than weights.*safetensors"),
    (bring_code, ModelError, "code of its own, which is never run"),
    (grow_tokenizer, ModelError, "ids up to 431 and the model only 400"),
    (quantize_by_gptq, ModelError, r"GPTQ.*pip install -r requirements-gptq\.txt"),
]


@pytest.mark.parametrize(("damage", "error", "message"), BROKEN, ids=[case[2][:24] for case in BROKEN])
def test_a_broken_base_says_what_to_do(
    base: Path, damage: Callable[[Path], None], error: type[ModelError], message: str
) -> None:
    damage(base)
    with pytest.raises(error, match=message) as failure:
        load(base)
    assert "\n" not in str(failure.value)
    assert not (base / "sprung").exists(), "nothing of it was run"


def test_pickled_weights_are_read_as_weights_only(base: Path, tiny_llama_dir: Path) -> None:
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    loaded = load(base)
    assert "pickled" in loaded.notes[0]
    ids = torch.tensor([[5, 6]])
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, load(tiny_llama_dir).model(ids).logits)


def test_too_little_memory_is_told_before_the_weights_are_read(base: Path, monkeypatch) -> None:
    monkeypatch.setattr(loader, "free_memory", lambda: 50_000)
    monkeypatch.setattr(loader, "_load_base", lambda *args: pytest.fail("read the weights"))
    with pytest.raises(OutOfMemory, match=r"needs 0\.0 GiB.*HTMLGEN_QUANTIZATION=4bit.*demo"):
        load(base)
    with pytest.raises(OutOfMemory) as failure:
        load(base, quantization="4bit")
    assert "QUANTIZATION" not in str(failure.value), "it is in 4 bits already"


def test_memory_needed_is_what_the_weights_take(base: Path, monkeypatch) -> None:
    loaded = {quantization: load(base, quantization=quantization) for quantization in ("4bit", "8bit", "none")}
    for quantization, model in loaded.items():
        # Counted from bitsandbytes' own tensors; its scales and code books weigh more in a tiny model than in a real one.
        takes = sum(parameter.nbytes for parameter in model.model.parameters())
        monkeypatch.setattr(loader, "free_memory", lambda takes=takes: int(0.9 * takes))
        with pytest.raises(OutOfMemory):
            load(base, quantization=quantization)
        monkeypatch.setattr(loader, "free_memory", lambda takes=takes: int(1.2 * takes))
        load(base, quantization=quantization)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_running_out_of_memory_while_loading_says_what_to_do(base: Path, monkeypatch, error: Exception) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(loader, "_load_base", fail)
    with pytest.raises(OutOfMemory, match="HTMLGEN_QUANTIZATION=4bit") as failure:
        load(base)
    assert failure.value.__cause__ is error


def test_loading_can_be_tried_again_after_a_failure(base: Path) -> None:
    async def check() -> None:
        engine = LocalEngine(find_preset(str(base)))
        config = (base / "config.json").read_text()
        (base / "config.json").unlink()
        with pytest.raises(ModelNotFound):
            await engine.load()
        (base / "config.json").write_text(config)
        await engine.load()
        assert engine.status == "Ready."
        await engine.close()

    asyncio.run(check())


def test_layers_of_odd_shapes_generate_in_nf4(tmp_path: Path, byte_level_tokenizer: Any) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=432, hidden_size=48, intermediate_size=104, num_hidden_layers=1, num_attention_heads=4
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    byte_level_tokenizer.save_pretrained(tmp_path)

    async def check() -> None:
        engine = LocalEngine(find_preset(str(tmp_path)))
        await engine.load()
        deltas = [
            delta async for delta in engine.stream(GenerationRequest("A page", sampling=Sampling(max_new_tokens=3)))
        ]
        assert deltas[-1].finish_reason in ("stop", "length")
        await engine.close()

    asyncio.run(check())


@pytest.mark.parametrize(
    ("cores", "at_first", "named", "expected"),
    [(8, 8, None, 7), (8, 4, None, 4), (1, 1, None, 1), (2, 2, None, 1), (8, 8, "8", None)],
)
def test_one_core_is_left_to_others(
    monkeypatch, cores: int, at_first: int, named: str | None, expected: int | None
) -> None:
    told: list[int] = []
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: at_first)
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if named is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", named)
    loader._leave_a_core()
    assert told == ([] if expected is None else [expected])


class TestNames:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("/nowhere/model", "There is no folder /nowhere/model.*HTMLGEN_MODEL"),
            ("./nowhere", "There is no folder .*nowhere"),
            ("codelama", "no model 'codelama'.*demo, codellama, falcon.*owner/model"),
            ("owner/a model", "There is no folder"),
        ],
    )
    def test_a_wrong_name_says_what_names_there_are(self, name: str, message: str) -> None:
        with pytest.raises(ModelNotFound, match=message):
            load(name)

    def test_a_file_is_not_a_folder(self, base: Path) -> None:
        with pytest.raises(ModelNotFound, match="is a file"):
            load(base / "model.safetensors")

    def test_an_adapter_given_as_the_model_says_how_to_use_it(self, adapter: Path, tiny_llama_dir: Path) -> None:
        with pytest.raises(ModelError, match=f"HTMLGEN_ADAPTER={adapter} and HTMLGEN_MODEL={tiny_llama_dir}"):
            load(adapter)

    def test_a_model_given_as_the_adapter_is_refused(self, base: Path) -> None:
        with pytest.raises(ModelNotFound, match=r"no adapter_config\.json"):
            load(base, base)
        with pytest.raises(ModelNotFound, match="HTMLGEN_ADAPTER"):
            load(base, "/nowhere/adapter")


class TestAdapter:
    @staticmethod
    def reshape(base: Path, **changes: Any) -> None:
        """Makes `base` a model of another shape."""
        from transformers import AutoConfig, AutoModelForCausalLM

        edit_json(base / "config.json", **changes)
        AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base)).save_pretrained(base)

    def test_one_for_a_wider_base_names_both_and_the_shapes(
        self, base: Path, adapter: Path, tiny_llama_dir: Path, monkeypatch
    ) -> None:
        self.reshape(base, intermediate_size=192)
        monkeypatch.setattr(loader, "_load_base", lambda *args: pytest.fail("read the weights"))
        with pytest.raises(AdapterMismatch) as failure:
            load(base, adapter)
        message = str(failure.value)
        for part in (
            f"adapter {adapter}",
            f"made for {tiny_llama_dir}",
            f"fit {base}",
            "128",
            "192",
            "mlp",
            "HTMLGEN_ADAPTER",
        ):
            assert part in message

    @pytest.mark.parametrize(
        ("layers", "message"), [(1, r"no layer model\.layers\.1\."), (3, "covers 2 layers and the base has 3")]
    )
    def test_one_for_another_depth_is_refused(self, base: Path, adapter: Path, layers: int, message: str) -> None:
        self.reshape(base, num_hidden_layers=layers)
        with pytest.raises(AdapterMismatch, match=message):
            load(base, adapter)

    def test_one_that_means_to_leave_layers_out_is_not(self, base: Path, tmp_path: Path) -> None:
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        config = LoraConfig(
            r=4, target_modules=["q_proj"], layers_to_transform=[0], layers_pattern="layers", task_type="CAUSAL_LM"
        )
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(tmp_path / "partial")
        assert load(base, tmp_path / "partial").notes == []

    @pytest.mark.parametrize(
        ("made_for", "base_name", "same"),
        [
            ("owner/Model", "other/model", True),
            ("owner/model", "/home/me/model", True),
            ("/cluster/runs/model/", "owner/model", True),
            ("C:\\models\\model", "owner/model", True),
            ("owner/model", "~/.cache/huggingface/hub/models--owner--model/snapshots/0a1b2c", True),
            ("owner/model", "owner/model-chat", False),
        ],
    )
    def test_names_that_can_mean_one_model(self, tmp_path: Path, made_for: str, base_name: str, same: bool) -> None:
        from htmlgen.adapter import same_model

        assert same_model(made_for, base_name, tmp_path) is same

    def test_a_path_relative_to_the_adapter_is_thesame_model(self, base: Path, adapter: Path) -> None:
        edit_json(adapter / "adapter_config.json", base_model_name_or_path="../base")
        assert load(base, adapter).notes == []

    def test_one_that_names_no_base_is_taken_at_its_shapes(self, base: Path, adapter: Path) -> None:
        edit_json(adapter / "adapter_config.json", base_model_name_or_path=None)
        assert load(base, adapter).notes == []

    def test_another_name_with_fitting_shapes_is_noted_and_told_in_the_status(
        self, base: Path, adapter: Path, caplog
    ) -> None:
        edit_json(adapter / "adapter_config.json", base_model_name_or_path="somebody/else")

        async def check() -> str:
            engine = LocalEngine(find_preset(str(base)), adapter=str(adapter), quantization="none")
            await engine.load()
            status = engine.status
            await engine.close()
            return status

        status = asyncio.run(check())
        assert status.startswith("Ready. ")
        assert "made for somebody/else" in status
        assert "made for somebody/else" in caplog.text

    def test_one_without_weights_or_with_damaged_ones(self, base: Path, adapter: Path) -> None:
        file = adapter / "adapter_model.safetensors"
        file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(ModelError, match="damaged"):
            load(base, adapter)
        file.unlink()
        with pytest.raises(ModelNotFound, match=r"no adapter_model\.safetensors"):
            load(base, adapter)

    def test_a_pickled_one_is_read_as_weights_only(self, base: Path, adapter: Path) -> None:
        file = adapter / "adapter_model.safetensors"
        expected = load(base, adapter).model
        torch.save(load_file(file), adapter / "adapter_model.bin")
        file.unlink()
        ids = torch.tensor([[5, 6]])
        with torch.no_grad():
            torch.testing.assert_close(load(base, adapter).model(ids).logits, expected(ids).logits)
        torch.save({"x": Trap(adapter / "sprung")}, adapter / "adapter_model.bin")
        with pytest.raises(ModelError, match="more than weights"):
            load(base, adapter)
        assert not (adapter / "sprung").exists()

    def test_a_broken_adapter_config_says_which_file(self, base: Path, adapter: Path) -> None:
        (adapter / "adapter_config.json").write_text("[")
        with pytest.raises(ModelError, match=r"adapter_config\.json cannot be read"):
            load(base, adapter)


@torch.no_grad()
def test_a_base_that_was_saved_in_4_bits_is_loaded_as_it_is(tiny_llama_dir: Path, tmp_path: Path) -> None:
    fresh = load(tiny_llama_dir, quantization="4bit")
    fresh.model.save_pretrained(tmp_path / "nf4")
    fresh.tokenizer.save_pretrained(tmp_path / "nf4")
    saved = load(tmp_path / "nf4", quantization="8bit")  # the setting is for bases that are not quantised yet
    assert saved.model.get_memory_footprint() == fresh.model.get_memory_footprint()
    ids = torch.tensor([[5, 6, 7, 8]])
    assert torch.equal(saved.model(ids).logits, fresh.model(ids).logits)


def test_files_that_were_read_do_not_count_as_a_containers_used_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of a model that was just fetched would leave no room for it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(loader, "CGROUP", tmp_path)
    everything = loader.free_memory()
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("990000\n")
    (tmp_path / "memory.stat").write_text("anon 90000\nfile 900000\nactive_file 200000\ninactive_file 700000\n")
    assert loader.free_memory() == 910_000
    (tmp_path / "memory.max").write_text("max\n")
    assert loader.free_memory() == pytest.approx(everything, rel=0.2)

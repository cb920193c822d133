"""Several models in one engine: adapters that swap on a base, bases that replace each other, generations that take turns."""

import asyncio
import gc
import shutil
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from htmlgen import adapter_set, loader, local
from htmlgen.engine import Delta, GenerationRequest, Sampling
from htmlgen.errors import GenerationFailed, ModelError, OutOfMemory, RequestError
from htmlgen.local import LocalEngine
from htmlgen.presets import find_preset
from htmlgen.prompt import write_prompt_format


@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 6)])
def test_the_short_way_of_a_gpu_adds_the_same(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, a, b, output = torch.randn(shape), torch.randn(2, 6), torch.randn(8, 2), torch.randn(*shape[:-1], 8)
    torch.testing.assert_close(adapter_set.add_lora(output, x, a, b), output + x @ a.T @ b.T)


def sampling(seed: int = 7, tokens: int = 24) -> Sampling:
    return Sampling(temperature=1.0, top_p=1.0, top_k=0, max_new_tokens=tokens, seed=seed)


def make_adapter(folder: Path, base: Path, seed: int, prompt_format: str = "alpaca", **options: Any) -> Path:
    """A run whose adapter changes what the model writes."""
    from peft import LoraConfig, PrefixTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    kind = options.pop("kind", LoraConfig)
    if kind is LoraConfig:
        options = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", **options}
    assert kind in (LoraConfig, PrefixTuningConfig)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), kind(task_type="CAUSAL_LM", **options))
    for name, parameter in model.named_parameters():
        if "lora_B" in name or "prompt_encoder" in name or "modules_to_save" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder / "adapter")
    write_prompt_format(folder / "adapter", prompt_format, str(base))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_llama_dir: Path, other_base: Path) -> Path:
    runs = tmp_path_factory.mktemp("models") / "runs"
    make_adapter(runs / "one", tiny_llama_dir, 1)
    make_adapter(runs / "two", tiny_llama_dir, 2, "plain", r=2, target_modules=["q_proj", "down_proj"])
    make_adapter(runs / "dora", tiny_llama_dir, 3, use_dora=True)
    make_adapter(runs / "head", tiny_llama_dir, 4, target_modules=["v_proj"], modules_to_save=["lm_head"])
    from peft import PrefixTuningConfig

    make_adapter(runs / "prefix", tiny_llama_dir, 5, kind=PrefixTuningConfig, num_virtual_tokens=4)
    make_adapter(runs / "elsewhere", other_base, 6)
    return runs


@pytest.fixture(scope="module")
def other_base(tmp_path_factory: pytest.TempPathFactory, tiny_llama_dir: Path) -> Path:
    """The same shapes with other weights."""
    from transformers import AutoModelForCausalLM

    folder = Path(shutil.copytree(tiny_llama_dir, tmp_path_factory.mktemp("models") / "other-llama"))
    model = AutoModelForCausalLM.from_pretrained(folder)
    torch.manual_seed(99)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    model.save_pretrained(folder)
    return folder


Make = Callable[..., Any]


@pytest.fixture
async def make(tiny_llama_dir: Path, runs: Path) -> AsyncIterator[Make]:
    engines: list[LocalEngine] = []

    async def make(adapters: Path | None = runs, **options: Any) -> LocalEngine:
        engine = LocalEngine(
            find_preset(str(options.pop("base", tiny_llama_dir))),
            adapter=options.pop("adapter", "none"),
            adapters=None if adapters is None else str(adapters),
            **options,
        )
        engines.append(engine)
        await engine.load()
        engine.model.generation_config.eos_token_id = None  # a random model would end anywhere
        return engine

    yield make
    for engine in engines:
        await engine.close()


async def deltas_of(engine: LocalEngine, model: str, seed: int = 7, tokens: int = 24) -> list[Delta]:
    request = GenerationRequest("A page", sampling=sampling(seed, tokens), model=model)
    async with aclosing(engine.stream(request)) as deltas:
        return [delta async for delta in deltas]


async def text_of(engine: LocalEngine, model: str = "", seed: int = 7, tokens: int = 24) -> str:
    return "".join(delta.text for delta in await deltas_of(engine, model, seed, tokens))


async def alone_on(make: Make, adapter: Path | None, **options: Any) -> str:
    """What an engine writes that has that adapter only, as `python -m train evaluate` has."""
    engine = await make(None, adapter="none" if adapter is None else str(adapter), **options)
    return await text_of(engine)


def count_loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    loads, real = [], loader.load
    monkeypatch.setattr(local, "load", lambda base, *args, **more: loads.append(base) or real(base, *args, **more))
    return loads


class TestAdapters:
    @pytest.mark.parametrize("quantization", ["4bit", "8bit", "none"])
    async def test_each_writes_what_it_writes_alone_whatever_came_before(
        self, make: Make, runs: Path, tiny_llama_dir: Path, monkeypatch, quantization: Any
    ) -> None:
        monkeypatch.setattr("htmlgen.loader.compute_dtype", lambda: torch.float32)
        loads = count_loads(monkeypatch)
        names = ["one", "two", "dora", "head"] if quantization != "8bit" else ["one", "two"]
        expected = {f"runs/{n}": await alone_on(make, runs / n / "adapter", quantization=quantization) for n in names}
        expected[""] = await alone_on(make, None, quantization=quantization)
        assert len(set(expected.values())) == len(expected), "each says something else"
        engine = await make(quantization=quantization)
        loads.clear()
        for id in [*expected, *reversed(expected), "runs/two", "runs/one", "", "runs/two"]:
            assert await text_of(engine, id) == expected[id], id
        assert loads == [], "nothing was loaded anew"

    async def test_swapping_takes_less_than_a_second(self, make: Make) -> None:
        engine, seconds = await make(), []
        for id in ("runs/one", "runs/two") * 5:
            started = time.monotonic()
            await text_of(engine, id, tokens=1)
            seconds.append(time.monotonic() - started)
        assert min(seconds[2:]) < 1, "once both have been read"

    async def test_the_one_unused_the_longest_leaves_memory(self, make: Make, monkeypatch) -> None:
        monkeypatch.setattr(adapter_set.AdapterSet.__init__, "__defaults__", (2,))
        engine = await make()
        expected = {id: await text_of(engine, id) for id in ("runs/one", "runs/two", "runs/dora", "runs/head")}
        adapters = engine._ready().adapters
        assert adapters is not None
        assert adapters.peft is not None
        assert len(adapters) == len(adapters.peft.peft_config) == 2
        for id, text in expected.items():
            assert await text_of(engine, id) == text
        held = {name for module in adapters.model.modules() if hasattr(module, "lora_A") for name in module.lora_A}
        assert len(held) == 2

    async def test_one_that_is_trained_anew_is_read_anew(
        self, make: Make, tiny_llama_dir: Path, tmp_path: Path
    ) -> None:
        runs = tmp_path / "runs"
        make_adapter(runs / "mine", tiny_llama_dir, 1)
        engine = await make(runs)
        before = await text_of(engine, "runs/mine")
        assert await text_of(engine, "runs/mine") == before
        make_adapter(runs / "mine", tiny_llama_dir, 11)
        assert await text_of(engine, "runs/mine") != before

    async def test_one_that_does_not_fit_says_so_and_harms_nobody(
        self, make: Make, tiny_llama_dir: Path, tmp_path: Path
    ) -> None:
        runs = tmp_path / "runs"
        good = make_adapter(runs / "good", tiny_llama_dir, 1)
        bad = make_adapter(runs / "bad", tiny_llama_dir, 1) / "adapter" / "adapter_model.safetensors"
        bad.write_bytes(bad.read_bytes()[:500])
        engine = await make(runs, adapter=str(good / "adapter"))
        expected = await text_of(engine)
        with pytest.raises(ModelError, match="damaged or incomplete"):
            await text_of(engine, "runs/bad")
        assert await text_of(engine) == expected
        with pytest.raises(RequestError, match="no model 'runs/ugly'"):
            await text_of(engine, "runs/ugly")

    async def test_prefix_tuning_gets_a_base_of_its_own(
        self, make: Make, runs: Path, tiny_llama_dir: Path, monkeypatch
    ) -> None:
        loads = count_loads(monkeypatch)
        alone = await alone_on(make, runs / "prefix" / "adapter")
        engine = await make()
        expected = {"runs/prefix": alone, "": await text_of(engine), "runs/one": await text_of(engine, "runs/one")}
        loads.clear()
        for id in ("runs/prefix", "runs/one", "", "runs/prefix", "runs/prefix"):
            assert await text_of(engine, id) == expected[id]
        assert len(loads) == 3, "to it, from it, and to it again"
        two = await asyncio.gather(text_of(engine, "runs/prefix"), text_of(engine, "runs/prefix"))
        assert two == [alone, alone]


class TestBases:
    async def test_another_base_is_loaded_and_the_old_one_freed(
        self, make: Make, runs: Path, other_base: Path, tiny_llama_dir: Path, monkeypatch
    ) -> None:
        expected = await alone_on(make, runs / "elsewhere" / "adapter", base=other_base)
        engine = await make()
        first, old = await text_of(engine), weakref.ref(engine.model)
        deltas = await deltas_of(engine, "runs/elsewhere")
        assert "".join(delta.text for delta in deltas) == expected
        told = [delta.status for delta in deltas if delta.status]
        assert f"Loading {other_base}." in told
        assert engine.status == "Ready."
        gc.collect()
        assert old() is None, "its memory is free"
        assert await text_of(engine) == first

    async def test_it_waits_for_the_page_being_written_and_the_others_for_it(self, make: Make) -> None:
        engine = await make()
        order: list[str] = []

        async def write(name: str, model: str, tokens: int) -> list[Delta]:
            deltas = await deltas_of(engine, model, tokens=tokens)
            order.append(name)
            return deltas

        first = engine.stream(GenerationRequest("A page", sampling=sampling(tokens=300), model="runs/one"))
        await anext(first)
        other = asyncio.create_task(write("other", "runs/elsewhere", 10))
        third = asyncio.create_task(write("third", "runs/one", 2))
        await asyncio.sleep(0.01)
        async for _ in first:
            pass
        assert order == []
        await asyncio.gather(other, third)
        assert order == ["other", "third"]
        assert "will be loaded when the page that is being written is finished" in (await other)[0].status

    @pytest.mark.parametrize("room_for_both", [True, False])
    async def test_a_failure_leaves_the_old_one_working_and_says_why(
        self, make: Make, tmp_path: Path, other_base: Path, monkeypatch, room_for_both: bool
    ) -> None:
        broken = Path(shutil.copytree(other_base, tmp_path / "broken-llama"))
        runs = tmp_path / "runs"
        make_adapter(runs / "broken", broken, 1)
        engine = await make(runs)
        expected = await text_of(engine)
        if not room_for_both:
            size = engine._ready().size
            monkeypatch.setattr(loader, "free_memory", lambda: size // 4 + (engine._loaded is None) * size)
        real = loader._load_base

        def fail(folder: Path, *args: Any) -> Any:
            if folder == broken:
                raise RuntimeError("CUDA error: something about the driver")
            return real(folder, *args)

        monkeypatch.setattr(loader, "_load_base", fail)
        with pytest.raises(ModelError, match="broken-llama cannot be loaded: CUDA error"):
            await text_of(engine, "runs/broken")
        assert engine.status == "Ready."
        assert await text_of(engine) == expected

    async def test_one_that_could_never_fit_is_refused_before_anything_is_freed(self, make: Make, monkeypatch) -> None:
        engine = await make()
        model = engine.model
        monkeypatch.setattr(loader, "free_memory", lambda: -1_000_000_000)
        with pytest.raises(OutOfMemory, match="Close other programs"):
            await text_of(engine, "runs/elsewhere")
        assert engine.model is model

    async def test_who_stops_waiting_for_another_base_does_not_have_it_loaded(self, make: Make, monkeypatch) -> None:
        engine = await make()
        loads = count_loads(monkeypatch)
        writing = engine.stream(GenerationRequest("A page", sampling=sampling(tokens=900)))
        await anext(writing)
        waiting = engine.stream(GenerationRequest("A page", sampling=sampling(), model="runs/elsewhere"))
        assert "will be loaded" in (await anext(waiting)).status
        await waiting.aclose()
        await writing.aclose()
        assert await text_of(engine)
        assert loads == []


class TestTurns:
    async def test_two_grow_side_by_side_and_a_third_waits(self, make: Make) -> None:
        engine = await make()
        order: list[str] = []

        async def write(name: str, tokens: int, model: str = "runs/one") -> None:
            request = GenerationRequest("A page", sampling=sampling(7, tokens), model=model)
            async with aclosing(engine.stream(request)) as deltas:
                async for delta in deltas:
                    if delta.text:
                        order.append(name)

        assert engine.places == 2
        a, b = asyncio.create_task(write("a", 40)), asyncio.create_task(write("b", 40, "runs/two"))
        await asyncio.sleep(0)
        await asyncio.gather(a, b, write("c", 5))
        both = order[: order.index("c")]
        assert set(both) == {"a", "b"}
        turns = sum(left != right for left, right in pairwise(both))
        assert turns > 0.8 * min(both.count("a"), both.count("b")), "token by token"
        assert "c" not in order[:30]

    async def test_the_same_seed_gives_the_same_page_alone_or_interleaved(self, make: Make) -> None:
        engine = await make()
        asked = [("runs/one", 7, 40), ("runs/two", 8, 24), ("", 9, 31), ("runs/one", 10, 12), ("runs/dora", 11, 30)]
        alone = [await text_of(engine, *request) for request in asked]
        assert await asyncio.gather(*(text_of(engine, *request) for request in asked)) == alone
        again = await asyncio.gather(*(text_of(engine, *request) for request in reversed(asked)))
        assert list(reversed(again)) == alone

    async def test_a_batch_takes_turns_with_a_page(self, make: Make) -> None:
        engine = await make()
        requests = [GenerationRequest(words, sampling=sampling(5)) for words in ("A", "B page")]
        alone, batch = await text_of(engine, "runs/one", tokens=40), await engine.generate_batch(requests)
        together = await asyncio.gather(text_of(engine, "runs/one", tokens=40), engine.generate_batch(requests))
        assert (together[0], [c.text for c in together[1]]) == (alone, [c.text for c in batch])

    @pytest.mark.parametrize(
        ("error", "kind"),
        [(torch.OutOfMemoryError("CUDA out of memory."), OutOfMemory), (ValueError("a bug"), GenerationFailed)],
        ids=["out of memory", "any other"],
    )
    async def test_what_breaks_one_does_not_harm_the_other(
        self, make: Make, error: Exception, kind: type[Exception]
    ) -> None:
        engine = await make()
        expected = await text_of(engine, "runs/one", tokens=40)
        seen = 0

        def break_down(module: Any, inputs: Any, output: Any) -> None:
            nonlocal seen
            seen += engine._ready().adapters._active.name is None  # type: ignore[union-attr]
            if seen == 6:
                hook.remove()
                raise error

        hook = engine.model.get_output_embeddings().register_forward_hook(break_down)
        good = asyncio.create_task(text_of(engine, "runs/one", tokens=40))
        with pytest.raises(kind):
            await text_of(engine, "", tokens=40)
        assert await good == expected

    async def test_either_can_be_stopped_within_one_token(self, make: Make) -> None:
        engine = await make()
        expected = await text_of(engine, "runs/one", tokens=60)
        made: list[str | None] = []
        hook = engine.model.get_output_embeddings().register_forward_hook(
            lambda *_: made.append(engine._ready().adapters._active.name)  # type: ignore[union-attr]
        )
        kept = asyncio.create_task(text_of(engine, "runs/one", tokens=60))
        stopped = engine.stream(GenerationRequest("A page", sampling=sampling(tokens=900), model="runs/two"))
        for _ in range(3):
            await anext(stopped)
        await stopped.aclose()
        before = made.count("adapter-2")
        assert await kept == expected
        hook.remove()
        assert before >= 3
        assert made.count("adapter-2") - before <= 1

    async def test_gradients_stay_off_when_one_ends_before_the_other(self, make: Make) -> None:
        engine = await make()
        grads: list[bool] = []
        hook = engine.model.get_output_embeddings().register_forward_hook(
            lambda module, inputs, output: grads.append(output.requires_grad)
        )
        await asyncio.gather(text_of(engine, tokens=4), text_of(engine, "runs/one", tokens=30))
        hook.remove()
        assert not any(grads)

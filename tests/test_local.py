"""The local engine, on a real two-layer Llama in NF4: what it writes, when it stops, and that a failure harms nobody else."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from htmlgen import local
from htmlgen.engine import Delta, GenerationRequest, Sampling, Usage
from htmlgen.errors import GenerationFailed, NotReady, OutOfMemory, PromptTooLong, RequestError, SettingsError
from htmlgen.generation import Writer
from htmlgen.local import LocalEngine, choose_preset
from htmlgen.presets import PRESETS, find_preset
from htmlgen.prompt import answer_ids, format_prompt, prompt_ids
from htmlgen.settings import Settings

GREEDY = Sampling(temperature=0, max_new_tokens=24)
LIVELY = Sampling(temperature=1.0, top_p=1.0, top_k=0, max_new_tokens=24, seed=7)


def make_engine(base: Path, adapter: Path | None, quantization: Any = "4bit", **options: Any) -> LocalEngine:
    named = "none" if adapter is None else str(adapter)
    return LocalEngine(find_preset(str(base)), adapter=named, quantization=quantization, **options)


@pytest.fixture(scope="module")
def engine(tiny_llama_dir: Path, tiny_adapter_dir: Path) -> Iterator[LocalEngine]:
    """The usual case: NF4 and an adapter."""
    engine = make_engine(tiny_llama_dir, tiny_adapter_dir)
    asyncio.run(engine.load())
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="module")
def dense(tiny_llama_dir: Path, tiny_adapter_dir: Path) -> Iterator[LocalEngine]:
    """Not quantised, in fp32 so that sums in another order make no other tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("htmlgen.loader.compute_dtype", lambda: torch.float32)
        engine = make_engine(tiny_llama_dir, tiny_adapter_dir, "none")
        asyncio.run(engine.load())
    yield engine
    asyncio.run(engine.close())


async def deltas_of(engine: LocalEngine, request: GenerationRequest) -> list[Delta]:
    async with aclosing(engine.stream(request)) as deltas:
        return [delta async for delta in deltas]


async def text_of(engine: LocalEngine, instruction: str = "A page", sampling: Sampling = GREEDY) -> str:
    return "".join(delta.text for delta in await deltas_of(engine, GenerationRequest(instruction, sampling=sampling)))


def usage_of(deltas: list[Delta]) -> Usage:
    assert deltas[-1].usage is not None
    return deltas[-1].usage


def peft_of(engine: LocalEngine) -> Any:
    """Peft's wrapper around the loaded model."""
    adapters = engine._ready().adapters
    assert adapters is not None
    return adapters.peft


@contextmanager
def forwards_of(engine: LocalEngine) -> Iterator[list[int]]:
    """Counts the model's forward passes, which are one for each token."""
    counted: list[int] = []
    hook = engine.model.get_output_embeddings().register_forward_hook(lambda *_: counted.append(1))
    try:
        yield counted
    finally:
        hook.remove()


class TestLoading:
    def test_linear_layers_are_nf4_with_double_quantisation_and_bf16_compute(self, engine: LocalEngine) -> None:
        from bitsandbytes.nn import Linear4bit

        layers = [module for module in engine.model.modules() if isinstance(module, Linear4bit)]
        assert len(layers) == 2 * 7
        for layer in layers:
            state = layer.weight.quant_state
            nested = getattr(
                state, "original_nested", state.nested
            )  # a CPU with AVX512-BF16 repacks weights as it first uses them
            assert (state.quant_type, nested, layer.compute_dtype) == ("nf4", True, torch.bfloat16)

    def test_eight_bits(self, tiny_llama_dir: Path, tiny_adapter_dir: Path) -> None:
        from bitsandbytes.nn import Linear8bitLt

        async def check() -> None:
            engine = make_engine(tiny_llama_dir, tiny_adapter_dir, "8bit")
            await engine.load()
            assert sum(isinstance(module, Linear8bitLt) for module in engine.model.modules()) == 2 * 7
            assert await text_of(engine)
            await engine.close()

        asyncio.run(check())

    def test_the_adapter_changes_what_the_model_says(self, engine: LocalEngine) -> None:
        ids = torch.tensor([[5, 6, 7, 8]])
        with torch.no_grad():
            adapted = engine.model(ids).logits
            with peft_of(engine).disable_adapter():
                bare = engine.model(ids).logits
        assert (adapted - bare).abs().max() > 0.1

    def test_without_quantisation_the_adapter_is_merged_and_says_the_same(
        self, dense: LocalEngine, tiny_llama_dir: Path, tiny_adapter_dir: Path
    ) -> None:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        beside = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(tiny_llama_dir), tiny_adapter_dir
        ).eval()
        ids = torch.arange(40)[None] + 10
        with torch.no_grad():
            torch.testing.assert_close(dense.model(ids).logits, beside(ids).logits, rtol=1e-4, atol=1e-5)
        assert not isinstance(dense.model, PeftModel)

    def test_beside_4_bit_weights_the_adapter_says_what_peft_says(self, engine: LocalEngine, monkeypatch) -> None:
        """The shorter way of its layers differs from theirs by the rounding of bf16, and knows when it is switched off."""
        from peft.tuners.lora.bnb import Linear4bit

        ids = torch.arange(40)[None] + 10
        layers = [layer for layer in engine.model.modules() if isinstance(layer, Linear4bit)]
        with torch.no_grad():
            ours = engine.model(ids).logits
            with peft_of(engine).disable_adapter():
                bare = engine.model(ids).logits
            shorter = [layer.__dict__.pop("forward") for layer in layers]
            theirs = engine.model(ids).logits
            with peft_of(engine).disable_adapter():
                torch.testing.assert_close(engine.model(ids).logits, bare, rtol=0, atol=0)
        for layer, forward in zip(layers, shorter, strict=True):
            layer.forward = forward
        assert len(layers) == 2 * 7
        assert (ours - theirs).abs().max() < 0.02 < 0.2 < (theirs - bare).abs().max()

    async def test_it_loads_once_for_all_who_wait_and_the_event_loop_goes_on(
        self, tiny_llama_dir: Path, monkeypatch
    ) -> None:
        loads, real = [], local.load
        monkeypatch.setattr(
            local, "load", lambda *args, **more: loads.append(threading.current_thread().name) or real(*args, **more)
        )
        engine = make_engine(tiny_llama_dir, None)
        with pytest.raises(NotReady, match="not loaded yet"):
            await anext(engine.stream(GenerationRequest("A page")))
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        await asyncio.gather(engine.load(), engine.load())
        await engine.load()
        ticking.cancel()
        assert loads == ["htmlgen-model"]
        assert ticks >= 3
        assert engine.status == "Ready."
        await engine.close()
        with pytest.raises(NotReady):
            await anext(engine.stream(GenerationRequest("A page")))

    async def test_who_stops_waiting_does_not_stop_the_loading(self, tiny_llama_dir: Path) -> None:
        engine = make_engine(tiny_llama_dir, None)
        waiting = asyncio.create_task(engine.load())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await engine.load()
        assert await text_of(engine)
        await engine.close()

    def test_names_and_formats(self, engine: LocalEngine, tiny_llama_dir: Path, tiny_adapter_dir: Path) -> None:
        assert LocalEngine(PRESETS["demo"]).name == "demo"
        assert LocalEngine(PRESETS["demo"], adapter="none").name == "demo without adapter"
        assert LocalEngine(PRESETS["demo"], adapter="mine").name == "demo with mine"
        assert engine.prompt_format == "alpaca", "saved beside the adapter"
        with pytest.raises(SettingsError, match="chatml"):
            LocalEngine(PRESETS["demo"], prompt_format="chatml")

    @pytest.mark.parametrize(("asked", "expected"), [(None, "plain"), ("codellama-instruct", "codellama-instruct")])
    def test_the_saved_format_holds_unless_one_is_asked_for(
        self, tiny_llama_dir: Path, tiny_adapter_dir: Path, tmp_path: Path, asked: str | None, expected: str
    ) -> None:
        adapter = tmp_path / "adapter"
        adapter.mkdir()
        for file in tiny_adapter_dir.iterdir():
            (adapter / file.name).write_bytes(file.read_bytes())
        (adapter / "htmlgen.json").write_text('{"prompt_format": "plain"}')
        engine = make_engine(tiny_llama_dir, adapter, prompt_format=asked)
        asyncio.run(engine.load())
        assert engine.prompt_format == expected
        asyncio.run(engine.close())

    @pytest.mark.parametrize(
        ("cuda", "free", "model", "expected"),
        [
            (True, 8 * 2**30, None, "codellama"),
            (True, 8 * 2**30 - 1, None, "demo"),
            (False, 64 * 2**30, None, "demo"),
            (True, 64 * 2**30, "mistral", "mistral"),
            (False, 0, "owner/model", "owner/model"),
        ],
    )
    def test_the_default_is_codellama_where_it_fits(
        self, monkeypatch, cuda: bool, free: int, model: str | None, expected: str
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(local, "free_memory", lambda: free)
        assert choose_preset(Settings(model=model)).name == expected


class TestWriting:
    @pytest.mark.parametrize("sampling", [GREEDY, LIVELY], ids=["greedy", "sampled"])
    async def test_it_writes_what_transformers_writes(self, engine: LocalEngine, sampling: Sampling) -> None:
        ids = prompt_ids(engine.tokenizer, format_prompt("alpaca", "A page", "<p>"))
        config = GenerationConfig(
            max_new_tokens=24, do_sample=sampling.temperature > 0, temperature=1.0, top_p=1.0, top_k=0
        )
        torch.manual_seed(7)
        inputs = torch.tensor([ids])
        out = engine.model.generate(input_ids=inputs, attention_mask=torch.ones_like(inputs), generation_config=config)
        new = out[0, len(ids) :].tolist()
        expected = engine.tokenizer.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)

        deltas = await deltas_of(engine, GenerationRequest("A page", page="<p>", sampling=sampling))
        text = "".join(delta.text for delta in deltas)
        assert expected.startswith(text)
        assert expected[len(text) :] in ("", "�"), "but for a character that was cut in two"
        assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
        usage = usage_of(deltas)
        assert (usage.prompt_tokens, usage.new_tokens) == (len(ids), len(new))
        assert usage.context_left == 1024 - len(ids) - len(new)
        assert 0 < usage.seconds_to_first_token < usage.new_tokens / usage.tokens_per_second

    async def test_tokens_come_as_they_are_made(self, engine: LocalEngine) -> None:
        with forwards_of(engine) as forwards:
            seen = [len(forwards) async for _ in engine.stream(GenerationRequest("A page", sampling=LIVELY))]
        assert seen[0] < 12, "the first text was here long before the last token"

    async def test_the_same_seed_gives_the_same_page(self, engine: LocalEngine) -> None:
        one, two = await text_of(engine, sampling=LIVELY), await text_of(engine, sampling=LIVELY)
        assert one == two
        other = Sampling(temperature=1.0, top_p=1.0, top_k=0, max_new_tokens=24, seed=8)
        assert await text_of(engine, sampling=other) != one

    async def test_without_a_seed_each_page_is_new(self, engine: LocalEngine) -> None:
        unseeded = Sampling(temperature=1.0, top_p=1.0, top_k=0, max_new_tokens=24)
        pages = set()
        for _ in range(2):
            await text_of(engine, sampling=LIVELY)  # its seed must not reach into the next request
            pages.add(await text_of(engine, sampling=unseeded))
        assert len(pages) == 2

    @pytest.mark.parametrize(
        "narrow",
        [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}, {"temperature": 1e-30}],
        ids=lambda narrow: next(iter(narrow)),
    )
    async def test_narrow_sampling_is_greedy(self, engine: LocalEngine, narrow: dict[str, Any]) -> None:
        settings = {"temperature": 1.0, "max_new_tokens": 24, **narrow}
        assert await text_of(engine, sampling=Sampling(**settings)) == await text_of(engine)

    async def test_repetition_penalty_reaches_the_model(self, engine: LocalEngine) -> None:
        assert await text_of(
            engine, sampling=Sampling(temperature=0, max_new_tokens=24, repetition_penalty=2.0)
        ) != await text_of(engine)

    async def test_the_end_token_ends_the_page_and_is_not_part_of_it(self, engine: LocalEngine, monkeypatch) -> None:
        everything = await deltas_of(engine, GenerationRequest("A page", sampling=LIVELY))
        text = "".join(delta.text for delta in everything)
        ids = answer_ids(engine.tokenizer, "e", complete=False)
        config = GenerationConfig(eos_token_id=[engine.tokenizer.eos_token_id, *ids], pad_token_id=3)
        monkeypatch.setattr(engine.model, "generation_config", config)
        assert "e" in text, "pick another letter"
        ended = await deltas_of(
            engine, GenerationRequest("A page", sampling=Sampling(temperature=1.0, max_new_tokens=900, seed=7))
        )
        assert ended[-1].finish_reason == "stop"
        assert usage_of(ended).new_tokens < 900

    async def test_the_token_limit_ends_in_length(self, engine: LocalEngine) -> None:
        deltas = await deltas_of(engine, GenerationRequest("A page", sampling=Sampling(max_new_tokens=3, seed=1)))
        assert deltas[-1].finish_reason == "length"
        assert usage_of(deltas).new_tokens == 3

    async def test_the_context_ends_in_length_too(self, engine: LocalEngine) -> None:
        request = GenerationRequest("A page", page="x" * 850, sampling=Sampling(temperature=0, max_new_tokens=4000))
        deltas = await deltas_of(engine, request)
        assert deltas[-1].finish_reason == "length"
        assert usage_of(deltas).context_left == 0
        assert usage_of(deltas).prompt_tokens + usage_of(deltas).new_tokens == 1024

    async def test_a_prompt_too_long_is_refused_with_both_numbers(self, engine: LocalEngine) -> None:
        tokens = len(prompt_ids(engine.tokenizer, format_prompt("alpaca", "A page", "xy" * 900)))
        with (
            forwards_of(engine) as forwards,
            pytest.raises(PromptTooLong, match=f"{tokens:,} tokens.*1,023") as refused,
        ):
            await deltas_of(engine, GenerationRequest("A page", page="xy" * 900))
        assert (refused.value.prompt_tokens, refused.value.limit) == (tokens, 1023)
        assert not forwards
        assert await text_of(engine)

    async def test_a_cut_page_goes_on_from_the_exact_cut(self, dense: LocalEngine, monkeypatch) -> None:
        """The model sees what it wrote, tokenised as in training, and only what is new comes out."""
        prompts, real = [], Writer.generate
        monkeypatch.setattr(Writer, "generate", lambda self, ids, *rest: prompts.extend(ids) or real(self, ids, *rest))
        request = GenerationRequest("A page", prefix="<p>Some", sampling=GREEDY)
        rest = "".join(delta.text for delta in await deltas_of(dense, request))
        ids = prompt_ids(dense.tokenizer, format_prompt("alpaca", "A page")) + answer_ids(
            dense.tokenizer, "<p>Some", complete=False
        )
        assert prompts == [ids]
        assert not rest.startswith("<p>Some")

    async def test_a_folders_own_sampling_does_not_leak_in(
        self, engine: LocalEngine, tiny_llama_dir, tiny_adapter_dir, tmp_path
    ) -> None:
        for file in tiny_llama_dir.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        own = {
            "eos_token_id": [2, 9],
            "temperature": 0.1,
            "top_k": 1,
            "repetition_penalty": 1.9,
            "do_sample": True,
            "max_length": 20,
        }
        GenerationConfig(**own).save_pretrained(tmp_path)
        other = make_engine(tmp_path, tiny_adapter_dir)
        await other.load()
        assert other.model.generation_config.eos_token_id == [2, 9]
        assert await text_of(other, sampling=LIVELY) == await text_of(engine, sampling=LIVELY)
        await other.close()


class TestBatch:
    async def test_answers_are_those_of_one_at_a_time(self, dense: LocalEngine) -> None:
        requests = [
            GenerationRequest(text, sampling=GREEDY)
            for text in ("A page", "A much longer wish for a page with a form", "Go")
        ]
        alone = [await deltas_of(dense, request) for request in requests]
        together = await dense.generate_batch(requests)
        for deltas, completion in zip(alone, together, strict=True):
            assert completion.text == "".join(delta.text for delta in deltas)
            assert completion.finish_reason == deltas[-1].finish_reason == "length"
            assert completion.usage.prompt_tokens == usage_of(deltas).prompt_tokens
            assert completion.usage.new_tokens == usage_of(deltas).new_tokens

    async def test_each_ends_at_its_own_end(self, dense: LocalEngine, monkeypatch) -> None:
        requests = [GenerationRequest(text, sampling=GREEDY) for text in ("A page", "A much longer wish", "Go")]
        ids = torch.tensor([prompt_ids(dense.tokenizer, format_prompt("alpaca", "A page"))])
        written = dense.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, do_sample=False
        )
        end = int(written[0, -1])
        monkeypatch.setattr(dense.model, "generation_config", GenerationConfig(eos_token_id=[end], pad_token_id=3))
        together = await dense.generate_batch(requests)
        alone = [await deltas_of(dense, request) for request in requests]
        assert [c.finish_reason for c in together] == [deltas[-1].finish_reason for deltas in alone]
        assert "stop" in [c.finish_reason for c in together]
        assert [c.text for c in together] == ["".join(delta.text for delta in deltas) for deltas in alone]

    async def test_one_batch_samples_in_one_way(self, dense: LocalEngine) -> None:
        assert await dense.generate_batch([]) == []
        with pytest.raises(RequestError, match="same sampling"):
            await dense.generate_batch(
                [GenerationRequest("A", sampling=GREEDY), GenerationRequest("B", sampling=LIVELY)]
            )

    async def test_cancelling_ends_it(self, dense: LocalEngine) -> None:
        with forwards_of(dense) as forwards:
            task = asyncio.create_task(
                dense.generate_batch([GenerationRequest("A", sampling=Sampling(max_new_tokens=900))])
            )
            while len(forwards) < 3:  # noqa: ASYNC110 (the model runs in a thread and knows no events)
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await text_of(dense, sampling=Sampling(temperature=0, max_new_tokens=1))
            assert len(forwards) < 100


LONG = GenerationRequest("A page", sampling=Sampling(temperature=1.0, max_new_tokens=800, seed=3))


async def settled(engine: LocalEngine) -> None:
    """Returns when the worker has done all that it was given."""
    await text_of(engine, sampling=Sampling(temperature=0, max_new_tokens=1))


class TestStopping:
    async def test_closing_the_stream_ends_it_within_one_token(self, engine: LocalEngine) -> None:
        with forwards_of(engine) as forwards:
            stream = engine.stream(LONG)
            for _ in range(3):
                await anext(stream)
            await stream.aclose()
            made = len(forwards)
            await settled(engine)
        assert len(forwards) - 1 - made <= 1  # one forward is that of `settled`

    async def test_cancelling_its_task_ends_it(self, engine: LocalEngine) -> None:
        async def read() -> None:
            async with aclosing(engine.stream(LONG)) as deltas:
                async for _ in deltas:
                    reading.set()

        reading = asyncio.Event()
        with forwards_of(engine) as forwards:
            task = asyncio.create_task(read())
            await reading.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            made = len(forwards)
            await settled(engine)
        assert len(forwards) - 1 - made <= 1

    def test_it_ends_when_the_readers_loop_is_gone(self, engine: LocalEngine, caplog) -> None:
        """As when a server's loop is torn down: nobody closes the stream, nobody cancels its task."""
        with forwards_of(engine) as forwards:
            loop = asyncio.new_event_loop()
            stream = engine.stream(LONG)
            loop.run_until_complete(anext(stream))
            loop.close()
            asyncio.run(settled(engine))
            assert len(forwards) < 100
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR], "nothing failed"
        del stream

    async def test_a_request_cancelled_while_another_is_written_never_starts_to_write_long(
        self, engine: LocalEngine
    ) -> None:
        with forwards_of(engine) as forwards:
            first = engine.stream(LONG)
            await anext(first)
            second = asyncio.create_task(anext(engine.stream(LONG)))
            await asyncio.sleep(0.01)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            await first.aclose()
            made = len(forwards)
            await settled(engine)
        assert len(forwards) - 1 - made <= 2

    async def test_closing_the_engine_ends_what_is_written(self, tiny_llama_dir: Path) -> None:
        engine = make_engine(tiny_llama_dir, None)
        await engine.load()
        model = weakref.ref(engine.model)
        stream = engine.stream(LONG)
        await anext(stream)
        await engine.close()
        rest = [delta async for delta in stream]
        assert rest[-1].finish_reason == "cancelled"
        assert engine.status == "Closed."
        gc.collect()
        assert model() is None, "its memory is free"


class Marked(torch.nn.Module):
    """Stands for memory that a failed generation holds."""


class TestFailing:
    @staticmethod
    def fail_once(engine: LocalEngine, error: Exception) -> list[weakref.ref[Marked]]:
        """Makes the next forward pass raise; gives a reference to what that pass held."""
        held: list[weakref.ref[Marked]] = []

        def raise_once(*args: Any) -> None:
            memory = Marked()
            held.append(weakref.ref(memory))
            hook.remove()
            raise error

        hook = engine.model.get_output_embeddings().register_forward_pre_hook(raise_once)
        return held

    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory."),
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried…"),
        ],
        ids=["cuda", "cpu"],
    )
    async def test_out_of_memory_says_what_to_do_and_harms_nobody(self, engine: LocalEngine, error: Exception) -> None:
        expected = await text_of(engine)
        held = self.fail_once(engine, error)
        with pytest.raises(OutOfMemory, match="shorter page") as failure:
            await text_of(engine)
        assert held[0]() is None, "what the failed generation held is free while its error is still around"
        assert failure.value.__cause__ is error
        assert await text_of(engine) == expected

    async def test_any_other_failure_is_readable_and_its_traceback_is_in_the_log(
        self, engine: LocalEngine, caplog
    ) -> None:
        expected = await text_of(engine)
        self.fail_once(engine, ValueError("a secret detail"))
        with caplog.at_level(logging.ERROR), pytest.raises(GenerationFailed, match="Try again") as failure:
            await text_of(engine)
        assert "secret" not in str(failure.value)
        assert "Traceback" in caplog.text
        assert "a secret detail" in caplog.text
        assert await text_of(engine) == expected

    async def test_a_batch_fails_in_the_same_way(self, engine: LocalEngine) -> None:
        self.fail_once(engine, torch.OutOfMemoryError("CUDA out of memory."))
        with pytest.raises(OutOfMemory):
            await engine.generate_batch([GenerationRequest("A page", sampling=GREEDY)])
        assert await text_of(engine)

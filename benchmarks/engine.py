"""What the engine costs over bare `model.generate`: python benchmarks/engine.py [--repeats 5] [--tokens 300]

Both write the same tokens with the same weights in the same process, turn about, so that what else the machine does
hits both. Prints tokens/s of each and their ratio, for NF4 with an adapter beside it and for weights that are not
quantised, as the studio serves them. The ratio of the processor time that a token takes is the one to read on a busy
machine. Then what two pages at once cost, with two adapters, over one after the other: 1 is nothing.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.local import LocalEngine
from htmlgen.presets import find_preset
from htmlgen.prompt import format_prompt, prompt_ids


def make_model(folder: Path) -> tuple[Path, Path]:
    """A random Llama of 7.7 M parameters (5 layers, width 320, 4,096 tokens) and a LoRA adapter over all its layers."""
    torch.manual_seed(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: id for id, token in enumerate(["<s>", "</s>", *alphabet])}
    vocab |= {f"word{n}": n for n in range(len(vocab), 4096)}
    backend = Tokenizer(models.BPE(vocab, []))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    config = LlamaConfig(
        vocab_size=4096,
        hidden_size=320,
        intermediate_size=896,
        num_hidden_layers=5,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
    )
    base, adapter = folder / "base", folder / "runs" / "a" / "adapter"
    LlamaForCausalLM(config).save_pretrained(base)
    model = LlamaForCausalLM.from_pretrained(base)  # which tells the adapter where its base is
    tokenizer.save_pretrained(base)
    lora = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    lora.save_pretrained(adapter)
    shutil.copytree(adapter, folder / "runs" / "b" / "adapter")
    return base, adapter


@dataclass
class Cost:
    """Of one token, in seconds by the clock and of processor time."""

    wall: float
    processor: float


def cost(started: tuple[float, float], tokens: int) -> Cost:
    return Cost((time.perf_counter() - started[0]) / tokens, (time.process_time() - started[1]) / tokens)


async def stream(engine: LocalEngine, tokens: int, model: str = "") -> Cost:
    """The engine, from asking until the last delta."""
    started = time.perf_counter(), time.process_time()
    usage = None
    async with aclosing(engine.stream(request(tokens, model))) as deltas:
        async for delta in deltas:
            usage = delta.usage
    assert usage is not None
    assert usage.new_tokens == tokens, "it ended early"
    return cost(started, tokens)


def bare(engine: LocalEngine, tokens: int) -> Cost:
    """`generate` with the same settings, and nothing else."""
    sampling = request(tokens).sampling
    ids = torch.tensor([prompt_ids(engine.tokenizer, format_prompt(engine.prompt_format, "A page with a login form"))])
    config = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=True,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
    )
    torch.manual_seed(1)
    started = time.perf_counter(), time.process_time()
    ids = ids.to(engine.model.device)
    out = engine.model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
    assert out.shape[1] - ids.shape[1] == tokens, "it ended early"
    return cost(started, tokens)


async def two_at_once(engine: LocalEngine, tokens: int) -> Cost:
    """Two pages in turns of a token, by two adapters."""
    started = time.perf_counter(), time.process_time()
    await asyncio.gather(stream(engine, tokens), stream(engine, tokens, "runs/b"))
    return cost(started, 2 * tokens)


def request(tokens: int, model: str = "") -> GenerationRequest:
    return GenerationRequest("A page with a login form", sampling=Sampling(max_new_tokens=tokens, seed=1), model=model)


async def compare(base: Path, adapter: Path, quantization: Any, repeats: int, tokens: int) -> None:
    engine = LocalEngine(
        find_preset(str(base)), adapter=str(adapter), quantization=quantization, adapters=str(adapter.parents[1])
    )
    await engine.load()
    engine.model.generation_config.eos_token_id = None  # a random model would end anywhere
    engines: list[Cost] = []
    bares: list[Cost] = []
    twos: list[Cost] = []
    await stream(engine, 5, "runs/b")
    for _ in range(repeats):
        engines.append(await stream(engine, tokens))
        # In the engine's own thread, whose number of compute threads it has set.
        bares.append(await asyncio.wrap_future(engine._worker.submit(lambda: bare(engine, tokens))))
        twos.append(await two_at_once(engine, tokens))
    await engine.close()
    median = statistics.median
    pairs = list(zip(engines, bares, strict=True))
    print(
        f"{quantization:>5}: engine {1 / median(c.wall for c in engines):6.1f} tokens/s, "
        f"bare generate {1 / median(c.wall for c in bares):6.1f}, ratio {median(b.wall / e.wall for e, b in pairs):.3f} "
        f"({min(b.wall / e.wall for e, b in pairs):.3f} to {max(b.wall / e.wall for e, b in pairs):.3f}); "
        f"by processor time {median(b.processor / e.processor for e, b in pairs):.3f}; two at once cost "
        f"{median(t.processor / e.processor for e, t in zip(engines, twos, strict=True)):.3f} of one after the other"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base, adapter = make_model(Path(folder))
        for quantization in ("4bit", "none"):
            asyncio.run(compare(base, adapter, quantization, options.repeats, options.tokens))


if __name__ == "__main__":
    main()

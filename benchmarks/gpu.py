"""What a CUDA card makes of a 7B model: python benchmarks/gpu.py --out runs/gpu [--tiny]

A model of CodeLlama-7B's shape with random weights is made from its configuration, saved, loaded in NF4 with an adapter
beside it, streamed, and trained with QLoRA in bf16 and fp16, alone and under FSDP; nothing is downloaded. Each phase is a process of its
own with a time limit, and adds what it found to gpu.json: one that fails does not stop the others. `--tiny` does the
same with a model of 3 M parameters, on a CPU too.

Speed is set against the time that reading the weights once a token takes at the bandwidth of a copy in the same run, and
against transformers' own `generate` on the same model.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PROMPT = "A landing page for a bakery"
CODELLAMA = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32016}  # fmt: skip
TINY = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 4100}  # fmt: skip


class Bench:
    """The phases. What they leave for each other lies in `out`/work; what they found in `out`/gpu.json."""

    def __init__(self, out: Path, tiny: bool) -> None:
        self.out, self.tiny, self.work = out, tiny, out / "work"
        self.base, self.adapter_folder = self.work / "base", self.work / "runs/random/adapter"

    def note(self, **facts: Any) -> None:
        """Adds to gpu.json at once, since a later phase may break off."""
        file = self.out / "gpu.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(known | facts, indent=2) + "\n")
        print(facts, flush=True)

    def build(self) -> None:
        """The model with random weights, saved in shards; on a card also what a large copy moves a second."""
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

        from htmlgen.prompt import write_prompt_format

        device = "cuda" if torch.cuda.is_available() else "cpu"
        config = LlamaConfig(
            **(TINY if self.tiny else CODELLAMA),
            max_position_embeddings=16384,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6},
            rms_norm_eps=1e-5,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
        torch.manual_seed(0)
        torch.set_default_dtype(torch.bfloat16)
        with torch.device(device):
            model = LlamaForCausalLM(config)
        began = time.perf_counter()
        model.save_pretrained(self.base, max_shard_size="3GB")
        PreTrainedTokenizerFast.from_pretrained(ROOT / "models/demo/base").save_pretrained(self.base)
        write_prompt_format(self.base, "codellama-instruct", "none: random weights")
        self.note(
            parameters=sum(p.numel() for p in model.parameters()),
            save_seconds=round(time.perf_counter() - began, 1),
            torch=torch.__version__,
        )
        if device == "cuda":
            del model
            torch.cuda.empty_cache()
            source = torch.empty(2**31, dtype=torch.uint8, device=device)
            target = torch.empty_like(source)
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            target.copy_(source)
            start.record()
            for _ in range(20):
                target.copy_(source)
            end.record()
            torch.cuda.synchronize()
            moved = 2 * 20 * source.numel()  # read and written
            self.note(
                device=torch.cuda.get_device_name(), copy_tb_per_second=round(moved / start.elapsed_time(end) / 1e9, 2)
            )

    def adapter(self) -> None:
        """A LoRA adapter of rank 16 on all linear layers, random, as a run would leave it."""
        import torch
        from accelerate import init_empty_weights
        from peft import LoraConfig, get_peft_model
        from safetensors.torch import save_file
        from transformers import AutoConfig, LlamaForCausalLM

        from htmlgen.prompt import write_prompt_format

        with init_empty_weights():
            model = LlamaForCausalLM(AutoConfig.from_pretrained(self.base))
        config = LoraConfig(
            r=16, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM",
            base_model_name_or_path=str(self.base),
        )  # fmt: skip
        lora = get_peft_model(model, config)
        torch.manual_seed(1)
        tensors = {
            name.replace(".default", ""): 0.01 * torch.randn(parameter.shape)
            for name, parameter in lora.named_parameters()
            if "lora_" in name
        }
        self.adapter_folder.mkdir(parents=True)
        lora.peft_config["default"].save_pretrained(self.adapter_folder)
        save_file(tensors, self.adapter_folder / "adapter_model.safetensors")
        write_prompt_format(self.adapter_folder, "codellama-instruct", str(self.base))

    def stream(self) -> None:
        """Load in NF4, then pages: with the adapter, without, two at once, sixteen in a batch, and bare `generate`."""
        asyncio.run(self._stream())

    async def _stream(self) -> None:
        import torch
        from transformers import GenerationConfig

        from htmlgen.engine import GenerationRequest, Sampling
        from htmlgen.local import LocalEngine
        from htmlgen.presets import find_preset
        from htmlgen.prompt import format_prompt, prompt_ids

        tokens = 16 if self.tiny else 256
        sampling = Sampling(temperature=0, max_new_tokens=tokens)

        async def page(model: str = "") -> dict[str, float]:
            usage = None
            async with aclosing(engine.stream(GenerationRequest(PROMPT, sampling=sampling, model=model))) as deltas:
                async for delta in deltas:
                    usage = delta.usage
            assert usage is not None
            return {
                "tokens": usage.new_tokens,
                "tokens_per_second": round(usage.tokens_per_second, 1),
                "seconds_to_first_token": round(usage.seconds_to_first_token, 3),
            }

        began = time.perf_counter()
        engine = LocalEngine(
            find_preset(str(self.base)), adapter=str(self.adapter_folder), adapters=str(self.work / "runs")
        )
        await engine.load()
        model = engine.model
        embedding = model.get_input_embeddings().weight  # of which a token reads one row
        read = model.get_memory_footprint() - embedding.numel() * embedding.element_size()
        self.note(load_seconds=round(time.perf_counter() - began, 1), gb_read_per_token=round(read / 1e9, 2))
        await page()  # kernels are chosen and loaded
        self.note(with_adapter=await page())
        alone = next(model.id for model in engine.models if model.adapter is None)
        await page(alone)
        self.note(base_alone=await page(alone))
        began = time.perf_counter()
        both = await asyncio.gather(page(), page())
        count = sum(one["tokens"] for one in both)
        self.note(two_at_once={"tokens_per_second": round(count / (time.perf_counter() - began), 1)})
        await page()  # the adapter is the active one
        ids = torch.tensor([prompt_ids(engine.tokenizer, format_prompt(engine.prompt_format, PROMPT))]).to(model.device)
        config = GenerationConfig(max_new_tokens=tokens, do_sample=False, pad_token_id=0)
        began = time.perf_counter()
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
        count = out.shape[1] - ids.shape[1]
        self.note(bare_generate={"tokens": count, "tokens_per_second": round(count / (time.perf_counter() - began), 1)})
        began = time.perf_counter()
        batch = [GenerationRequest(f"{PROMPT} {i}", sampling=Sampling(temperature=0, max_new_tokens=64)) for i in range(16)]  # fmt: skip
        written = await engine.generate_batch(batch)
        count = sum(completion.usage.new_tokens for completion in written)
        self.note(batch_of_16={"tokens_per_second": round(count / (time.perf_counter() - began), 1)})
        if torch.cuda.is_available():
            self.note(serving_peak_gb=round(torch.cuda.max_memory_allocated() / 1e9, 2))
        await engine.close()

    def qlora(self) -> None:
        """`python -m train fit` as on a card with little memory: one row of 2,048 tokens at a time."""
        self._fit("qlora", [], "--optimizer", "paged_adamw_8bit", steps=6)

    def adamw(self) -> None:
        """The optimizers that leave the card's memory alone: plain AdamW, and its state in 8 bits."""
        self._fit("one_process", [], "--optimizer", "adamw", steps=3)
        self._fit("adamw_8bit", [], "--optimizer", "adamw_8bit", steps=3)

    def fp16(self) -> None:
        """As on a T4, which has no bf16: adapters in fp32, the loss scaled."""
        self._fit("fp16", [], "--optimizer", "adamw", precision="fp16", steps=6)

    def fsdp(self) -> None:
        """The steps of `one_process` under FSDP with one process: the losses are to be equal."""
        launcher = ["torch.distributed.run", "--nproc_per_node", "1", "-m", "--"]
        self._fit("fsdp_one_process", launcher, "--optimizer", "adamw", "--parallel", "fsdp", steps=3)

    def _fit(self, name: str, launcher: list[str], *flags: str, steps: int, precision: str = "bf16") -> None:
        data, run = self.work / "pairs.jsonl", self.work / name
        if not data.exists():
            synthesize = ("synthesize", "-n", "400", "--seed", "5", "-o", str(data))
            subprocess.run([sys.executable, "-m", "train", *synthesize], check=True)
        if self.tiny:
            flags = tuple("adamw" if flag.endswith("adamw_8bit") else flag for flag in flags)  # those need a card
        settings = {
            "data": data, "base": self.base, "out": run, "prompt-format": "codellama-instruct", "test-size": 0, "validation-size": 0,
            "max-steps": steps, "log-every": 1, "sample-every": 0, "quantization": "4bit", "precision": precision, "max-length": 2048,
            "micro-batch-size": 1, "gradient-accumulation": 4, "gradient-checkpointing": "true",
        }  # fmt: skip
        command = [sys.executable, "-m", *launcher, "train", "fit", *(f"--{key}={value}" for key, value in settings.items()), *flags]  # fmt: skip
        began = time.perf_counter()
        subprocess.run(command, check=True)
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        shutil.rmtree(run)
        self.note(
            **{
                name: {
                    "seconds_with_loading": round(time.perf_counter() - began, 1),
                    "losses": [round(row["loss"], 4) for row in rows],
                    "tokens_per_second": rows[-1]["tokens_per_second"],
                    "peak_memory_mib": rows[-1]["peak_memory_mib"],
                }
            }
        )


PHASES = {"build": 120, "adapter": 60, "stream": 240, "qlora": 180, "adamw": 180, "fp16": 180, "fsdp": 180}
"""Seconds each may take."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder for gpu.json and 30 GB of weights")
    parser.add_argument("--tiny", action="store_true", help="3 M parameters instead of 6.7 B; runs on a CPU")
    parser.add_argument("--phase", choices=PHASES, help="one phase alone, after those before it")
    options = parser.parse_args()
    bench = Bench(options.out.resolve(), options.tiny)
    if options.phase:
        getattr(bench, options.phase)()
        return 0
    shutil.rmtree(bench.work, ignore_errors=True)
    bench.work.mkdir(parents=True)
    failed = []
    for phase, limit in PHASES.items():
        print(f"== {phase}", flush=True)
        command = [sys.executable, __file__, "--out", str(bench.out), "--phase", phase]
        try:
            subprocess.run(command + ["--tiny"] * options.tiny, check=True, timeout=limit)
        except subprocess.SubprocessError as error:
            print(error, flush=True)
            failed.append(phase)
    print(f"In {bench.out / 'gpu.json'}." + (f" Failed: {', '.join(failed)}." if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Content tokens a second and peak memory: this loop, transformers' Trainer and TRL's SFTTrainer at their defaults.

    pip install trl
    python benchmarks/train_vs_trainer.py --base demo --steps 12

Each trains the same LoRA (r 16, alpha 64, dropout 0.05, all linear layers) on the same base with the same prompt/page
pairs, answers alone being learned, in a process of its own. Content tokens are those of prompts and answers; padding does
no work. Steps are of about the same number of content tokens: eight rows where rows are padded, one row packed as full.
`cpu` counts the seconds that the process itself computed, so that other programs on the machine disturb it less.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WARMUP = 2
"""Steps before the clock starts."""
CONTESTANTS = {
    "Trainer": "its defaults: fp32, eight padded rows",
    "Trainer bf16": "with bf16=True",
    "SFTTrainer": "its defaults: bf16, gradient checkpointing, eight padded rows",
    "SFTTrainer plain": "without gradient checkpointing",
    "this loop": "its defaults on this machine, one packed row",
    "this loop fp32": "in fp32",
}
LORA = {"r": 16, "lora_alpha": 64, "lora_dropout": 0.05, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}


class Clock:
    """Counts steps and content tokens from the end of the warm-up on."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done, self.tokens, self._counted = steps, 0, 0, 0
        self.began = self.cpu = self.wall = self.cpu_seconds = 0.0

    def count(self, tokens: int) -> None:
        """A micro-batch with so many content tokens goes in."""
        self._counted += tokens

    def step(self) -> bool:
        """An optimizer step is done; whether to stop."""
        self.done += 1
        now, cpu = time.perf_counter(), time.process_time()
        if self.done == WARMUP:
            self.began, self.cpu = now, cpu
        elif self.done > WARMUP:
            self.tokens += self._counted
            self.wall, self.cpu_seconds = now - self.began, cpu - self.cpu
        self._counted = 0
        return self.done == WARMUP + self.steps


def pairs(count: int) -> list[dict[str, str]]:
    """Prompt/page pairs of the demo model's generator."""
    from htmlgen.prompt import format_prompt
    from train.synthetic import pairs

    return [
        {"prompt": format_prompt("alpaca", pair.instruction, pair.input or None), "completion": pair.output}
        for pair in pairs(7, count)
    ]


def native(clock: Clock, base: str, rows: list[dict[str, str]], precision: str) -> None:
    """This loop, as `python -m train fit` runs it."""
    from train import loop as native_loop
    from train.config import AdapterConfig, DataConfig, TrainConfig
    from train.interrupt import Interrupt
    from train.progress import Progress
    from train.run import RunFolder
    from train.session import load_session

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = TrainConfig(
            dataset=DataConfig(path=str(path), test_size=0, validation_size=0, prompt_format="plain"),
            adapter=AdapterConfig(),
            base=base,
            out=folder + "/run",
            quantization="none",
            precision=precision,  # type: ignore[arg-type]
            epochs=100,
            gradient_accumulation=1,
            track="none",
        )
        session = load_session(config)
        loop = native_loop.Loop(config, session, RunFolder(config.out), Interrupt())
        session.loss.train()
        progress = Progress(steps=1, tokens=1, shown=False)
        while True:
            clock.count(sum(map(session.plan.tokens, session.plan.step(loop.state.step))))
            loop.step(progress)
            if clock.step():
                return


def tokenized(base: str, rows: list[dict[str, str]]) -> tuple[Any, list[dict[str, list[int]]]]:
    """Rows as transformers' Trainer takes them, prompts masked."""
    from htmlgen.presets import find_preset
    from htmlgen.prompt import answer_ids, prompt_ids
    from train.lengths import load_tokenizer

    tokenizer, context = load_tokenizer(find_preset(base))
    ready = []
    for row in rows:
        prompt, answer = prompt_ids(tokenizer, row["prompt"]), answer_ids(tokenizer, row["completion"])
        ids = (prompt + answer)[: context or 2048]
        ready.append({"input_ids": ids, "labels": ([-100] * len(prompt) + answer)[: len(ids)]})
    return tokenizer, ready


def stop_callback(clock: Clock) -> Any:
    from transformers import TrainerCallback

    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            control.should_training_stop = clock.step()

    return Stop()


def counting(collate: Any, clock: Clock) -> Any:
    """A collator that counts the content of what it makes."""

    def inner(features: Any) -> Any:
        batch = collate(features)
        clock.count(int(batch["attention_mask"].sum()))
        return batch

    return inner


def trainer(clock: Clock, base: str, rows: list[dict[str, str]], **options: Any) -> None:
    """transformers' Trainer over a peft model."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, DataCollatorForSeq2Seq, Trainer, TrainingArguments

    from htmlgen.presets import find_preset

    tokenizer, ready = tokenized(base, rows)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(find_preset(base).base, dtype="float32"), LoraConfig(**LORA)
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=100,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            **options,
        )
        collate = counting(DataCollatorForSeq2Seq(tokenizer), clock)
        Trainer(model, arguments, train_dataset=ready, data_collator=collate, callbacks=[stop_callback(clock)]).train()


def sft_trainer(clock: Clock, base: str, rows: list[dict[str, str]], **options: Any) -> None:
    """TRL's SFTTrainer, which makes the peft model itself."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    from htmlgen.presets import find_preset
    from train.lengths import load_tokenizer

    preset = find_preset(base)
    tokenizer, _ = load_tokenizer(preset)
    model = AutoModelForCausalLM.from_pretrained(preset.base, dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            folder, num_train_epochs=100, report_to="none", save_strategy="no", disable_tqdm=True, logging_strategy="no",
            max_length=2048, use_cpu=not torch.cuda.is_available(), **options,
        )  # fmt: skip
        made = SFTTrainer(
            model, config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, peft_config=LoraConfig(**LORA),
            callbacks=[stop_callback(clock)],
        )  # fmt: skip
        made.data_collator = counting(made.data_collator, clock)
        made.train()


def measure(name: str, base: str, count: int, steps: int) -> dict[str, float]:
    """Runs one contestant in this process."""
    clock, rows = Clock(steps), pairs(count)
    if name.startswith("Trainer"):
        trainer(clock, base, rows, **({"bf16": True} if "bf16" in name else {}))
    elif name.startswith("SFTTrainer"):
        sft_trainer(clock, base, rows, **({"gradient_checkpointing": False} if "plain" in name else {}))
    else:
        native(clock, base, rows, "fp32" if "fp32" in name else "auto")
    import torch

    from train.memory import peak_memory

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "tokens_per_second": clock.tokens / clock.wall,
        "tokens_per_cpu_second": clock.tokens / clock.cpu_seconds,
        "tokens_per_step": clock.tokens / steps,
        "peak_memory_mib": peak_memory(device) / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="demo")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=1, help="of all contestants in turn; the best of each counts")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments.base, arguments.pairs, arguments.steps)))
        return
    best: dict[str, dict[str, float]] = {}
    for _ in range(arguments.rounds):
        for name in CONTESTANTS:
            command = [sys.executable, __file__, "--base", arguments.base, "--pairs", str(arguments.pairs)]
            command += ["--steps", str(arguments.steps), "--only", name]
            done = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": environment()}
            )
            if done.returncode:
                print(f"{name}: failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            if name not in best or found["tokens_per_cpu_second"] > best[name]["tokens_per_cpu_second"]:
                best[name] = found
    print(f"{'':18}{'tokens/s':>9}{'per cpu s':>10}{'a step':>8}{'peak MiB':>10}")
    for name, found in best.items():
        print(
            f"{name:18}{found['tokens_per_second']:9,.0f}{found['tokens_per_cpu_second']:10,.0f}"
            f"{found['tokens_per_step']:8,.0f}{found['peak_memory_mib']:10,.0f}   {CONTESTANTS[name]}"
        )


def environment() -> str:
    """PYTHONPATH with the project in front."""
    return os.pathsep.join(filter(None, [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH")]))


if __name__ == "__main__":
    main()

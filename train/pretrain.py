"""Trains the demo base from scratch on synthetic prompt/page pairs.

    python -m train pretrain --out runs/demo-base --steps 3450

The base learns documents: a description in the `plain` format, then the page. How a chat asks for pages is left to the
adapter, which `python -m train fit` trains over it. Pairs are generated on the way and never repeat. Tokens that must be
copied from the prompt weigh more in the loss: with equal weights a small model learns the likeliest names by heart
instead (dev/LOG.md).
"""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from htmlgen.errors import SettingsError
from htmlgen.prompt import write_prompt_format
from train.pool import POOL_STRIDE, Batch, on_device, pool_batches, stream_batches
from train.synthetic import pairs
from train.synthetic.snippets import snippet
from train.tokenizer import frequent_lines, train_tokenizer

HELD_OUT_SEED = 2_000_000_000
"""Far from the seeds of every pool of training (train/pool.py)."""


@dataclass(frozen=True)
class PretrainConfig:
    """Shape of the base and how it is trained. The shape is that of models/demo/, whose card tells how it was trained."""

    out: str = "runs/demo-base"
    """Folder for the model, its checkpoint and its log."""
    seed: int = 1
    """Decides the pairs, their order and the first weights."""
    steps: int = 3450
    """Optimizer steps in all. A resumed run may name more."""
    batch_tokens: int = 6144
    """Tokens of a batch, padding included."""
    hidden_size: int = 448
    layers: int = 5
    """A layer costs a generated token about half a millisecond of Python on a CPU: wide beats deep."""
    intermediate_size: int = 1216
    heads: int = 7
    vocab_size: int = 4096
    context: int = 2048
    """Tokens the model sees at once; an edit holds the page twice."""
    learning_rate: float = 2e-3
    """Peak. Muon's updates are scaled to the size of AdamW's, so one rate serves both."""
    warmup_steps: int = 100
    cooldown: float = 0.3
    """Share of the steps, at the end, in which the rate falls to zero; before that it is constant."""
    copy_weight: float = 5.0
    """Weight in the loss of tokens copied from the prompt, and of the lines that an edit changes."""
    edits: float = 0.35
    """Share of the pairs that change a given page."""
    reworded: float = 0.4
    """Share of the pairs in which made-up words stand for those that must be copied (train/rewording.py)."""
    snippets: float = 0.1
    """Share of the rows that are plain HTML about elements instead of a page (train/synthetic/snippets.py)."""
    pool: int = 512
    """Pairs generated together and sorted by length, so that a batch wastes little on padding. 8,192 for batches of 100,000."""
    eval_every: int = 250
    threads: int = 2
    workers: int = 1
    """Processes that make pairs; one makes 100,000 tokens a second. The pairs do not depend on how many there are."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            lowest = 0 if name in ("seed", "warmup_steps") or isinstance(value, float) else 1
            if not isinstance(value, str) and value < lowest:
                raise SettingsError(f"--{name.replace('_', '-')} is {value} but must be at least {lowest}.")
        if self.hidden_size % self.heads:
            raise SettingsError(f"--heads is {self.heads} but must divide --hidden-size, which is {self.hidden_size}.")


def token_losses(
    model: LlamaForCausalLM, ids: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy and weight of each token of the pages, both (page tokens,), in nats.

    Prompts get no logits. Right padding needs no mask, since attention is causal.
    """
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]  # (batch, seq_len - 1, hidden)
    learned = weights[:, 1:] > 0
    logits = model.lm_head(hidden[learned]).float()
    return F.cross_entropy(logits, ids[:, 1:][learned], reduction="none"), weights[:, 1:][learned]


def rate(step: int, config: PretrainConfig) -> float:
    """Learning rate of `step`: linear warm-up, constant, linear cool-down to zero (a trapezoid)."""
    cooldown = max(1, round(config.steps * config.cooldown))
    return config.learning_rate * min(1.0, (step + 1) / max(1, config.warmup_steps), (config.steps - step) / cooldown)


def make_optimizers(model: LlamaForCausalLM, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms.

    Muon: Jordan et al., 2024, kellerjordan.github.io/posts/muon; the scale is that of Liu et al., 2025 (arXiv:2502.16982).
    """
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=config.learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


@torch.no_grad()
def held_out_loss(model: LlamaForCausalLM, batches: list[Batch], device: str) -> tuple[float, float]:
    """Mean loss of copied tokens and of all others on pairs that training never sees, in nats per token."""
    sums = torch.zeros(2, 2)
    for batch in batches:
        with torch.autocast(device, torch.bfloat16):
            losses, w = token_losses(model, *on_device(batch, device))
        for i, chosen in enumerate((w > 1, w == 1)):
            sums[i] += torch.tensor([losses[chosen].sum().item(), chosen.sum().item()])
    return (sums[0, 0] / sums[0, 1].clamp(min=1)).item(), (sums[1, 0] / sums[1, 1].clamp(min=1)).item()


def build(config: PretrainConfig) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A fresh model and the tokenizer for it, both decided by the seed."""
    sample = list(pairs(config.seed * POOL_STRIDE - 1, 6000, edits=0.0))
    lines = frequent_lines((pair.output for pair in sample), share=0.004)
    texts = [text for pair in sample for text in (pair.instruction, pair.output)]
    rng = Random(config.seed)
    texts += [text for _ in range(round(len(sample) * config.snippets)) for text in snippet(rng)]
    tokenizer = train_tokenizer(texts, lines, config.vocab_size, config.context)
    torch.manual_seed(config.seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.context,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return model, tokenizer


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """The base as others load it: bf16 safetensors, tokenizer, and the prompt format that it knows without an adapter."""
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_prompt_format(folder, "plain", "none: trained from scratch by python -m train pretrain")


def pretrain(config: PretrainConfig) -> Path:
    """Trains and returns the folder of the base; resumes by itself when `out` holds a checkpoint."""
    torch.set_num_threads(config.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    state_file = out / "state.pt"
    if state_file.exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(out / "base")
        model = LlamaForCausalLM.from_pretrained(out / "base", dtype=torch.float32)
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        print(f"Resuming at step {state['step']} of {config.steps}.", flush=True)
    else:
        model, tokenizer = build(config)
        state = {"step": 0, "pool": 0, "skip": 0, "tokens": 0, "seconds": 0.0}
        save(model, tokenizer, out / "base")
    model.to(device).train()
    optimizers = make_optimizers(model, config)
    if "optimizers" in state:
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
    (out / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
    held_out = pool_batches(HELD_OUT_SEED, tokenizer, replace(config, pool=512, batch_tokens=6144))
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters / 1e6:.1f} M parameters, {len(tokenizer)} tokens, on {device}.", flush=True)
    began, tokens_before = time.monotonic(), state["tokens"]
    seconds_before, mean = state["seconds"], math.nan
    stream = stream_batches(config, out / "base", state["pool"], state["skip"])
    for step in range(state["step"], config.steps):
        pool, skip, ids, weights = next(stream)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate(step, config)
        with torch.autocast(device, torch.bfloat16):
            losses, w = token_losses(model, *on_device((ids, weights), device))
        loss = (losses * w).sum() / w.sum()
        value = loss.item()
        if not math.isfinite(value):
            raise RuntimeError(f"The loss became {value} at step {step} (pool {pool}); the last checkpoint is kept.")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        state["tokens"] += ids.size
        mean = value if math.isnan(mean) else 0.98 * mean + 0.02 * value
        done = step + 1
        if done % 25 == 0 or done == config.steps:
            seconds = time.monotonic() - began
            speed = (state["tokens"] - tokens_before) / seconds
            left = seconds / (done - state["step"]) * (config.steps - done)
            print(
                f"step {done}/{config.steps}  loss {mean:.3f}  {speed:.0f} tokens/s  {left / 60:.0f} min left",
                flush=True,
            )
        if done % config.eval_every == 0 or done == config.steps:
            model.eval()
            copied, rest = held_out_loss(model, held_out[:12], device)
            model.train()
            entry = {
                "step": done,
                "tokens": state["tokens"],
                "seconds": round(seconds_before + time.monotonic() - began, 1),
                "loss": round(mean, 4),
                "held_out_copied": round(copied, 4),
                "held_out_rest": round(rest, 4),
                "learning_rate": rate(step, config),
            }
            print(json.dumps(entry), flush=True)
            with (out / "metrics.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")
            checkpoint = {
                **{k: state[k] for k in ("tokens",)},
                "step": done,
                "pool": pool,
                "skip": skip,
                "seconds": seconds_before + time.monotonic() - began,
                "model": model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            }
            torch.save(checkpoint, state_file.with_suffix(".tmp"))
            state_file.with_suffix(".tmp").replace(state_file)
            save(model, tokenizer, out / "base")
    stream.close()
    return out / "base"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every field of PretrainConfig as a flag."""
    for field in fields(PretrainConfig):
        kind = type(field.default)
        action: dict[str, Any] = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        parser.add_argument("--" + field.name.replace("_", "-"), default=field.default, **action)


def run(args: argparse.Namespace) -> int:
    """`python -m train pretrain`."""
    folder = pretrain(PretrainConfig(**{field.name: getattr(args, field.name) for field in fields(PretrainConfig)}))
    print(f"The base is in {folder}.")
    return 0

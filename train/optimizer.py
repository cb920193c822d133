"""AdamW in its three kinds, and the learning rate of each step."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn

from htmlgen.errors import SettingsError
from train.config import TrainConfig


def make_optimizer(
    config: TrainConfig, parameters: Iterable[nn.Parameter], device: torch.device, *, sharded: bool = False
) -> torch.optim.Optimizer:
    """The optimizer of `--optimizer`; its learning rate is set before each step from `learning_rate_at`.

    Raises:
        SettingsError: an 8-bit optimizer without CUDA, or with sharded parameters.
    """
    options: dict[str, Any] = {"lr": config.learning_rate, "betas": config.betas, "weight_decay": config.weight_decay}
    if config.optimizer == "adamw":
        # One kernel for all parameters; it does not take sharded ones on every device.
        return torch.optim.AdamW(list(parameters), fused=not sharded, **options)
    if device.type != "cuda":
        raise SettingsError(
            f"--optimizer {config.optimizer} needs a CUDA GPU and this run is on {device.type}. Use --optimizer adamw: "
            "for an adapter it takes 8 bytes a trained weight."
        )
    if sharded:
        raise SettingsError(
            f"--optimizer {config.optimizer} cannot be sharded. Use --optimizer adamw with --parallel fsdp."
        )
    import bitsandbytes

    kinds = {"adamw_8bit": bitsandbytes.optim.AdamW8bit, "paged_adamw_8bit": bitsandbytes.optim.PagedAdamW8bit}
    optimizer: torch.optim.Optimizer = kinds[config.optimizer](list(parameters), **options)
    return optimizer


def learning_rate_at(step: int, total: int, config: TrainConfig) -> float:
    """The learning rate of a step; a pure function, so that a resumed run needs no scheduler's state.

    Args:
        step: from 0; total: steps of the whole run.
    """
    return config.learning_rate * rate(step, total, warmup_steps(total, config), config.schedule)


def warmup_steps(total: int, config: TrainConfig) -> int:
    """Steps of warm-up: `--warmup-steps`, else the ratio of `total`, rounded up."""
    return math.ceil(config.warmup_ratio * total) if config.warmup_steps is None else config.warmup_steps


def rate(step: int, total: int, warmup: int, schedule: Literal["linear", "cosine", "constant"]) -> float:
    """The share of the peak rate, in [0, 1]: rises over `warmup` steps, then falls to zero after the last one."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule == "constant":
        return 1.0
    gone = min(1.0, (step - warmup) / max(1, total - warmup))
    return 1.0 - gone if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * gone))

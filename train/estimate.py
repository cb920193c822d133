"""A dry run: loads everything, shows one example, and measures what a step takes instead of guessing it."""

import sys
import time

import torch

from train.config import TrainConfig
from train.interrupt import Interrupt
from train.loop import Loop, too_little_memory
from train.memory import peak_memory
from train.run import RunFolder
from train.session import load_session
from train.tokens import show


def estimate(config: TrainConfig) -> str:
    """Does two passes over the largest micro-batch, changes nothing, writes nothing; says what a run would take.

    Raises:
        SettingsError, ModelError, OutOfMemory: the same that `fit` would.
    """
    try:
        return _measured(config)
    except torch.OutOfMemoryError as error:
        raise too_little_memory("The largest micro-batch") from error


def _measured(config: TrainConfig) -> str:
    session = load_session(config)
    if session.accelerator.is_main_process:
        show(session.plan.rows[0][0], session.tokenizer, sys.stdout)
    loop = Loop(config, session, RunFolder(config.out), Interrupt())
    plan, largest = session.plan, session.plan.largest()
    session.loss.train()
    for _ in range(2):  # the first one also pays for allocations and kernels
        began = time.perf_counter()
        loss = loop.loss_of(plan.rows, largest)
        loss.backward()
        if session.precision.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    trained = sum(parameter.numel() for parameter in loop.parameters.values())
    moments = trained * (2 if "8bit" in config.optimizer else 8)
    peak = peak_memory(session.precision.device) + moments
    speed = plan.tokens(largest) / seconds * session.accelerator.num_processes
    tokens = plan.total_tokens(plan.steps)
    validations = 0
    if config.has_validation:
        every = config.eval_every or plan.steps_per_epoch
        held_out = sum(len(example) for row in session.validation for example in row)
        validations = -(-plan.steps // every) * held_out // 3  # forward passes only
    hours, rest = divmod(round((tokens + validations) / speed), 3600)
    return (
        f"{session.summary()}\n"
        f"The largest micro-batch took {seconds:.2f} s and has a loss of {loss.item() / plan.learned(largest):.3f} a token.\n"
        f"Estimated for the run: {peak / 2**30:.1f} GiB of memory, optimizer included, on each "
        f"{'GPU' if session.precision.device.type == 'cuda' else 'process'}; {speed:,.0f} tokens/s, "
        f"{hours}:{rest // 60:02}:{rest % 60:02} with validation, without samples. Nothing was written."
    )

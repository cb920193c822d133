"""python -m train fit --data pages.jsonl --base demo --out runs/pages --epochs 3

Exit status: 0 when finished, 1 with a message when it cannot go on, 130 after Ctrl-C and 143 after SIGTERM, when a
checkpoint was saved first.
"""

import os
import sys

import torch
from jsonargparse import ArgumentParser, Namespace

from train import checkpoint
from train.config import TrainConfig, add_settings, read_settings
from train.interrupt import Interrupt
from train.loop import Loop, RunResult, too_little_memory
from train.progress import Progress
from train.run import RunFolder
from train.session import load_session
from train.tokens import show


def fit(config: TrainConfig) -> RunResult:
    """Trains an adapter as `config` says, or goes on with a run that broke off.

    Raises:
        SettingsError, ModelError: what was asked for cannot be done; nothing was written.
        OutOfMemory: the GPU is too small for these settings.
        CheckpointDamaged: the checkpoint to resume is not what was saved.
        Diverged: the loss is no number any more.
    """
    folder = RunFolder(config.out)
    saved, branches = None, False
    if config.resume == "latest" and not checkpoint.names(folder.checkpoints):
        print(f"{folder.checkpoints} holds no checkpoint yet: starting at step 0.", file=sys.stderr)
    elif config.resume is not None:
        saved = checkpoint.load(folder.checkpoints, config.resume)
        branches = saved.name != checkpoint.names(folder.checkpoints)[-1]
    else:
        folder.require_new()
    session = load_session(config)
    main = session.accelerator.is_main_process
    if main and config.show:
        show(session.plan.rows[0][0], session.tokenizer, sys.stdout)
    interrupt = Interrupt()
    loop = Loop(config, session, folder, interrupt)
    if saved is not None:
        loop.restore(saved)
        if branches:  # adapter/ may hold what the branch that is left found best
            loop.state.forget_best()
    done, plan = loop.state.step, session.plan
    if main:
        folder.open(config, session.learned, done if loop.state.settled else done - 1)
        checkpoint.discard_after(folder.checkpoints, done)
    session.accelerator.wait_for_everyone()
    session.start_tracking(folder, done)
    session.say(session.summary())
    tokens = plan.total_tokens(plan.steps)
    progress = Progress(
        steps=plan.steps, tokens=tokens, done_steps=done, done_tokens=plan.total_tokens(done), shown=main
    )
    try:
        with interrupt:
            return loop.run(progress)
    except torch.OutOfMemoryError as error:
        raise too_little_memory(f"Step {loop.state.step + 1}") from error
    finally:
        progress.close()
        session.accelerator.end_training()


def add_arguments(parser: ArgumentParser) -> None:
    add_settings(parser, TrainConfig)


def run(arguments: Namespace) -> int:
    config = read_settings(arguments, TrainConfig)
    if config.dry_run:
        from train.estimate import estimate

        print(estimate(config))
        return 0
    result = fit(config)
    if not result.finished:
        return 128 + result.signum
    if int(os.environ.get("RANK", 0)) == 0:
        best = f", best validation loss {result.best_eval_loss:.4f}" if result.best_eval_loss is not None else ""
        if config.has_validation and not best:
            best = ", no finite validation loss: this is the adapter of the last one"
        print(f"{result.steps:,} steps{best}. The adapter is in {result.folder.adapter}.")
    return 0

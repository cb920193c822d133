"""The native loop: steps, validation, samples and checkpoints of one run.

Gradients of a step are weighted by tokens: the sum of its token losses over all micro-batches and processes, divided by
the tokens that have a label.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from htmlgen.errors import HtmlgenError, OutOfMemory
from train import checkpoint
from train.adapters import adapter_files, trained_parameters
from train.batches import Row, collate
from train.config import TrainConfig
from train.interrupt import Interrupt
from train.memory import peak_memory
from train.optimizer import learning_rate_at, make_optimizer
from train.parallel import (
    optimizer_tensors,
    random_states,
    set_optimizer_tensors,
    set_random_states,
    set_weights,
    synchronised,
    whole,
)
from train.plan import Plan, deal
from train.progress import Progress
from train.run import RunFolder
from train.samples import write_samples
from train.session import Session
from train.tokens import IGNORE_INDEX


class Diverged(HtmlgenError):
    """The loss is no number any more. The adapter was left as it was before that step."""

    code = "diverged"


@dataclass
class State:
    """Where a run stands. Saved with every checkpoint."""

    step: int = 0
    """Optimizer steps done."""
    settled: bool = True
    """Whether what is due after the last step (a line in the log, validation, samples, checkpoint) was done."""
    last: dict[str, float] = field(default_factory=dict)
    """`loss`, `lr` and `grad_norm` of the last step."""
    best_eval_loss: float | None = None
    best_step: int | None = None
    bad_evals: int = 0
    """Validations since the best one."""
    stopped_early: bool = False

    def forget_best(self) -> None:
        self.best_eval_loss, self.best_step, self.bad_evals = None, None, 0


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `loss` is that of its last step; `signum` is 0 unless a signal ended it."""

    folder: RunFolder
    steps: int
    loss: float | None
    best_eval_loss: float | None
    finished: bool
    signum: int = 0


def too_little_memory(what: str) -> OutOfMemory:
    """What a person reads of `torch.OutOfMemoryError`."""
    return OutOfMemory(
        f"{what} needs more memory than the GPU has. Lower --micro-batch-size or --max-length, or use --gradient-checkpointing true, "
        "--quantization 4bit or --optimizer paged_adamw_8bit."
    )


@dataclass
class Loop:
    """Steps, validation, samples and checkpoints of one run over a loaded `Session`."""

    config: TrainConfig
    session: Session
    folder: RunFolder
    interrupt: Interrupt
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        session = self.session
        self.accelerator: Accelerator = session.accelerator
        self.plan: Plan = session.plan
        self.parameters = trained_parameters(session.loss)
        self.optimizer = make_optimizer(
            self.config, self.parameters.values(), session.precision.device, sharded=session.sharded
        )
        self.scaler = session.precision.scaler()
        self._tokens, self._seconds = 0, 0.0  # since the last line of the log

    # -- running ---------------------------------------------------------------------------------------------------

    def run(self, progress: Progress) -> RunResult:
        """Trains until the plan ends, patience does, or a signal comes."""
        steps = self.plan.steps
        session = self.session
        session.loss.train()
        if not self.state.settled and not self.settle(progress):
            return self.interrupted(progress)
        while self.state.step < steps and not self.state.stopped_early:
            if not self.step(progress):
                return self.interrupted(progress)
            if self.asked_to_stop() or not self.settle(progress):
                return self.interrupted(progress)
        if self.accelerator.is_main_process:
            self.folder.draw_curves()
        if self.state.best_step is None:  # no validation, or none that was finite
            self.save_adapter()
        return self.result(finished=True)

    def step(self, progress: Progress) -> bool:
        """One optimizer step; False if a signal came before it was taken, and then nothing has changed.

        Raises:
            Diverged: a loss or a gradient is not finite.
        """
        began = time.perf_counter()
        before = random_states()
        session, accelerator = self.session, self.accelerator
        micro_batches = self.plan.step(self.state.step)
        tokens = sum(map(self.plan.learned, micro_batches))
        mine = deal(micro_batches, accelerator.process_index, accelerator.num_processes)
        # Gradients are averaged over processes, hence the number of them.
        scale = accelerator.num_processes / tokens
        losses = []
        for number, indices in enumerate(mine):
            if accelerator.num_processes == 1 and self.interrupt.signum:
                self.optimizer.zero_grad()
                set_random_states(before)
                return False
            with synchronised(session.wrapped, number == len(mine) - 1):
                loss = self.loss_of(session.plan.rows, indices)
                self.scaler.scale(loss * scale).backward()
            losses.append(loss.detach())
        # One exchange a step: the loss to log.
        total = accelerator.reduce(torch.stack(losses).sum().double(), reduction="sum").item()
        norm = self.clip()
        if not math.isfinite(total) or not (math.isfinite(norm) or session.precision.scaled):
            self.optimizer.zero_grad()
            set_random_states(before)
            raise self.diverged(mine, losses, norm)
        lr = learning_rate_at(self.state.step, self.plan.steps, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if session.precision.scaled and self.scaler.get_scale() < 1:
            raise Diverged(
                f"Step {self.state.step + 1}: gradients overflow fp16 however small they are scaled. Use --precision bf16 or "
                "fp32, or lower --learning-rate."
            )
        self.optimizer.zero_grad()
        self.state.step += 1
        self.state.settled = False
        self.state.last = {"loss": total / tokens, "lr": lr, "grad_norm": norm}
        content = sum(map(self.plan.tokens, micro_batches))
        self._tokens += content
        self._seconds += time.perf_counter() - began
        progress.step(self.state.step, total / tokens, content)
        return True

    def settle(self, progress: Progress) -> bool:
        """What is due after a step: a line in the log, validation, samples, a checkpoint; False if a signal broke it off."""
        step, config = self.state.step, self.config
        line: dict[str, Any] = {}
        if self.due(config.log_every):
            line = self.line()
        if config.has_validation and self.due(config.eval_every):
            eval_loss = self.evaluate(progress)
            if eval_loss is None:
                return False
            line = (line or self.line()) | {"eval_loss": eval_loss}
            self.judge(eval_loss)
        if line:
            self.accelerator.log({k: v for k, v in line.items() if v is not None and k != "step"}, step=step)
            if self.accelerator.is_main_process:
                self.folder.log(line)
            progress.note(line)
        if config.sample_every != 0 and self.due(config.sample_every):
            write_samples(self.session, self.folder, step)
        self.state.settled = True
        if self.due(config.save_every) or self.state.stopped_early:
            self.save()
        return True

    def line(self) -> dict[str, Any]:
        """A line of metrics.jsonl. Tokens are those of prompts and answers; padding is none."""
        speed = self._tokens / self._seconds if self._seconds else None
        self._tokens, self._seconds = 0, 0.0
        step = self.state.step
        return {
            "step": step,
            "epoch": round(self.plan.epoch(step), 4),
            **self.state.last,
            "tokens_per_second": speed and round(speed, 1),
            "peak_memory_mib": round(peak_memory(self.session.precision.device) / 2**20, 1),
        }

    def due(self, every: int | None) -> bool:
        """Whether something done `every` so many steps (None: after each epoch) is due now; always so at the end."""
        step = self.state.step
        return step == self.plan.steps or step % (every or self.plan.steps_per_epoch) == 0

    # -- losses ----------------------------------------------------------------------------------------------------

    def loss_of(self, rows: Sequence[Row], indices: Sequence[int] | None) -> Tensor:
        """The summed loss of a micro-batch. None, when this process has no part in it, is a row of which nothing counts."""
        session = self.session
        batch = collate([rows[i] for i in indices or [0]], session.pad_id, packed=session.packed)
        if indices is None:
            batch["labels"].fill_(IGNORE_INDEX)
        batch = {name: tensor.to(session.precision.device, non_blocking=True) for name, tensor in batch.items()}
        with session.precision.autocast():
            # Without gradients there is nothing for DDP to do, and one process may want to know a loss by itself.
            loss: Tensor = session.wrapped(batch) if torch.is_grad_enabled() else session.loss(batch)
        return loss

    @torch.no_grad()
    def evaluate(self, progress: Progress) -> float | None:
        """The mean loss of a label token of the validation rows; None if a signal came."""
        session, accelerator = self.session, self.accelerator
        rows = session.validation
        size = self.config.micro_batch_size
        batches = [list(range(start, min(start + size, len(rows)))) for start in range(0, len(rows), size)]
        mine = deal(batches, accelerator.process_index, accelerator.num_processes)
        total = torch.zeros((), dtype=torch.float64, device=session.precision.device)
        session.loss.eval()
        try:
            for indices in progress.validation(mine):
                if accelerator.num_processes == 1 and self.interrupt.signum:
                    return None
                total += self.loss_of(rows, indices)
        finally:
            session.loss.train()
        learned = sum(example.learned for row in rows for example in row)
        return float(accelerator.reduce(total, reduction="sum").item()) / learned

    def judge(self, eval_loss: float) -> None:
        """Keeps the adapter if it is the best so far; else counts towards `--patience`."""
        if math.isfinite(eval_loss) and (self.state.best_eval_loss is None or eval_loss < self.state.best_eval_loss):
            self.state.best_eval_loss, self.state.best_step, self.state.bad_evals = eval_loss, self.state.step, 0
            self.save_adapter()
            return
        self.state.bad_evals += 1
        self.state.stopped_early = self.config.patience is not None and self.state.bad_evals >= self.config.patience

    def clip(self) -> float:
        """Shortens the gradients to `--max-grad-norm`; returns their length before."""
        self.scaler.unscale_(self.optimizer)
        norm: Any = torch.nn.utils.clip_grad_norm_(
            list(self.parameters.values()), self.config.max_grad_norm or math.inf, foreach=None
        )
        return float(whole(norm))

    def diverged(self, mine: Sequence[Sequence[int] | None], losses: Sequence[Tensor], norm: float) -> Diverged:
        """Saves the last good state and says which rows were being learned."""
        bad = [
            indices for indices, loss in zip(mine, losses, strict=True) if indices and not math.isfinite(loss.item())
        ]
        guilty = [index for indices in bad for index in indices]
        if not self.session.sharded:  # else all processes would have to take part in each forward pass
            with torch.no_grad():
                guilty = [i for i in guilty if not math.isfinite(self.loss_of(self.plan.rows, [i]).item())] or guilty
        rows = {example.row for index in guilty for example in self.plan.rows[index]}
        if self.accelerator.num_processes > 1:
            rows = set(gather_object(sorted(rows)))
        what = (
            f"the loss is not finite, in data rows {', '.join(map(str, sorted(rows)))}"
            if rows
            else f"the gradient is {norm}"
        )
        saved = self.save()
        return Diverged(
            f"Step {self.state.step + 1}: {what}. The adapter as it was before is in {saved}. Look at those rows, lower "
            "--learning-rate, or use --precision fp32."
        )

    # -- stopping --------------------------------------------------------------------------------------------------

    def asked_to_stop(self) -> bool:
        """Whether any process got a signal; all of them agree."""
        if self.accelerator.num_processes == 1:
            return self.interrupt.signum != 0
        flag = torch.tensor(float(self.interrupt.signum), device=self.session.precision.device)
        everywhere = self.accelerator.gather(flag.reshape(1)).max().item()
        self.interrupt.signum = int(everywhere)
        return everywhere != 0

    def interrupted(self, progress: Progress) -> RunResult:
        """Saves and ends."""
        saved = self.save()
        if self.state.best_step is None:  # else adapter/ holds the best one
            self.save_adapter()
        if self.accelerator.is_main_process:
            self.folder.draw_curves()
        progress.say(
            f"Stopped at step {self.state.step:,} and saved {saved}. Go on with the same command and --resume."
        )
        return self.result(finished=False)

    def result(self, *, finished: bool) -> RunResult:
        state = self.state
        signum = 0 if finished else self.interrupt.signum
        return RunResult(self.folder, state.step, state.last.get("loss"), state.best_eval_loss, finished, signum)

    # -- saving ----------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """Trained weights, whole, on the CPU. Every process must call it."""
        prefix = "model."  # SummedLoss holds the peft model under this name
        return {name.removeprefix(prefix): whole(parameter) for name, parameter in self.parameters.items()}

    def save_adapter(self) -> None:
        """Writes adapter/ from the present weights."""
        weights, session = self.weights(), self.session
        if self.accelerator.is_main_process:
            self.folder.write_adapter(
                adapter_files(session.model, weights, session.initial, session.preset, session.prompt_format)
            )
        self.accelerator.wait_for_everyone()

    def save(self) -> str:
        """Writes a checkpoint of the present state; returns its path."""
        tensors = {
            "adapter": {name: whole(parameter) for name, parameter in self.parameters.items()},
            "optimizer": optimizer_tensors(self.optimizer, self.parameters),
            "random": self.session.gather_states(random_states()),
        }
        state = asdict(self.state) | {
            "identity": self.session.identity(),
            "changeable": self.session.changeable(),
            "scaler": self.scaler.state_dict(),
            "processes": self.accelerator.num_processes,
        }
        path = self.folder.checkpoints / checkpoint.name_of(self.state.step)
        if self.accelerator.is_main_process:
            checkpoint.save(self.folder.checkpoints, self.state.step, tensors, state, keep=self.config.keep_checkpoints)
        self.accelerator.wait_for_everyone()
        return str(path)

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Takes up the state of a checkpoint.

        Raises:
            SettingsError: it is of another run: other data, base or settings that change what is learned.
        """
        self.session.require_same(saved.state.pop("identity"), saved.name)
        self.session.tell_changes(saved.state.pop("changeable", {}), saved.name)
        scale = saved.state.pop("scaler")
        if scale and self.scaler.is_enabled():
            self.scaler.load_state_dict(scale)
        processes = saved.state.pop("processes")
        set_weights(self.parameters, saved.tensors["adapter"])
        set_optimizer_tensors(self.optimizer, self.parameters, saved.tensors["optimizer"])
        self.state = State(**saved.state)
        if processes == self.accelerator.num_processes:
            set_random_states(self.session.own_states(saved.tensors["random"]))
        else:
            self.session.say(
                f"{saved.name} was saved by {processes} processes: dropout will not be the same from here on."
            )

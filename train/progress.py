"""What a person sees of a run: a bar with loss, tokens/s and time left, or plain lines where the output is no terminal."""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
SECONDS = 10.0
"""Between plain lines."""


class Progress:
    """Progress of the main process; the others show nothing."""

    def __init__(
        self, *, steps: int, tokens: int, done_steps: int = 0, done_tokens: int = 0, shown: bool = True
    ) -> None:
        self._steps, self._tokens, self._shown = steps, tokens, shown
        self._terminal = shown and sys.stderr.isatty()
        self._bar = tqdm(
            total=tokens, initial=done_tokens, unit="tok", unit_scale=True, disable=not self._terminal, smoothing=0.1,
            desc=f"step {done_steps:,}/{steps:,}",
        )  # fmt: skip
        self._began, self._fresh_tokens, self._last_line = time.perf_counter(), 0, -SECONDS

    def step(self, step: int, loss: float, tokens: int) -> None:
        """A step is done."""
        self._bar.set_description(f"step {step:,}/{self._steps:,}", refresh=False)
        self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        self._bar.update(tokens)
        self._fresh_tokens += tokens

    def note(self, line: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl was written."""
        if not self._shown or (self._terminal and line.get("eval_loss") is None):
            return
        now = time.perf_counter()
        if line.get("eval_loss") is None and line["step"] < self._steps and now - self._last_line < SECONDS:
            return
        self._last_line = now
        parts = [f"step {line['step']:,}/{self._steps:,}", f"epoch {line['epoch']:.2f}"]
        parts += [f"{name} {line[name]:.4f}" for name in ("loss", "eval_loss") if line.get(name) is not None]
        if self._fresh_tokens:
            rate = self._fresh_tokens / (now - self._began)
            parts.append(f"{rate:,.0f} tokens/s, {_duration(self._left(line['step']) * self._tokens / rate)} left")
        self.say("  ".join(parts))

    def validation(self, batches: Iterable[Item]) -> Iterable[Item]:
        """Shows the way through the validation rows."""
        return tqdm(batches, desc="validation", leave=False, disable=not self._terminal, unit="batch")

    def say(self, text: str) -> None:
        """Prints a line without breaking the bar."""
        if self._shown:
            tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()

    def _left(self, step: int) -> float:
        return 1 - step / self._steps


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

"""A run's folder, which explains itself:

runs/pages/
  config.yaml       every setting
  learned.txt       digests of the rows that were learned from, so that `evaluate` leaves them out
  metrics.jsonl     a line per log: step, epoch, loss, eval_loss when measured, lr, tokens_per_second, peak memory
  samples/          pages written on the way
  curves.png        loss and learning rate over the steps
  adapter/          the best adapter so far, by validation loss; without validation the last
  checkpoints/      what a broken-off run goes on from
  tensorboard/
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from htmlgen.errors import SettingsError
from train import checkpoint
from train.config import TrainConfig, save_config
from train.learned import FILE, Learned


class RunFolder:
    """The files of one run. Only the main process writes."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.learned = self.path / FILE
        self.metrics = self.path / "metrics.jsonl"
        self.samples = self.path / "samples"
        self.curves = self.path / "curves.png"
        self.adapter = self.path / "adapter"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"

    def require_new(self) -> None:
        """Refuses a folder in which a run was started before.

        Raises:
            SettingsError: with the two ways out.
        """
        if self.metrics.exists() or checkpoint.names(self.checkpoints):
            raise SettingsError(
                f"{self.path} holds a run already. Go on with it by --resume, or name another folder with --out."
            )

    def open(self, config: TrainConfig, learned: Learned, step: int = 0) -> None:
        """Makes the folder, writes config.yaml and learned.txt, and forgets what was logged after `step`."""
        self.samples.mkdir(parents=True, exist_ok=True)
        checkpoint.sweep(self.checkpoints)
        checkpoint.sweep(self.path)
        save_config(config, self.config)
        self.learned.write_text(str(learned), "ascii")
        kept = [line for line in self.read_metrics() if line["step"] <= step] if step else []
        temporary = self.metrics.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")
        os.replace(temporary, self.metrics)

    def log(self, line: Mapping[str, Any]) -> None:
        """Appends a line to metrics.jsonl."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; one that a kill cut short is left out."""
        if not self.metrics.exists():
            return []
        lines = []
        for text in self.metrics.read_text("utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue
        return lines

    def write_adapter(self, files: Mapping[str, bytes]) -> None:
        """Replaces adapter/ as a whole."""
        checkpoint.write_folder(self.adapter, files)

    def write_sample(self, step: int, number: int, prompt: str, text: str, page: str) -> None:
        """A page that the adapter wrote after `step`: what it was asked, all it wrote, and the page alone."""
        stem = self.samples / f"step-{step:08d}-{number}"
        stem.with_suffix(".txt").write_text(f"{prompt}\n\n--- answer ---\n{text}\n", "utf-8")
        if page:
            stem.with_suffix(".html").write_text(page, "utf-8")

    def draw_curves(self) -> None:
        """Draws curves.png from metrics.jsonl."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # deferred: half a second
        from matplotlib.figure import Figure

        lines = self.read_metrics()
        if not lines:
            return
        figure = Figure(figsize=(8, 6), layout="constrained")
        FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        steps, losses = _series(lines, "loss")
        upper.plot(steps, losses, color="#9db8d6", linewidth=1, label="loss of the step")
        upper.plot(steps, smoothed(losses), color="#1f4e8c", linewidth=1.8, label="smoothed")
        evaluated, eval_losses = _series(lines, "eval_loss")
        if evaluated:
            upper.plot(evaluated, eval_losses, "o-", color="#c2410c", markersize=4, label="validation")
            best = min(range(len(evaluated)), key=eval_losses.__getitem__)
            upper.annotate(
                f"best {eval_losses[best]:.3f}",
                (evaluated[best], eval_losses[best]),
                textcoords="offset points",
                xytext=(0, 8),
                ha="right" if 2 * evaluated[best] > steps[-1] else "left",
            )
        upper.set_ylabel("loss (nats per token)")
        upper.legend(frameon=False)
        upper.grid(alpha=0.3)
        lower.plot(*_series(lines, "lr"), color="#4d7c0f")
        lower.set_ylabel("learning rate")
        lower.set_xlabel("step")
        lower.grid(alpha=0.3)
        figure.suptitle(self.path.name)
        figure.savefig(self.curves, dpi=120)


def smoothed(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average, its start corrected as Adam corrects its moments (arXiv:1412.6980, section 3)."""
    average, averages = 0.0, []
    for count, value in enumerate(values, 1):
        average = weight * average + (1 - weight) * value
        averages.append(average / (1 - weight**count))
    return averages


def _series(lines: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    pairs = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
    return [step for step, _ in pairs], [value for _, value in pairs]

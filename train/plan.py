"""Which rows each step of a run learns from: a pure function of rows, settings and seed, so that resume can step into it."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np

from train.batches import Row, epoch_batches, row_length
from train.config import TrainConfig


class Plan:
    """The micro-batches of every step.

    A step takes `gradient_accumulation` micro-batches of `micro_batch_size` rows for each process; the last one of an
    epoch takes what is left.

    Args:
        processes: how many share a step's micro-batches.
    """

    def __init__(self, rows: Sequence[Row], config: TrainConfig, *, packed: bool, processes: int = 1) -> None:
        assert rows, "there is nothing to train on"
        self.rows = rows
        self._config = config
        self._group = config.group_by_length and not packed
        self._per_step = config.gradient_accumulation * processes
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)
        micro_batches = -(-len(rows) // config.micro_batch_size)
        self.steps_per_epoch = -(-micro_batches // self._per_step)
        self.steps = config.epochs * self.steps_per_epoch
        if config.max_steps is not None:
            self.steps = min(self.steps, config.max_steps)
        self._tokens = [row_length(row) for row in rows]
        self._learned = [sum(example.learned for example in row) for row in rows]

    def step(self, step: int) -> list[list[int]]:
        """The micro-batches of a step, each a list of indices of `rows`."""
        epoch, at = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch)[at * self._per_step : (at + 1) * self._per_step]

    def epoch(self, step: int) -> float:
        """Epochs done after so many steps."""
        return step / self.steps_per_epoch

    def tokens(self, indices: Sequence[int]) -> int:
        """Tokens in these rows, padding not counted."""
        return sum(self._tokens[index] for index in indices)

    def learned(self, indices: Sequence[int]) -> int:
        """Tokens with a label in these rows."""
        return sum(self._learned[index] for index in indices)

    def total_tokens(self, steps: int) -> int:
        """Tokens of the first `steps` steps, padding not counted."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        last = (self.tokens(rows) for step in range(steps - rest, steps) for rows in self.step(step))
        return epochs * sum(self._tokens) + sum(last)

    def largest(self) -> list[int]:
        """The micro-batch that takes most memory: as many rows as fit in one, the longest."""
        longest = sorted(range(len(self.rows)), key=self._tokens.__getitem__, reverse=True)
        return longest[: self._config.micro_batch_size]

    def _make_epoch(self, epoch: int) -> list[list[int]]:
        return epoch_batches(
            self.rows,
            self._config.micro_batch_size,
            seed=self._config.seed,
            epoch=epoch,
            group_by_length=self._group,
        )


def deal(micro_batches: Sequence[list[int]], rank: int, processes: int) -> list[list[int] | None]:
    """The micro-batches of one process, in turn; None where it has none left and the others do.

    All processes get equally many, since each forward and backward pass is one that all of them take part in.
    """
    rounds = -(-len(micro_batches) // processes)
    mine: list[list[int] | None] = list(micro_batches[rank::processes])
    return mine + [None] * (rounds - len(mine))


def fingerprint(rows: Sequence[Row]) -> str:
    """SHA-256 of all token ids, of what is learned, and of their order."""
    digest = hashlib.sha256()
    lengths = list(accumulate((len(row) for row in rows), initial=0))
    digest.update(np.asarray(lengths, dtype=np.int64).tobytes())
    for row in rows:
        for example in row:
            digest.update(np.asarray([example.learn_from, len(example)], dtype=np.int64).tobytes())
            digest.update(np.asarray(example.input_ids, dtype=np.int64).tobytes())
    return digest.hexdigest()

"""Examples -> rows -> micro-batches.

Packing puts several documents side by side in a row. They are told apart by positions that begin anew: with `position_ids` that
restart, no attention mask and no cache, transformers makes attention block-diagonal itself (masking_utils, `find_packed_sequence_
indices`), for eager, SDPA and flash attention. Not every architecture takes part, so `can_pack` measures it.
"""

import random
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from htmlgen.errors import SettingsError
from train.config import PROMPT_LEARNING, TrainConfig
from train.tokens import IGNORE_INDEX, Example

if TYPE_CHECKING:
    from torch import Tensor, nn

Row = list[Example]
"""Documents side by side; a single one where packing is off."""

PAD_MULTIPLE = 8
"""Row lengths that GPU kernels like."""
GROUP = 50
"""Micro-batches that are sorted together by length: more means less padding and a less random order."""


def row_length(row: Row) -> int:
    """Tokens of all its documents."""
    return sum(map(len, row))


def pack(examples: Sequence[Example], max_length: int) -> list[Row]:
    """Rows of at most `max_length` tokens, few of them: best-fit decreasing, at most 11/9 of the fewest possible and one more.

    Source: Johnson, "Near-optimal bin packing algorithms", 1973.
    """
    rows: list[Row] = []
    open_rows: list[tuple[int, int]] = []  # (free tokens, index), sorted
    for example in sorted(examples, key=len, reverse=True):
        assert len(example) <= max_length
        at = bisect_left(open_rows, (len(example), -1))
        if at == len(open_rows):
            rows.append([example])
            free, index = max_length, len(rows) - 1
        else:
            free, index = open_rows.pop(at)
            rows[index].append(example)
        insort(open_rows, (free - len(example), index))
    return rows


def epoch_batches(
    rows: Sequence[Row], micro_batch_size: int, *, seed: int, epoch: int, group_by_length: bool
) -> list[list[int]]:
    """Indices of rows, a list for each micro-batch of the epoch; every row once, in an order that depends on the arguments alone.

    With `group_by_length`, rows of like length are together, and the longest come first, so that memory runs out at once or never.
    """
    order = list(range(len(rows)))
    shuffle = random.Random(f"{seed} {epoch}").shuffle
    shuffle(order)
    if group_by_length and micro_batch_size > 1:
        size = micro_batch_size * GROUP
        order = [
            index
            for start in range(0, len(order), size)
            for index in sorted(order[start : start + size], key=lambda i: row_length(rows[i]), reverse=True)
        ]
    batches = [order[start : start + micro_batch_size] for start in range(0, len(order), micro_batch_size)]
    if group_by_length and micro_batch_size > 1:
        shuffle(batches)
        longest = max(range(len(batches)), key=lambda at: max(row_length(rows[i]) for i in batches[at]))
        batches[0], batches[longest] = batches[longest], batches[0]
    return batches


def collate(rows: Sequence[Row], pad_id: int, *, packed: bool) -> dict[str, "Tensor"]:
    """A micro-batch of int64 tensors, (batch, seq_len), padded at the right to a multiple of 8.

    Packed: `input_ids`, `labels`, `position_ids`, which restart with every document; padding is a document of its own. Padded:
    `input_ids`, `labels`, `attention_mask`, one document a row. Padding is told by length, never by id.
    """
    assert packed or all(len(row) == 1 for row in rows)
    longest = max(row_length(row) for row in rows)
    shape = (len(rows), -(-longest // PAD_MULTIPLE) * PAD_MULTIPLE)
    input_ids = torch.full(shape, pad_id)
    labels = torch.full(shape, IGNORE_INDEX)
    position_ids = torch.zeros(shape, dtype=torch.int64)
    attention_mask = torch.zeros(shape, dtype=torch.int64)
    for at, row in enumerate(rows):
        start = 0
        for example in row:
            end, learn_from = start + len(example), start + example.learn_from
            ids = torch.tensor(example.input_ids)
            input_ids[at, start:end] = ids
            labels[at, learn_from:end] = ids[example.learn_from :]
            position_ids[at, start:end] = torch.arange(len(example))
            start = end
        position_ids[at, start:] = torch.arange(shape[1] - start)
        attention_mask[at, :start] = 1
    batch = {"input_ids": input_ids, "labels": labels}
    return batch | ({"position_ids": position_ids} if packed else {"attention_mask": attention_mask})


def use_packing(config: TrainConfig, model: "nn.Module") -> bool:
    """Whether to pack, as `--packing` says or, for `auto`, as adapter and model allow.

    Raises:
        SettingsError: packing was asked for and documents would see each other.
    """
    if config.packing is False or config.adapter.type in PROMPT_LEARNING:
        return False
    possible = can_pack(model)
    if config.packing is True and not possible:
        raise SettingsError(
            f"--packing true: in {type(model).__name__} documents of one row would see each other. Use --packing auto or false."
        )
    return possible


@torch.no_grad()
def can_pack(model: "nn.Module") -> bool:
    """Whether documents in a row are blind to each other, found by changing one and looking at the next, in two rows at once."""
    device = next(model.parameters()).device
    length = PAD_MULTIPLE
    positions = torch.arange(length).repeat(2, 2).to(device)  # (2, 16): two rows of two documents
    one = torch.arange(4, 4 + 4 * length).reshape(2, 2 * length).to(device)
    other = one.clone()
    other[:, :length] = one[:, :length].flip(1)
    was_training = model.training
    model.eval()
    try:
        out: list[Any] = [model(input_ids=ids, position_ids=positions, use_cache=False).logits for ids in (one, other)]
    finally:
        model.train(was_training)
    seen, control = (out[0] - out[1]).abs().split(length, dim=1)[::-1]
    return bool(seen.max() <= 1e-3 * control.max())

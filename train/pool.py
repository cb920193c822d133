"""Pretraining's data: generated pairs as batches of tokens, made ahead by other processes, never twice the same.

A pool is some hundreds or thousands of pairs from one seed, sorted by length and cut into batches.
"""

from __future__ import annotations

import multiprocessing
import re
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from htmlgen.prompt import format_prompt, prompt_ids
from train.rewording import Pieces, reword
from train.synthetic import Pair, pairs
from train.synthetic.draft import escape
from train.synthetic.snippets import snippet

if TYPE_CHECKING:
    from train.pretrain import PretrainConfig

POOL_STRIDE = 1_000_000
"""Pools are numbered from seed * POOL_STRIDE up."""
TEXTS = re.compile(r">([^<>\n]+)<")
"""What a page says between two tags of a line. An edit copies it from the page before; style and script are easier."""


@dataclass(frozen=True)
class Row:
    """One pair as tokens. `weights` is 0 on the prompt, 1 or `copy_weight` on the page; same length as `input_ids`."""

    input_ids: list[int]
    weights: list[float]


def copied_spans(pair: Pair) -> Iterator[tuple[int, int]]:
    """Character ranges of the output that repeat the prompt: its words, and for an edit also the page's texts and what changed."""
    for text in map(escape, pair.copied):
        start = pair.output.find(text)
        while text and start >= 0:
            yield start, start + len(text)
            start = pair.output.find(text, start + len(text))
    if pair.input:
        known, start = set(pair.input.split("\n")), 0
        for line in pair.output.split("\n"):
            if line not in known:
                yield start, start + len(line)
            start += len(line) + 1
        for said in TEXTS.finditer(pair.output):
            yield said.span(1)


def encode_pair(pair: Pair, tokenizer: PreTrainedTokenizerFast, copy_weight: float) -> Row:
    """Prompt in the `plain` format, page, EOS, with the weight of each token in the loss."""
    prompt = prompt_ids(tokenizer, format_prompt("plain", pair.instruction, pair.input or None))
    page = tokenizer.backend_tokenizer.encode(pair.output, add_special_tokens=False)
    heavy = bytearray(len(pair.output) + 1)
    for start, end in copied_spans(pair):
        heavy[start:end] = b"\1" * (end - start)
    weights = [copy_weight if any(heavy[start:end]) and end - start < 40 else 1.0 for start, end in page.offsets]
    return Row(
        [*prompt, *page.ids, tokenizer.eos_token_id],
        [*([0.0] * len(prompt)), *weights, 1.0],
    )


Batch = tuple[np.ndarray, np.ndarray]
"""Ids (int32) and weights (float16), each (batch, seq_len)."""


def pool_rows(seed: int, tokenizer: PreTrainedTokenizerFast, config: PretrainConfig) -> Iterator[Row]:
    """One pool's rows, in the order in which they are made."""
    pieces, rng = Pieces(tokenizer), Random(seed)
    for pair in pairs(seed, config.pool, edits=config.edits):
        if rng.random() < config.snippets:
            request, html = snippet(rng)
            pair = Pair(request, "", html, "snippet", {}, ())
        elif rng.random() < config.reworded:
            pair = reword(pair, pieces, rng, share=rng.uniform(0.3, 1.0))
        yield encode_pair(pair, tokenizer, config.copy_weight)


def pool_batches(seed: int, tokenizer: PreTrainedTokenizerFast, config: PretrainConfig) -> list[Batch]:
    """One pool's batches in the order in which they are trained on."""
    rows = sorted(
        (row for row in pool_rows(seed, tokenizer, config) if len(row.input_ids) <= config.context),
        key=lambda row: len(row.input_ids),
    )
    batches, index = [], 0
    while index < len(rows):
        count = 1
        while index + count < len(rows):
            width = -(-len(rows[index + count].input_ids) // 64) * 64
            if width * (count + 1) > config.batch_tokens:
                break
            count += 1
        chosen = rows[index : index + count]
        width = -(-len(chosen[-1].input_ids) // 64) * 64
        ids = np.full((count, width), tokenizer.pad_token_id, np.int32)
        weights = np.zeros((count, width), np.float16)
        for i, row in enumerate(chosen):
            ids[i, : len(row.input_ids)] = row.input_ids
            weights[i, : len(row.weights)] = row.weights
        batches.append((ids, weights))
        index += count
    Random(seed).shuffle(batches)
    return batches


_worker: tuple[PreTrainedTokenizerFast, PretrainConfig]


def _begin_worker(folder: str, config: PretrainConfig) -> None:
    global _worker
    torch.set_num_threads(1)
    _worker = PreTrainedTokenizerFast.from_pretrained(folder), config


def _make_pool(seed: int) -> list[Batch]:
    return pool_batches(seed, *_worker)


def stream_batches(
    config: PretrainConfig, folder: Path, pool: int, skip: int
) -> Generator[tuple[int, int, np.ndarray, np.ndarray], None, None]:
    """Endless (pool, batch number in it, ids, weights) from a place on; processes make the pools ahead.

    Args:
        folder: of the tokenizer.
        pool: the first one's number.
        skip: how many of its batches are passed over.
    """
    context = multiprocessing.get_context("spawn")  # a fork would take the GPU's state along
    with ProcessPoolExecutor(config.workers, context, _begin_worker, (str(folder), config)) as workers:
        ahead: deque[Future[list[Batch]]] = deque()
        number = next_number = pool
        try:
            while True:
                while len(ahead) < config.workers * 2:
                    ahead.append(workers.submit(_make_pool, config.seed * POOL_STRIDE + next_number))
                    next_number += 1
                for i, (ids, weights) in enumerate(ahead.popleft().result()):
                    if number > pool or i >= skip:
                        yield number, i + 1, ids, weights
                number += 1
        finally:
            workers.shutdown(wait=False, cancel_futures=True)


def on_device(batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids as int64 and weights as float32, both (batch, seq_len)."""
    ids, weights = batch
    return torch.from_numpy(ids).to(device).long(), torch.from_numpy(weights).to(device).float()

"""How likely a model finds the held-out answers: teacher forced, the prompt masked."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch

from htmlgen.errors import SettingsError
from train.data import Record
from train.evaluation.metrics import Statistics
from train.evaluation.text_metrics import likelihood_statistics
from train.loss import SummedLoss
from train.tokens import Example, encode_records

log = logging.getLogger(__name__)

LONGEST_WINDOW = 4_096
"""Tokens read at once; longer answers go in windows that each see the prompt and the end of the window before."""
OVERLAP = 128


def likelihoods(
    model: Any,
    tokenizer: Any,
    prompt_format: str,
    records: Sequence[Record],
    *,
    context: int | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[dict[str, Statistics]]:
    """Statistics of perplexity and bits per byte for every record, in their order.

    Every token of an answer counts exactly once, its EOS included. A record whose prompt takes more than three quarters of what the
    model can read has statistics of 0 and so no weight.

    Args:
        context: tokens the model can read; its own limit where this is None.
    """
    own = getattr(model.config, "max_position_embeddings", None)
    whole = min((limit for limit in (own, context) if limit), default=LONGEST_WINDOW) - _virtual_tokens(model)
    windows = sorted({min(LONGEST_WINDOW, whole), whole})  # an edit of a long page has room in the second alone
    loss = SummedLoss(model).eval()
    device = next(model.parameters()).device
    found = []
    checked = False
    for record in records:
        examples = next(filter(None, (_encode(record, tokenizer, prompt_format, window) for window in windows)), [])
        nats = 0.0
        for example in examples:
            batch = {
                "input_ids": torch.tensor([list(example.input_ids)], device=device),
                "labels": torch.tensor([example.labels], device=device),
            }
            if not checked:
                loss.chunked = loss.agrees(batch)
                checked = True
            try:
                with torch.no_grad():
                    nats += float(loss(batch))
            except torch.OutOfMemoryError:  # the pages are written by now, and what they are worth is still to be told
                log.warning("Row %d is too long for the GPU's memory: perplexity is told without it.", record.row)
                examples = []
                break
        nats = nats if examples else 0.0
        tokens = sum(example.learned for example in examples)
        size = len(record.html.encode("utf-8", "replace")) if examples else 0
        found.append(likelihood_statistics(nats, tokens, size))
        progress()
    return found


def _encode(record: Record, tokenizer: Any, prompt_format: str, window: int) -> list[Example]:
    try:
        return encode_records([record], tokenizer, prompt_format, window, overlong="split", overlap=OVERLAP)[0]
    except SettingsError:  # nothing of the only record fits
        return []


def _virtual_tokens(model: Any) -> int:
    config = getattr(model, "peft_config", {}).get("default")
    return int(getattr(config, "num_virtual_tokens", 0) or 0)

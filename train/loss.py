"""The loss of a causal language model, without the logits of masked positions and never all logits at once.

Of a prompt/page pair only the page has labels, and a vocabulary of 32,000 makes the logits the largest tensor of a
small fine-tuning run. So only the hidden states that predict a label reach the output layer, in chunks; each chunk's
logits are turned into a loss and its gradient at once and dropped.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from train.tokens import IGNORE_INDEX

CHUNK_BYTES = 64 * 2**20
"""Memory for one chunk's logits in float32: 512 tokens of a 32,000 vocabulary. Larger was not faster."""


class SummedLoss(nn.Module):
    """Wraps a causal language model, bare or with a peft adapter: a batch in, the sum of its token losses out.

    A sum, not a mean: the loop divides by the label tokens of the whole optimizer step, so that a token weighs the
    same in a short micro-batch as in a long one. It is a module so that DDP and `fully_shard` can wrap it.
    """

    def __init__(self, model: nn.Module, chunk_bytes: int = CHUNK_BYTES) -> None:
        super().__init__()
        self.model = model
        self.chunk_bytes = chunk_bytes
        self.chunked = True
        """False takes the model's own logits, for architectures that change them after the output layer."""

    def forward(self, batch: Mapping[str, Any]) -> Tensor:
        """
        Args:
            batch: `input_ids` (batch, seq_len), `labels` of the same shape with -100 where nothing is learnt, and
                whatever else the model takes (`attention_mask`, `position_ids`).

        Returns:
            float32 scalar: the sum over labels of -log p(label | tokens before it).
        """
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        targets: Tensor = batch["labels"][:, 1:]  # position t predicts token t + 1
        learnt = targets != IGNORE_INDEX
        with without_head(self.model) if self.chunked else nullcontext() as head:
            out: Tensor = self.model(**inputs, use_cache=False).logits
        out = out[:, -targets.shape[1] - 1 : -1]  # prompt tuning puts virtual tokens in front
        if head is None:
            return F.cross_entropy(out[learnt].float(), targets[learnt], reduction="sum")
        return summed_cross_entropy(out[learnt], targets[learnt], head, self.chunk_bytes)

    @torch.no_grad()
    def agrees(self, batch: Mapping[str, Any]) -> bool:
        """Whether the loss in chunks is that of the model's own logits, which soft caps and scales after the head make differ."""
        was_training, was_chunked = self.training, self.chunked
        self.eval()
        try:
            self.chunked = True
            ours = self(batch)
            self.chunked = False
            its_own = self(batch)
        finally:
            self.train(was_training)
            self.chunked = was_chunked
        return bool(torch.isclose(ours, its_own, rtol=1e-2))


@contextmanager
def without_head(model: Any) -> Iterator[nn.Module]:
    """Within it the model's `logits` are its last hidden states; gives the output layer that was taken off."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = causal.get_output_embeddings()
    (name,) = [n for n, m in causal.named_modules(remove_duplicate=False) if m is head][:1]
    parent = causal.get_submodule(name.rpartition(".")[0])
    attribute = name.rpartition(".")[2]
    parent._modules[attribute] = nn.Identity()
    try:
        yield head
    finally:
        parent._modules[attribute] = head


def summed_cross_entropy(hidden: Tensor, targets: Tensor, head: nn.Module, chunk_bytes: int = CHUNK_BYTES) -> Tensor:
    """The sum of cross-entropies of `head(hidden)` against `targets`.

    Args:
        hidden: (tokens, hidden_size); targets: (tokens,), ids, none of them masked.
        head: the output layer. A frozen `nn.Linear` gets its gradient in the forward pass, so that its logits are
            made once; any other (trained, LoRA) goes through activation checkpointing, which makes them twice.
    """
    weight = getattr(head, "weight", None)
    vocabulary = weight.shape[0] if isinstance(weight, Tensor) else 1 << 15
    chunk = max(1, chunk_bytes // (4 * vocabulary))
    if type(head) is nn.Linear and not any(p.requires_grad for p in head.parameters()):
        return FrozenHeadLoss.apply(hidden, targets, head.weight, head.bias, chunk)
    total = hidden.new_zeros((), dtype=torch.float32)
    for start in range(0, len(targets), chunk):
        piece = hidden[start : start + chunk], targets[start : start + chunk]
        total = total + checkpoint(_chunk_loss, head, *piece, use_reentrant=False)
    # With no label at all the loss still hangs on the model, so that backward() runs on every process alike.
    return total + 0.0 * hidden.sum() if not len(targets) else total


def _chunk_loss(head: nn.Module, hidden: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(head(hidden).float(), targets, reduction="sum")


class FrozenHeadLoss(torch.autograd.Function):
    """Cross-entropy after a frozen linear layer, summed; forward makes the gradient of `hidden` chunk by chunk.

    With p = softmax(W h + b), d loss / d h = Wᵀ (p - onehot(target)); the idea of making it in the forward pass is
    that of Liger-Kernel's fused linear cross-entropy (arXiv:2410.10989, section 3.2).
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor | None, chunk: int) -> Tensor:
        dtype = hidden.dtype
        if torch.is_autocast_enabled(hidden.device.type):
            dtype = torch.get_autocast_dtype(hidden.device.type)
        weight = weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        needs_grad = hidden.requires_grad
        grad = torch.empty_like(hidden) if needs_grad else None
        for start in range(0, len(targets), chunk):
            stop = start + chunk
            logits = F.linear(hidden[start:stop].to(dtype), weight, bias).float()  # (chunk, vocabulary)
            target = targets[start:stop].unsqueeze(1)  # (chunk, 1)
            log_z = logits.logsumexp(dim=1, keepdim=True)  # (chunk, 1)
            total += (log_z - logits.gather(1, target)).sum()
            if grad is not None:
                probability = logits.sub_(log_z).exp_()
                probability.scatter_add_(1, target, probability.new_full((1, 1), -1.0).expand_as(target))
                grad[start:stop] = probability.to(dtype) @ weight
        if grad is not None:
            ctx.save_for_backward(grad)
        return total

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        (grad,) = ctx.saved_tensors
        return (grad * grad_output).to(grad.dtype), None, None, None, None

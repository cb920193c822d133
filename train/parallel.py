"""One process or many: data parallelism, and sharding of base and adapter (FSDP2, `fully_shard`).

    torchrun --nproc_per_node 2 -m -- train fit …                     every process has the whole base
    torchrun --nproc_per_node 2 -m -- train fit … --parallel fsdp     each has a share of it

(The dashes keep torchrun from taking `--r` for a flag of its own.) Without a GPU the processes compute on the CPU. The same through accelerate,
which with `--cpu` would start a single one:

    accelerate launch --multi_gpu --num_processes 2 -m train fit …
    accelerate launch --use_fsdp --num_processes 2 -m train fit …

Each process takes its turn of a step's micro-batches, so what a step learns does not depend on their number. What is
saved does not either: whole tensors under the same names.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from htmlgen.errors import SettingsError
from train.loss import SummedLoss


def wants_sharding(parallel: str) -> bool:
    """Whether to shard: `--parallel fsdp`, or `accelerate launch --use_fsdp`, whose own wrapping is switched off for ours."""
    return os.environ.pop("ACCELERATE_USE_FSDP", "false").lower() == "true" or parallel == "fsdp"


def shard(loss: SummedLoss, accelerator: Accelerator) -> None:
    """Splits every parameter over the processes, in place: each decoder layer is gathered when its turn comes.

    Raises:
        SettingsError: nothing started it as one of several processes, or the base is quantised in a way that cannot be split.
    """
    if not torch.distributed.is_initialized():
        raise SettingsError("--parallel fsdp splits the base over processes and there is one. Start it with torchrun.")
    base = loss.model.get_base_model()  # type: ignore[operator]
    for module in loss.modules():
        weight = module._parameters.get("weight")  # a LoRA layer has a property of that name too
        quant_state = getattr(weight, "quant_state", None)
        if weight is not None and quant_state is not None:
            # A split parameter is a plain one again when gathered: bitsandbytes then finds how to read it on the module.
            module.quant_state = quant_state
            module.weight = nn.Parameter(weight.data.as_subclass(Tensor), requires_grad=False)
        elif type(module).__name__ == "Linear8bitLt":
            raise SettingsError("--quantization 8bit cannot be split by --parallel fsdp. Use 4bit or none.")
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    kinds = set(getattr(base, "_no_split_modules", None) or ())
    for module in base.modules():
        if type(module).__name__ in kinds:
            fully_shard(module, mesh=mesh)
    fully_shard(loss, mesh=mesh)


@contextmanager
def synchronised(wrapped: nn.Module, last: bool) -> Iterator[None]:
    """Within it gradients are summed over the processes only for the `last` micro-batch of a step."""
    if isinstance(wrapped, DistributedDataParallel) and not last:
        with wrapped.no_sync():
            yield
        return
    if isinstance(wrapped, FSDPModule):
        wrapped.set_requires_gradient_sync(last)
    yield


@contextmanager
def gathered(module: nn.Module) -> Iterator[None]:
    """Within it the parameters that belong to no layer (embeddings, head) are whole, so that `generate` can use them."""
    if isinstance(module, FSDPModule):
        module.unshard()
    try:
        yield
    finally:
        if isinstance(module, FSDPModule):
            module.reshard()


def whole(tensor: Tensor) -> Tensor:
    """A copy of the tensor on the CPU, gathered where it is sharded (then every process must call this)."""
    tensor = tensor.detach()
    if isinstance(tensor, DTensor):
        tensor = tensor.full_tensor()
    return tensor.to("cpu", copy=True).contiguous()


def like(tensor: Tensor, target: Tensor) -> Tensor:
    """A whole tensor placed, and sharded, as `target` is."""
    tensor = tensor.to(target.device)
    if not isinstance(target, DTensor):
        return tensor
    # Every process has read the whole tensor: each cuts its own share out, and nothing is sent.
    return distribute_tensor(tensor, target.device_mesh, target.placements, src_data_rank=None)


@torch.no_grad()
def set_weights(parameters: Mapping[str, nn.Parameter], weights: Mapping[str, Tensor]) -> None:
    """Copies whole tensors into parameters of the same names."""
    assert parameters.keys() == weights.keys(), "the adapter's parameters are not those that were saved"
    for name, parameter in parameters.items():
        parameter.copy_(like(weights[name].to(parameter.dtype), parameter))


def optimizer_tensors(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """The optimizer's state as whole tensors named `parameter:quantity`; numbers become tensors."""
    return {
        f"{name}:{quantity}": whole(value if isinstance(value, Tensor) else torch.tensor(value))
        for name, parameter in parameters.items()
        for quantity, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor | int | float)
    }


def set_optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Gives an optimizer the state that `optimizer_tensors` read from one like it."""
    on_device = any(group.get("fused") or group.get("capturable") for group in optimizer.param_groups)
    for key, tensor in tensors.items():
        name, _, quantity = key.rpartition(":")
        parameter = parameters[name]
        placed: Any
        if tensor.ndim == 0:  # the count of steps: torch has it as float32, bitsandbytes as a number
            placed = (
                tensor.to(parameter.device if on_device else "cpu") if tensor.is_floating_point() else tensor.item()
            )
        else:
            placed = like(tensor, parameter) if tensor.shape == parameter.shape else tensor.to(parameter.device)
        optimizer.state[parameter][quantity] = placed


def random_states() -> dict[str, Tensor]:
    """States of the generators that dropout draws from, on this process's devices."""
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def set_random_states(states: Mapping[str, Tensor]) -> None:
    """Takes up what `random_states` gave."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])

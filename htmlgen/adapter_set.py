"""Several LoRA adapters in memory over one base, of which each generation uses one, or none.

adapters = AdapterSet(model, base, skeleton)
with adapters.use("runs/mine", Path("runs/mine/adapter")) as activate:
    activate()  # again whenever another generation had its turn
    model.generate(...)
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from htmlgen.adapter import check_adapter

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

MOST = 8
"""Adapters kept in memory. One of rank 16 over a 7B base takes 160 MB."""


class AdapterSet:
    """Belongs to the thread that computes. An adapter whose files have changed is read anew.

    `model` is the transformers model, into whose layers the adapters go: call that, not peft's wrapper around it.
    `skeleton` is the same without weights and adapters.
    """

    def __init__(self, model: PreTrainedModel, base: str, skeleton: PreTrainedModel, most: int = MOST) -> None:
        self.model, self.base, self.skeleton, self.most = model, base, skeleton, most
        self.peft: PeftModel | None = None
        self._names: dict[tuple[Path, int], str] = {}
        """Folder and time of its weights -> peft's name for the adapter; the one used last comes last."""
        self._used: Counter[str] = Counter()
        self._active = _Active()
        self._tables: dict[Any, dict[str, tuple[torch.Tensor, torch.Tensor]]] = {}
        """Layer -> name -> A and scaled B, for layers that take the short way."""
        self._count = 0

    def __len__(self) -> int:
        return len(self._names)

    @contextmanager
    def use(self, adapter: str | None, folder: Path | None) -> Iterator[Callable[[], None]]:
        """Keeps an adapter in memory meanwhile, loading it if need be; gives what makes it the active one.

        Raises:
            AdapterMismatch, ModelError: it does not belong on this base, or cannot be read.
        """
        name = None if adapter is None or folder is None else self._name(adapter, folder)
        if name is not None:
            self._used[name] += 1
        try:
            yield lambda: self._activate(name)
        finally:
            if name is not None:
                self._used[name] -= 1

    def _name(self, adapter: str, folder: Path) -> str:
        key = adapter_key(folder)
        name = self._names.pop(key, None)
        if name is None:
            for note in check_adapter(adapter, folder, self.base, self.skeleton):
                log.warning(note)
            self._count += 1
            name = f"adapter-{self._count}"
            self._load(folder, name)
        self._names[key] = name
        self._drop_surplus(keep=name)
        return name

    def _load(self, folder: Path, name: str) -> None:
        from peft import PeftModel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names, which check_adapter told in its own words
            if self.peft is None:
                self.peft = PeftModel.from_pretrained(self.model, folder, adapter_name=name, is_trainable=False)
            else:
                self.peft.load_adapter(folder, adapter_name=name, is_trainable=False)
        self.peft.eval()
        if not self._lighten(name):
            self._active.in_peft, self._active.stale = True, True

    def _activate(self, name: str | None) -> None:
        if name == self._active.name and not self._active.stale:
            return
        self._active.name, self._active.stale = name, False
        if self.peft is None or not self._active.in_peft:
            return
        if name is None:
            self.peft.base_model.disable_adapter_layers()
        else:
            self.peft.base_model.enable_adapter_layers()
            self.peft.set_adapter(name, inference_mode=True)

    def _drop_surplus(self, keep: str) -> None:
        for key, name in list(self._names.items()):
            if len(self._names) <= self.most:
                return
            if name != keep and not self._used[name]:
                assert self.peft is not None
                del self._names[key]
                if self._active.name == name:
                    self._activate(None)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about which adapter peft takes for the active one now
                    self.peft.delete_adapter(name)
                self._active.stale = True
                for table in self._tables.values():
                    table.pop(name, None)
                log.info("Adapter %s leaves memory, as the one unused the longest.", key[0])

    def _lighten(self, name: str) -> bool:
        """Takes LoRA's shortest way, y = W x + B' A x with the scaling in B'; False where an adapter is more than that.

        A layer of peft's looks up its settings and converts and copies for each token, which on a CPU takes as long as
        the 4-bit product itself: measured here for a width of 320, 99 us a layer, 70 us this way, 43 us without an
        adapter. Nor need peft walk through the whole model when another adapter takes over.
        """
        from peft.tuners.lora import Linear, LoraLayer
        from peft.utils.other import AuxiliaryTrainingWrapper

        kinds: tuple[type[Any], ...] = (Linear,)
        try:
            from peft.tuners.lora.bnb import Linear4bit, Linear8bitLt

            kinds = (Linear, Linear4bit, Linear8bitLt)
        except ImportError:
            pass  # without bitsandbytes there are no such layers
        whole = True
        layer: Any
        for layer in self.model.modules():
            if isinstance(layer, AuxiliaryTrainingWrapper):
                whole = False
            if not isinstance(layer, LoraLayer) or not any(name in d for d in (layer.lora_A, layer.lora_embedding_A)):
                continue
            if not isinstance(layer, kinds) or name in layer.lora_variant or layer.lora_bias[name]:
                whole = False
                continue
            if layer not in self._tables:
                self._tables[layer] = {}
                layer.forward = _light_forward(layer, self._tables[layer], self._active)
            a = layer.lora_A[name].weight.detach()  # (r, in)
            b = layer.lora_B[name].weight.detach() * layer.scaling[name]  # (out, r)
            if a.device.type == "cuda":
                # There a token waits for kernels to be launched, not for arithmetic: two of them instead of five.
                a, b = (tensor.to(self.model.dtype) for tensor in (a, b))
            self._tables[layer][name] = a, b
        return whole


class _Active:
    """Which adapter the layers use now; None is none."""

    name: str | None = None
    in_peft = False
    """Peft has to know too, since an adapter came that is more than plain LoRA on linear layers."""
    stale = False
    """Peft does not know yet."""


def add_lora(output: torch.Tensor, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`output` (…, out) + x Aᵀ Bᵀ, all of one dtype: x (…, in), a (r, in), b (out, r)."""
    hidden = x.reshape(-1, x.shape[-1]) @ a.T  # (tokens, r)
    return output.reshape(-1, output.shape[-1]).addmm(hidden, b.T).view_as(output)


def adapter_key(folder: Path) -> tuple[Path, int]:
    """Folder and time of change, in ns: an adapter trained anew in the same place is another one."""
    weights = [file for file in folder.glob("adapter_model.*") if file.is_file()]
    return folder.resolve(), max((file.stat().st_mtime_ns for file in weights), default=0)


def _light_forward(
    layer: Any, table: dict[str, tuple[torch.Tensor, torch.Tensor]], active: _Active
) -> Callable[..., torch.Tensor]:
    from torch.nn.functional import linear

    full, base = layer.forward, layer.base_layer

    def forward(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        pair = None if active.name is None else table.get(active.name)
        output: torch.Tensor
        if pair is None and not active.in_peft:
            output = base(x, *args, **kwargs)
        elif pair is None or layer.disable_adapters or layer.merged or layer.training or args or kwargs:
            output = full(x, *args, **kwargs)
        else:
            a, b = pair
            if a.dtype == x.dtype:
                return add_lora(base(x), x, a, b)
            # fp32, as peft keeps adapters: in bf16 products this thin are five times slower on a CPU.
            output = base(x) + linear(linear(x.to(a.dtype), a), b).to(x.dtype)
        return output

    return forward

"""In which arithmetic a run computes: bf16, fp16 with loss scaling, or fp32. Trained weights are float32 in all of them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from htmlgen.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Precision:
    """`dtype` of the base's weights and of matrix products on `device`."""

    dtype: torch.dtype
    device: torch.device

    @property
    def scaled(self) -> bool:
        """Whether losses are scaled up, since fp16 has no room for small gradients."""
        return self.dtype == torch.float16

    def autocast(self) -> AbstractContextManager[object]:
        """Within it, matrix products are done in `dtype`."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def scaler(self) -> torch.amp.GradScaler:
        """Multiplies losses and divides gradients; does nothing unless `scaled`."""
        return torch.amp.GradScaler(self.device.type, enabled=self.scaled)


def choose_precision(
    setting: Literal["auto", "bf16", "fp16", "fp32"], device: torch.device, *, sharded: bool = False
) -> Precision:
    """What `--precision` means on this device.

    `auto` is bf16 where the hardware multiplies it: GPUs since Ampere, and CPUs with AVX512-BF16 or AMX, where a step of a
    7 M Llama was measured 1.6 times as fast as in fp32. Else fp16 on a GPU (T4, V100) and fp32 on a CPU.

    Raises:
        SettingsError: the GPU has no bf16, or fp16 is to be sharded.
    """
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    if setting == "auto":
        if device.type == "cuda":
            setting = "bf16" if _cuda_has_bf16() else "fp16"
        else:
            setting = "bf16" if device.type == "cpu" and _cpu_has_bf16() else "fp32"
        if sharded and setting == "fp16":
            setting = "fp32"
    if setting == "bf16" and device.type == "cuda" and not _cuda_has_bf16():
        raise SettingsError(
            f"--precision bf16: {torch.cuda.get_device_name(device)} has no bf16 arithmetic. Use fp16, or leave it to auto."
        )
    if setting == "fp16" and sharded:
        raise SettingsError("--precision fp16 cannot be combined with --parallel fsdp. Use bf16 or fp32.")
    return Precision(dtypes[setting], device)


def _cuda_has_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _cpu_has_bf16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())

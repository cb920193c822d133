"""Base and adapter folders -> a model that can generate. What can be checked is checked before weights are read.

Nothing here runs code from a model's folder: `trust_remote_code` is off, and pickled weights are read as weights only.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from htmlgen.adapter import attach, can_be_swapped, check_adapter, read_adapter_config, tensor_shapes, unsafe_pickle
from htmlgen.adapter_set import AdapterSet
from htmlgen.errors import AdapterMismatch, HtmlgenError, ModelError, ModelNotFound, OutOfMemory
from htmlgen.hub import Report, fetch
from htmlgen.settings import Quantization

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

BYTES_PER_WEIGHT = {"4bit": 0.53, "8bit": 1.01, "none": 2.0}
"""Of linear layers: NF4 takes 4 bits and, quantised doubly, 0.127 for its scales (QLoRA, arXiv:2305.14314, section 3)."""


@dataclass
class Loaded:
    """A base in memory. `context` is in tokens; `notes` are sentences that a user should read but that stop nothing."""

    base: str
    model: PreTrainedModel
    """What generates; peft's wrapper only where an adapter is fixed and not merged."""
    tokenizer: PreTrainedTokenizerBase
    context: int
    size: int
    """Bytes that the weights take."""
    adapters: AdapterSet | None
    """Where LoRA adapters go; None where `fixed` is part of the model."""
    fixed: str | None = None
    """The adapter that cannot be taken off again."""
    notes: list[str] = field(default_factory=list)

    @property
    def takes_turns(self) -> bool:
        """Whether two generations may run in turns. Peft's wrapper swaps methods of the model while it generates."""
        from peft import PeftModel

        return not isinstance(self.model, PeftModel)

    def can_use(self, base: str, adapter: str | None, swappable: bool) -> bool:
        """Whether that pair can generate without loading the base anew."""
        if self.adapters is None:
            return (base, adapter) == (self.base, self.fixed)
        return base == self.base and swappable


def load(
    base: str,
    adapter: str | None,
    quantization: Quantization,
    report: Report,
    *,
    folders: Mapping[str, Path] = MappingProxyType({}),
    merge: bool = True,
    reclaimable: int = 0,
    reclaim: Callable[[], None] = lambda: None,
) -> Loaded:
    """Fetches what is not here, checks it, and loads it; blocks for seconds to minutes.

    `folders` has what was fetched before. `merge` puts LoRA into weights that are not quantised, for good. Where the
    base fits only without the `reclaimable` bytes of another, `reclaim` is called to free these first.

    Raises:
        ModelNotFound, AdapterMismatch, OutOfMemory, ModelError: see htmlgen/errors.py.
    """
    base_folder = folders.get(base) or fetch(base, "base", report)
    adapter_folder = None if adapter is None else folders.get(adapter) or fetch(adapter, "adapter", report)
    report(f"Loading {base}.")
    with explained(base):
        import torch

        if not torch.cuda.is_available():
            _leave_a_core()
        config = _read_config(base, base_folder)
        weights = _weight_files(base, base_folder)
        notes = []
        skeleton = _skeleton(config)
        if adapter is not None and adapter_folder is not None:
            notes += check_adapter(adapter, adapter_folder, base, skeleton)
        quantized_already = getattr(config, "quantization_config", None) is not None
        needed = _stored(weights) if quantized_already else _needed(skeleton, quantization)
        free = free_memory()
        if needed > free + reclaimable:
            raise _too_large(base, needed, free + reclaimable, quantization)
        if needed > free:
            reclaim()
        tokenizer = _load_tokenizer(base, base_folder, skeleton)
        if not any(file.suffix == ".safetensors" for file in weights):
            notes.append(f"{base} has only pickled weights; they load slowly and were read as weights only.")
        model = _load_base(base_folder, None if quantized_already else quantization)
        size = model.get_memory_footprint()
    fixed = None
    if adapter is not None and adapter_folder is not None:
        merge = merge and quantization == "none" and not quantized_already
        if merge or not can_be_swapped(read_adapter_config(adapter, adapter_folder)):
            report(f"Loading the adapter {adapter}.")
            with explained(adapter):
                model, fixed = attach(model, adapter_folder, merge=merge), adapter
    _prepare_generation(model, tokenizer)
    for note in notes:
        log.warning(note)
    adapters = AdapterSet(model, base, skeleton) if fixed is None else None
    return Loaded(base, model, tokenizer, _context(config, tokenizer), size, adapters, fixed, notes)


CGROUP = Path("/sys/fs/cgroup")
"""Where a container is told how much of its machine's memory it may have."""


def free_memory() -> int:
    """Bytes that a model may take: on the CUDA device if there is one, else in main memory."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (CGROUP / "memory.max").read_text().strip(), int((CGROUP / "memory.current").read_text())
        counts = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return free
    # What is kept of files that were read, such as weights, counts as used, and goes when it is needed for something else.
    used -= sum(int(counts.get(name, 0)) for name in ("active_file", "inactive_file"))
    return free if limit == "max" else min(free, int(limit) - used)


def _leave_a_core() -> None:
    """Threads for matrix products, called in the thread that computes.

    They wait for each other by spinning. With as many as there are cores, one that has to share its core with the web
    server or a browser holds up all others: measured here, 9 tokens/s instead of 150.
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), max(1, cores - 1)))


def _read_config(base: str, folder: Path) -> PreTrainedConfig:
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            of = read_adapter_config(base, folder).get("base_model_name_or_path")
            raise ModelError(f"{base} is an adapter, not a model. Set HTMLGEN_ADAPTER={base} and HTMLGEN_MODEL={of}.")
        raise ModelNotFound(f"{base} has no config.json, so it is not a model. Set HTMLGEN_MODEL to a model's folder.")
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    method = (getattr(config, "quantization_config", None) or {}).get("quant_method")
    if method == "gptq" and importlib.util.find_spec("gptqmodel") is None:
        raise ModelError(
            f"{base} is quantised by GPTQ, which needs more packages: pip install -r requirements-gptq.txt"
        )
    return config


def _weight_files(base: str, folder: Path) -> list[Path]:
    """The files that hold the base's weights, safetensors before pickled ones; damaged ones are found here."""
    files = sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith("adapter_"))
    files = files or sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise ModelNotFound(
            f"{base} has no weights (model*.safetensors). Fetch them, or set HTMLGEN_MODEL to another model."
        )
    for index in folder.glob("*.index.json"):
        named = set(json.loads(index.read_text("utf-8")).get("weight_map", {}).values())
        missing = sorted(
            name for name in named if Path(name).suffix == files[0].suffix and not (folder / name).is_file()
        )
        if missing:
            raise ModelNotFound(
                f"{base} is incomplete: {missing[0]} is missing ({len(missing)} of {len(named)} files). Fetch it again."
            )
    for file in files:
        if file.suffix == ".safetensors":
            tensor_shapes(file)
    return files


def _skeleton(config: PreTrainedConfig) -> PreTrainedModel:
    """The model without its weights: shapes only, no memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def _needed(skeleton: PreTrainedModel, quantization: Quantization) -> float:
    """Bytes that a model takes when its linear layers are quantised."""
    import torch

    head = skeleton.get_output_embeddings()
    linear = {m.weight for m in skeleton.modules() if isinstance(m, torch.nn.Linear) and m is not head}
    small = sum(weight.numel() for weight in linear)
    rest = sum(parameter.numel() for parameter in skeleton.parameters()) - small
    width = 2 if quantization != "none" else compute_dtype().itemsize
    return small * (width if quantization == "none" else BYTES_PER_WEIGHT[quantization]) + rest * width


def _stored(weights: list[Path]) -> float:
    """Bytes of files that are quantised already."""
    return sum(file.stat().st_size for file in weights)


def _too_large(base: str, needed: float, free: float, quantization: Quantization) -> OutOfMemory:
    """Told before anything is loaded: running out of main memory ends the whole process instead of raising anything."""
    return OutOfMemory(
        f"{base} needs {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free. Close other programs, "
        + ("set HTMLGEN_QUANTIZATION=4bit, " if quantization != "4bit" else "")
        + "or set HTMLGEN_MODEL to a smaller model, such as demo."
    )


def compute_dtype() -> torch.dtype:
    """bf16 where the hardware computes in it, else fp32.

    Measured on a CPU that does: as many tokens/s in both, prompts read twice as fast in bf16, half the memory.
    """
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16
    capabilities = torch.cpu.get_capabilities()
    return torch.bfloat16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else torch.float32


def _load_tokenizer(base: str, folder: Path, skeleton: PreTrainedModel) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise ModelError(
            f"{base} has no tokenizer.json. Convert its tokenizer with transformers, or take another model."
        )
    rows = skeleton.get_input_embeddings().weight.shape[0]
    last = max(tokenizer.get_vocab().values(), default=0)
    if last >= rows:
        raise ModelError(
            f"The tokenizer of {base} has ids up to {last} and the model only {rows} embeddings. They do not belong together."
        )
    return tokenizer


def _load_base(folder: Path, quantization: Quantization | None) -> PreTrainedModel:
    """The base on its device; `quantization` is None for one that is quantised already."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    # It advises every owner of a modern CPU to install a package that fetches code from the hub.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    # Else a thread of transformers asks the hub to convert pickled weights.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    options = {}  # a base that is quantised already says itself how; None in its place would take that away
    if quantization == "4bit":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    elif quantization == "8bit":
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype={"none": compute_dtype(), None: "auto"}.get(quantization, torch.bfloat16),
        **options,
        device_map={"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"},
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
    )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{folder} lacks {len(missing)} of the model's tensors, such as {missing[0]}. Fetch it again.")
    _keep_odd_shapes_unpacked(model)
    return model.eval()


def _keep_odd_shapes_unpacked(model: PreTrainedModel) -> None:
    """On a CPU with AVX512-BF16, bitsandbytes repacks NF4 weights in tiles and breaks off where a layer is no whole number of them."""
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit) and (module.in_features % 64 or module.out_features % 32):
            module.support_avx512bf16_for_cpu = False


def _prepare_generation(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Keeps the ids that end a text and drops the sampling that the model's makers set: only a request's counts."""
    from transformers import GenerationConfig

    named = model.generation_config.eos_token_id
    ends = set(named if isinstance(named, list) else [named]) | {tokenizer.eos_token_id}
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=sorted(ends - {None}), pad_token_id=pad)


def _context(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that prompt and page may have together."""
    limit = getattr(config.get_text_config(), "max_position_embeddings", None) or tokenizer.model_max_length
    assert limit, "a model without a context"
    return int(limit) if limit < 10**9 else 2048


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turns what the libraries raise while loading `name` into errors that a user can act on."""
    import torch

    try:
        yield
    except HtmlgenError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(name) from error
    except pickle.UnpicklingError as error:
        raise unsafe_pickle(name) from error
    except ImportError as error:
        raise ModelError(
            f"{name} needs a package that is not installed: {error}. Install it, or take another model."
        ) from error
    except Exception as error:
        log.exception("Loading %s failed", name)
        text = str(error)
        if "trust_remote_code" in text:
            raise ModelError(
                f"{name} brings code of its own, which is never run here. Take a model of a known kind."
            ) from error
        if "size mismatch" in text:
            raise AdapterMismatch(
                f"The tensors of {name} do not have the model's shapes: {text.splitlines()[-1].strip()}"
            ) from error
        if "can't allocate memory" in text:
            raise _out_of_memory(name) from error
        reason = text.splitlines()[0] if text else type(error).__name__
        raise ModelError(f"{name} cannot be loaded: {reason} The server's log has the details.") from error


def _out_of_memory(name: str) -> OutOfMemory:
    return OutOfMemory(
        f"There is too little memory to load {name}. Close other programs, set HTMLGEN_QUANTIZATION=4bit, or set "
        "HTMLGEN_MODEL to a smaller model, such as demo."
    )

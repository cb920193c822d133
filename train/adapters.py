"""A frozen base, quantised or not, and the adapter that training puts on it."""

import importlib.util
import json
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptTuningConfig,
    PromptTuningInit,
    TaskType,
    get_peft_model,
    get_peft_model_state_dict,
)
from peft.utils.other import is_gptqmodel_quant_linear
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, GPTQConfig

from htmlgen.errors import ModelError, ModelNotFound, OutOfMemory, SettingsError
from htmlgen.presets import Preset
from htmlgen.prompt import SIDECAR, write_prompt_format
from htmlgen.settings import PROJECT, Quantization
from train.config import PROMPT_LEARNING, AdapterConfig
from train.predecessor import Predecessor

CHECKPOINTING_FROM = 1_000_000_000
"""Parameters of a base from which `gradient_checkpointing: auto` is on: below, activations are rarely what fills memory."""


def load_base(
    preset: Preset, quantization: Quantization, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> Any:
    """The frozen base model.

    Args:
        dtype: of the arithmetic and of what is not quantised. 4-bit weights are stored as numbers of this type, two to
            eight of them in each: a sharded group of parameters must share one type.

    Raises:
        ModelNotFound: no such folder or hub id, or no network to fetch it.
        SettingsError: the base is GPTQ-quantised and what it needs is not installed.
        OutOfMemory, ModelError: the base does not fit, or cannot be read.
    """
    try:
        config = AutoConfig.from_pretrained(preset.base)
        already = getattr(config, "quantization_config", None)
        options: dict[str, Any] = {"dtype": dtype, "device_map": {"": torch.device(device)}}
        if already is not None:
            options |= _gptq_options(preset, already)
        elif quantization != "none":
            options["quantization_config"] = quantized(quantization, dtype)
        model = AutoModelForCausalLM.from_pretrained(preset.base, **options)
    except torch.cuda.OutOfMemoryError as error:
        raise OutOfMemory(
            f"{preset.base} does not fit into the GPU's memory in {quantization}. Use --quantization 4bit, or a smaller base."
        ) from error
    except OSError as error:
        raise ModelNotFound(
            f"The base {preset.base!r} cannot be loaded: {str(error).splitlines()[0]} Name a preset, a local folder or "
            "a hub id; a hub id needs a network, and for a gated model `hf auth login`."
        ) from error
    except ValueError as error:
        raise ModelError(f"The base {preset.base!r} cannot be loaded: {error}") from error
    model.requires_grad_(False)
    model.config.use_cache = False
    for module in model.modules():
        # In eval mode bitsandbytes repacks a CPU weight for inference, in place and for good, and has no gradient for that
        # layout: the first validation would silently end the training of every layer below another.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def quantized(quantization: Quantization, dtype: torch.dtype) -> BitsAndBytesConfig:
    """NF4 with double quantisation (QLoRA, arXiv:2305.14314, section 3), or LLM.int8() (arXiv:2208.07339)."""
    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_storage=dtype,
    )


def attach(model: Any, config: AdapterConfig, preset: Preset) -> PeftModel:
    """Puts an adapter on the base, fresh or with the weights of `config.start_from`; they are float32 and the only ones that train.

    Raises:
        SettingsError: the adapter does not go with this base, or not with the one to start from; the message says which
            flag to change.
        ModelNotFound: there is no adapter to start from.
    """
    if config.type == "pissa" and getattr(model, "quantization_method", None) is not None:
        raise SettingsError(
            "--adapter-type pissa moves a part of the base into the adapter, which a quantised base cannot give. "
            "Use --quantization none, or another adapter type."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of transformers, at how peft asks it something
            # The base is named as others find it, not by this machine's path; `merge` unties what an adapter needs untied.
            for known in (
                "The PEFT config's `base_model_name_or_path` was renamed",
                "Model has `tie_word_embeddings=True`",
            ):
                warnings.filterwarnings("ignore", re.escape(known))
            peft_model = get_peft_model(model, _peft_config(config, preset, model))
    except ValueError as error:
        layers = sorted({n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, nn.Linear)})
        raise SettingsError(
            f"--target-modules {config.target_modules} does not go with this base: {error} Its linear layers are: "
            f"{', '.join(layers)}."
        ) from error
    for parameter in peft_model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if config.start_from is not None:
        Predecessor.find(config.start_from).give_weights(peft_model)
    return peft_model


def _peft_config(config: AdapterConfig, preset: Preset, model: nn.Module) -> Any:
    base = base_name(preset)
    if config.type == "prefix":
        return PrefixTuningConfig(
            task_type=TaskType.CAUSAL_LM, base_model_name_or_path=base, num_virtual_tokens=config.virtual_tokens
        )
    if config.type == "prompt":
        return PromptTuningConfig(
            task_type=TaskType.CAUSAL_LM,
            base_model_name_or_path=base,
            num_virtual_tokens=config.virtual_tokens,
            # Real embeddings, which have the right scale; random ones of unit variance take long to come down to it.
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
    targets: Any = config.target_modules
    if targets == "all-linear" and preset.target_modules is not None:
        targets = list(preset.target_modules)
    elif targets == "all-linear":  # peft 0.21 counts those of GPTQ for none
        quantised = (n.rpartition(".")[2] for n, m in model.named_modules() if is_gptqmodel_quant_linear(m))
        targets = sorted(set(quantised)) or targets
    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        base_model_name_or_path=base,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets,
        use_rslora=config.type == "rslora",
        use_dora=config.type == "dora",
        init_lora_weights="pissa" if config.type == "pissa" else True,
    )


def prepare_checkpointing(model: PeftModel, setting: bool | str, adapter: AdapterConfig) -> bool:
    """Turns gradient checkpointing on where `setting` says so; returns whether it is on.

    Raises:
        SettingsError: it is asked for with prefix tuning, whose keys and values would be lost in the second forward pass.
    """
    base = model.get_base_model()
    if setting == "auto":
        setting = base.num_parameters() >= CHECKPOINTING_FROM and adapter.type != "prefix"
    if setting and adapter.type == "prefix":
        raise SettingsError(
            "--gradient-checkpointing does not go with --adapter-type prefix. Leave it off, or lower --max-length."
        )
    if setting:
        base.enable_input_require_grads()
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return bool(setting)


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that train, by name, in the model's order."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def adapter_files(
    model: PeftModel,
    weights: Mapping[str, Tensor],
    initial: Mapping[str, Tensor] | None,
    preset: Preset,
    prompt_format: str,
) -> dict[str, bytes]:
    """The files of an adapter's folder, as peft and `LocalEngine` load it.

    Args:
        weights: whole tensors by the names of `trained_parameters`, so that sharded training saves the very same files.
        initial: what `weights` were before the first step, for pissa: the base that others load still has what
            pissa moved out of it, so the difference is saved, as a plain LoRA of twice the rank.
    """
    config = json.loads(json.dumps(model.peft_config["default"].to_dict(), default=_as_json))
    config["inference_mode"] = True
    if model.peft_config["default"].is_prompt_learning:
        (embedding,) = weights.values()
        tensors = {"prompt_embeddings": embedding}
    else:
        tensors = get_peft_model_state_dict(model, state_dict=dict(weights), save_embedding_layers=False)
        if initial is not None:
            before = get_peft_model_state_dict(model, state_dict=dict(initial), save_embedding_layers=False)
            tensors = {name: _difference(name, tensor, before[name]) for name, tensor in tensors.items()}
            config |= {"r": 2 * config["r"], "lora_alpha": 2 * config["lora_alpha"], "init_lora_weights": True}
    with tempfile.TemporaryDirectory() as folder:
        write_prompt_format(folder, prompt_format, base_name(preset))
        sidecar = (Path(folder) / SIDECAR).read_bytes()
    return {
        "adapter_model.safetensors": save_tensors(
            {name: tensor.contiguous() for name, tensor in sorted(tensors.items())}, metadata={"format": "pt"}
        ),
        "adapter_config.json": json.dumps(config, indent=2, sort_keys=True).encode(),
        SIDECAR: sidecar,
    }


def base_name(preset: Preset) -> str:
    """The base as an adapter's files name it: within the project by its path from there, so that it holds elsewhere too."""
    path = Path(preset.base)
    if path.is_dir() and path.resolve().is_relative_to(PROJECT):
        return path.resolve().relative_to(PROJECT).as_posix()
    return preset.base


def _difference(name: str, after: Tensor, before: Tensor) -> Tensor:
    """Factors of B A - B0 A0 = [B | -B0] [A ; A0]."""
    return torch.cat([after, before], dim=0) if "lora_A" in name else torch.cat([after, -before], dim=1)


def _as_json(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else str(getattr(value, "value", value))


def _gptq_options(preset: Preset, quantization: Any) -> dict[str, Any]:
    """How a base that is quantised already is loaded so that gradients flow through it."""
    known = quantization if isinstance(quantization, dict) else quantization.to_dict()
    if str(getattr(method := known["quant_method"], "value", method)) != "gptq":
        return {}
    missing = [name for name in ("gptqmodel", "optimum") if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"{preset.base} is quantised with GPTQ, which needs {' and '.join(missing)}: "
            "pip install -r requirements-gptq.txt (it brings a newer torch, so take an environment of its own)."
        )
    # The kernel that is chosen by itself may be one for serving, through which no gradient flows.
    return {"quantization_config": GPTQConfig(bits=known["bits"], backend="auto_trainable")}


assert set(PROMPT_LEARNING) == {"prefix", "prompt"}

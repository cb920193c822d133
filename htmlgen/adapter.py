"""One adapter: whether it belongs to a base, told from names and shapes before weights are read; and putting it there."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from htmlgen.errors import AdapterMismatch, ModelError, ModelNotFound

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def check_adapter(adapter: str, folder: Path, base: str, skeleton: PreTrainedModel) -> list[str]:
    """Compares an adapter with the base it is to go on; gives notes about what is odd but works.

    Raises:
        AdapterMismatch: its tensors do not fit; the message names both and the first tensor that does not.
        ModelError, ModelNotFound: it cannot be read.
    """
    config = read_adapter_config(adapter, folder)
    made_for = config.get("base_model_name_or_path") or "an unnamed base"
    files = [folder / name for name in ("adapter_model.safetensors", "adapter_model.bin") if (folder / name).is_file()]
    if not files:
        raise ModelNotFound(
            f"{adapter} has no adapter_model.safetensors. Fetch it, or set HTMLGEN_ADAPTER to another adapter."
        )
    told = f"The adapter {adapter} was made for {made_for} and does not fit {base}"
    advice = f"Set HTMLGEN_MODEL to {made_for}, or HTMLGEN_ADAPTER to an adapter for {base} or to none."
    modules = {name: tuple(tensor.shape) for name, tensor in skeleton.state_dict().items()}
    layers = set()
    for name, shape in tensor_shapes(files[0]).items():
        module, _, part = name.removeprefix("base_model.model.").partition(".lora_")
        if not part:
            continue  # prompt and prefix tuning, and layers trained whole: peft compares those itself
        layers |= {int(number) for number in module.split(".") if number.isdigit()}
        weight = modules.get(f"{module}.weight")
        if weight is None:
            raise AdapterMismatch(f"{told}: that has no layer {module}. {advice}")
        # A is (r, in) and B is (out, r). Weights are (out, in), but for GPT-2's, which are the other way round.
        at = {"A": -1, "B": 0}.get(part[0])
        if at is not None and shape[at] not in (
            weight if type(skeleton).__name__.startswith("GPT2") else (weight[at],)
        ):
            raise AdapterMismatch(f"{told}: for {module} it has {shape} and the base {weight}. {advice}")
    depth = getattr(skeleton.config.get_text_config(), "num_hidden_layers", None)
    if layers and depth and config.get("layers_to_transform") is None and max(layers) + 1 < depth:
        raise AdapterMismatch(f"{told}: it covers {max(layers) + 1} layers and the base has {depth}. {advice}")
    if not config.get("base_model_name_or_path") or same_model(made_for, base, folder):
        return []
    return [
        f"The adapter {adapter} was made for {made_for}; its shapes fit {base}, but expect worse pages if they differ."
    ]


def can_be_swapped(config: dict[str, Any]) -> bool:
    """Whether an adapter is LoRA that leaves the base as it is, so that others can have their turn on the same base.

    Not so: prompt and prefix tuning, which peft puts around the whole model; initialisations that take a part out of
    the base's own weights (PiSSA and its relatives); and adapters that change the base's biases or its depth.
    """
    return (
        config.get("peft_type") == "LORA"
        and config.get("bias", "none") == "none"
        and config.get("init_lora_weights", True) in (True, False, None, "gaussian")
        and not any(config.get(name) for name in ("layer_replication", "alora_invocation_tokens", "target_parameters"))
    )


def attach(model: PreTrainedModel, folder: Path, *, merge: bool) -> PreTrainedModel:
    """The model with its adapter for good: LoRA merged into the weights, if asked, which then costs nothing per token."""
    from peft import LoraModel, PeftModel

    base = model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names, which check_adapter told in its own words
        model = PeftModel.from_pretrained(base, folder, is_trainable=False)
    if merge and isinstance(model.base_model, LoraModel):
        untie_if_adapted(base)
        model = model.base_model.merge_and_unload(safe_merge=True)
    return model.eval()


def untie_if_adapted(model: Any) -> None:
    """Gives the output layer weights of its own where it shares the embeddings' and the adapter changes one of them.

    Both would else be merged into the same weights, one adapter on top of the other.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import ModulesToSaveWrapper
    from torch.nn import Linear, Parameter

    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    if not (
        model.config.tie_word_embeddings and any(isinstance(end, BaseTunerLayer | ModulesToSaveWrapper) for end in ends)
    ):
        return
    output = ends[1].get_base_layer() if isinstance(ends[1], BaseTunerLayer) else ends[1]
    if isinstance(output, Linear):
        output.weight = Parameter(output.weight.detach().clone(), requires_grad=False)
    model.config.tie_word_embeddings = False
    model.all_tied_weights_keys = {}  # what save_pretrained leaves out


def read_adapter_config(adapter: str, folder: Path) -> dict[str, Any]:
    path = folder / "adapter_config.json"
    if not path.is_file():
        raise ModelNotFound(
            f"{adapter} has no adapter_config.json, so it is not an adapter. Set HTMLGEN_ADAPTER to one."
        )
    try:
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return dict(config)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} cannot be read ({error}). Fetch the adapter again.") from error


def same_model(made_for: str, base: str, adapter_folder: Path) -> bool:
    """Whether two names can mean one model: the same folder, seen from here or from the adapter, or the same last name."""
    there = Path(base).expanduser().resolve()
    if any((start / made_for).resolve() == there for start in (Path(), adapter_folder)):
        return True
    return _last_name(made_for) == _last_name(base)


def _last_name(name: str) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    for part in parts:
        if part.startswith("models--"):  # a folder in the hub's cache: models--owner--name/snapshots/<commit>
            return part.split("--")[-1].lower()
    return parts[-1].lower() if parts else ""


def tensor_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a file of weights, without reading their data."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as tensors:
                return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118 (it has no other way to iterate)
        state = torch.load(file, map_location="meta", weights_only=True)
        return {name: tuple(tensor.shape) for name, tensor in state.items()}
    except (SafetensorError, EOFError, OSError, AttributeError, RuntimeError) as error:
        raise ModelError(
            f"{file} is damaged or incomplete ({error}). Delete it and fetch it again; after git clone, run git lfs pull."
        ) from error
    except pickle.UnpicklingError as error:
        raise unsafe_pickle(str(file)) from error


def unsafe_pickle(name: str) -> ModelError:
    """What to say of pickled weights that torch refuses to read as weights only."""
    return ModelError(
        f"{name} holds more than weights, and could run code here, so it is not read. Convert it to safetensors."
    )

"""Named models: base, adapter, prompt format, licence, and the memory they need."""

from dataclasses import dataclass

from htmlgen.settings import PROJECT


@dataclass(frozen=True, slots=True)
class Preset:
    """A model by name. `gib` is what it needs in 4 bits, weights and a 4,096-token cache, in GiB."""

    name: str
    base: str
    adapter: str | None
    prompt_format: str
    licence: str
    gib: float
    note: str = ""
    target_modules: tuple[str, ...] | None = None
    """Layers that LoRA goes into; None is all linear layers."""
    needs_gptq: bool = False


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("demo", str(PROJECT / "models/demo/base"), str(PROJECT / "models/demo/adapter"), "alpaca", "MIT", 0.3,
               "small specialist made by train/; runs anywhere, offline"),
        Preset("codellama", "TinyPixel/CodeLlama-7B-Instruct-bf16-sharded", "MG650/CodeLlama_HTML_FineTuned",
               "codellama-instruct", "Llama 2 Community", 7.0),
        Preset("falcon", "ybelkada/falcon-7b-sharded-bf16",
               "PrincySinghal991/falcon-7b-sharded-bf16-finetuned-html-code-generation", "plain", "Apache-2.0", 7.0,
               target_modules=("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")),
        Preset("mistral", "mistralai/Mistral-7B-v0.1", None, "alpaca", "Apache-2.0", 7.0),
        Preset("llama2-gptq", "TheBloke/Llama-2-7b-Chat-GPTQ", None, "codellama-instruct", "Llama 2 Community", 7.0,
               "already quantised; needs requirements-gptq.txt", needs_gptq=True),
        Preset("qwen-coder", "Qwen/Qwen2.5-Coder-1.5B-Instruct", None, "alpaca", "Apache-2.0", 2.5,
               "for CPUs with a network"),
    )
}  # fmt: skip


def find_preset(name: str) -> Preset:
    """The preset of that name; a folder or hub id becomes one of its own, with the `alpaca` format and no adapter."""
    return PRESETS.get(name) or Preset(name, name, None, "alpaca", "unknown", 0.0)


def preset_of(base: str) -> Preset:
    """The preset of a base, by its name, folder or hub id; else as `find_preset`."""
    return next((preset for preset in PRESETS.values() if base in (preset.name, preset.base)), find_preset(base))

"""An adapter and where it comes from: its base, its prompt format, its run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftConfig

from htmlgen.errors import ModelError, ModelNotFound
from htmlgen.presets import PRESETS, Preset, find_preset
from htmlgen.prompt import read_prompt_format
from htmlgen.settings import PROJECT
from train.card import Run
from train.learned import Learned


@dataclass(frozen=True)
class Source:
    """An adapter and all that is known about where it comes from."""

    adapter: str
    """Folder or hub id."""
    config: Any
    preset: Preset
    """Of the base."""
    prompt_format: str
    run: Run | None
    learned: Learned | None
    """What it learned from, where its run's folder tells."""

    @property
    def folder(self) -> Path | None:
        return Path(self.adapter) if Path(self.adapter).is_dir() else None


def find_source(adapter: str, base: str | None = None) -> Source:
    """Looks an adapter up: its settings, its base, its prompt format and its run.

    Raises:
        ModelNotFound: there is no adapter of that name.
        ModelError: it names no base, or no prompt format is known.
    """
    path = Path(adapter)
    if (path / "adapter" / "adapter_config.json").is_file():  # a run's folder
        path = path / "adapter"
        adapter = str(path)
    try:
        config = PeftConfig.from_pretrained(adapter)
    except (ValueError, OSError) as error:
        raise ModelNotFound(
            f"There is no adapter in {adapter!r}: {str(error).splitlines()[0].rstrip('.')}. Name a folder with an adapter_config.json, a run's "
            "folder, or a hub id."
        ) from error
    preset = find_base(base or config.base_model_name_or_path or "")
    if not preset.base:
        raise ModelError(f"The adapter {adapter} does not say which base it is for. Name it with --base.")
    saved = read_prompt_format(path) if path.is_dir() else None
    found = Run.read(path.parent) if path.is_dir() else None
    learned = Learned.read(path.parent) if path.is_dir() else None
    return Source(adapter, config, preset, saved or preset.prompt_format, found, learned)


def find_base(name: str) -> Preset:
    """The preset of a base as an adapter's files name it: a preset's name or base, a path within the project, or any other."""
    for preset in PRESETS.values():
        if name in (preset.name, preset.base) or (name and Path(preset.base) == PROJECT / name):
            return preset
    within = PROJECT / name
    return find_preset(str(within) if name and not Path(name).exists() and within.is_dir() else name)

"""What can be chosen here: the presets that this machine can run, and the adapters found in HTMLGEN_ADAPTERS.

runs/
  html_alpaca/
    config.yaml                      the run's settings, which are only shown
    adapter/
      adapter_config.json            names the base
      adapter_model.safetensors
      htmlgen.json                   names the prompt format
"""

from __future__ import annotations

import importlib.util
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from htmlgen.adapter import read_adapter_config, same_model
from htmlgen.errors import HtmlgenError, RequestError
from htmlgen.hub import HUB_ID
from htmlgen.presets import PRESETS, Preset
from htmlgen.settings import PROJECT

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """A base and what goes on it, as people and programs name it."""

    id: str
    """What a request says: `demo`, `demo:base` (the preset's base alone), `runs/html_alpaca`."""
    label: str
    """What a list shows."""
    base: str
    """Local folder or hub id."""
    adapter: str | None = None
    """Local folder or hub id; None is the base alone."""
    note: str = ""
    """A sentence that helps to choose, or empty."""


def find_model(models: Sequence[Model], id: str) -> Model:
    """The model with that id; the first, which is the default, for an empty one.

    Raises:
        RequestError: there is none; the message lists those that there are.
    """
    if not id:
        return models[0]
    for model in models:
        if model.id == id:
            return model
    raise RequestError(f"There is no model {id!r} here. Choose one of: {', '.join(model.id for model in models)}.")


class Catalogue:
    """Lists the models, the default first.

    `adapters` is HTMLGEN_ADAPTERS, or None for the default alone. `room` gives the GiB that a model in 4 bits may take
    here, counting what the one in memory would free; `in_memory` names that one's base.
    """

    def __init__(
        self,
        preset: Preset,
        adapter: str | None,
        adapters: str | None,
        room: Callable[[], float],
        in_memory: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.preset, self.folder = preset, None if adapters is None else Path(adapters).expanduser()
        self._room, self._in_memory = room, in_memory
        self._adapter = adapter
        self._told: dict[Path, str] = {}
        """What was said of a broken run, so that it is said once."""

    def read(self) -> tuple[Model, ...]:
        """What there is at this moment; a run that was finished a second ago is there."""
        found: dict[str, Model] = {}
        for model in self._list():
            # The default is as the settings name it, whatever else it is as well.
            first = found.setdefault(model.id, model)
            found[model.id] = replace(first, note=model.note or first.note)
        return tuple(found.values())

    def _list(self) -> Iterator[Model]:
        runs = [] if self.folder is None else list(self._runs(self.folder))
        yield self._default(runs)
        if self.folder is None:
            return
        if self.preset.name not in PRESETS and self._adapter is not None:
            yield _base_alone(self.preset)
        room = self._room()
        for preset in PRESETS.values():
            if preset.gib <= room or preset.base in (self.preset.base, self._in_memory()):
                yield from _from_preset(preset)
        yield from runs

    def _default(self, runs: Sequence[Model]) -> Model:
        preset, adapter = self.preset, self._adapter
        if adapter == preset.adapter:
            return Model(preset.name, preset.name, preset.base, adapter, preset.note)
        if adapter is None:
            return _base_alone(preset)
        for run in runs:
            if run.adapter is not None and Path(run.adapter).resolve() == Path(adapter).expanduser().resolve():
                return replace(run, base=preset.base, adapter=adapter)
        return Model(adapter, f"{preset.name} with {adapter}", preset.base, adapter)

    def _runs(self, folder: Path) -> Iterator[Model]:
        """Finished adapters, by name. Whatever a run lacks is told in the log."""
        try:
            entries = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        except OSError:
            return  # no run yet
        for run in entries:
            adapter = run if (run / "adapter_config.json").is_file() else run / "adapter"
            try:
                base = self._base_of(adapter)
            except (HtmlgenError, OSError, _Lacks) as error:
                # A run that is training has no adapter yet, and is nothing to speak of.
                if adapter.is_dir() and self._told.get(run) != str(error):
                    self._told[run] = str(error)
                    log.warning("%s is not offered as a model: %s", run, error)
                continue
            self._told.pop(run, None)
            id = f"{folder.resolve().name}/{run.name}"
            day = datetime.fromtimestamp((adapter / "adapter_config.json").stat().st_mtime, UTC).date().isoformat()
            yield Model(id, id, base, str(adapter), f"adapter of {day} for {_short(base)}")

    def _base_of(self, adapter: Path) -> str:
        """The base that an adapter goes on, as presets and requests name it."""
        config = read_adapter_config(str(adapter), adapter)
        if not any((adapter / f"adapter_model.{end}").is_file() for end in ("safetensors", "bin")):
            raise _Lacks("it has no adapter_model.safetensors.")
        named = str(config.get("base_model_name_or_path") or "")
        if not named:
            raise _Lacks("its adapter_config.json does not say which base it is for.")
        for base in (self.preset.base, *(preset.base for preset in PRESETS.values())):
            if Path(base) in (PROJECT / named, (adapter / named).resolve()) or named == base:
                return base
        if named in PRESETS:
            return PRESETS[named].base
        for place in (Path(named).expanduser(), adapter / named, PROJECT / named):
            if (place / "config.json").is_file():
                return str(place)
        if same_model(named, self.preset.base, adapter):  # by its name: a copy of what it was trained on
            return self.preset.base
        if HUB_ID.fullmatch(named) and _reachable(named, "config.json") is not None:
            return named
        raise _Lacks(f"its base {named} is not on this machine.")


class _Lacks(Exception):
    """Why a run is not offered."""


def _from_preset(preset: Preset) -> Iterator[Model]:
    """The preset with its adapter and without, as far as they can be had."""
    if preset.needs_gptq and importlib.util.find_spec("gptqmodel") is None:
        return
    where = _reachable(preset.base, "config.json")
    if where is None:
        return
    if preset.adapter is None or (adapter := _reachable(preset.adapter, "adapter_config.json")) is None:
        yield replace(_base_alone(preset), note=_notes(preset.note, where))
        return
    yield Model(preset.name, preset.name, preset.base, preset.adapter, _notes(preset.note, where or adapter))
    yield replace(_base_alone(preset), note=_notes("without its adapter, to compare with", where))


def _base_alone(preset: Preset) -> Model:
    if preset.adapter is None and preset.name in PRESETS:
        return Model(preset.name, preset.name, preset.base, None, preset.note)
    return Model(f"{preset.name}:base", f"{preset.name}, base alone", preset.base)


def _reachable(name: str, file: str) -> str | None:
    """A note on what it takes to get a folder or hub id, empty if it is here; None if it cannot be had."""
    if Path(name).expanduser().is_dir() or not HUB_ID.fullmatch(name):
        return "" if (Path(name).expanduser() / file).is_file() else None
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(name, file), str):
        return ""
    return "choosing it downloads it from the Hugging Face hub first" if _network_is_plausible() else None


def _network_is_plausible() -> bool:
    """Whether this machine has a way out at all, and may use it. Nothing is sent."""
    from huggingface_hub.constants import is_offline_mode

    if is_offline_mode():
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
            way_out.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737): only the route is looked up
    except OSError:
        return False
    return True


def _notes(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _short(base: str) -> str:
    for preset in PRESETS.values():
        if preset.base == base:
            return preset.name
    return Path(base).name

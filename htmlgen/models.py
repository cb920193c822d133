"""What can be chosen here: the presets that this machine can run, and the adapters found in HTMLGEN_ADAPTERS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from htmlgen.errors import RequestError


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

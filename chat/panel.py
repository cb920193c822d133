"""The settings panel: a widget for each field of Sampling, and who is compared with whom."""

from collections.abc import Mapping, Sequence
from typing import Any

import chainlit as cl
from chainlit.input_widget import NumberInput, Select, Slider, TextInput

from htmlgen.engine import SAMPLING_FIELDS, Sampling
from htmlgen.errors import RequestError
from htmlgen.models import Model
from htmlgen.settings import Settings, make_sampling

LABELS = {
    "temperature": "Temperature",
    "top_p": "Top-p",
    "top_k": "Top-k",
    "repetition_penalty": "Repetition penalty",
    "max_new_tokens": "Longest page, in tokens",
    "seed": "Seed",
    "other_model": "Compare with",
    "other_temperature": "Compare at temperature",
}
"""What people read, by the id that programs use."""

OTHER_TEMPERATURE = 0.8
"""Of the other contender where only one model is there: far enough from the default to write a different page."""


class Panel:
    """One chat's settings: the last ones that were any good."""

    def __init__(self, settings: Settings, models: Sequence[Model], own: str = "") -> None:
        """`own` is the chat's model, the first where it is empty."""
        self._settings, self._models = settings, models
        default = make_sampling(settings)
        self.values: dict[str, Any] = {name: getattr(default, name) for name in SAMPLING_FIELDS}
        own = own or models[0].id
        self.values["other_model"] = next((model.id for model in models if model.id != own), own)
        self.values["other_temperature"] = default.temperature if len(models) > 1 else OTHER_TEMPERATURE

    @property
    def sampling(self) -> Sampling:
        return self.sampling_of(self.values)

    @property
    def other_sampling(self) -> Sampling:
        """The other contender's, in a comparison."""
        return self.sampling_of({**self.values, "temperature": self.values["other_temperature"]})

    @property
    def other_model(self) -> str:
        """The other contender's; the first model where the chosen one has gone."""
        chosen = str(self.values["other_model"])
        return chosen if any(model.id == chosen for model in self._models) else self._models[0].id

    def sampling_of(self, values: Mapping[str, Any]) -> Sampling:
        return make_sampling(self._settings, **{name: values[name] for name in SAMPLING_FIELDS if name in values})

    def change(self, chosen: Mapping[str, Any]) -> None:
        """Takes what the panel says; an empty field means the default.

        Raises:
            RequestError: a value is outside its range, by the name that stands in the panel. Nothing is changed then.
        """
        values = {**self.values, **{name: _number(name, value) for name, value in chosen.items() if name in LABELS}}
        for name in SAMPLING_FIELDS:
            self._check(name, name, values[name])
        self._check("other_temperature", "temperature", values["other_temperature"])
        default = make_sampling(self._settings)
        self.values = {
            name: getattr(default, name, self.values[name]) if value is None and name != "seed" else value
            for name, value in values.items()
        }

    def _check(self, name: str, field: str, value: Any) -> None:
        try:
            make_sampling(self._settings, **{field: value})
        except RequestError as error:
            raise RequestError(f"{str(error).replace(field, LABELS[name], 1)} It stays as it was.") from error

    async def send(self) -> None:
        """Shows the panel as it stands."""
        await cl.ChatSettings(self._widgets()).send()

    def _widgets(self) -> list[Any]:
        return [
            self._slider("temperature", 0, 2, 0.05,
                         "0 to 2. 0 always takes the likeliest token; higher is more varied and makes more mistakes."),
            self._slider("top_p", 0.05, 1, 0.05, "Up to 1. Only the likeliest tokens that make up this share of the probability."),
            self._slider("top_k", 0, 200, 1, "Only the k likeliest tokens; 0 keeps all."),
            self._slider("repetition_penalty", 1, 2, 0.05, "1 to 2. HTML repeats itself by nature: above 1.1 tags break."),
            NumberInput(id="max_new_tokens", label=LABELS["max_new_tokens"], initial=self.values["max_new_tokens"],
                        description="1 to 1,000,000. A page of 3 KB takes 800 to 1,000. A page that is cut can be continued."),
            TextInput(id="seed", label=LABELS["seed"], initial=_text(self.values["seed"]), placeholder="random",
                      description="A whole number from 0. The same seed and settings give the same page; empty takes a new one each time."),
            Select(id="other_model", label=LABELS["other_model"], initial_value=self.other_model,
                   items={model.label: model.id for model in self._models},
                   description="Who answers beside this chat's model when you press Compare."),
            self._slider("other_temperature", 0, 2, 0.05, "0 to 2. The other contender's temperature; the rest is as above."),
        ]  # fmt: skip

    def _slider(self, name: str, low: float, high: float, step: float, description: str) -> Slider:
        return Slider(
            id=name,
            label=LABELS[name],
            initial=self.values[name],
            min=low,
            max=high,
            step=step,
            description=description,
        )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _number(name: str, value: Any) -> Any:
    """What a field holds; the panel's number fields give text or floats, and None when they are empty."""
    if name == "other_model" or value is None or value == "":
        return value or None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value  # Sampling says what is wrong with it
    whole = name in ("top_k", "max_new_tokens", "seed")
    if whole and isinstance(value, str) and value.strip().isdecimal():
        return int(value)  # a float has no room for the largest seeds
    return int(number) if whole and number.is_integer() else number

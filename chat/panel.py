"""The settings panel: one widget for each field of Sampling."""

from typing import Any

from chainlit.input_widget import NumberInput, Slider, TextInput

from htmlgen.api import make_sampling
from htmlgen.engine import Sampling
from htmlgen.settings import Settings


def settings_widgets(default: Sampling) -> list[Any]:
    return [
        Slider(id="temperature", label="Temperature", initial=default.temperature, min=0, max=2, step=0.05,
               description="0 always takes the likeliest token. Higher is more varied and makes more mistakes."),
        Slider(id="top_p", label="Top-p", initial=default.top_p, min=0.05, max=1, step=0.05,
               description="Only the likeliest tokens that make up this share of the probability."),
        Slider(id="top_k", label="Top-k", initial=default.top_k, min=0, max=200, step=1,
               description="Only the k likeliest tokens; 0 keeps all."),
        Slider(id="repetition_penalty", label="Repetition penalty", initial=default.repetition_penalty, min=1, max=2, step=0.05,
               description="HTML repeats itself by nature: above 1.1 tags break."),
        NumberInput(id="max_new_tokens", label="Longest page, in tokens", initial=default.max_new_tokens,
                    description="A page of 3 KB takes 800 to 1,000. A page that is cut can be continued."),
        TextInput(id="seed", label="Seed", initial="", placeholder="random",
                  description="The same seed and settings give the same page. Empty takes a new one each time."),
    ]  # fmt: skip


def read_sampling(chosen: dict[str, Any], settings: Settings) -> Sampling:
    """What the panel says; its number fields give text or floats, and an empty one means the default."""
    values: dict[str, Any] = {}
    for name, value in chosen.items():
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            values[name] = value  # Sampling says what is wrong with it
            continue
        whole = name in ("top_k", "max_new_tokens", "seed")
        values[name] = int(number) if whole and number.is_integer() else number
    return make_sampling(settings, **values)

"""The settings panel: what it takes, what it refuses and under which name."""

import math
from typing import Any

import pytest

from chat.panel import LABELS, Panel
from htmlgen.engine import SAMPLING_FIELDS, Sampling
from htmlgen.errors import RequestError
from htmlgen.models import Model
from htmlgen.settings import Settings, make_sampling

MODELS = [
    Model("demo", "Demo", "models/demo/base"),
    Model("runs/mine", "mine", "models/demo/base", "runs/mine/adapter"),
]


@pytest.fixture
def panel() -> Panel:
    return Panel(Settings(max_new_tokens=777), MODELS)


def test_it_begins_with_the_servers_defaults(panel: Panel) -> None:
    assert panel.sampling == Sampling(max_new_tokens=777)
    assert panel.other_model == "runs/mine"
    assert panel.other_sampling == panel.sampling


def test_a_model_is_compared_with_another_wherever_it_stands_in_the_list() -> None:
    assert Panel(Settings(), MODELS, "runs/mine").other_model == "demo"
    assert Panel(Settings(), MODELS, "demo").other_model == "runs/mine"


def test_alone_a_model_is_compared_with_itself_at_another_temperature() -> None:
    alone = Panel(Settings(), MODELS[:1])
    assert alone.other_model == "demo"
    assert alone.other_sampling.temperature > alone.sampling.temperature


def test_fields_come_as_text_or_floats(panel: Panel) -> None:
    panel.change({"temperature": 0, "max_new_tokens": "123", "top_k": 40.0, "seed": str(2**63 - 1), "unknown": "x"})
    assert panel.sampling == make_sampling(Settings(), temperature=0.0, max_new_tokens=123, top_k=40, seed=2**63 - 1)


def test_an_empty_field_means_the_default(panel: Panel) -> None:
    panel.change({"max_new_tokens": "5", "seed": "7"})
    panel.change({"max_new_tokens": None, "seed": ""})
    assert panel.sampling == Sampling(max_new_tokens=777)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "2.01"),
        ("temperature", "warm"),
        ("top_p", 0),
        ("top_k", "1.5"),
        ("repetition_penalty", 0.5),
        ("max_new_tokens", "0"),
        ("max_new_tokens", "1e9"),
        ("seed", "-1"),
        ("seed", str(2**63)),
        ("seed", math.nan),
        ("other_temperature", 3),
    ],
)
def test_nonsense_is_refused_under_the_panels_own_name(panel: Panel, name: str, value: Any) -> None:
    before = dict(panel.values)
    with pytest.raises(RequestError) as refused:
        panel.change({"top_k": 3, name: value})
    assert str(refused.value).startswith(LABELS[name])
    assert not any(field in str(refused.value) for field in SAMPLING_FIELDS if "_" in field)
    assert panel.values == before


def test_every_setting_of_the_engine_has_a_name_a_range_and_a_line_of_explanation(panel: Panel) -> None:
    widgets = {widget.id: widget for widget in panel._widgets()}
    assert set(SAMPLING_FIELDS) <= set(widgets) == set(LABELS)
    for widget in widgets.values():
        assert widget.description.endswith(".")
        assert len(widget.description) < 130

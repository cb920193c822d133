"""A request says at once what is wrong with it; the scripted engine is an engine."""

from contextlib import aclosing
from typing import Any

import pytest

from htmlgen.engine import SAMPLING_FIELDS, Delta, Engine, GenerationRequest, Sampling
from htmlgen.errors import GenerationFailed, HtmlgenError, RequestError
from tests.scripted import ScriptedEngine


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "hot"),
        ("temperature", True),
        ("top_p", 0),
        ("top_p", 1.01),
        ("top_k", -1),
        ("top_k", 1.5),
        ("repetition_penalty", 0.9),
        ("max_new_tokens", 0),
        ("max_new_tokens", None),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 1.0),
        ("seed", False),
    ],
)
def test_sampling_out_of_range_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"^{field} "):
        Sampling(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0),
        ("temperature", 2),
        ("top_p", 1),
        ("top_k", 0),
        ("max_new_tokens", 1),
        ("seed", None),
        ("seed", 2**63 - 1),
    ],
)
def test_the_ends_of_the_ranges_are_allowed(field: str, value: Any) -> None:
    assert getattr(Sampling(**{field: value}), field) == value


def test_every_field_of_sampling_is_listed() -> None:
    assert set(SAMPLING_FIELDS) == set(Sampling.__slots__)


@pytest.mark.parametrize("instruction", ["", "  \n"])
def test_an_empty_prompt_is_refused(instruction: str) -> None:
    with pytest.raises(RequestError, match="The prompt is empty"):
        GenerationRequest(instruction)


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        ({"instruction": "a \ud83d"}, "instruction"),
        ({"instruction": "a", "page": "\udc00"}, "page"),
        ({"instruction": "a", "prefix": "\udc00"}, "prefix"),
    ],
)
def test_half_a_character_is_refused(request_: dict[str, str], where: str) -> None:
    """JSON can hold it, no tokenizer can read it."""
    with pytest.raises(RequestError, match=f"{where} holds half a character"):
        GenerationRequest(**request_)


def test_errors_have_codes_of_their_own_and_a_status() -> None:
    def below(kind: type[HtmlgenError]) -> list[type[HtmlgenError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    kinds = [kind for kind in below(HtmlgenError) if kind.__module__ == HtmlgenError.__module__]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 600 for kind in kinds)


class TestScripted:
    """Tests of what stands above engines rest on it."""

    async def read(self, engine: Engine, request: GenerationRequest) -> list[Delta]:
        async with aclosing(engine.stream(request)) as deltas:  # type: ignore[type-var]
            return [delta async for delta in deltas]

    async def test_it_writes_its_script_and_ends(self) -> None:
        engine = ScriptedEngine(["a", "b"])
        deltas = await self.read(engine, GenerationRequest("x"))
        assert "".join(delta.text for delta in deltas) == "ab"
        assert deltas[-1].finish_reason == "stop"
        assert deltas[-1].usage is not None
        assert deltas[-1].usage.new_tokens == 2

    async def test_it_ends_at_the_token_limit_and_goes_on_after_a_prefix(self) -> None:
        engine = ScriptedEngine(["ab", "cd", "ef"])
        cut = await self.read(engine, GenerationRequest("x", sampling=Sampling(max_new_tokens=1)))
        assert ("".join(delta.text for delta in cut), cut[-1].finish_reason) == ("ab", "length")
        rest = await self.read(engine, GenerationRequest("x", prefix="abc"))
        assert ("".join(delta.text for delta in rest), rest[-1].finish_reason) == ("def", "stop")

    async def test_it_counts_who_left_and_fails_on_demand(self) -> None:
        engine = ScriptedEngine(["a", "b"])
        stream = engine.stream(GenerationRequest("x"))
        await anext(stream)
        await stream.aclose()
        assert (engine.cancelled, engine.running) == (1, 0)
        engine.error = GenerationFailed("broke")
        with pytest.raises(GenerationFailed, match="broke"):
            await self.read(engine, GenerationRequest("x"))

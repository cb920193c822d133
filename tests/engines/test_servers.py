"""The engine over real servers, with the demo model: the same pages as transformers makes here, cuts, stops, refusals."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from htmlgen.dialect import COMPLETIONS
from htmlgen.engine import Delta, GenerationRequest, Sampling
from htmlgen.engines import make_engine
from htmlgen.errors import ModelNotFound, PromptTooLong
from htmlgen.page import PageShelf
from htmlgen.prompt import format_prompt, prompt_ids
from htmlgen.refusal import KeyRefused
from htmlgen.remote import RemoteEngine
from htmlgen.settings import Settings
from htmlgen.studio import Finished, Studio
from tests.engines.conftest import Serving

pytestmark = pytest.mark.engines

GREEDY = Sampling(temperature=0, max_new_tokens=600)
ASKED = [
    GenerationRequest("a login page for Acme", sampling=GREEDY),
    GenerationRequest("A landing page for a bakery called Ada's, with three features", sampling=GREEDY),
    GenerationRequest(
        "Change the title to Zoë & Co",
        page='<!DOCTYPE html>\n<html lang="en">\n<body>\n<h1>Acme</h1>\n<p>It\'s 3.50 €</p>\n</body>\n</html>',
        sampling=GREEDY,
    ),
]


@pytest.fixture(scope="session", params=["transformers_serve", "llama_cpp"])
def serving(request: pytest.FixtureRequest) -> Serving:
    found: Serving = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def expected(merged: Any) -> list[str]:
    """What transformers writes in this process, greedily, from the ids of training."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(merged)
    model = AutoModelForCausalLM.from_pretrained(merged).eval()
    texts = []
    for request in ASKED:
        ids = prompt_ids(tokenizer, format_prompt("alpaca", request.instruction, request.page))
        with torch.no_grad():
            output = model.generate(torch.tensor([ids]), max_new_tokens=GREEDY.max_new_tokens, do_sample=False)
        texts.append(tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True))
    return texts


@asynccontextmanager
async def loaded(serving: Serving, *, with_tokenizer: bool = True, **options: Any) -> AsyncIterator[RemoteEngine]:
    chosen = {"key": serving.key, "model": serving.model, "prompt_format": "alpaca", "patience": 60.0} | options
    engine = RemoteEngine(serving.url, tokenizer=serving.tokenizer if with_tokenizer else None, **chosen)
    try:
        await engine.load()
        yield engine
    finally:
        await engine.close()


async def read(engine: RemoteEngine, request: GenerationRequest) -> list[Delta]:
    async with aclosing(engine.stream(request)) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def alike(a: str, b: str) -> float:
    """The share of the longer text up to the first difference, where \N{REPLACEMENT CHARACTER} is like any character.

    llama.cpp's Python server puts one for a character of several tokens when it is given transformers' tokenizer.
    """
    pairs = enumerate(zip(a, b, strict=False))
    same = next((n for n, (x, y) in pairs if x != y and "\ufffd" not in (x, y)), min(len(a), len(b)))
    return same / max(len(a), len(b), 1)


async def test_greedy_pages_are_those_of_transformers(serving: Serving, expected: list[str]) -> None:
    async with loaded(serving) as engine:
        assert "splits them as training did" in engine.status
        for request, wanted in zip(ASKED, expected, strict=True):
            deltas = await read(engine, request)
            assert deltas[-1].finish_reason == "stop"
            written = text_of(deltas)
            print(
                f"{serving.url} {request.instruction!r}: alike {alike(written, wanted):.3f} of {len(wanted):,} characters"
            )
            if serving.exact:
                assert written == wanted
            else:
                # Sums in another order: a token whose two likeliest continuations are nearly equal may turn out the other.
                assert alike(written, wanted) > 0.2
                assert "</html>" in written


async def test_a_cut_page_goes_on_as_if_it_had_not_been_cut(serving: Serving) -> None:
    async with loaded(serving) as engine:
        whole = text_of(await read(engine, ASKED[0]))
        cut = await read(engine, replace(ASKED[0], sampling=replace(GREEDY, max_new_tokens=40)))
        assert cut[-1].finish_reason == "length"
        usage = cut[-1].usage
        assert usage is not None
        assert usage.new_tokens == 40
        assert usage.context_left == 2048 - usage.prompt_tokens - 40
        rest = await read(engine, replace(ASKED[0], prefix=text_of(cut)))
    assert text_of(cut) + text_of(rest) == whole


async def test_seeds_repeat_and_their_absence_varies(serving: Serving) -> None:
    hot = Sampling(temperature=1.5, top_p=1.0, top_k=0, max_new_tokens=60)
    async with loaded(serving) as engine:
        seeded = replace(ASKED[1], sampling=replace(hot, seed=11))
        assert text_of(await read(engine, seeded)) == text_of(await read(engine, seeded))
        free = [text_of(await read(engine, replace(ASKED[1], sampling=hot))) for _ in range(2)]
        assert free[0] != free[1]
        one = replace(ASKED[1], sampling=replace(hot, top_k=1, max_new_tokens=40))
        greedy = replace(ASKED[1], sampling=replace(GREEDY, max_new_tokens=40))
        assert text_of(await read(engine, one)) == text_of(await read(engine, greedy))  # top_k is heard


async def test_stopping_frees_the_server(serving: Serving) -> None:
    async with loaded(serving) as engine:
        whole = time.monotonic()
        await read(engine, ASKED[1])
        whole = time.monotonic() - whole
        for _ in range(6):
            deltas = engine.stream(ASKED[1])
            await anext(deltas)
            await deltas.aclose()
        started = time.monotonic()
        await read(engine, replace(ASKED[0], sampling=replace(GREEDY, max_new_tokens=2)))
        assert time.monotonic() - started < 3 * whole  # six pages written to their ends would take longer


async def test_pages_asked_for_at_once_do_not_mix(serving: Serving) -> None:
    async with loaded(serving) as engine:
        alone = [text_of(await read(engine, request)) for request in ASKED]
        together = await asyncio.gather(*(read(engine, request) for request in ASKED))
    for a, b in zip(alone, map(text_of, together), strict=True):
        assert a == b if serving.exact else alike(a, b) > 0.2


async def test_a_prompt_longer_than_the_context(serving: Serving) -> None:
    async with loaded(serving) as engine:
        with pytest.raises(PromptTooLong):
            await read(engine, GenerationRequest("page " * 2500))
        assert text_of(await read(engine, replace(ASKED[0], sampling=replace(GREEDY, max_new_tokens=5))))


async def test_a_model_or_key_that_the_server_does_not_know(serving: Serving) -> None:
    if serving.key is None:
        with pytest.raises(ModelNotFound, match="typo"):
            async with loaded(serving, model="typo"):
                pass
    else:  # llama.cpp's server answers for any name, with the one model that it has
        with pytest.raises(KeyRefused, match="HTMLGEN_SERVER_KEY"):
            async with loaded(serving, key="sk-wrong"):
                pass


async def test_through_the_studio(serving: Serving) -> None:
    settings = Settings(
        _env_file=None, engine="openai", server=serving.url, server_key=serving.key, model=serving.model,
        server_tokenizer=serving.tokenizer, prompt_format="alpaca",
    )  # fmt: skip  # type: ignore[call-arg]
    studio = Studio(make_engine(settings), PageShelf(5), settings)
    await studio.wait_ready()
    async with aclosing(studio.generate(ASKED[0])) as events:
        end = [event async for event in events][-1]
    await studio.close()
    assert isinstance(end, Finished)
    assert end.page is not None
    assert end.page.html.startswith("<!DOCTYPE html>")
    assert end.page.html.rstrip().endswith("</html>")
    assert end.finish_reason == "stop"


async def test_a_gguf_file_alone_splits_otherwise_and_is_told_of(llama_cpp_alone: Serving) -> None:
    async with loaded(llama_cpp_alone) as engine:
        assert engine._way is not None
        assert engine._way.path == COMPLETIONS
        assert "expect worse pages" in engine.status
        assert text_of(await read(engine, ASKED[0])).startswith("<!DOCTYPE html>")

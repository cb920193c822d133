"""The demo model as it ships and as it is served: NF4, its adapter beside it, through the engine and the extractor, greedy.

Everything is written once, in a few large batches, and each test looks at its part. What strangers typed is in
stranger_prompts.json, five times forty, each from somebody who knew nothing of the generator's phrasings. Most of the whole
requests that the model learned from are by others who had seen none of these. Who tends the generator had read the first three before
this model was trained, and the others only after it was measured.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bs4 import BeautifulSoup

from htmlgen.engine import GenerationRequest, Sampling
from htmlgen.local import LocalEngine
from htmlgen.presets import PRESETS
from htmlgen.starters import STARTERS
from train.answers import extract
from train.synthetic import pairs
from train.synthetic.checker import check, kind_of

DEMO = Path(PRESETS["demo"].base).parent
STRANGERS = json.loads((Path(__file__).parent / "stranger_prompts.json").read_text("utf-8"))
HELD_OUT = [pair for pair in pairs(1_999_999_999, 20, edits=0.0)]
"""Far from every seed of training: see POOL_STRIDE in train/pool.py."""
MAX_NEW_TOKENS = 500
"""The longest page takes about 300, since frequent lines are tokens of their own."""
MEGABYTES = 40
LEAST = {
    "first": {"closed": 0.97, "kind": 0.9, "name": 0.88},
    "second": {"closed": 0.97, "kind": 0.87, "name": 0.8},
    "third": {"closed": 0.97, "kind": 0.8, "name": 0.78},
    "fourth": {"closed": 0.97, "kind": 0.87, "name": 0.84},
    "fifth": {"closed": 0.97, "kind": 0.87, "name": 0.78},
}
MOST_LOOPS = {"starters": 0, "pairs": 1, "first": 1, "second": 1, "third": 1, "fourth": 1, "fifth": 1, "outside": 1}
"""What the model in this repository reaches (1, 0.98, 0.97; 1, 0.95, 0.87; 1, 0.88, 0.84; 1, 0.95, 0.94; 1, 0.95, 0.85; no
loops), less what another processor may change.

The aim is 1, 0.8 and 0.8 for all, and no loop at all.
"""

STARTER_SPECS: dict[str, dict[str, Any]] = {
    "Bakery": {"kind": "landing", "title": "Sunny Crumb"},
    "Login": {"kind": "login", "title": "Acme", "button_hue": "green"},
    "Pricing": {"kind": "pricing", "items": {"selector": "h3", "texts": ["Free", "Pro", "Team"]}},
    "Menu": {
        "kind": "menu",
        "title": "Trattoria Lume",
        "items": {"selector": ".menu h3", "texts": ["bruschetta", "risotto", "tiramisu"]},
    },
    "To-do list": {"kind": "todo"},
    "Portfolio": {"kind": "portfolio", "title": "Mara Lindqvist", "dark": True},
}


class Written(NamedTuple):
    """An answer. `page` is None where the model wrote no page; `ids` are its tokens, the end not among them."""

    text: str
    page: str | None
    closed: bool
    stopped: bool
    ids: list[int]


async def write(batches: Sequence[Sequence[str]], adapter: str | None = None, prompt_format: str | None = None) -> Any:
    engine = LocalEngine(PRESETS["demo"], adapter=adapter, prompt_format=prompt_format)
    await engine.load()
    sampling = Sampling(temperature=0, max_new_tokens=MAX_NEW_TOKENS)
    try:
        written = []
        for batch in batches:
            completions = await engine.generate_batch([GenerationRequest(text, sampling=sampling) for text in batch])
            written.append(
                [
                    Written(
                        completion.text,
                        *extract(completion.text),
                        completion.finish_reason == "stop",
                        engine.tokenizer.encode(completion.text, add_special_tokens=False),
                    )
                    for completion in completions
                ]
            )
        return engine.prompt_format, written
    finally:
        await engine.close()


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    """What the served model writes: "starters", "first", "second", "third", "outside" and "pairs", and its "prompt_format"."""
    groups = {
        "starters": [starter.prompt for starter in STARTERS],
        **{group: [stranger["prompt"] for stranger in STRANGERS[group]] for group in LEAST},
        "pairs": [pair.instruction for pair in HELD_OUT],
        "outside": STRANGERS["outside"],  # by itself: a long prompt leaves its whole batch less room
    }
    prompt_format, written = asyncio.run(write(list(groups.values())))
    return {"prompt_format": prompt_format, **dict(zip(groups, written, strict=True))}


def test_every_starter_gets_what_it_asks_for(served: dict[str, Any]) -> None:
    assert STARTER_SPECS.keys() == {starter.label for starter in STARTERS}
    for starter, written in zip(STARTERS, served["starters"], strict=True):
        failed = [c for c in check(STARTER_SPECS[starter.label], written.page or "") if not c.passed]
        assert not failed, f"{starter.prompt}: {failed}"
        assert written.closed
        assert written.stopped
        body = BeautifulSoup(written.page, "html5lib").body
        for unseen in body.select("script, style, template, [hidden]"):
            unseen.decompose()
        assert len(body.get_text(" ", strip=True).split()) >= 5, "there is something to read"


def test_the_adapter_makes_the_difference(served: dict[str, Any]) -> None:
    """Same prompts, same prompt format, same quantisation: with the adapter the base does what it does not do alone."""
    _, [alone] = asyncio.run(
        write([[pair.instruction for pair in HELD_OUT]], adapter="none", prompt_format=served["prompt_format"])
    )
    with_adapter, without = (
        {
            "stopped": share(answer.stopped for answer in written),
            "checks passed": share(
                verdict.passed
                for pair, answer in zip(HELD_OUT, written, strict=True)
                for verdict in check(pair.spec, answer.page or "")
            ),
        }
        for written in (served["pairs"], alone)
    )
    print(f"base and adapter {with_adapter}, base alone {without}")
    assert with_adapter["stopped"] >= 0.95
    assert with_adapter["checks passed"] >= without["checks passed"] + 0.2


@pytest.mark.parametrize("group", LEAST)
def test_strangers_get_the_page_they_ask_for(served: dict[str, Any], group: str) -> None:
    found = list(zip(STRANGERS[group], served[group], strict=True))
    open_ended = [stranger["prompt"] for stranger, written in found if not (written.closed and written.stopped)]
    kinds = {stranger["prompt"]: is_kind(stranger, written.page or "") for stranger, written in found}
    names = {
        stranger["prompt"]: shows(stranger["name"], written.page or "")
        for stranger, written in found
        if stranger["name"] is not None
    }
    closed = 1 - len(open_ended) / len(found)
    print(f"closed {closed:.0%}, kind {share(kinds.values()):.0%}, name {share(names.values()):.0%}")
    print([prompt for prompt, right in {**kinds, **names}.items() if not right])
    assert closed >= LEAST[group]["closed"], open_ended
    assert share(kinds.values()) >= LEAST[group]["kind"], [prompt for prompt, right in kinds.items() if not right]
    assert share(names.values()) >= LEAST[group]["name"], [prompt for prompt, right in names.items() if not right]


def test_few_prompts_send_it_into_a_loop(served: dict[str, Any]) -> None:
    for group in MOST_LOOPS:
        loops = [written.text[-100:] for written in served[group] if times_in_a_row(written.ids) > 6]
        print(f"{group}: {len(loops)} of {len(served[group])} loop")
        assert len(loops) <= MOST_LOOPS[group], loops
    assert all(written.text.strip() for written in served["outside"]), "everything is answered"


def test_what_ships_is_small_and_safe() -> None:
    files = [path for path in DEMO.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MEGABYTES * 1e6
    weights = {path.suffix for path in files} - {".json", ".md", ".jsonl", ".yaml", ".png"}
    assert weights == {".safetensors"}, "pickled weights can run code"
    for folder in (DEMO / "base", DEMO / "adapter"):
        card = (folder / "README.md").read_text("utf-8")
        assert card.startswith("---\n"), "a card begins with its metadata"
        assert len(card.split()) > 50


def test_a_loop_is_found() -> None:
    page = list(range(100, 300))
    assert times_in_a_row(page) == 1
    assert times_in_a_row([*page, *range(50), *range(60), 1]) == 2
    assert times_in_a_row([*page, *list(range(50)) * 7, 1]) == 7
    assert times_in_a_row([*page, *[5] * 13]) == 6, "eight of the same token, begun at six places"
    assert times_in_a_row([*page, *[5] * 14]) == 7


def share(verdicts: Any) -> float:
    """Of those that hold, 0 to 1."""
    verdicts = list(verdicts)
    return sum(verdicts) / len(verdicts)


def is_kind(stranger: dict[str, Any], html: str) -> bool:
    """One of the acceptable kinds; `has` tells apart those that the generator builds of the same elements."""
    has = stranger.get("has")
    return bool(set(stranger["kind"]) & set(kind_of(html))) and (
        has is None or BeautifulSoup(html, "html5lib").select_one(has) is not None
    )


def shows(name: str, html: str) -> bool:
    """The name stands verbatim in the page's text or title."""
    return name in BeautifulSoup(html, "html5lib").get_text(" ")


def times_in_a_row(ids: Sequence[int], n: int = 8, longest: int = 200) -> int:
    """How often, at most, an n-gram comes again and again at one distance of up to `longest` tokens; 1 where none does."""
    most = 1
    for period in range(1, min(longest, len(ids)) + 1):
        run = 0
        for at in range(period, len(ids)):
            run = run + 1 if ids[at] == ids[at - period] else 0
            if run >= n:
                most = max(most, (run - n) // period + 2)
    return most

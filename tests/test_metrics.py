"""What Prometheus is told, read back by its own parser."""

import asyncio
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from htmlgen.engine import GenerationRequest
from htmlgen.errors import Busy, PromptTooLong
from htmlgen.page import PageShelf
from htmlgen.settings import Settings
from htmlgen.studio import Studio, Wrote
from tests.api_server import ApiClient, serve, until
from tests.scripted import ScriptedEngine

PAGE = ["<!DOCTYPE html>", "<h1>Hi</h1>", "</html>"]


async def read(client: ApiClient) -> Mapping[str, float]:
    text = (await client.get("/metrics")).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {"|".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_what_is_going_on_and_what_was_written_is_counted() -> None:
    engine = ScriptedEngine(PAGE, delay=0.05)
    async with serve(engine, queue_size=1) as client:
        before = await read(client)
        asked = [asyncio.create_task(client.post("/generate_html", json={"prompt": "a b"})) for _ in range(2)]
        await until(lambda: client.studio.waiting == 1)
        busy = await client.post("/generate_html", json={"prompt": "x"})
        during = await read(client)
        await asyncio.gather(*asked)
        engine.error = PromptTooLong(2, 1)
        await client.post("/generate_html", json={"prompt": "x"})
        after = await read(client)
    assert busy.status_code == 429
    assert before["htmlgen_ready"] == 1
    assert before["htmlgen_generations_total|stop"] == before["htmlgen_tokens_total|written"] == 0
    assert (during["htmlgen_running"], during["htmlgen_queue_length"]) == (1, 1)
    assert (after["htmlgen_running"], after["htmlgen_queue_length"]) == (0, 0)
    assert after["htmlgen_generations_total|stop"] == 2
    assert after["htmlgen_generations_total|error"] == 1
    assert after["htmlgen_errors_total|busy"] == after["htmlgen_errors_total|prompt_too_long"] == 1
    assert after["htmlgen_tokens_total|written"] == 3 * len(PAGE)
    assert after["htmlgen_tokens_total|prompt"] == 2 * 2
    assert after["htmlgen_first_token_seconds_count"] == 3
    assert after["htmlgen_first_token_seconds_sum"] >= 3 * 0.05
    assert after["htmlgen_queue_seconds_sum"] >= 0.05


async def test_whoever_asks_counts_and_what_is_closed_early_is_cancelled() -> None:
    studio = Studio(ScriptedEngine(PAGE), PageShelf(2), Settings(_env_file=None, queue_size=0))
    await studio.start()
    await studio.wait_ready()
    events = studio.generate(GenerationRequest("x"))
    async for event in events:
        if isinstance(event, Wrote):
            break
    with pytest.raises(Busy):
        await anext(studio.generate(GenerationRequest("y")))
    await events.aclose()
    text = studio.metrics.render().decode()
    assert 'htmlgen_generations_total{outcome="cancelled"} 1.0' in text
    assert 'htmlgen_tokens_total{kind="written"} 1.0' in text
    assert 'htmlgen_errors_total{code="busy"} 1.0' in text
    await studio.close()

"""The studio: taking turns, stopping, failing alone, and going on from a cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from htmlgen.engine import Delta, GenerationRequest, Sampling
from htmlgen.errors import Busy, GenerationFailed, ModelError, ModelNotFound, NotReady, OutOfMemory, RequestError
from htmlgen.models import Model
from htmlgen.page import LivePage, PageShelf
from htmlgen.settings import Settings
from htmlgen.studio import Event, Finished, PageOpened, Progress, Prose, Queued, Started, Studio
from tests.scripted import ScriptedEngine

DOCUMENT = ["<!DOCTYPE html>\n", "<html><body>", "<h1>Hi", " there</h1>", "<p>One</p>", "</body>", "</html>"]


def make_studio(engine: ScriptedEngine, **settings: Any) -> Studio:
    chosen = Settings(_env_file=None, **settings)
    return Studio(engine, PageShelf(chosen.max_pages), chosen)


async def ready(engine: ScriptedEngine, **settings: Any) -> Studio:
    studio = make_studio(engine, **settings)
    await studio.wait_ready()
    return studio


async def collect(studio: Studio, request: GenerationRequest, **more: Any) -> list[Event]:
    async with aclosing(studio.generate(request, **more)) as events:
        return [event async for event in events]


def ask(instruction: str = "a page", **more: Any) -> GenerationRequest:
    return GenerationRequest(instruction, **more)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# One generation


async def test_a_page_is_opened_at_its_first_tag_and_finished_at_the_end() -> None:
    studio = await ready(ScriptedEngine(["Here you are:\n\n", *DOCUMENT]))
    seen: list[Event] = []
    async with aclosing(studio.generate(ask())) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, PageOpened):
                assert not event.page.finished
    assert isinstance(seen[0], Started)
    assert "".join(event.text for event in seen if isinstance(event, Prose)).strip() == "Here you are:"
    assert sum(isinstance(event, PageOpened) for event in seen) == 1
    assert any(isinstance(event, Progress) and event.new_tokens >= 1 for event in seen)
    end = seen[-1]
    assert isinstance(end, Finished)
    assert end.page is not None
    assert end.page.finished
    assert end.page.html.strip() == "".join(DOCUMENT)
    assert end.text == "Here you are:\n\n" + "".join(DOCUMENT)
    assert (end.finish_reason, end.page.finish_reason) == ("stop", "stop")
    assert end.usage is not None
    assert end.usage.new_tokens == len(DOCUMENT) + 1
    assert studio.shelf.get(end.page.id) is end.page


async def test_text_that_never_becomes_html_is_prose_without_a_page() -> None:
    studio = await ready(ScriptedEngine(["I cannot ", "do that, ", "sorry."]))
    seen = await collect(studio, ask())
    assert "".join(event.text for event in seen if isinstance(event, Prose)).strip() == "I cannot do that, sorry."
    assert not any(isinstance(event, PageOpened) for event in seen)
    assert isinstance(seen[-1], Finished)
    assert seen[-1].page is None


@pytest.mark.parametrize("limit", range(1_000, 1_013))
async def test_a_page_over_the_limit_is_cut_between_characters_and_the_engine_stopped(limit: int) -> None:
    engine = ScriptedEngine(["<!DOCTYPE html><html><body>", *["<p>öäü</p>"] * 500])
    studio = await ready(engine, max_page_bytes=limit)
    end = (await collect(studio, ask()))[-1]
    assert isinstance(end, Finished)
    assert end.page is not None
    assert limit - 1 <= end.page.size <= limit
    assert "\ufffd" not in end.page.html
    assert end.finish_reason == end.page.finish_reason == "length"
    assert engine.running == 0
    assert engine.cancelled == 1


@pytest.mark.parametrize("tail", ["<p>öäü</p>\n" * 80, "x" * 1_000])
async def test_ten_megabytes_are_cut_at_two(tail: str) -> None:
    engine = ScriptedEngine(["<!DOCTYPE html><html><body>", *[tail] * 10_500])
    studio = await ready(engine)
    end = (await collect(studio, ask()))[-1]
    assert isinstance(end, Finished)
    assert end.page is not None
    assert (end.finish_reason, engine.cancelled, engine.running) == ("length", 1, 0)
    assert 1_999_990 < end.page.size <= 2_000_000


async def test_ten_thousand_nested_tags_are_a_page_like_any_other() -> None:
    html = "<!DOCTYPE html><html><body>" + "<div>" * 10_000 + "deep" + "</div>" * 10_000 + "</body></html>"
    studio = await ready(ScriptedEngine([html[at : at + 101] for at in range(0, len(html), 101)]))
    end = (await collect(studio, ask()))[-1]
    assert isinstance(end, Finished)
    assert end.page is not None
    assert (end.finish_reason, end.page.html) == ("stop", html)


async def test_words_without_end_are_cut_too() -> None:
    engine = ScriptedEngine(["quisquam "] * 1_000)
    studio = await ready(engine, max_page_bytes=1_000)
    end = (await collect(studio, ask()))[-1]
    assert isinstance(end, Finished)
    assert (end.page, end.finish_reason) == (None, "length")
    assert 1_000 < len(end.text) < 1_020
    assert (engine.running, engine.cancelled) == (0, 1)


async def test_winding_down_lets_short_pages_finish_cuts_long_ones_and_sends_the_rest_away() -> None:
    long = ["<!DOCTYPE html><html><body>", *["<p>x</p>"] * 10_000]
    engine = ScriptedEngine(scripts=[DOCUMENT, long], delay=0.005, places=2)
    studio = await ready(engine)
    short, endless, waiting = Client(studio), Client(studio), Client(studio)
    await endless.opened()
    ending = asyncio.create_task(studio.wind_down(0.3))
    with pytest.raises(NotReady, match="being shut down"):
        await waiting.task
    with pytest.raises(NotReady, match="being shut down"):
        await collect(studio, ask())
    await asyncio.gather(ending, short.task, endless.task)
    reasons = [client.events[-1].finish_reason for client in (short, endless)]  # type: ignore[union-attr]
    assert reasons == ["stop", "cancelled"]
    assert endless.page.finished
    assert engine.running == studio.running == 0


async def test_a_prompt_that_is_too_long_is_refused_unread() -> None:
    engine = ScriptedEngine()
    studio = await ready(engine, max_prompt_chars=100)
    with pytest.raises(RequestError, match=r"101 characters.*100"):
        await collect(studio, ask("x", page="y" * 100))
    assert engine.requests == []
    await collect(studio, ask("x", page="y" * 99))


# The queue


class Client:
    """Asks for a page in a task of its own and keeps what it is told."""

    def __init__(self, studio: Studio, name: str = "page") -> None:
        self.events: list[Event] = []
        self._opened = asyncio.Event()
        self.task = asyncio.create_task(self._run(studio, name))

    async def _run(self, studio: Studio, name: str) -> None:
        async with aclosing(studio.generate(ask(name))) as events:
            async for event in events:
                self.events.append(event)
                if isinstance(event, PageOpened):
                    self._opened.set()

    @property
    def places(self) -> list[int]:
        return [event.position for event in self.events if isinstance(event, Queued)]

    @property
    def page(self) -> LivePage:
        return next(event.page for event in self.events if isinstance(event, PageOpened))

    async def opened(self) -> LivePage:
        """The page, as soon as there is one."""
        await asyncio.wait_for(self._opened.wait(), 10)
        return self.page

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_requests_are_served_one_at_a_time_in_order_and_see_the_queue_move() -> None:
    engine = ScriptedEngine(DOCUMENT, delay=0.001)
    studio = await ready(engine)
    clients = [Client(studio, f"page {n}") for n in range(4)]
    await settle()
    assert studio.waiting == 3
    most = 0
    while not all(client.task.done() for client in clients):
        most = max(most, engine.running)
        await asyncio.sleep(0.0005)
    assert most == 1
    assert [request.instruction for request in engine.requests] == [f"page {n}" for n in range(4)]
    assert [client.places for client in clients] == [[], [1], [2, 1], [3, 2, 1]]
    assert all(isinstance(client.events[-1], Finished) for client in clients)
    assert studio.waiting == 0


@pytest.mark.parametrize("places", [2, 3])
async def test_as_many_are_served_at_once_as_the_engine_has_places(places: int) -> None:
    engine = ScriptedEngine(DOCUMENT, delay=0.002, places=places)
    studio = await ready(engine, queue_size=3)
    clients = [Client(studio, f"page {n}") for n in range(places + 3)]
    await settle()
    assert (studio.running, studio.waiting) == (places, 3)
    with pytest.raises(Busy, match="3 requests are waiting"):
        await collect(studio, ask())
    await asyncio.gather(*(client.task for client in clients))
    assert engine.most == places
    assert [request.instruction for request in engine.requests] == [f"page {n}" for n in range(places + 3)]
    assert [client.places[:1] for client in clients] == [[]] * places + [[1], [2], [3]]
    assert all(isinstance(client.events[-1], Finished) for client in clients)


async def test_one_that_fails_or_is_stopped_does_not_disturb_the_one_beside_it() -> None:
    engine = ScriptedEngine(DOCUMENT, delay=0.005, places=2)
    studio = await ready(engine)
    steady, stopped = Client(studio, "steady"), Client(studio, "stopped")
    await stopped.opened()
    await stopped.stop()
    engine.error = GenerationFailed("broke")
    failing = Client(studio, "failing")
    with pytest.raises(GenerationFailed):
        await failing.task
    await steady.task
    assert steady.page.html.strip() == "".join(DOCUMENT)
    assert studio.running == engine.running == 0


async def test_a_model_that_is_not_there_is_refused_before_the_line() -> None:
    engine = ScriptedEngine(models=[Model("a", "A", "base"), Model("b", "B", "base")], by_model={"b": ["<p>from b"]})
    studio = await ready(engine)
    with pytest.raises(RequestError, match=r"no model 'c'.*a, b"):
        await collect(studio, ask(model="c"))
    end = (await collect(studio, ask(model="b")))[-1]
    assert isinstance(end, Finished)
    assert end.text == "<p>from b"


async def test_one_more_than_may_wait_is_told_so_at_once() -> None:
    studio = await ready(ScriptedEngine(DOCUMENT, delay=0.005), queue_size=2)
    clients = [Client(studio) for _ in range(3)]
    await settle()
    with pytest.raises(Busy, match="2 requests are waiting"):
        await anext(studio.generate(ask()))
    await clients[1].stop()  # one waiting place is free again
    late = Client(studio)
    await settle()
    assert late.places == [2]
    await asyncio.gather(clients[0].task, clients[2].task, late.task)


async def test_without_a_queue_the_second_is_refused_and_the_first_unharmed() -> None:
    studio = await ready(ScriptedEngine(DOCUMENT, delay=0.001), queue_size=0)
    first = Client(studio)
    await settle()
    with pytest.raises(Busy):
        await collect(studio, ask())
    await first.task
    assert isinstance(first.events[-1], Finished)
    assert isinstance((await collect(studio, ask()))[-1], Finished)


async def test_leaving_the_queue_moves_up_only_those_behind() -> None:
    studio = await ready(ScriptedEngine(DOCUMENT, delay=0.01))
    clients = [Client(studio) for _ in range(4)]
    await settle()
    await clients[2].stop()
    await settle()
    assert [client.places for client in clients] == [[], [1], [2], [3, 2]]
    for client in clients:
        await client.stop()
    assert studio.waiting == 0


@given(leave=st.lists(st.integers(0, 5), max_size=6), queue_size=st.integers(0, 5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whoever_leaves_whenever_the_rest_are_served_in_order(leave: list[int], queue_size: int) -> None:
    engine = ScriptedEngine(DOCUMENT)
    studio = await ready(engine, queue_size=queue_size)
    clients = [Client(studio, str(n)) for n in range(6)]
    for index in leave:
        clients[index].task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*(client.task for client in clients), return_exceptions=True)
    served = [request.instruction for request in engine.requests]
    assert served == sorted(served)
    for client in clients:
        places = client.places
        assert places == sorted(places, reverse=True)
        assert len(set(places)) == len(places)
        assert all(1 <= place <= queue_size for place in places)
    assert engine.running == studio.waiting == 0
    assert isinstance((await collect(studio, ask("after")))[-1], Finished)


# Stopping


async def test_closing_the_iterator_ends_the_generation_and_keeps_the_page() -> None:
    engine = ScriptedEngine(DOCUMENT)
    studio = await ready(engine)
    events = studio.generate(ask())
    page = None
    async for event in events:
        if isinstance(event, PageOpened):
            page = event.page
            break
    await events.aclose()
    assert engine.running == 0
    assert engine.cancelled == 1
    assert page is not None
    assert page.finished
    assert page.finish_reason == "cancelled"
    assert isinstance((await collect(studio, ask()))[-1], Finished)


async def test_cancelling_ends_the_generation_within_one_token() -> None:
    engine = ScriptedEngine(["<!DOCTYPE html><html><body>", *["<p>x</p>"] * 1_000], delay=0.005)
    studio = await ready(engine)
    client = Client(studio)
    page = await client.opened()
    before = page.size
    await client.stop()
    assert page.finished
    assert page.finish_reason == "cancelled"
    assert page.size <= before + len("<p>x</p>")
    assert engine.running == 0
    assert studio.waiting == 0


# Failing


async def test_a_failed_generation_keeps_its_page_and_harms_nobody() -> None:
    engine = ScriptedEngine(DOCUMENT[:3], error=OutOfMemory("The GPU is full. Ask for a shorter page."))
    studio = await ready(engine)
    client = Client(studio)
    with pytest.raises(OutOfMemory, match="shorter page"):
        await client.task
    assert client.page.finished
    assert client.page.finish_reason is None
    assert client.page.html.startswith("<!DOCTYPE html>")
    assert isinstance(client.events[-1], Progress)
    assert client.events[-1].new_tokens == 3
    engine.error = None
    assert isinstance((await collect(studio, ask()))[-1], Finished)


async def test_a_bug_in_an_engine_becomes_one_readable_message() -> None:
    studio = await ready(ScriptedEngine(DOCUMENT[:3], error=RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED")))
    with pytest.raises(GenerationFailed, match="Try again") as caught:
        await collect(studio, ask())
    assert "CUBLAS" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


# Going on from a cut


def limited(tokens: int) -> Sampling:
    return Sampling(max_new_tokens=tokens)


@pytest.mark.parametrize(
    "text",
    [
        "".join(DOCUMENT),
        "Sure! Here it is:\n\n```html\n" + "".join(DOCUMENT) + "\n```\n\nEnjoy `it`!",
        "<div>\n<p>a fragment</p>\n```\n</div>",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_continuing_from_any_cut_gives_the_page_of_an_uncut_run(text: str, size: int) -> None:
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    whole = (await collect(await ready(ScriptedEngine(chunks)), ask()))[-1]
    assert isinstance(whole, Finished)
    assert whole.page is not None
    for cut in range(1, len(chunks), max(1, len(chunks) // 12)):
        studio = await ready(ScriptedEngine(chunks))
        first = (await collect(studio, ask(sampling=limited(cut))))[-1]
        assert isinstance(first, Finished)
        assert first.finish_reason == "length"
        again = await collect(studio, ask(prefix=first.text), page=first.page)
        second = again[-1]
        assert isinstance(second, Finished)
        assert second.page is not None
        if first.page is not None:
            assert second.page is first.page
            assert any(isinstance(event, PageOpened) for event in again)
        assert second.page.html == whole.page.html
        assert second.page.finish_reason == "stop"
        assert second.text == text


async def test_a_page_that_left_the_shelf_comes_back_when_it_is_continued() -> None:
    studio = await ready(ScriptedEngine(DOCUMENT), max_pages=1)
    first = (await collect(studio, ask(sampling=limited(3))))[-1]
    assert isinstance(first, Finished)
    assert first.page is not None
    stale = LivePage(first.page.owner, first.page.id)
    stale.append(first.page.html)
    stale.finish("length")
    studio.shelf.new().finish("stop")
    studio.shelf.keep(stale)  # as a reader has it who came meanwhile
    await collect(studio, ask(prefix=first.text), page=first.page)
    assert studio.shelf.get(first.page.id).html == "".join(DOCUMENT)


async def test_a_page_is_not_continued_while_it_is_being_written() -> None:
    studio = await ready(ScriptedEngine(DOCUMENT, delay=0.005))
    client = Client(studio)
    page = await client.opened()
    with pytest.raises(RequestError, match="being written"):
        await collect(studio, ask(prefix="x"), page=page)
    await client.task


# Loading


async def test_nothing_is_generated_before_the_model_is_ready() -> None:
    studio = make_studio(ScriptedEngine(load_seconds=0.02))
    await studio.start()
    await settle()
    assert studio.state == "loading"
    assert studio.status == "Loading the script."
    with pytest.raises(NotReady, match="Loading the script"):
        await collect(studio, ask())
    await studio.wait_ready()
    assert (studio.state, studio.status) == ("ready", "Ready.")
    assert isinstance((await collect(studio, ask()))[-1], Finished)


async def test_who_stops_waiting_does_not_stop_the_loading() -> None:
    engine = ScriptedEngine(load_seconds=0.02)
    studio = make_studio(engine)
    impatient = asyncio.create_task(studio.wait_ready())
    await settle()
    impatient.cancel()
    await studio.wait_ready()
    assert engine.loads == 1


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ModelNotFound("No model 'x'. Set HTMLGEN_MODEL."), ModelNotFound, "Set HTMLGEN_MODEL"),
        (RuntimeError("boom"), ModelError, "cannot be loaded: boom"),
    ],
)
async def test_a_model_that_cannot_be_loaded_says_why_to_everybody(
    error: Exception, kind: type[Exception], words: str
) -> None:
    studio = make_studio(ScriptedEngine(load_error=error))
    for _ in range(2):
        with pytest.raises(kind, match=words):
            await studio.wait_ready()
    assert studio.state == "failed"
    assert words in studio.status
    with pytest.raises(kind, match=words):
        await collect(studio, ask())


async def test_close_frees_the_engine_even_while_it_loads() -> None:
    engine = ScriptedEngine(load_seconds=60)
    studio = make_studio(engine)
    await studio.start()
    await settle()
    await studio.close()
    assert engine.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Steady(ScriptedEngine):
    """Yields its first text and then never again, as a model does that has hung."""

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        yield Delta("<!DOCTYPE html><html>")
        await asyncio.Event().wait()


async def test_a_hung_engine_can_be_cancelled() -> None:
    studio = await ready(Steady())
    client = Client(studio)
    await settle()
    waiting = Client(studio)
    await settle()
    await client.stop()
    await settle()
    assert isinstance(waiting.events[-1], PageOpened | Progress)
    await waiting.stop()

"""The engine over a server, against a scripted one on a real socket: what is asked, what comes out, each way to go wrong."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htmlgen import completions, dialect, remote
from htmlgen.dialect import GO_ON, SYSTEM, Joint
from htmlgen.engine import Delta, Engine, GenerationRequest, Sampling
from htmlgen.engines import make_engine
from htmlgen.errors import (
    GenerationFailed,
    HtmlgenError,
    ModelNotFound,
    NotReady,
    PromptTooLong,
    RequestError,
    ServerBusy,
    ServerRefused,
    ServerUnavailable,
    SettingsError,
)
from htmlgen.page import PageShelf
from htmlgen.prompt import answer_ids, format_prompt, prompt_ids
from htmlgen.refusal import ContextExceeded, KeyRefused
from htmlgen.remote import RemoteEngine
from htmlgen.settings import Settings
from htmlgen.studio import Finished, Studio
from tests.scripted_server import (
    DONE,
    Exchange,
    Reply,
    ScriptedServer,
    count,
    drop,
    event,
    hang,
    listing,
    piece,
    raw,
    refusal,
    status,
    stream,
    whole,
)

ASK = GenerationRequest("a login page", sampling=Sampling(max_new_tokens=100, seed=7))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for nothing that a test does not measure."""
    monkeypatch.setattr(remote, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(completions, "RETRY_BASE", 0.001)


@asynccontextmanager
async def loaded(server: ScriptedServer, **options: Any) -> AsyncIterator[RemoteEngine]:
    async with server.running():
        engine = RemoteEngine(server.url, **options)
        try:
            await engine.load()
            yield engine
        finally:
            await engine.close()


async def read(engine: Engine, request: GenerationRequest = ASK) -> list[Delta]:
    async with aclosing(engine.stream(request)) as deltas:  # type: ignore[type-var]
        return [delta async for delta in deltas]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("waited in vain")


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


class TestWriting:
    async def test_the_server_writes_a_page_and_counts(self) -> None:
        server = ScriptedServer(stream("<h1>", "Grüße 日本", "</h1>", usage=(12, 5)))
        async with loaded(server, key="secret", context=200) as engine:
            assert (engine.name, engine.status, engine.places) == ("html", "Ready.", 8)
            deltas = await read(engine)
        assert text_of(deltas) == "<h1>Grüße 日本</h1>"
        assert [delta.finish_reason for delta in deltas] == [None, None, None, "stop"]
        usage = deltas[-1].usage
        assert usage is not None
        assert (usage.prompt_tokens, usage.new_tokens, usage.context_left) == (12, 5, 183)
        assert 0 < usage.seconds_to_first_token < 5
        assert usage.tokens_per_second > 0
        asked = server.requests[0]
        assert asked["prompt"] == format_prompt("alpaca", "a login page")
        assert server.exchanges[0].headers["authorization"] == "Bearer secret"
        assert {name: asked[name] for name in ("model", "max_tokens", "temperature", "top_p", "top_k", "seed")} == {
            "model": "html", "max_tokens": 100, "temperature": 0.2, "top_p": 0.95, "top_k": 50, "seed": 7,
        }  # fmt: skip
        assert asked["repetition_penalty"] == asked["repeat_penalty"] == 1.0

    async def test_pieces_come_while_the_server_writes(self) -> None:
        server = ScriptedServer(raw(piece("a"), 30.0, piece("b", "stop"), DONE))
        async with loaded(server) as engine, aclosing(engine.stream(ASK)) as deltas:
            assert (await asyncio.wait_for(anext(deltas), 30)).text == "a"

    async def test_a_server_that_does_not_count_is_counted_by_pieces(self) -> None:
        async with loaded(ScriptedServer(stream("a", "b", "c", reason="length"))) as engine:
            end = (await read(engine))[-1]
        assert end.finish_reason == "length"
        assert end.usage is not None
        # Nobody knows the context: the page can be continued, and the server will say when it is full.
        assert (end.usage.prompt_tokens, end.usage.new_tokens, end.usage.context_left) == (0, 3, 1)

    async def test_a_page_and_a_prefix_are_part_of_the_prompt(self) -> None:
        server = ScriptedServer()
        async with loaded(server, prompt_format="codellama-instruct") as engine:
            await read(engine, GenerationRequest("greener", page="<p>old</p>", prefix="<!DOCTYPE html><bo"))
        wanted = format_prompt("codellama-instruct", "greener", "<p>old</p>")
        assert server.requests[0]["prompt"] == wanted + "<!DOCTYPE html><bo"

    async def test_greedy_is_exactly_zero_and_a_seed_fits_into_31_bits(self) -> None:
        server = ScriptedServer()
        async with loaded(server) as engine:
            await read(engine, GenerationRequest("a", sampling=Sampling(temperature=1e-9, seed=2**40 + 5)))
            for _ in range(2):
                await read(engine, GenerationRequest("a"))
        asked = server.requests
        assert (asked[0]["temperature"], asked[0]["seed"]) == (0, 5)
        assert asked[1]["seed"] != asked[2]["seed"]

    @settings(max_examples=25)  # each starts a server
    @given(cuts=st.lists(st.integers(1, 400), max_size=12), texts=st.lists(st.text(min_size=1), min_size=1, max_size=4))
    async def test_any_chunking_of_the_stream_gives_the_same_text(self, cuts: list[int], texts: list[str]) -> None:
        whole_stream = b"".join(map(piece, texts)) + b": still here\n\n" + piece("", "stop") + count(3, 4) + DONE
        places = sorted({cut for cut in cuts if cut < len(whole_stream)})
        parts = [whole_stream[a:b] for a, b in zip([0, *places], [*places, len(whole_stream)], strict=True)]
        async with loaded(ScriptedServer(raw(*parts))) as engine:
            assert text_of(await read(engine)) == "".join(texts)

    async def test_many_are_written_at_once(self) -> None:
        together = asyncio.Barrier(6) if hasattr(asyncio, "Barrier") else None

        async def reply(exchange: Exchange) -> None:
            if together is not None:
                await asyncio.wait_for(together.wait(), 10)
            await stream(exchange.body["prompt"][-30:])(exchange)

        async with loaded(ScriptedServer(reply)) as engine:
            asked = [GenerationRequest("x", prefix=f"{n:030}") for n in range(6)]
            texts = [text_of(answer) for answer in await asyncio.gather(*(read(engine, one) for one in asked))]
        assert texts == [one.prefix for one in asked]

    async def test_through_the_studio_it_becomes_a_page(self) -> None:
        server = ScriptedServer(stream("Here:\n\n", "<!DOCTYPE html><html>", "<p>Hi</p></html>", usage=(5, 9)))
        async with server.running():
            chosen = Settings(_env_file=None, engine="openai", server=server.url)  # type: ignore[call-arg]
            studio = Studio(make_engine(chosen), PageShelf(5), chosen)
            await studio.wait_ready()
            async with aclosing(studio.generate(ASK)) as events:
                end = [event async for event in events][-1]
            await studio.close()
        assert isinstance(end, Finished)
        assert end.page is not None
        assert end.page.html == "<!DOCTYPE html><html><p>Hi</p></html>"
        assert end.finish_reason == "stop"

    async def test_before_it_is_loaded_it_is_not_ready(self) -> None:
        engine = RemoteEngine("http://127.0.0.1:9")
        with pytest.raises(NotReady, match="Waiting to be loaded"):
            await read(engine)
        await engine.close()


class TestModels:
    async def test_the_server_lists_them_and_a_request_names_one(self) -> None:
        cards = listing({"id": "base", "max_model_len": 4096}, {"id": "pages", "parent": "base"})
        server = ScriptedServer(models=cards)
        async with loaded(server, model="pages") as engine:
            assert [(m.id, m.base, m.adapter) for m in engine.models] == [
                ("pages", "base", "pages"),
                ("base", "base", None),
            ]
            assert engine.models[1].note == "4,096 tokens of context"
            await read(engine)
            await read(engine, GenerationRequest("x", model="base"))
        assert [asked["model"] for asked in server.requests] == ["pages", "base"]

    async def test_an_adapter_loaded_later_is_found_when_it_is_asked_for(self) -> None:
        server = ScriptedServer()
        async with loaded(server) as engine:
            with pytest.raises(RequestError, match=r"no model 'new' here\. Choose one of: html"):
                await read(engine, GenerationRequest("x", model="new"))
            server.models = listing("html", "new")
            await read(engine, GenerationRequest("x", model="new"))
            assert [model.id for model in engine.models] == ["html", "new"]

    async def test_the_list_is_read_again_and_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "WATCH_SECONDS", 0.01)
        server = ScriptedServer()
        async with loaded(server) as engine:
            server.models = status(500, {})  # a failure does not end the watch
            await asyncio.sleep(0.05)
            server.models = listing("html", "new")
            await until(lambda: len(engine.models) == 2)
            assert [model.id for model in engine.models] == ["html", "new"]

    @pytest.mark.parametrize("models", [listing(), refusal(500, "CacheNotFound"), status(404, {"detail": "Not Found"})])
    async def test_a_named_model_need_not_be_listed(self, models: Reply) -> None:
        """transformers serve lists what its cache holds, not what it serves, and fails where there is no cache."""
        async with loaded(ScriptedServer(models=models), model="/models/x") as engine:
            assert [model.id for model in engine.models] == ["/models/x"]

    async def test_none_named_and_none_listed(self) -> None:
        with pytest.raises(ModelNotFound, match="Set HTMLGEN_MODEL"):
            async with loaded(ScriptedServer(models=status(404, {"detail": "Not Found"}))):
                pass


class TestTokenIds:
    async def test_a_prompt_goes_as_the_ids_of_training(self, tiny_llama_dir: Any, byte_level_tokenizer: Any) -> None:
        server = ScriptedServer(stream("x", reason="length"))
        request = GenerationRequest(
            "a page", page="<s>struck</s>", prefix="<p>", sampling=Sampling(max_new_tokens=5000)
        )
        async with loaded(server, tokenizer=str(tiny_llama_dir), context=1024) as engine:
            end = (await read(engine, request))[-1]
        tokenizer = byte_level_tokenizer
        ids = prompt_ids(tokenizer, format_prompt("alpaca", "a page", "<s>struck</s>"))
        ids += answer_ids(tokenizer, "<p>", complete=False)
        asked = server.requests[0]
        assert asked["prompt"] == ids
        assert ids.count(tokenizer.bos_token_id) == 1  # the one at the front, not the page's strike-through
        assert tokenizer.eos_token_id not in ids
        assert asked["max_tokens"] == 1024 - len(ids)
        assert end.usage is not None
        assert (end.usage.prompt_tokens, end.usage.context_left) == (len(ids), 1024 - len(ids) - 1)

    async def test_a_prompt_that_fills_the_context_is_not_sent(self, tiny_llama_dir: Any) -> None:
        server = ScriptedServer()
        async with loaded(server, tokenizer=str(tiny_llama_dir), context=100) as engine:
            with pytest.raises(PromptTooLong, match="has room for 99"):
                await read(engine, GenerationRequest("page " * 200))
        assert server.requests == []

    async def test_the_format_saved_with_the_tokenizer_is_used(self, tiny_llama_dir: Any, tmp_path: Any) -> None:
        (tmp_path / "htmlgen.json").write_text('{"prompt_format": "codellama-instruct"}')
        for file in tiny_llama_dir.glob("tokenizer*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        async with loaded(ScriptedServer(), tokenizer=str(tmp_path)) as engine:
            assert engine.prompt_format == "codellama-instruct"

    @pytest.mark.parametrize("refused_with", [400, 422])
    @pytest.mark.parametrize(
        ("added", "bos", "words"),
        [
            (0, "", "splits them as training did"),
            (-1, "<s>", "splits them as training did"),
            (9, "", "expect worse pages"),
        ],
    )
    async def test_text_where_ids_are_refused_and_whether_it_is_split_alike(
        self, tiny_llama_dir: Any, added: int, bos: str, words: str, refused_with: int
    ) -> None:
        """The count of the probe tells: as many tokens as here, one less for want of BOS, or another tokenizer."""
        expected: list[int] = []

        async def probe(exchange: Exchange) -> None:
            prompt = exchange.body["prompt"]
            if isinstance(prompt, list):
                expected.append(len(prompt))
                return await refusal(refused_with, "prompt must be a string.")(exchange)
            await whole("x", expected[0] + added + prompt.startswith("<s>"))(exchange)

        server = ScriptedServer(probe=probe)
        async with loaded(server, tokenizer=str(tiny_llama_dir)) as engine:
            assert words in engine.status
            await read(engine)
        assert server.requests[0]["prompt"] == bos + format_prompt("alpaca", "a login page")

    async def test_a_tokenizer_that_is_not_there(self, tmp_path: Any) -> None:
        with pytest.raises(ModelNotFound, match="HTMLGEN_SERVER_TOKENIZER="):
            async with loaded(ScriptedServer(), tokenizer=str(tmp_path / "none")):
                pass


class TestDialects:
    async def test_transformers_takes_a_generation_config_alone(self) -> None:
        async def probe(exchange: Exchange) -> None:
            unknown = set(exchange.body) - {"model", "max_tokens", "temperature", "top_p", "seed", "stream", "prompt", "generation_config"}  # fmt: skip
            await (refusal(422, f"Unexpected fields: {unknown}") if unknown else whole())(exchange)

        server = ScriptedServer(probe=probe)
        async with loaded(server) as engine:
            assert engine.status == "Ready."
            await read(engine)
            await read(engine, GenerationRequest("x", sampling=Sampling(temperature=0, max_new_tokens=9)))
        sampled, greedy = (json.loads(asked["generation_config"]) for asked in server.requests)
        assert (sampled["do_sample"], sampled["top_k"], sampled["temperature"]) == (True, 50, 0.2)
        assert greedy == {"do_sample": False, "repetition_penalty": 1.0, "max_new_tokens": 9}

    async def test_a_server_that_takes_no_more_than_openai_does_is_told_of(self) -> None:
        async def probe(exchange: Exchange) -> None:
            extra = {"top_k", "generation_config"} & set(exchange.body)
            await (refusal(400, "Unrecognized request argument") if extra else whole())(exchange)

        server = ScriptedServer(probe=probe)
        async with loaded(server) as engine:
            assert "takes neither top_k nor repetition_penalty" in engine.status
            await read(engine)
        assert "top_k" not in server.requests[0]

    @pytest.mark.parametrize("chosen", [None, "chat"])
    async def test_chat_where_there_are_no_completions_or_it_is_asked_for(self, chosen: str | None) -> None:
        async def probe(exchange: Exchange) -> None:
            if exchange.path == "/v1/completions":
                return await status(404, {"detail": "Not Found"})(exchange)
            await status(200, {"choices": [{"message": {"content": "x"}, "finish_reason": "length"}]})(exchange)

        server = ScriptedServer(stream("<p>", "Hi", chat=True), probe=probe)
        async with loaded(server, prompt_format=chosen) as engine:
            assert ("chat template instead of the format alpaca" in engine.status) is (chosen is None)
            assert text_of(await read(engine, GenerationRequest("greener", page="<p>"))) == "<p>Hi"
        assert server.exchanges[0].path == "/v1/chat/completions"
        assert server.requests[0]["messages"] == [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "greener\n\nCurrent page:\n<p>"},
        ]

    async def test_a_chat_goes_on_where_it_was_cut(self) -> None:
        prefix = "<!DOCTYPE html>\n<body>\n<h1>Hello</h1>\n<p>The first"
        server = ScriptedServer(stream("```html\n", "<p>The fi", "rst words</p>", chat=True))
        async with loaded(server, prompt_format="chat") as engine:
            rest = text_of(await read(engine, GenerationRequest("x", prefix=prefix)))
        assert rest == " words</p>"
        assert server.requests[0]["messages"][-2:] == [
            {"role": "assistant", "content": prefix},
            {"role": "user", "content": GO_ON},
        ]

    @given(prefix=st.text(min_size=1), text=st.text(max_size=600), size=st.integers(1, 300))
    def test_the_joint_takes_nothing_but_a_repetition(self, prefix: str, text: str, size: int) -> None:
        joint = Joint(prefix)
        parts = [text[n : n + size] for n in range(0, len(text), size)]
        out = "".join(map(joint.feed, parts)) + joint.close()
        assert text.endswith(out)
        taken = text[: len(text) - len(out)]
        assert taken.startswith("```") or (taken == "" or (len(taken) >= dialect.REPEATED and prefix.endswith(taken)))


VLLM = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4020 in the messages, 980 in the completion)."


class TestRoom:
    @pytest.mark.parametrize(
        ("answer", "then"),
        [
            (refusal(400, VLLM), 76),
            (refusal(400, "maximum context length is 4096 tokens and your request has 4020 input tokens"), 76),
            (refusal(400, "maximum context length is 4096 tokens, however you requested 5000 tokens (4020 in your prompt; 9 for the completion)", code="context_length_exceeded"), 76),
            (refusal(422, "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4020 `inputs` tokens and 980 `max_new_tokens`"), 76),
            (refusal(400, "maximum context length is 4096 tokens. However, you requested 980 output tokens and your prompt contains at least 3117 input tokens"), 490),
        ],
    )  # fmt: skip
    async def test_a_page_that_does_not_fit_is_asked_for_shorter(self, answer: Reply, then: int) -> None:
        server = ScriptedServer(answer, stream("a", reason="length"))
        async with loaded(server) as engine:
            deltas = await read(engine, GenerationRequest("x", sampling=Sampling(max_new_tokens=980)))
        assert text_of(deltas) == "a"
        assert [asked["max_tokens"] for asked in server.requests] == [980, then]

    @pytest.mark.parametrize(
        "answer",
        [
            refusal(400, "exceeds the available context size", type="exceed_context_size_error", n_prompt_tokens=5000, n_ctx=4096),
            refusal(400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
            raw(event({"error": {"message": VLLM.replace("4020", "5000"), "code": 400}})),
        ],
    )  # fmt: skip
    async def test_a_prompt_that_does_not_fit_is_too_long(self, answer: Reply) -> None:
        async with loaded(ScriptedServer(answer)) as engine:
            with pytest.raises(PromptTooLong, match=r"5,000 tokens long and this model has room for 4,095"):
                await read(engine)

    async def test_a_context_that_fills_up_in_the_middle_does_not_begin_the_page_anew(self) -> None:
        full = event({"error": {"message": "Context size has been exceeded.", "code": 500}})
        server = ScriptedServer(raw(piece("<p>half"), full), stream("<p>half"))
        async with loaded(server) as engine:
            deltas = engine.stream(GenerationRequest("x", sampling=Sampling(max_new_tokens=1000)))
            assert (await anext(deltas)).text == "<p>half"
            with pytest.raises(GenerationFailed, match="ran out of room"):
                await anext(deltas)
        assert len(server.requests) == 1

    async def test_without_numbers_it_asks_for_half_until_too_little_is_left(self) -> None:
        server = ScriptedServer(refusal(400, "the context window is full"))
        async with loaded(server) as engine:
            with pytest.raises(ContextExceeded, match="start a new chat"):
                await read(engine, GenerationRequest("x", sampling=Sampling(max_new_tokens=1000)))
        assert [asked["max_tokens"] for asked in server.requests] == [1000, 500, 250, 125]


class TestGoingWrong:
    @pytest.mark.parametrize(
        ("reply", "kind", "words"),
        [
            (refusal(401, "no"), KeyRefused, "wants a key. Set HTMLGEN_SERVER_KEY"),
            (refusal(403, "no"), KeyRefused, "wants a key"),
            (refusal(404, "The model `html` does not exist."), ModelNotFound, "The model `html` does not exist"),
            (refusal(400, "Server is pinned to 'a'; requested 'b'."), ModelNotFound, "pinned to 'a'"),
            (refusal(404, "x", code="model_not_found"), ModelNotFound, "no such model"),
            (status(404, {"detail": "Not Found"}), ServerRefused, "404: Not Found"),
            (refusal(400, "top_p must be positive"), ServerRefused, "top_p must be positive"),
            (status(422, {"detail": [{"loc": ["body"], "msg": "bad"}]}), ServerRefused, '"msg": "bad"'),
            (refusal(500, "CUDA error"), GenerationFailed, "CUDA error"),
            (status(502, "<html>Bad gateway"), ServerBusy, "502: <html>Bad gateway"),
            (status(301, {}, Location="http://b/v1"), ServerUnavailable, "http://b/v1"),
            (status(200, "<html>a web site"), GenerationFailed, "does not answer as OpenAI's API does"),
            (status(200, {"choices": []}), GenerationFailed, "does not answer as OpenAI's API does"),
            (raw(b"data: {half\n\n"), GenerationFailed, "does not answer as OpenAI's API does"),
            (raw(event([1])), GenerationFailed, "does not answer as OpenAI's API does"),
            (raw(event({"choices": [{"text": 5}]})), GenerationFailed, "does not answer as OpenAI's API does"),
            (raw(event({"choices": "x"})), GenerationFailed, "does not answer as OpenAI's API does"),
            (raw(b"data: " + b"x" * 3_000_000), GenerationFailed, "does not answer as OpenAI's API does"),
            (raw(b"\xff\xfe\x00garbage\n\n"), GenerationFailed, "broke off in the middle"),
            (raw(event({"error": "CUDA out of memory"})), GenerationFailed, "CUDA out of memory"),
            (stream("a", reason="content_filter"), GenerationFailed, "ended this page with 'content_filter'"),
            (raw(piece("a")), GenerationFailed, "broke off in the middle"),
            (raw(piece("a"), DONE), GenerationFailed, "broke off in the middle"),
            (raw(piece("a"), cut=True), GenerationFailed, "broke off"),
        ],
    )  # fmt: skip
    async def test_each_failure_says_what_happened_and_is_not_repeated_after_a_token(
        self, reply: Reply, kind: type[HtmlgenError], words: str
    ) -> None:
        server = ScriptedServer(reply)
        async with loaded(server) as engine:
            with pytest.raises(kind) as caught:
                await read(engine)
            server.replies = [stream("fine")]
            assert text_of(await read(engine)) == "fine"  # the next request is not harmed
        assert words in str(caught.value)
        assert len(server.requests) == (4 if kind is ServerBusy else 2)

    @pytest.mark.parametrize(
        "reply", [drop, refusal(429, "slow down", Retry_After="0"), refusal(503, "Loading model"), raw(cut=True)]
    )
    async def test_before_the_first_token_it_tries_again(self, reply: Reply) -> None:
        server = ScriptedServer(reply, reply, stream("a", "b"))
        async with loaded(server) as engine:
            assert text_of(await read(engine)) == "ab"
        assert len(server.requests) == 3

    async def test_after_the_first_token_never(self) -> None:
        server = ScriptedServer(raw(piece("a"), cut=True), stream("a", "b"))
        async with loaded(server) as engine:
            deltas = engine.stream(ASK)
            assert (await anext(deltas)).text == "a"
            with pytest.raises(GenerationFailed, match="broke off"):
                await anext(deltas)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(("wait", "tries"), [("0", 3), ("3600", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 3)])
    async def test_three_tries_or_one_where_the_wait_is_long(self, wait: str, tries: int) -> None:
        server = ScriptedServer(refusal(429, "slow down", Retry_After=wait))
        async with loaded(server) as engine:
            with pytest.raises(ServerBusy, match="slow down"):
                await read(engine)
        assert len(server.requests) == tries

    async def test_no_token_in_time(self) -> None:
        # Comments keep the connection alive and are no tokens.
        server = ScriptedServer(raw(*[b": ping\n\n", 0.1] * 40))
        async with loaded(server, first_token_seconds=0.5) as engine:
            with pytest.raises(GenerationFailed, match=r"no token within 0.5 s.*HTMLGEN_SERVER_TIMEOUT"):
                await read(engine)

    async def test_no_answer_in_time(self) -> None:
        async with loaded(ScriptedServer(hang), first_token_seconds=0.3) as engine:
            with pytest.raises(GenerationFailed, match="no token within"):
                await read(engine)

    async def test_silence_in_the_middle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(completions, "TOKEN_SECONDS", 0.3)
        server = ScriptedServer(raw(piece("a"), *[b": ping\n\n", 0.1] * 40))
        async with loaded(server) as engine:
            with pytest.raises(GenerationFailed, match="fell silent"):
                await read(engine)
        assert len(server.requests) == 1

    async def test_a_server_that_is_gone(self) -> None:
        server = ScriptedServer()
        async with loaded(server) as engine:
            engine._client.url = "http://127.0.0.1:9/v1"
            with pytest.raises(ServerUnavailable, match="cannot be reached"):
                await read(engine)

    async def test_a_key_is_in_no_message_and_in_no_log(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        server = ScriptedServer(refusal(401, "no"), refusal(500, "x"), drop)
        async with loaded(server, key="sk-hidden") as engine:
            for _ in range(3):
                with pytest.raises(HtmlgenError) as caught:
                    await read(engine)
                assert "sk-hidden" not in str(caught.value)
        assert "sk-hidden" not in caplog.text


class TestStopping:
    async def test_closing_the_stream_closes_the_connection(self) -> None:
        server = ScriptedServer(raw(piece("a"), *[0.01, piece("b")] * 3000))
        async with loaded(server) as engine:
            deltas = engine.stream(ASK)
            await anext(deltas)
            await deltas.aclose()
            await asyncio.wait_for(server.exchanges[0].gone.wait(), 30)

    @pytest.mark.parametrize("reply", [hang, raw(piece("a"), 30.0), raw(30.0)])
    async def test_so_does_cancelling_who_waits_for_it(self, reply: Reply) -> None:
        server = ScriptedServer(reply)
        async with loaded(server) as engine:
            task = asyncio.create_task(read(engine))
            await until(lambda: bool(server.exchanges))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.exchanges[0].gone.wait(), 30)


class TestLoading:
    async def test_it_waits_for_a_server_that_comes_up_later(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        engine = RemoteEngine(f"http://127.0.0.1:{port}")
        loading = asyncio.create_task(engine.load())
        await until(lambda: "cannot be reached" in engine.status)
        assert "Trying again every" in engine.status
        server = ScriptedServer(models=refusal(503, "Loading model"))
        async with server.running(port):
            await until(lambda: "Loading model" in engine.status)
            server.models = listing("html")
            await asyncio.wait_for(loading, 10)
            assert engine.status == "Ready."
            await engine.load()
            assert len(server.probes) == 1  # a second load returns at once
        await engine.close()

    async def test_patience_ends(self) -> None:
        engine = RemoteEngine("http://127.0.0.1:9", patience=0.05)
        with pytest.raises(ServerUnavailable, match="Start it, or correct the address"):
            await engine.load()
        await engine.close()

    @pytest.mark.parametrize("key", [None, "wrong"])
    async def test_a_refused_key_is_told_at_once(self, key: str | None) -> None:
        with pytest.raises(KeyRefused, match="HTMLGEN_SERVER_KEY"):
            async with loaded(ScriptedServer(models=refusal(401, "no")), key=key):
                pass

    async def test_a_model_that_the_server_does_not_have(self) -> None:
        probe = refusal(404, "The model `typo` does not exist.")
        with pytest.raises(ModelNotFound, match="The model `typo` does not exist"):
            async with loaded(ScriptedServer(probe=probe), model="typo"):
                pass

    async def test_a_web_site_is_no_server(self) -> None:
        with pytest.raises(GenerationFailed, match="does not answer as OpenAI's API does"):
            async with loaded(ScriptedServer(models=status(200, "<html>")), patience=0):
                pass

    async def test_a_refusal_is_told_as_the_server_worded_it(self) -> None:
        with pytest.raises(ServerRefused, match="max_tokens must be at least 16"):
            async with loaded(ScriptedServer(probe=refusal(400, "max_tokens must be at least 16"))):
                pass

    async def test_a_proxy_is_not_asked_for_this_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with loaded(ScriptedServer(), patience=0) as engine:
            assert text_of(await read(engine)) == "<p>Hi"


class TestSettings:
    def make(self, **settings: Any) -> Engine:
        return make_engine(Settings(_env_file=None, **settings))

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"engine": "openai"}, "Set HTMLGEN_SERVER to its URL"),
            ({"server": "http://a"}, "Set HTMLGEN_ENGINE=openai"),
            ({"engine": "openai", "server": "gpu-1:8000"}, "HTMLGEN_SERVER='gpu-1:8000' is not a URL"),
            ({"engine": "openai", "server": "http://a", "adapter": "b"}, "HTMLGEN_ADAPTER=b cannot be put"),
            ({"engine": "openai", "server": "http://a", "prompt_format": "c"}, "HTMLGEN_PROMPT_FORMAT to one of: .*chat"),
            ({"engine": "openai", "server": "http://a", "server_key": "ключ"}, "HTMLGEN_SERVER_KEY holds a character"),
        ],
    )  # fmt: skip
    def test_what_does_not_go_together_is_told(self, settings: dict[str, Any], words: str) -> None:
        with pytest.raises(SettingsError, match=words):
            self.make(**settings)

    @pytest.mark.parametrize("url", ["http://a:1", "http://a:1/", "http://a:1/v1", "http://a:1/v1/"])
    async def test_the_url_may_end_in_v1_or_not(self, url: str) -> None:
        engine = self.make(engine="openai", server=url, server_places=3)
        assert isinstance(engine, RemoteEngine)
        assert engine._client.url == "http://a:1/v1"
        assert engine.places == 3
        await engine.close()

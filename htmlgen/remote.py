"""The engine over an OpenAI-compatible server: HTMLGEN_ENGINE=openai, HTMLGEN_SERVER=http://gpu-1:8000/v1.

    engine = RemoteEngine("http://gpu-1:8000/v1", model="html", tokenizer="runs/pages/merged")
    await engine.load()
    async with aclosing(engine.stream(GenerationRequest("a login page"))) as deltas:
        async for delta in deltas: ...

Prompts are those of htmlgen/prompt.py, through `/v1/completions`, so that a server answers what training asked. With a tokenizer
they go as token ids, to servers that take ids: then not even a `<s>` in a page can be mistaken for a control token. Servers differ
in what they take, so that loading asks for one token each way until one is taken, and tells in `status` what had to be given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from htmlgen.completions import Card, CompletionsClient, Piece
from htmlgen.dialect import CHAT, CHAT_COMPLETIONS, COMPLETIONS, DIALECTS, Joint, Way, make_body, plain_openai
from htmlgen.engine import Delta, FinishReason, GenerationRequest, Usage
from htmlgen.errors import (
    GenerationFailed,
    HtmlgenError,
    ModelNotFound,
    NotReady,
    PromptTooLong,
    ServerBusy,
    ServerRefused,
    ServerUnavailable,
    SettingsError,
)
from htmlgen.models import Model, find_model
from htmlgen.presets import find_preset
from htmlgen.prompt import FORMATS, answer_ids, format_prompt, prompt_ids, read_prompt_format
from htmlgen.refusal import ContextExceeded, KeyRefused, NoSuchRoute

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

WATCH_SECONDS = 30.0
"""Between two looks at the server's list of models: an adapter that it loads appears without a restart of ours."""
RETRY_SECONDS = 3.0
"""Between two tries to reach a server that is not up yet."""
SMALLEST_ROOM = 64
"""Tokens: where less room is left for a page, the prompt is called too long."""

# It tries the tokenizer as a page does: tags, attributes, digits, quotes, characters outside ASCII.
PROBE = GenerationRequest("Change the title to Café 12", page="<h1 class=\"a\">It's</h1>\n<p>Don't — 3.5 €</p>")


class RemoteEngine:
    """Implements `Engine` over an OpenAI-compatible server.

    `model` None is the first that the server lists. `prompt_format` None is the one saved beside the tokenizer, else the
    preset's of that name, else `alpaca`; `chat` is the server's own chat template. `context` is the model's, in tokens, where
    nobody else tells. `patience` is how many seconds `load` waits for a server that is not up yet.

    Raises:
        SettingsError: `server` is no URL, or there is no such prompt format.
    """

    def __init__(
        self,
        server: str,
        *,
        key: str | None = None,
        model: str | None = None,
        prompt_format: str | None = None,
        tokenizer: str | None = None,
        context: int | None = None,
        places: int = 8,
        first_token_seconds: float = 300.0,
        patience: float = float("inf"),
    ) -> None:
        if prompt_format is not None and prompt_format not in (*FORMATS, CHAT):
            raise SettingsError(
                f"There is no prompt format {prompt_format!r}. Set HTMLGEN_PROMPT_FORMAT to one of: {', '.join((*FORMATS, CHAT))}."
            )
        self.places = places
        self.prompt_format = prompt_format or "alpaca"
        self._format_is_set = prompt_format is not None
        self._client = CompletionsClient(server, key=key, first_token_seconds=first_token_seconds)
        self._named, self._tokenizer_name, self._named_context = model, tokenizer, context
        self._patience = patience
        self._status = "Waiting to be loaded."
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._cards: list[Card] = []
        self._default = model or ""
        self._way: Way | None = None
        self._loading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The default model, as the server calls it."""
        return self._default or "a server's model"

    @property
    def status(self) -> str:
        """What it waits for, in a sentence for users; then "Ready." and what this server cannot do."""
        return self._status

    @property
    def models(self) -> tuple[Model, ...]:
        """What the server lists, the default first."""
        cards = sorted(self._cards, key=lambda card: card.id != self._default)
        if self._default and self._default not in (card.id for card in cards):
            cards.insert(0, Card(self._default))
        return tuple(map(_model, cards))

    async def load(self) -> None:
        """Waits until the server is up and finds out how to ask it; returns at once when that has been done.

        Raises:
            ModelNotFound: it has no such model, or the tokenizer is not there.
            ServerUnavailable: it refuses the key, or was not up within `patience` seconds.
            ServerRefused, GenerationFailed: it does not take what every such server takes.
        """
        if self._way is not None:
            return
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load())
        # Shielded: whoever stops waiting must not stop the loading for everybody else.
        await asyncio.shield(self._loading)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """Yields deltas as the server sends them. Closing the generator closes the connection, and the server stops.

        Raises:
            RequestError: the server has no such model.
            PromptTooLong: the prompt leaves no room in the context.
            ServerUnavailable, ServerBusy, ServerRefused, GenerationFailed: as its text says; the next request is not harmed.
        """
        if self._way is None:
            raise NotReady(f"The model is not ready yet: {self._status} Try again in a minute.")
        started, first, pieces = time.monotonic(), 0.0, 0
        model = await self._find(request.model)
        reason: str | None = None
        prompt_tokens, new_tokens = self._count(request), None
        joint = Joint(request.prefix if self._way.path != COMPLETIONS else "")
        async for piece in self._ask(request, model, prompt_tokens):
            if piece.prompt_tokens is not None:
                prompt_tokens, new_tokens = piece.prompt_tokens, piece.new_tokens
            reason = piece.finish_reason or reason
            if piece.text:
                pieces, first = pieces + 1, first or time.monotonic()
                if text := joint.feed(piece.text):
                    yield Delta(text)
        ended = time.monotonic()
        end = _finish_reason(reason)
        written = pieces if new_tokens is None else new_tokens
        usage = Usage(
            prompt_tokens=prompt_tokens or 0,
            new_tokens=written,
            seconds_to_first_token=(first or ended) - started,
            tokens_per_second=written / max(ended - started, 1e-9),
            context_left=self._context_left(model, prompt_tokens, written),
        )
        yield Delta(joint.close(), end, usage)

    async def close(self) -> None:
        """Lets go of the server; what it is writing for us ends."""
        for task in (self._loading, self._watching):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._client.close()
        self._way, self._status = None, "Closed."

    # Finding out

    async def _load(self) -> None:
        if self._tokenizer_name is not None and self._tokenizer is None:
            self._status = "Reading the tokenizer."
            self._tokenizer = await asyncio.to_thread(_load_tokenizer, self._tokenizer_name)
        self._cards = await self._reach()
        if not self._default and not self._cards:
            raise ModelNotFound(
                "The server in HTMLGEN_SERVER lists no models. Set HTMLGEN_MODEL to the name that it knows."
            )
        self._default = self._default or self._cards[0].id
        if not self._format_is_set:
            saved = None if self._tokenizer_name is None else read_prompt_format(self._tokenizer_name)
            self.prompt_format = saved or find_preset(self._default).prompt_format
        self._status = f"Trying {self._default} on the server."
        self._way, notes = await self._try_ways()
        self._status = " ".join(["Ready.", *notes])
        for note in notes:
            log.warning(note)
        self._watching = asyncio.create_task(self._watch())

    async def _reach(self) -> list[Card]:
        """The server's models, as soon as it is up."""
        waited_until = time.monotonic() + self._patience
        while True:
            try:
                return await self._client.models()
            except GenerationFailed as error:
                # It is up. transformers serve, without a cache of the hub's, has no list, and generates all the same.
                if not self._default:
                    raise
                log.warning("The list of models could not be read: %s", error)
                return []
            except (ServerUnavailable, ServerBusy) as error:
                # A key that is refused stays refused; a server that loads its model needs minutes.
                if isinstance(error, KeyRefused) or time.monotonic() >= waited_until:
                    raise
                self._status = f"{error} Trying again every {RETRY_SECONDS:g} s."
            await asyncio.sleep(min(RETRY_SECONDS, max(0.0, waited_until - time.monotonic())))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                self._cards = await self._client.models()
            except HtmlgenError as error:
                log.debug("The list of models could not be read: %s", error)

    async def _try_ways(self) -> tuple[Way, list[str]]:
        """The first way in which the server gives a token, the best first, and what is worse about it."""
        refused: HtmlgenError | None = None
        ways = []
        if self.prompt_format != CHAT:
            forms = (True, False) if self._tokenizer is not None else (False,)
            ways = [Way(COMPLETIONS, dialect, ids) for ids in forms for dialect in DIALECTS]
        no_route = False
        for way in [*ways, *(Way(CHAT_COMPLETIONS, dialect) for dialect in DIALECTS)]:
            if no_route and way.path == COMPLETIONS:
                continue
            if way.path != COMPLETIONS and self.prompt_format != CHAT and not no_route:
                break  # it has completions, and refuses ours: its chat would refuse them too, or hide the reason
            try:
                piece = await self._client.complete(way.path, self._body(way, PROBE, self._default, 1, stream=False))
            except NoSuchRoute as error:
                refused, no_route = error, True
                continue
            except (ServerRefused, GenerationFailed) as error:
                # llama.cpp's Python server breaks off (500) over what it should refuse.
                refused = error
                continue
            notes = []
            if way.path != COMPLETIONS and self.prompt_format != CHAT:
                notes.append(
                    f"The server has no /v1/completions, so prompts go through its chat template instead of the format {self.prompt_format}."
                )
            if self._tokenizer is not None and not way.ids and way.path == COMPLETIONS:
                way, note = await self._try_text(way, piece)
                notes.append(note)
            if way.dialect is plain_openai:
                notes.append("The server takes neither top_k nor repetition_penalty: it uses its own.")
            return way, notes
        assert refused is not None
        raise refused

    async def _try_text(self, way: Way, piece: Piece) -> tuple[Way, str]:
        """Whether the server splits a text prompt as training did, by its count; with BOS put before the text if that helps."""
        assert self._tokenizer is not None
        expected = self._count(PROBE)
        if piece.prompt_tokens == expected:
            return way, "The server takes no token ids, so prompts go as text; it splits them as training did."
        bos = self._tokenizer.bos_token
        if isinstance(bos, str) and expected is not None and piece.prompt_tokens == expected - 1:
            with_bos = replace(way, bos=bos)
            body = self._body(with_bos, PROBE, self._default, 1, stream=False)
            if (await self._client.complete(way.path, body)).prompt_tokens == expected:
                return with_bos, "The server takes no token ids, so prompts go as text; it splits them as training did."
        return way, (
            f"The server takes no token ids and splits a prompt into {piece.prompt_tokens} tokens where training made {expected}: expect "
            "worse pages. Give it the model's own tokenizer."
        )

    # Asking

    def _body(self, way: Way, request: GenerationRequest, model: str, limit: int, *, stream: bool) -> dict[str, Any]:
        prompt: str | list[int] | None = None
        if way.path == COMPLETIONS:
            prompt = self._ids(request) if way.ids else way.bos + self._text(request)
        return make_body(way, request, prompt, model=model, limit=limit, stream=stream)

    def _text(self, request: GenerationRequest) -> str:
        return format_prompt(self.prompt_format, request.instruction, request.page) + request.prefix

    def _ids(self, request: GenerationRequest) -> list[int]:
        assert self._tokenizer is not None
        text = format_prompt(self.prompt_format, request.instruction, request.page)
        return prompt_ids(self._tokenizer, text) + answer_ids(self._tokenizer, request.prefix, complete=False)

    def _count(self, request: GenerationRequest) -> int | None:
        """Tokens of the prompt, where they can be counted here."""
        if self._tokenizer is None or self.prompt_format == CHAT:
            return None
        return len(self._ids(request))

    async def _find(self, name: str) -> str:
        """The server's name of a model, after a second look at its list where it is not known yet."""
        if name and name not in (model.id for model in self.models):
            self._cards = await self._client.models()
        return find_model(self.models, name).id

    async def _ask(
        self, request: GenerationRequest, model: str, prompt_tokens: int | None
    ) -> AsyncGenerator[Piece, None]:
        """Pieces of the answer. A server that counts prompt and page together is asked again for a page that fits.

        Raises:
            GenerationFailed: the server ran out of room in the middle, which nothing that was sent can be taken back for.
        """
        assert self._way is not None
        limit, context = request.sampling.max_new_tokens, self._context(model)
        if prompt_tokens is not None and context is not None:
            if prompt_tokens >= context:
                raise PromptTooLong(prompt_tokens, context - 1, has_page=request.page is not None)
            limit = min(limit, context - prompt_tokens)
        began = False
        while True:
            try:
                body = self._body(self._way, request, model, limit, stream=True)
                async with aclosing(self._client.stream(self._way.path, body)) as pieces:
                    async for piece in pieces:
                        began = began or bool(piece.text)
                        yield piece
                return
            except ContextExceeded as full:
                if began:
                    raise GenerationFailed(
                        "The server ran out of room in the middle of this page. Shorten the request, or start a new chat to drop the "
                        "current page; the server's log has the details."
                    ) from full
                limit = _smaller(limit, full)

    def _context(self, model: str) -> int | None:
        """Tokens that the model can see: as set, as the server tells, as saved with the tokenizer."""
        told = next((card.context for card in self._cards if card.id == model), None)
        saved = None if self._tokenizer is None else self._tokenizer.model_max_length
        if saved is not None and saved > 10**9:  # transformers' way to say that it does not know
            saved = None
        return self._named_context or told or saved

    def _context_left(self, model: str, prompt_tokens: int | None, new_tokens: int) -> int:
        """1 where nobody counts: then a page can be continued, and the server says when it is full."""
        context = self._context(model)
        if context is None or prompt_tokens is None:
            return 1
        return max(0, context - prompt_tokens - new_tokens)


def _smaller(limit: int, full: ContextExceeded) -> int:
    """Tokens to ask for after a refusal: what is left if the server tells, else half.

    Raises:
        PromptTooLong, ContextExceeded: there is no room for a page.
    """
    if full.prompt_tokens is not None and full.limit is not None:
        room = full.limit - full.prompt_tokens
        if room <= 0:
            raise PromptTooLong(full.prompt_tokens, full.limit - 1) from full
        if room < limit:
            return room
    if limit // 2 < SMALLEST_ROOM:
        raise full
    return limit // 2


def _finish_reason(reason: str | None) -> FinishReason:
    match reason:
        case "stop" | "eos_token" | "stop_sequence":
            return "stop"
        case "length":
            return "length"
        case None:
            raise GenerationFailed(
                "The server in HTMLGEN_SERVER broke off in the middle of this page. Try again; its log may have the reason."
            )
    raise GenerationFailed(f"The server in HTMLGEN_SERVER ended this page with {reason!r}. Ask for something else.")


def _model(card: Card) -> Model:
    note = f"{card.context:,} tokens of context" if card.context else ""
    if card.parent is None:
        return Model(card.id, card.id, base=card.id, note=note)
    return Model(card.id, card.id, base=card.parent, adapter=card.id, note=note)


def _load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"HTMLGEN_SERVER_TOKENIZER={name}: no tokenizer can be read there ({str(error).splitlines()[0]}). Set it to the folder or hub id "
            "of the model that the server serves."
        ) from error

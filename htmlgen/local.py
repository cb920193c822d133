"""The transformers engine: a 4-bit base and its adapter on a CUDA GPU or the CPU, one generation at a time.

    engine = LocalEngine(choose_preset(settings))
    await engine.load()
    async with aclosing(engine.stream(GenerationRequest("a login page"))) as deltas:
        async for delta in deltas: ...

Loading and generating happen in one thread of the engine's own, so that the event loop never waits for them.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from htmlgen.detokenizer import Detokenizer
from htmlgen.engine import Delta, FinishReason, GenerationRequest, Sampling, Usage
from htmlgen.errors import (
    GenerationFailed,
    HtmlgenError,
    NotReady,
    OutOfMemory,
    PromptTooLong,
    RequestError,
    SettingsError,
)
from htmlgen.loader import Loaded, explained, free_memory, load
from htmlgen.models import Model
from htmlgen.presets import PRESETS, Preset, find_preset
from htmlgen.prompt import FORMATS, answer_ids, format_prompt, prompt_ids
from htmlgen.settings import Quantization, Settings
from htmlgen.worker import Worker

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

MIN_TEMPERATURE = 1e-3
"""Below it sampling is greedy to any precision, and scores divided by it run out of their range."""


def choose_preset(settings: Settings) -> Preset:
    """The model that was asked for; else `codellama` on a CUDA GPU with 8 GiB free, else `demo`."""
    if settings.model is not None:
        return find_preset(settings.model)
    import torch

    roomy = torch.cuda.is_available() and free_memory() >= 8 * 2**30
    return PRESETS["codellama" if roomy else "demo"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer, as `generate_batch` gives it."""

    text: str
    finish_reason: FinishReason
    usage: Usage


class LocalEngine:
    """Implements `Engine` over transformers.

    `adapter` None is the preset's own, "none" is none. `prompt_format` None is the one saved with the adapter or the
    base, else the preset's.

    Raises:
        SettingsError: there is no such prompt format.
    """

    def __init__(
        self,
        preset: Preset,
        *,
        adapter: str | None = None,
        quantization: Quantization = "4bit",
        prompt_format: str | None = None,
    ) -> None:
        if prompt_format is not None and prompt_format not in FORMATS:
            raise SettingsError(
                f"There is no prompt format {prompt_format!r}. Set HTMLGEN_PROMPT_FORMAT to one of: {', '.join(FORMATS)}."
            )
        self.preset, self.quantization = preset, quantization
        self.adapter = None if adapter == "none" else adapter or preset.adapter
        self.prompt_format = prompt_format or preset.prompt_format
        self._format_is_set = prompt_format is not None
        self._status = "Waiting to be loaded."
        self._worker = Worker()
        self._loading: Future[None] | None = None
        self._loaded: Loaded | None = None
        self._running: set[threading.Event] = set()

    @property
    def name(self) -> str:
        """The preset or path, and the adapter where that is not the preset's own."""
        if self.adapter == self.preset.adapter:
            return self.preset.name
        return (
            f"{self.preset.name} without adapter" if self.adapter is None else f"{self.preset.name} with {self.adapter}"
        )

    @property
    def models(self) -> tuple[Model, ...]:
        """What a request can choose, the default first."""
        return (Model(self.name, self.name, self.preset.base, self.adapter),)

    @property
    def places(self) -> int:
        """Generations that may run at once."""
        return 1

    @property
    def status(self) -> str:
        """What it is doing while it loads, in a sentence for users; then "Ready." and what is odd about the model."""
        return self._status

    @property
    def model(self) -> PreTrainedModel:
        """The loaded model, adapter included."""
        return self._ready().model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The loaded model's tokenizer."""
        return self._ready().tokenizer

    async def load(self) -> None:
        """Loads the model in the background; returns at once when that has been done, and tries again after a failure.

        Raises:
            ModelError: it cannot be loaded.
        """
        if self._loaded is not None:
            return
        if self._loading is None or self._loading.done():
            self._loading = self._worker.submit(self._load)
        # Shielded: whoever stops waiting must not stop the loading for everybody else.
        await asyncio.shield(asyncio.wrap_future(self._loading))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """Yields deltas as tokens are made. Closing the generator ends the generation within one token.

        Raises:
            PromptTooLong, OutOfMemory, GenerationFailed, NotReady: this request failed; the next one is not harmed.
        """
        self._ready()
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Delta | HtmlgenError] = asyncio.Queue()
        cancelled = threading.Event()

        def post(item: Delta | HtmlgenError) -> None:
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, item)
            except RuntimeError:  # the loop has been closed, so nobody listens any more
                cancelled.set()

        def work() -> None:
            try:
                with self._explained(cancelled):
                    self._write(request, post, cancelled)
            except HtmlgenError as error:
                post(error)

        self._worker.submit(work)
        try:
            while True:
                item = await arrived.get()
                if isinstance(item, HtmlgenError):
                    raise item
                yield item
                if item.finish_reason is not None:
                    return
        finally:
            cancelled.set()

    async def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """Whole answers to several requests at once, for evaluation; one seed for all.

        Raises:
            RequestError: the requests differ in how they sample.
            PromptTooLong, OutOfMemory, GenerationFailed, NotReady: as `stream`, for the whole batch.
        """
        self._ready()
        if not requests:
            return []
        if any(request.sampling != requests[0].sampling for request in requests):
            raise RequestError(
                "The requests of one batch must have the same sampling. Send them in batches of their own."
            )
        cancelled = threading.Event()

        def work() -> list[Completion]:
            with self._explained(cancelled):
                return self._write_batch(requests, cancelled)

        try:
            return await asyncio.wrap_future(self._worker.submit(work))
        finally:
            cancelled.set()

    async def close(self) -> None:
        """Ends what is being generated and frees the model. A download that is going on ends with the process."""
        for cancelled in tuple(self._running):
            cancelled.set()
        freed = self._worker.submit(self._free)
        self._worker.stop()
        if self._loading is None or self._loading.done():
            await asyncio.wrap_future(freed)

    # What follows runs in the worker's thread.

    def _load(self) -> None:
        loaded = load(self.preset.base, self.adapter, self.quantization, self._report)
        if not self._format_is_set and loaded.prompt_format is not None:
            self.prompt_format = loaded.prompt_format
        self._report("Warming up.")
        ids = prompt_ids(loaded.tokenizer, format_prompt(self.prompt_format, "A page"))
        with explained(self.preset.base):
            _generate(loaded, [ids], Sampling(temperature=0), 1, lambda token: None, threading.Event())
        self._loaded = loaded
        self._report(" ".join(["Ready.", *loaded.notes]))

    def _free(self) -> None:
        self._loaded = None
        self._status = "Closed."
        _release_memory()

    def _report(self, status: str) -> None:
        self._status = status

    def _ready(self) -> Loaded:
        if self._loaded is None:
            raise NotReady(f"The model is not loaded yet: {self._status} Try again in a minute.")
        return self._loaded

    def _encode(self, request: GenerationRequest) -> list[int]:
        """Ids of the prompt and of what was already written, which leave room for one token at least."""
        loaded = self._ready()
        text = format_prompt(self.prompt_format, request.instruction, request.page)
        ids = prompt_ids(loaded.tokenizer, text) + answer_ids(loaded.tokenizer, request.prefix, complete=False)
        if len(ids) >= loaded.context:
            raise PromptTooLong(len(ids), loaded.context - 1)
        return ids

    def _write(self, request: GenerationRequest, post: Callable[[Delta], None], cancelled: threading.Event) -> None:
        started = time.monotonic()
        loaded, ids = self._ready(), self._encode(request)
        detokenizer = Detokenizer(loaded.tokenizer, continued=bool(request.prefix))
        ends = _ends(loaded)
        new_tokens, first, last = 0, 0.0, -1

        def on_token(token: int) -> None:
            nonlocal new_tokens, first, last
            new_tokens, last = new_tokens + 1, token
            first = first or time.monotonic()
            # An end is not text, whether or not the tokenizer calls it special.
            if token not in ends and (text := detokenizer.push(token)):
                post(Delta(text))

        limit = min(request.sampling.max_new_tokens, loaded.context - len(ids))
        _generate(loaded, [ids], request.sampling, limit, on_token, cancelled)
        ended = time.monotonic()
        reason: FinishReason = "stop" if last in ends else "cancelled" if cancelled.is_set() else "length"
        usage = Usage(
            prompt_tokens=len(ids),
            new_tokens=new_tokens,
            seconds_to_first_token=first - started,
            tokens_per_second=new_tokens / (ended - started),
            context_left=loaded.context - len(ids) - new_tokens,
        )
        # A character cut in two is left out: the model writes it anew when the page goes on.
        post(Delta(detokenizer.close(cut=reason != "stop"), reason, usage))

    def _write_batch(self, requests: Sequence[GenerationRequest], cancelled: threading.Event) -> list[Completion]:
        started = time.monotonic()
        loaded, sampling = self._ready(), requests[0].sampling
        prompts = [self._encode(request) for request in requests]
        width = max(map(len, prompts))
        ends = _ends(loaded)
        first = 0.0

        def on_token(token: int) -> None:
            nonlocal first
            first = first or time.monotonic()

        limit = min(sampling.max_new_tokens, loaded.context - width)
        rows = _generate(loaded, prompts, sampling, limit, on_token, cancelled)
        seconds = time.monotonic() - started
        completions = []
        for request, prompt, row in zip(requests, prompts, rows, strict=True):
            end = next((n for n, token in enumerate(row) if token in ends), None)
            detokenizer = Detokenizer(loaded.tokenizer, continued=bool(request.prefix))
            text = "".join(map(detokenizer.push, row[:end])) + detokenizer.close(cut=end is None)
            new_tokens = len(row) if end is None else end + 1
            usage = Usage(
                len(prompt),
                new_tokens,
                first - started,
                new_tokens / seconds,
                loaded.context - len(prompt) - new_tokens,
            )
            completions.append(Completion(text, "length" if end is None else "stop", usage))
        return completions

    @contextmanager
    def _explained(self, cancelled: threading.Event) -> Iterator[None]:
        """Turns what goes wrong in one generation into an error for its user, and leaves nothing of it behind."""
        import torch

        self._running.add(cancelled)
        try:
            yield
        except HtmlgenError:
            raise
        except Exception as error:
            out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(
                error
            )
            log.error("A generation failed", exc_info=error)
            # The frames hold the generation's cache; without this it would live as long as the error does.
            traceback.clear_frames(error.__traceback__)
            _release_memory()
            if out_of_memory:
                raise OutOfMemory(
                    "The model ran out of memory while it wrote this page. Ask for a shorter page, start a new chat to drop the "
                    "current page, or lower HTMLGEN_MAX_NEW_TOKENS."
                ) from error
            raise GenerationFailed(
                f"The model broke off: {type(error).__name__}. Try again; the server's log has the details."
            ) from error
        finally:
            self._running.discard(cancelled)


def _generate(
    loaded: Loaded,
    prompts: Sequence[list[int]],
    sampling: Sampling,
    limit: int,
    on_token: Callable[[int], None],
    cancelled: threading.Event,
) -> list[list[int]]:
    """New ids of each prompt, ends and the padding after them included; `on_token` hears the first prompt's as they are made."""
    import torch
    from transformers import GenerationConfig, StoppingCriteriaList

    device, pad = loaded.model.device, loaded.model.generation_config.pad_token_id
    width = max(map(len, prompts))
    # (prompts, width), padded on the left so that all go on from the same column
    input_ids = torch.tensor([[pad] * (width - len(ids)) + ids for ids in prompts], device=device)
    attention_mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
    config = GenerationConfig(max_new_tokens=limit, repetition_penalty=sampling.repetition_penalty, do_sample=False)
    if sampling.temperature >= MIN_TEMPERATURE:
        config.update(do_sample=True, temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k)
    if sampling.seed is None:
        torch.seed()
    else:
        torch.manual_seed(sampling.seed)
    output = loaded.model.generate(
        input_ids=input_ids,
        attention_mask=attention_mask,
        generation_config=config,
        streamer=_Streamer(on_token),
        stopping_criteria=StoppingCriteriaList([_StopWhen(cancelled, len(prompts), device)]),
    )
    rows: list[list[int]] = output[:, width:].tolist()
    return rows


class _Streamer:
    """What `generate` calls with the prompt's ids, then with each step's."""

    def __init__(self, on_token: Callable[[int], None]) -> None:
        self._on_token, self._prompt_was_put = on_token, False

    def put(self, ids: torch.Tensor) -> None:
        if self._prompt_was_put:
            self._on_token(ids.tolist()[0])
        self._prompt_was_put = True

    def end(self) -> None: ...


class _StopWhen:
    """What `generate` asks after each step: whether to stop, for each prompt."""

    def __init__(self, cancelled: threading.Event, batch: int, device: torch.device) -> None:
        import torch

        self._cancelled = cancelled
        self._no, self._yes = (torch.full((batch,), stop, device=device) for stop in (False, True))

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        return self._yes if self._cancelled.is_set() else self._no


def _ends(loaded: Loaded) -> frozenset[int]:
    return frozenset(loaded.model.generation_config.eos_token_id or ())


def _release_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""One generation of the transformers engine: request -> ids -> tokens as they are made -> text. In the worker's thread."""

from __future__ import annotations

import gc
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from htmlgen.detokenizer import Detokenizer
from htmlgen.engine import Delta, FinishReason, GenerationRequest, Sampling, Usage
from htmlgen.errors import GenerationFailed, HtmlgenError, OutOfMemory, PromptTooLong
from htmlgen.loader import Loaded, explained
from htmlgen.prompt import answer_ids, format_prompt, prompt_ids
from htmlgen.worker import Resume

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

MIN_TEMPERATURE = 1e-3
"""Below it sampling is greedy to any precision, and scores divided by it run out of their range."""

Pause = Callable[[Callable[[], Resume]], None]
"""`Worker.pause`: lets other generations make a token."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer, as `generate_batch` gives it."""

    text: str
    finish_reason: FinishReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes with one model: a base in memory, an adapter on it (None is none) and the prompt format that they know."""

    loaded: Loaded
    adapter: str | None
    adapter_folder: Path | None
    prompt_format: str
    pause: Pause

    def encode(self, request: GenerationRequest) -> list[int]:
        """Ids of the prompt and of what was already written, which leave room for one token at least.

        Raises:
            PromptTooLong: they do not.
        """
        tokenizer, context = self.loaded.tokenizer, self.loaded.context
        text = format_prompt(self.prompt_format, request.instruction, request.page)
        ids = prompt_ids(tokenizer, text) + answer_ids(tokenizer, request.prefix, complete=False)
        if len(ids) >= context:
            raise PromptTooLong(len(ids), context - 1, has_page=request.page is not None)
        return ids

    def write(self, request: GenerationRequest, post: Callable[[Delta], None], cancelled: threading.Event) -> None:
        """Posts a delta for each piece of text, and one with the finish reason at the end."""
        started = time.monotonic()
        loaded, ids = self.loaded, self.encode(request)
        detokenizer = Detokenizer(loaded.tokenizer, continued=bool(request.prefix))
        ends = self._ends()
        new_tokens, first, last = 0, 0.0, -1

        def on_token(token: int) -> None:
            nonlocal new_tokens, first, last
            new_tokens, last = new_tokens + 1, token
            first = first or time.monotonic()
            # An end is not text, whether or not the tokenizer calls it special.
            if token not in ends and (text := detokenizer.push(token)):
                post(Delta(text))

        limit = min(request.sampling.max_new_tokens, loaded.context - len(ids))
        self.generate([ids], request.sampling, limit, on_token, cancelled)
        ended = time.monotonic()
        reason: FinishReason = "stop" if last in ends else "cancelled" if cancelled.is_set() else "length"
        usage = Usage(
            prompt_tokens=len(ids),
            new_tokens=new_tokens,
            seconds_to_first_token=(first or ended) - started,
            tokens_per_second=new_tokens / (ended - started),
            context_left=loaded.context - len(ids) - new_tokens,
        )
        # A character cut in two is left out: the model writes it anew when the page goes on.
        post(Delta(detokenizer.close(cut=reason != "stop"), reason, usage))

    def write_batch(self, requests: Sequence[GenerationRequest], cancelled: threading.Event) -> list[Completion]:
        """Whole answers to requests that sample in the same way."""
        started = time.monotonic()
        loaded, sampling = self.loaded, requests[0].sampling
        prompts = [self.encode(request) for request in requests]
        width = max(map(len, prompts))
        ends = self._ends()
        first = 0.0

        def on_token(token: int) -> None:
            nonlocal first
            first = first or time.monotonic()

        limit = min(sampling.max_new_tokens, loaded.context - width)
        rows = self.generate(prompts, sampling, limit, on_token, cancelled)
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

    def generate(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling,
        limit: int,
        on_token: Callable[[int], None],
        cancelled: threading.Event,
    ) -> list[list[int]]:
        """New ids of each prompt, ends and the padding after them included; none if cancelled.

        `on_token` hears the first prompt's as they are made. After each token others may have their turn.
        """
        import torch
        from transformers import GenerationConfig

        loaded = self.loaded
        device, pad = loaded.model.device, loaded.model.generation_config.pad_token_id
        width = max(map(len, prompts))
        # (prompts, width), padded on the left so that all go on from the same column
        input_ids = torch.tensor([[pad] * (width - len(ids)) + ids for ids in prompts], device=device)
        attention_mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
        config = GenerationConfig(max_new_tokens=limit, repetition_penalty=sampling.repetition_penalty, do_sample=False)
        if sampling.temperature >= MIN_TEMPERATURE:
            config.update(do_sample=True, temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k)
        with self._adapter() as activate:

            def suspend() -> Resume:
                random = _random_state(device)

                def resume() -> None:
                    activate()
                    _set_random_state(random, device)

                return resume

            def after_step(ids: list[int]) -> None:
                on_token(ids[0])
                if not cancelled.is_set() and loaded.takes_turns:
                    self.pause(suspend)
                if cancelled.is_set():
                    raise _Cancelled

            activate()
            if sampling.seed is None:
                torch.seed()
            else:
                torch.manual_seed(sampling.seed)
            try:
                output = loaded.model.generate(
                    input_ids=input_ids,
                    attention_mask=attention_mask,
                    generation_config=config,
                    streamer=_Steps(after_step),
                )
            except _Cancelled:
                return [[] for _ in prompts]
        rows: list[list[int]] = output[:, width:].tolist()
        return rows

    @contextmanager
    def _adapter(self) -> Iterator[Callable[[], None]]:
        """Keeps the adapter in memory; gives what makes it the active one."""
        adapters = self.loaded.adapters
        if adapters is None:  # it is part of the model
            yield lambda: None
            return
        with ExitStack() as stack:
            with explained(self.adapter or self.loaded.base):
                activate = stack.enter_context(adapters.use(self.adapter, self.adapter_folder))
            yield activate

    def _ends(self) -> frozenset[int]:
        return frozenset(self.loaded.model.generation_config.eos_token_id or ())


class _Cancelled(Exception):
    """Leaves `generate` after the token that was made when nobody wanted any more."""


class _Steps:
    """A streamer, which `generate` calls with the prompt's ids, then with each step's."""

    def __init__(self, after_step: Callable[[list[int]], None]) -> None:
        self._after_step, self._prompt_was_put = after_step, False

    def put(self, ids: torch.Tensor) -> None:
        if self._prompt_was_put:
            self._after_step(ids.tolist())
        self._prompt_was_put = True

    def end(self) -> None: ...


@contextmanager
def explained_generation() -> Iterator[None]:
    """Turns what goes wrong in one generation into an error for its user, and leaves nothing of it behind."""
    import torch

    try:
        yield
    except HtmlgenError:
        raise
    except Exception as error:
        out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
        log.error("A generation failed", exc_info=error)
        # The frames hold the generation's cache; without this it would live as long as the error does.
        traceback.clear_frames(error.__traceback__)
        release_memory()
        if out_of_memory:
            raise OutOfMemory(
                "The model ran out of memory while it wrote this page. Ask for a shorter page, start a new chat to drop the "
                "current page, or lower HTMLGEN_MAX_NEW_TOKENS."
            ) from error
        raise GenerationFailed(
            f"The model broke off: {type(error).__name__}. Try again; the server's log has the details."
        ) from error


def release_memory() -> None:
    """Gives back what nothing refers to any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _random_state(device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    import torch

    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(state: tuple[torch.Tensor, torch.Tensor | None], device: torch.device) -> None:
    import torch

    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)

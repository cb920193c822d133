"""An engine that writes what a script says: the Engine protocol without a model, for tests of what stands above it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing

from htmlgen.engine import Delta, FinishReason, GenerationRequest, Usage
from htmlgen.models import Model, find_model

SCRIPTED = Model("scripted", "Scripted", "a script")


class ScriptedEngine:
    """Writes `script` for every request, a chunk a token.

    `delay` is seconds before each chunk. `error` is raised after the last chunk instead of finishing; `load_error`
    by load(), which takes `load_seconds`. `scripts` gives the n-th request its own chunks, then `script` again.
    A request's prefix is left out if the script begins with it, as Continue does. `requests` are those that were
    taken up, `cancelled` counts the iterators closed early, `running` those open now, `most` those ever open at once.
    `models` and `places` are the engine's; `by_model` gives a model's id chunks of its own.
    """

    def __init__(
        self,
        script: Sequence[str] = ("<!DOCTYPE html>", "<html><body>", "<h1>Hello</h1>", "</body></html>"),
        *,
        delay: float = 0.0,
        finish_reason: FinishReason = "stop",
        error: Exception | None = None,
        load_error: Exception | None = None,
        load_seconds: float = 0.0,
        scripts: Sequence[Sequence[str]] = (),
        name: str = "scripted",
        models: Sequence[Model] = (SCRIPTED,),
        places: int = 1,
        by_model: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.script, self.delay, self.finish_reason, self.error = list(script), delay, finish_reason, error
        self.load_error, self.load_seconds = load_error, load_seconds
        self.scripts = [list(chunks) for chunks in scripts]
        self.name, self.status = name, "Waiting to be loaded."
        self.requests: list[GenerationRequest] = []
        self.cancelled = self.running = self.most = self.loads = 0
        self.models, self.places, self.by_model = tuple(models), places, dict(by_model or {})
        self.closed = False

    async def load(self) -> None:
        self.loads += 1
        self.status = "Loading the script."
        await asyncio.sleep(self.load_seconds)
        if self.load_error is not None:
            raise self.load_error
        self.status = "Ready."

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        model = find_model(self.models, request.model)
        chunks = self.scripts[len(self.requests)] if len(self.requests) < len(self.scripts) else self.script
        self.requests.append(request)
        async with aclosing(
            self.follow(request, self.by_model.get(model.id, chunks), self.delay, self.error)
        ) as deltas:
            async for delta in deltas:
                yield delta

    async def follow(
        self, request: GenerationRequest, chunks: Sequence[str], delay: float, error: Exception | None
    ) -> AsyncGenerator[Delta, None]:
        """Writes `chunks`, a token each, then ends or raises `error`."""
        self.running += 1
        self.most = max(self.most, self.running)
        started, first, finished, written = time.monotonic(), None, False, 0
        try:
            for chunk in _after(chunks, request.prefix):
                await asyncio.sleep(delay)
                first = first or time.monotonic()
                if written == request.sampling.max_new_tokens:
                    break
                written += 1
                yield Delta(chunk)
            if error is not None:
                raise error
            seconds = max(time.monotonic() - started, 1e-9)
            usage = Usage(
                prompt_tokens=len(request.instruction.split()),
                new_tokens=written,
                seconds_to_first_token=(first or time.monotonic()) - started,
                tokens_per_second=written / seconds,
                context_left=1_000,
            )
            cut = written == request.sampling.max_new_tokens < len(_after(chunks, request.prefix))
            finished = True
            yield Delta("", "length" if cut else self.finish_reason, usage)
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled += not finished
            raise
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.closed = True


def _after(chunks: Sequence[str], prefix: str) -> list[str]:
    text = "".join(chunks)
    if not prefix or not text.startswith(prefix):
        return list(chunks)
    rest, skip = [], len(prefix)
    for chunk in chunks:
        if len(chunk) > skip:
            rest.append(chunk[skip:])
        skip = max(0, skip - len(chunk))
    return rest

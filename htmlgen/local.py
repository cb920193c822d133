"""The transformers engine: 4-bit bases and their adapters on a CUDA GPU or the CPU, two generations at a time.

    engine = LocalEngine(choose_preset(settings))
    await engine.load()
    async with aclosing(engine.stream(GenerationRequest("a login page"))) as deltas:
        async for delta in deltas: ...

Loading and generating happen in one thread of the engine's own, so that the event loop never waits for them. One base
is in memory; a request for another waits until it is free, and loads its own. Generations on it take turns, a token
each, every one with its own cache, adapter and random numbers.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from htmlgen.adapter import can_be_swapped, read_adapter_config
from htmlgen.engine import Delta, GenerationRequest, Sampling
from htmlgen.errors import HtmlgenError, NotReady, RequestError, SettingsError
from htmlgen.generation import Completion, Writer, explained_generation, release_memory
from htmlgen.hub import Report, fetch, parse_revisions
from htmlgen.loader import BYTES_PER_WEIGHT, Loaded, explained, free_memory, load
from htmlgen.models import Catalogue, Model, find_model
from htmlgen.presets import PRESETS, Preset, find_preset, preset_of
from htmlgen.prompt import FORMATS, read_prompt_format
from htmlgen.settings import Quantization, Settings
from htmlgen.worker import Worker

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

T = TypeVar("T")

PLACES = 2
"""Generations at a time: enough to compare two, or not to wait for somebody's long page. Each halves the speed of the
other, and has a cache of its own."""


def choose_preset(settings: Settings) -> Preset:
    """The model that was asked for; else `codellama` on a CUDA GPU with 8 GiB free, else `demo`."""
    if settings.model is not None:
        return find_preset(settings.model)
    import torch

    roomy = torch.cuda.is_available() and free_memory() >= 8 * 2**30
    return PRESETS["codellama" if roomy else "demo"]


class LocalEngine:
    """Implements `Engine` over transformers.

    `adapter` None is the preset's own, "none" is none. `prompt_format` None is the one saved with the adapter or the
    base, else the preset's; it holds for the default model. `adapters` is the folder of runs that can be chosen too;
    None offers the default model alone, whose adapter may then be merged into weights that are not quantised.
    `revision` is HTMLGEN_REVISION.

    Raises:
        SettingsError: there is no such prompt format, or `revision` cannot be read.
    """

    def __init__(
        self,
        preset: Preset,
        *,
        adapter: str | None = None,
        quantization: Quantization = "4bit",
        prompt_format: str | None = None,
        adapters: str | None = None,
        revision: str | None = None,
        places: int = PLACES,
    ) -> None:
        if prompt_format is not None and prompt_format not in FORMATS:
            raise SettingsError(
                f"There is no prompt format {prompt_format!r}. Set HTMLGEN_PROMPT_FORMAT to one of: {', '.join(FORMATS)}."
            )
        self.preset, self.quantization, self.places = preset, quantization, places
        self.adapter = None if adapter == "none" else adapter or preset.adapter
        self.prompt_format = prompt_format or preset.prompt_format
        """The default model's; the saved one once it is loaded."""
        self._prompt_format_set = prompt_format
        self._revisions = parse_revisions(revision, preset.base)
        self._merge = adapters is None
        self._catalogue = Catalogue(
            preset, self.adapter, adapters, self._room, lambda: None if self._loaded is None else self._loaded.base
        )
        self._status = "Waiting to be loaded."
        self._worker, self._fetcher = Worker(places), Worker()
        self._folders: dict[str, Path] = {}
        """Where hub ids were fetched to."""
        self._loading: Future[None] | None = None
        self._loaded: Loaded | None = None
        self._lost = False
        """The last base had to make room for one that could not be loaded, and could not be loaded again."""
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
        """What a request can choose, the default first; read anew each time."""
        return self._catalogue.read()

    @property
    def status(self) -> str:
        """What it is doing while it loads, in a sentence for users; then "Ready." and what is odd about the model."""
        return self._status

    @property
    def model(self) -> PreTrainedModel:
        """The loaded model, with the adapter that wrote last."""
        return self._ready().model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The loaded model's tokenizer."""
        return self._ready().tokenizer

    async def load(self) -> None:
        """Loads the default model in the background; returns at once when that has been done, and tries again after a failure.

        Raises:
            ModelError: it cannot be loaded.
        """
        if self._loaded is not None:
            return
        if self._loading is None or self._loading.done():
            self._loading = self._worker.submit(self._load_default)
        # Shielded: whoever stops waiting must not stop the loading for everybody else.
        await asyncio.shield(asyncio.wrap_future(self._loading))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """Yields deltas as tokens are made. Closing the generator ends the generation within one token.

        Raises:
            RequestError, ModelError, OutOfMemory: this request failed; the next one is not harmed.
        """
        self._check_ready()
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Delta | HtmlgenError] = asyncio.Queue()
        cancelled = threading.Event()

        def post(item: Delta | HtmlgenError) -> None:
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, item)
            except RuntimeError:  # the loop has been closed, so nobody listens any more
                cancelled.set()

        def report(status: str) -> None:
            self._status = status
            post(Delta("", status=status))

        wanted = find_model(self.models, request.model)
        choice = await self._choose(wanted, report)
        told = False

        def alone() -> bool:
            """Whether it has to wait for those that are being written, since it needs another base."""
            nonlocal told
            if self._can_use(choice) or cancelled.is_set():
                return False
            if not told:
                told = True
                post(
                    Delta("", status=f"{wanted.label} will be loaded when the page that is being written is finished.")
                )
            return True

        def work() -> None:
            if cancelled.is_set():
                post(Delta("", "cancelled"))
                return
            try:
                with explained_generation():
                    self._writer(choice, report).write(request, post, cancelled)
            except HtmlgenError as error:
                post(error)

        self._submit(work, alone, cancelled)
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
        """Whole answers to several requests at once, for evaluation; one seed and one model for all.

        Raises:
            RequestError: the requests differ in how they sample, or in their model.
            RequestError, ModelError, OutOfMemory: as `stream`, for the whole batch.
        """
        self._check_ready()
        if not requests:
            return []
        if any((request.sampling, request.model) != (requests[0].sampling, requests[0].model) for request in requests):
            raise RequestError(
                "The requests of one batch must have the same sampling and model. Send them in batches of their own."
            )
        choice = await self._choose(find_model(self.models, requests[0].model), self._report)
        cancelled = threading.Event()

        def work() -> list[Completion]:
            with explained_generation():
                return self._writer(choice, self._report).write_batch(requests, cancelled)

        try:
            return await asyncio.wrap_future(self._submit(work, lambda: not self._can_use(choice), cancelled))
        finally:
            cancelled.set()

    async def close(self) -> None:
        """Ends what is being generated and frees the model. A download that is going on ends with the process."""
        for cancelled in tuple(self._running):
            cancelled.set()
        freed = self._worker.submit(self._free)
        self._worker.stop()
        self._fetcher.stop()
        if self._loading is None or self._loading.done():
            await asyncio.wrap_future(freed)

    def _submit(self, work: Callable[[], T], alone: Callable[[], bool], cancelled: threading.Event) -> Future[T]:
        self._running.add(cancelled)
        future = self._worker.submit(work, alone)
        future.add_done_callback(lambda _: self._running.discard(cancelled))
        return future

    def _ready(self) -> Loaded:
        if self._loaded is None:
            raise NotReady(f"The model is not loaded yet: {self._status} Try again in a minute.")
        return self._loaded

    def _check_ready(self) -> None:
        if not self._lost:
            self._ready()

    def _room(self) -> float:
        """GiB that a model in 4 bits may take, in place of the one in memory."""
        free = free_memory() + (0 if self._loaded is None else self._loaded.size)
        return free / 2**30 * BYTES_PER_WEIGHT["4bit"] / BYTES_PER_WEIGHT[self.quantization]

    async def _choose(self, model: Model, report: Report) -> _Choice:
        """Has what is on a hub only fetched first, in a thread of its own: whatever is in memory goes on meanwhile."""
        names = {"base": model.base} if model.adapter is None else {"base": model.base, "adapter": model.adapter}

        def fetch_all() -> None:
            for kind, name in names.items():
                self._folders[name] = fetch(name, kind, report, self._revisions.get(name))  # type: ignore[arg-type]

        if any(name not in self._folders and not _is_folder(name) for name in names.values()):
            await asyncio.wrap_future(self._fetcher.submit(fetch_all))
        if model.adapter is None:
            return _Choice(model, None, True)
        folder = self._folder(model.adapter)
        return _Choice(model, folder, can_be_swapped(read_adapter_config(model.adapter, folder)))

    def _folder(self, name: str) -> Path:
        return self._folders.get(name, Path(name).expanduser())

    def _can_use(self, choice: _Choice) -> bool:
        model = choice.model
        return self._loaded is not None and self._loaded.can_use(model.base, model.adapter, choice.swappable)

    # What follows runs in the worker's thread.

    def _load_default(self) -> None:
        import torch

        # For the whole thread: each `generate` would switch gradients on again, in the middle of another's.
        torch.set_grad_enabled(False)
        default = self.models[0]
        for name, kind in ((default.base, "base"), (default.adapter, "adapter")):
            if name is not None:
                self._folders[name] = fetch(name, kind, self._report, self._revisions.get(name))  # type: ignore[arg-type]
        loaded = self._load(default.base, default.adapter, self._report)
        self._report("Warming up.")
        folder = None if default.adapter is None else self._folder(default.adapter)
        writer = self._writer_on(loaded, _Choice(default, folder, loaded.adapters is not None))
        self.prompt_format = writer.prompt_format
        request = GenerationRequest("A page", sampling=Sampling(temperature=0, max_new_tokens=1))
        with explained(default.base):
            writer.write(request, lambda delta: None, threading.Event())
        self._loaded = loaded
        self._report(self._when_ready())

    def _load(self, base: str, adapter: str | None, report: Report) -> Loaded:
        return load(
            base,
            adapter,
            self.quantization,
            report,
            folders=self._folders,
            merge=self._merge,
            reclaimable=0 if self._loaded is None else self._loaded.size,
            reclaim=self._drop,
        )

    def _writer(self, choice: _Choice, report: Report) -> Writer:
        """What writes with that model, which is loaded first if need be."""
        if not self._can_use(choice):
            self._switch(choice.model, report)
        return self._writer_on(self._ready(), choice)

    def _writer_on(self, loaded: Loaded, choice: _Choice) -> Writer:
        model, folder = choice.model, choice.folder
        prompt_format = None
        if (model.base, model.adapter) == (self.preset.base, self.adapter):
            prompt_format = self._prompt_format_set
        if prompt_format is None and folder is not None:
            prompt_format = read_prompt_format(folder)
        if prompt_format is None:
            prompt_format = read_prompt_format(self._folder(model.base)) or preset_of(model.base).prompt_format
        return Writer(loaded, model.adapter, folder, prompt_format, self._worker.pause)

    def _switch(self, model: Model, report: Report) -> None:
        """Loads another base. If that fails, the one before is in memory as it was.

        Raises:
            ModelError: it cannot be loaded.
        """
        before = None if self._loaded is None else (self._loaded.base, self._loaded.fixed)
        try:
            self._loaded = self._load(model.base, model.adapter, report)
            self._lost = False
        except HtmlgenError:
            if self._loaded is None and before is not None:
                self._lost = True
                report(f"{model.label} cannot be loaded. Loading {before[0]} again.")
                self._loaded = self._load(*before, report)
                self._lost = False
            raise
        finally:
            release_memory()
            self._report(self._when_ready())

    def _drop(self) -> None:
        self._loaded = None
        release_memory()

    def _free(self) -> None:
        self._drop()
        self._status = "Closed."

    def _report(self, status: str) -> None:
        self._status = status

    def _when_ready(self) -> str:
        if self._loaded is None:
            return "No model is in memory."
        return " ".join(["Ready.", *self._loaded.notes])


def _is_folder(name: str) -> bool:
    return Path(name).expanduser().is_dir()


@dataclass(frozen=True, slots=True)
class _Choice:
    """A model whose files are on this machine."""

    model: Model
    folder: Path | None
    """Of its adapter."""
    swappable: bool
    """The adapter goes on a loaded base."""

"""What every engine is: a request goes in, text comes out as it is made, a finish reason ends it."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, Protocol

from htmlgen.errors import RequestError

if TYPE_CHECKING:
    from htmlgen.models import Model

FinishReason = Literal["stop", "length", "cancelled"]

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, 1_000_000),
    "repetition_penalty": (1.0, 2.0),
    "max_new_tokens": (1, 1_000_000),
    "seed": (0, 2**63 - 1),
}
"""Least and greatest value of every field of `Sampling`; a top_p of 0 itself would leave no token."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. The one place where the defaults live.

    Raises:
        RequestError: a value is outside its range; the message names the field.
    """

    temperature: float = 0.2
    """0 is greedy; up to 2. Higher is more varied and makes more mistakes."""
    top_p: float = 0.95
    """Nucleus: the smallest set of tokens with this probability, in (0, 1]. 1 keeps all."""
    top_k: int = 50
    """Only the k likeliest tokens; 0 keeps all."""
    repetition_penalty: float = 1.0
    """Divides the score of tokens seen before, 1 to 2. HTML repeats itself by nature: above 1.1 tags break."""
    max_new_tokens: int = 2048
    """Tokens to write at most, at least 1. A page of 3 KB takes 800 to 1,000."""
    seed: int | None = None
    """The same seed and settings give the same page; None takes a new one each time."""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            if name == "seed":
                continue
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise RequestError(f"{name} must be a number, not {value!r}.")
            if not low <= value <= high or (name == "top_p" and value == 0):
                raise RequestError(f"{name} is {value} but must be between {low} and {high}.")
        for name in ("top_k", "max_new_tokens", "seed"):
            value = getattr(self, name)
            if not (value is None and name == "seed") and (isinstance(value, bool) or not isinstance(value, int)):
                raise RequestError(f"{name} must be a whole number, not {value!r}.")
        if self.seed is not None and not RANGES["seed"][0] <= self.seed <= RANGES["seed"][1]:
            raise RequestError(f"seed is {self.seed} but must be between 0 and 2^63 - 1.")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One page to write.

    `page` is the current page when the instruction is an edit, else None. `prefix` is what an earlier generation of
    the same request already wrote: the engine goes on right after it and yields only what is new. `model` is the id of
    one of the engine's models; empty is its first.

    Raises:
        RequestError: the instruction is empty, or a text cannot be written in UTF-8.
    """

    instruction: str
    page: str | None = None
    prefix: str = ""
    sampling: Sampling = Sampling()
    model: str = ""

    def __post_init__(self) -> None:
        if not self.instruction.strip():
            raise RequestError("The prompt is empty. Say what page you want.")
        texts = ("instruction", self.instruction), ("page", self.page), ("prefix", self.prefix), ("model", self.model)
        for name, text in texts:
            try:
                (text or "").encode()
            except UnicodeEncodeError as error:
                raise RequestError(
                    f"The {name} holds half a character at position {error.start:,}. Take it out."
                ) from error


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of one generation. Times are seconds since the engine took the request up."""

    prompt_tokens: int
    new_tokens: int
    seconds_to_first_token: float
    tokens_per_second: float
    context_left: int
    """Tokens that would still fit into the model's context after this page."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text, whole characters only. The last one alone has `finish_reason` and `usage`; its text may be empty."""

    text: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    status: str = ""
    """Before any text: what the engine does first, such as loading the model asked for, in a sentence for users."""


class Engine(Protocol):
    """Writes text for requests.

    Closing the iterator that `stream` gives (or cancelling its task) ends the generation within one token. Up to
    `places` streams may be open at once; what one of them does, errors included, changes nothing in another.
    """

    @property
    def name(self) -> str:
        """What the model is called: preset or path, and adapter."""
        ...

    @property
    def status(self) -> str:
        """What it is doing while it loads, in a sentence for users ("Downloading …, 40 %"); then "Ready." and what is odd."""
        ...

    @property
    def models(self) -> "tuple[Model, ...]":
        """What a request can choose, the default first; read anew each time, so that a new adapter is there at once."""
        ...

    @property
    def places(self) -> int:
        """Generations that may run at once, at least 1. The rest wait in the studio's line."""
        ...

    async def load(self) -> None:
        """Loads the default model; returns at once when that has been done. Raises ModelError."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        """Yields deltas as tokens are made; a model that is not in memory is loaded first, which `status` tells of.

        Raises:
            RequestError: there is no such model, the prompt is too long, or the generation broke off.
            ModelError: the model cannot be loaded (whatever was in memory still works), or memory ran out.
        """
        ...

    async def close(self) -> None:
        """Frees the model."""
        ...


SAMPLING_FIELDS = tuple(field.name for field in fields(Sampling))

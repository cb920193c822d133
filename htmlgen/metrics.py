"""What GET /metrics tells Prometheus: how long the line is, what was written, how fast it began, what went wrong.

Counts every generation of a studio, whoever asked for it: the chat, the API, the evaluation. Nothing here says who asked
or for what.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from htmlgen.errors import HtmlgenError

if TYPE_CHECKING:
    from htmlgen.engine import Usage
    from htmlgen.studio import Studio

CONTENT_TYPE = CONTENT_TYPE_LATEST

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Generation:
    """One generation as far as it is known; `Metrics.generation` counts it when it ends."""

    def __init__(self) -> None:
        self.asked = time.monotonic()
        self.started: float | None = None
        self.pieces = 0
        self.outcome = "cancelled"
        self.first_token: float | None = None
        """Seconds since the engine took it up."""
        self.usage: Usage | None = None

    def start(self) -> None:
        """The engine takes it up."""
        self.started = time.monotonic()

    def write(self) -> None:
        """One more piece of text, which is a token but for characters that took several."""
        self.pieces += 1
        if self.first_token is None and self.started is not None:
            self.first_token = time.monotonic() - self.started

    def finish(self, reason: str, usage: Usage | None) -> None:
        self.outcome, self.usage = reason, usage


class Metrics:
    """Belongs to one studio and has a registry of its own, so that two studios in a process do not mix."""

    def __init__(self, studio: Studio) -> None:
        self.registry = CollectorRegistry()
        gauges = {
            "htmlgen_ready": ("1 when the model can generate.", lambda: float(studio.state == "ready")),
            "htmlgen_queue_length": ("Requests that wait for the model.", lambda: float(studio.waiting)),
            "htmlgen_running": ("Requests that are being served.", lambda: float(studio.running)),
            "htmlgen_pages": ("Pages kept in memory.", lambda: float(len(studio.shelf))),
        }
        for name, (says, read) in gauges.items():
            Gauge(name, says, registry=self.registry).set_function(read)
        self.ended = Counter(
            "htmlgen_generations",
            "Generations that ended, by how: stop, length, cancelled or error.",
            ["outcome"],
            registry=self.registry,
        )
        self.errors = Counter(
            "htmlgen_errors", "Requests refused and generations broken off, by code.", ["code"], registry=self.registry
        )
        self.tokens = Counter("htmlgen_tokens", "Tokens, by kind: prompt or written.", ["kind"], registry=self.registry)
        self.waited = Histogram(
            "htmlgen_queue_seconds",
            "Seconds in line before the engine took a request up.",
            registry=self.registry,
            buckets=SECONDS,
        )
        self.first_token = Histogram(
            "htmlgen_first_token_seconds",
            "Seconds from there to the first text.",
            registry=self.registry,
            buckets=SECONDS,
        )
        self.lasted = Histogram(
            "htmlgen_generation_seconds", "Seconds from there to the end.", registry=self.registry, buckets=SECONDS
        )
        # So that a graph begins at 0, not at the first of each.
        for outcome in ("stop", "length", "cancelled", "error"):
            self.ended.labels(outcome)
        for kind in ("prompt", "written"):
            self.tokens.labels(kind)

    @contextmanager
    def generation(self) -> Iterator[Generation]:
        """Counts what happens inside, however it ends."""
        generation = Generation()
        try:
            yield generation
        except HtmlgenError as error:
            generation.outcome = "error"
            self.errors.labels(error.code).inc()
            raise
        except Exception:
            generation.outcome = "error"
            self.errors.labels("internal_error").inc()
            raise
        finally:
            self._count(generation)

    def _count(self, generation: Generation) -> None:
        if generation.started is None:
            if generation.outcome == "cancelled":
                self.ended.labels("cancelled").inc()
            return  # refused: among the errors
        self.ended.labels(generation.outcome).inc()
        self.waited.observe(generation.started - generation.asked)
        self.lasted.observe(time.monotonic() - generation.started)
        if generation.first_token is not None:
            self.first_token.observe(generation.first_token)
        usage = generation.usage
        self.tokens.labels("written").inc(generation.pieces if usage is None else usage.new_tokens)
        if usage is not None:
            self.tokens.labels("prompt").inc(usage.prompt_tokens)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)

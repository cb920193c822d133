"""app.py over its own model, which Server.hold can stop in the middle of a page: `chainlit run tests/browser/held_app.py`."""

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import htmlgen.local
from htmlgen.engine import Delta, GenerationRequest
from tests.browser.hold import held


class HeldEngine(htmlgen.local.LocalEngine):
    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        async with aclosing(super().stream(request)) as deltas, aclosing(held(deltas)) as released:
            async for delta in released:
                yield delta


# app.py takes its engine from here when it is imported.
htmlgen.local.LocalEngine = HeldEngine  # type: ignore[misc]

import app  # noqa: E402, F401  registers the chat's hooks with Chainlit

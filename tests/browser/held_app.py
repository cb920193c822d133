"""app.py over its own model, which can be held in the middle of a page: `chainlit run tests/browser/held_app.py`.

While the file that HTMLGEN_HOLD names is there, every answer waits after as many tokens as it says. How fast the model
writes and how slowly a tab draws on a busy machine then decide nothing.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import htmlgen.local
from htmlgen.engine import Delta, GenerationRequest

HOLD = Path(os.environ["HTMLGEN_HOLD"])


def is_held(written: int) -> bool:
    try:
        tokens = HOLD.read_text()
    except FileNotFoundError:
        return False
    return tokens != "" and written >= int(tokens)  # empty: it is being written


class HeldEngine(htmlgen.local.LocalEngine):
    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        written = 0
        async with aclosing(super().stream(request)) as deltas:
            async for delta in deltas:
                while is_held(written):  # noqa: ASYNC110  files do not tell
                    await asyncio.sleep(0.02)
                written += bool(delta.text)
                yield delta


# app.py takes its engine from here when it is imported.
htmlgen.local.LocalEngine = HeldEngine  # type: ignore[misc]

import app  # noqa: E402, F401  registers the chat's hooks with Chainlit

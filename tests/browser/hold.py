"""Answers that wait in the middle of a page, so that neither the engine's speed nor the machine's decides what a test sees.

While the file <HTMLGEN_SCRIPT>.hold is there, every answer waits after as many tokens as it says; see Server.hold.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from htmlgen.engine import Delta

HOLD = Path(f"{os.environ['HTMLGEN_SCRIPT']}.hold")


async def held(deltas: AsyncGenerator[Delta, None]) -> AsyncGenerator[Delta, None]:
    """The same deltas, one token each, as far as the file lets them through."""
    written = 0
    async for delta in deltas:
        while _is_held(written):  # noqa: ASYNC110  files do not tell
            await asyncio.sleep(0.02)
        written += bool(delta.text)
        yield delta


def _is_held(written: int) -> bool:
    try:
        tokens = HOLD.read_text()
    except FileNotFoundError:
        return False
    return tokens != "" and written >= int(tokens)  # empty: it is just being written

"""app.py over an engine that writes what a file says, at the speed it says: `chainlit run tests/browser/scripted_app.py`.

HTMLGEN_SCRIPT names a JSON file, read anew for each request:
    {"chunks": ["<!DOCTYPE html>", …], "delay": seconds, "first_delay": seconds, "cut": tokens, "error": "…"}
or {"answers": [{…}, {…}]}: the n-th request since the file was written gets the n-th of them, and the last one again.
"load_seconds" and "load_error" count when the server starts. What was asked is appended to the same name + ".log".
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import htmlgen.local
from htmlgen.engine import Delta, GenerationRequest
from htmlgen.errors import GenerationFailed, ModelNotFound
from htmlgen.presets import PRESETS
from tests.scripted import ScriptedEngine

SCRIPT = Path(os.environ["HTMLGEN_SCRIPT"])
LOG = Path(f"{SCRIPT}.log")


class FileEngine(ScriptedEngine):
    """A ScriptedEngine that follows the file."""

    def __init__(self) -> None:
        super().__init__()
        script = json.loads(SCRIPT.read_text())
        self.load_seconds = script.get("load_seconds", 0.0)
        if script.get("load_error"):
            self.load_error = ModelNotFound(script["load_error"])

    def next_script(self, request: GenerationRequest) -> dict[str, Any]:
        asked = LOG.read_text().count("\n") if LOG.exists() else 0
        with LOG.open("a") as log:
            log.write(json.dumps(asdict(request)) + "\n")
        script: dict[str, Any] = json.loads(SCRIPT.read_text())
        answers = script.get("answers", [script])
        answer: dict[str, Any] = answers[min(asked, len(answers) - 1)]
        return answer

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        script = self.next_script(request)
        self.script, self.delay = script["chunks"], script.get("delay", 0.0)
        self.error = GenerationFailed(script["error"]) if script.get("error") else None
        if "cut" in script:
            request = replace(request, sampling=replace(request.sampling, max_new_tokens=script["cut"]))
        await asyncio.sleep(script.get("first_delay", 0.0))
        async for delta in super().stream(request):
            yield delta


# app.py takes its engine from here when it is imported.
htmlgen.local.LocalEngine = lambda *_, **__: FileEngine()  # type: ignore[assignment, misc]
htmlgen.local.choose_preset = lambda settings: PRESETS["demo"]

import app  # noqa: E402, F401  registers the chat's hooks with Chainlit

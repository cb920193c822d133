"""app.py over an engine that writes what a file says, at the speed it says: `chainlit run tests/browser/scripted_app.py`.

HTMLGEN_SCRIPT names a JSON file, read anew for each request:
    {"chunks": ["<!DOCTYPE html>", …], "delay": seconds, "first_delay": seconds, "cut": tokens, "error": "…"}
or {"answers": [{…}, {…}]}: the n-th request since the file was written gets the n-th of them, and the last one again.
The server loads while the file says {"loading": true}, and fails to if it says {"load_error": "…"}. What was asked is
appended to the same name + ".log". {"places": 2} lets two run at once, {"models": ["a", "b"]} offers these, "{prompt}"
in a chunk is what was asked, and {"by_model": {"a": {"chunks": …}}} gives one of them a script of its own.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import htmlgen.local
from htmlgen.engine import Delta, GenerationRequest
from htmlgen.errors import GenerationFailed, ModelNotFound
from htmlgen.models import Model, find_model
from htmlgen.presets import PRESETS
from tests.browser.hold import held
from tests.scripted import ScriptedEngine

SCRIPT = Path(os.environ["HTMLGEN_SCRIPT"])
LOG = Path(f"{SCRIPT}.log")


_read: tuple[int, dict[str, Any]] = (0, {})


def read_script() -> dict[str, Any]:
    """The file as it is now, parsed anew only when it has changed."""
    global _read
    changed = SCRIPT.stat().st_mtime_ns
    if changed != _read[0]:
        _read = changed, json.loads(SCRIPT.read_text())
    return _read[1]


class FileEngine(ScriptedEngine):
    """A ScriptedEngine that follows the file."""

    async def load(self) -> None:
        self.status = "Loading the script."
        while (script := read_script()).get("loading"):  # noqa: ASYNC110  files do not tell
            await asyncio.sleep(0.1)
        if "load_error" in script:
            raise ModelNotFound(script["load_error"])
        self.status = "Ready."

    def next_script(self, request: GenerationRequest) -> dict[str, Any]:
        asked = LOG.read_text().count("\n") if LOG.exists() else 0
        with LOG.open("a") as log:
            log.write(json.dumps(asdict(request)) + "\n")
        script = read_script()
        script = script.get("by_model", {}).get(find_model(self.models, request.model).id, script)
        answers = script.get("answers", [script])
        answer: dict[str, Any] = answers[min(asked, len(answers) - 1)]
        return answer

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(Model(id, id.capitalize(), "a script") for id in read_script().get("models", ["scripted"]))

    @models.setter
    def models(self, models: Any) -> None: ...

    @property
    def places(self) -> int:
        return int(read_script().get("places", 1))

    @places.setter
    def places(self, places: int) -> None: ...

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        script = self.next_script(request)
        error = GenerationFailed(script["error"]) if script.get("error") else None
        if "cut" in script:
            request = replace(request, sampling=replace(request.sampling, max_new_tokens=script["cut"]))
        await asyncio.sleep(script.get("first_delay", 0.0))
        chunks = [chunk.replace("{prompt}", request.instruction) for chunk in script["chunks"]]
        deltas = self.follow(request, chunks, script.get("delay", 0.0), error)
        async with aclosing(deltas), aclosing(held(deltas)) as released:
            async for delta in released:
                yield delta


# app.py takes its engine from here when it is imported.
htmlgen.local.LocalEngine = lambda *_, **__: FileEngine()  # type: ignore[assignment, misc]
htmlgen.local.choose_preset = lambda settings: PRESETS["demo"]

import app  # noqa: E402, F401  registers the chat's hooks with Chainlit

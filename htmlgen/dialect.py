"""How a generation is asked of an OpenAI-compatible server: the bodies that servers differ in, and what a chat model is told."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from htmlgen.engine import GenerationRequest, Sampling

COMPLETIONS, CHAT_COMPLETIONS = "completions", "chat/completions"

CHAT = "chat"
"""The prompt format of a server's own chat template, for models that this project did not train."""

SYSTEM = """\
You build web pages. Answer with one complete HTML document and nothing else: no explanation, no Markdown fence. Begin with \
<!DOCTYPE html> and end with </html>.
Put all styles into a <style> element and all scripts into a <script> element of that document. Load nothing from other servers: no \
libraries, fonts or images by URL; draw pictures with inline SVG or CSS.
Make it look finished on a phone and on a desktop, usable by keyboard and screen reader, and write real text instead of filler.
If a current page is given, change what is asked, keep everything else as it is, and answer with the whole changed document."""

GO_ON = (
    "Your answer was cut off there. Go on at exactly the character where it ended. Repeat nothing and add no comment."
)

MIN_TEMPERATURE = 1e-3
"""Below it sampling is greedy to any precision, and some servers divide by it."""
SEEDS = 2**31
"""Servers keep seeds in 31 to 64 bits."""


def local_servers(sampling: Sampling) -> dict[str, Any]:
    # repetition_penalty is vLLM's and TGI's name, repeat_penalty llama.cpp's and Ollama's; llama.cpp's own min_p is not 0.
    penalty = sampling.repetition_penalty
    return {"top_k": sampling.top_k, "min_p": 0.0, "repetition_penalty": penalty, "repeat_penalty": penalty}


def transformers_serve(sampling: Sampling) -> dict[str, Any]:
    # It takes no field that OpenAI does not have, but a whole generation configuration as JSON.
    config: dict[str, Any] = {
        "do_sample": sampling.temperature > 0,
        "repetition_penalty": sampling.repetition_penalty,
        "max_new_tokens": sampling.max_new_tokens,
    }
    if sampling.temperature > 0:
        config |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    return {"generation_config": json.dumps(config)}


def plain_openai(sampling: Sampling) -> dict[str, Any]:
    return {}


Dialect = Callable[[Sampling], dict[str, Any]]
DIALECTS: tuple[Dialect, ...] = (local_servers, transformers_serve, plain_openai)
"""What goes beside OpenAI's own fields, the most telling first."""


@dataclass(frozen=True, slots=True)
class Way:
    """How this server wants to be asked."""

    path: str
    """`COMPLETIONS` or `CHAT_COMPLETIONS`."""
    dialect: Dialect
    """What says top_k and its like."""
    ids: bool = False
    """Prompts as token ids, not as text."""
    bos: str = ""
    """What a text prompt begins with, where the server's tokenizer does not put BOS there itself."""


def make_body(
    way: Way, request: GenerationRequest, prompt: str | list[int] | None, *, model: str, limit: int, stream: bool
) -> dict[str, Any]:
    """The JSON of one generation of at most `limit` tokens; `prompt` None is a chat's messages."""
    temperature = request.sampling.temperature
    sampling = replace(
        request.sampling,
        max_new_tokens=limit,
        temperature=temperature if temperature >= MIN_TEMPERATURE else 0.0,
        # Where none is named, some servers take the same one each time.
        seed=random.randrange(SEEDS) if request.sampling.seed is None else request.sampling.seed % SEEDS,
    )
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": limit,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stream": stream,
        **way.dialect(sampling),
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    return {**body, "messages": messages(request)} if prompt is None else {**body, "prompt": prompt}


def messages(request: GenerationRequest) -> list[dict[str, str]]:
    asked = request.instruction
    if request.page is not None:
        asked += f"\n\nCurrent page:\n{request.page}"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}]
    if request.prefix:
        messages += [{"role": "assistant", "content": request.prefix}, {"role": "user", "content": GO_ON}]
    return messages


REPEATED = 8
"""Characters at least that count as a repetition: fewer may be the same by chance."""


class Joint:
    """Takes away what a chat model repeats where it goes on: an opening fence, and the end of what it had written."""

    LOOK = 200
    """Characters that are held back until that is decided."""

    def __init__(self, prefix: str) -> None:
        self._end = prefix[-self.LOOK :]
        self._held = ""

    def feed(self, text: str) -> str:
        if not self._end:
            return text
        self._held += text
        return self.close() if len(self._held) >= self.LOOK else ""

    def close(self) -> str:
        """What was held back, without the repetition."""
        text, end = self._held, self._end
        self._held = self._end = ""
        if not end:
            return text
        if text.startswith("```"):
            text = text.partition("\n")[2]
        for length in range(min(len(text), len(end)), REPEATED - 1, -1):
            if end.endswith(text[:length]):
                return text[length:]
        return text

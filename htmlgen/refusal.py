"""What a server of OpenAI's protocol means when it refuses, told in our errors.

The protocol has codes for little of it, and servers differ in which they send, so the words are looked at too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from htmlgen.errors import (
    GenerationFailed,
    HtmlgenError,
    ModelNotFound,
    ServerBusy,
    ServerRefused,
    ServerUnavailable,
)


class KeyRefused(ServerUnavailable):
    """The server wants a key, or another one."""

    code = "key_refused"


class ContextExceeded(ServerRefused):
    """Prompt and answer do not fit together. `prompt_tokens` and `limit` are what the server tells of them."""

    code = "context_exceeded"

    def __init__(self, message: str, prompt_tokens: int | None, limit: int | None) -> None:
        self.prompt_tokens, self.limit = prompt_tokens, limit
        super().__init__(message)


class NoSuchRoute(ServerRefused):
    """The server does not have this part of the protocol."""

    code = "no_such_route"


# What servers say. The numbers are looked for in each wording known:
#   vLLM      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (3000 in the messages, 2000 in …"
#             "… requested 65535 output tokens and your prompt contains at least 62466 input tokens"; "… your request has 3000 input tokens"
#   llama.cpp {"type": "exceed_context_size_error", "n_prompt_tokens": 1407, "n_ctx": 256}
#   its Python server  "maximum context length is 512 tokens, however you requested 700 tokens (600 in your prompt; 100 for …"
#   TGI       "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and 2000 `max_new_tokens`"
CONTEXT = re.compile(
    r"context.?(length|window|size)|maximum model length|max_model_len|`inputs` tokens \+", re.IGNORECASE
)
LIMIT = re.compile(r"(?:length (?:is|of)|must be <=|limit(?: of| is)?|window of) (\d+)")
PROMPT = re.compile(
    r"(?:\(|contains |request has |prompt has |Given: )(\d+) (?:in (?:the|your)|input tokens|`inputs`)|length (\d+)\) is longer"
)
NO_MODEL = re.compile(
    r"model\b.*(not found|not exist|does not exist|unknown|not available)|(no such|unknown) model|pinned to",
    re.I | re.S,
)


def explained(status: int, answer: Any, has_key: bool) -> HtmlgenError:
    """Our error for a server's: `answer` is its JSON, or its text where that is none."""
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {}
    said = fields.get("message") or fields.get("detail") or (error if error else "nothing")
    said = (said if isinstance(said, str) else json.dumps(said))[:300].strip()
    kinds = {str(fields.get("code")), str(fields.get("type"))}
    if status in (401, 403):
        return KeyRefused(
            "The server in HTMLGEN_SERVER refuses the key in HTMLGEN_SERVER_KEY. Set the one that it was started with."
            if has_key
            else "The server in HTMLGEN_SERVER wants a key. Set HTMLGEN_SERVER_KEY."
        )
    if status in (429, 502, 503, 504):
        return ServerBusy(f"The server in HTMLGEN_SERVER is busy ({status}: {said}). Try again in a minute.")
    if kinds & {"context_length_exceeded", "exceed_context_size_error"} or CONTEXT.search(said):
        limit, prompt = LIMIT.search(said), PROMPT.search(said)
        counted = int(next(filter(None, prompt.groups()))) if prompt else fields.get("n_prompt_tokens")
        return ContextExceeded(
            f"The prompt and the page together do not fit into the server's context: {said} Shorten the request, or start a new chat "
            "to drop the current page.",
            counted if isinstance(counted, int) and "at least" not in said else None,
            int(limit[1]) if limit else fields.get("n_ctx") if isinstance(fields.get("n_ctx"), int) else None,
        )
    if kinds & {"model_not_found"} or (status in (400, 404) and NO_MODEL.search(said)):
        return ModelNotFound(f"The server in HTMLGEN_SERVER has no such model: {said}")
    if status in (404, 405, 501):
        return NoSuchRoute(f"The server in HTMLGEN_SERVER does not have that ({status}: {said}). Check the address.")
    if status < 500:
        return ServerRefused(f"The server in HTMLGEN_SERVER refused the request ({status}): {said}")
    return GenerationFailed(f"The server in HTMLGEN_SERVER broke off: {said}. Try again; its log has the details.")


def status_of(answer: Mapping[str, Any]) -> int:
    """The HTTP status that an error inside a stream would have had: the stream began with 200."""
    error = answer["error"]
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500

"""What a scripted model writes, token by token."""

import json
from typing import Any

from tests.server import Server

HEAD = "<!DOCTYPE html>\n<html>\n<head>\n<title>Sunny Crumb</title>\n<style>h1 { color: #b5651d; }</style>\n</head>\n<body>\n"


SCRIPT = '<script>\nconsole.log("the script ran");\ndocument.body.dataset.born = "once";\n</script>\n'


def document(paragraphs: int, text: str = "Bread with a crackle, baked since five.") -> str:
    lines = "".join(f'<p class="line">{n} {text}</p>\n' for n in range(paragraphs))
    return f"{HEAD}<h1>Sunny Crumb</h1>\n{SCRIPT}{lines}</body>\n</html>\n"


def tokens(text: str, size: int = 6) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def play(server: Server, *answers: dict[str, Any], by_model: dict[str, Any] | None = None) -> None:
    """What the engine writes from now on, by which of two models."""
    server.log.unlink(missing_ok=True)
    script = {"answers": answers, "models": ["baker", "miller"], "places": 2, "by_model": by_model or {}}
    server.script.write_text(json.dumps(script))


def page(title: str, lines: int = 3, **more: Any) -> dict[str, Any]:
    return {"chunks": tokens(document(lines).replace("Sunny Crumb", title)), **more}

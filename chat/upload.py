"""Pages that people bring along: an .html file, or HTML pasted into a message."""

import re
import tempfile
from pathlib import Path
from typing import Any

import chainlit.config
import chainlit.server

from htmlgen.errors import RequestError

LARGEST = 2_000_000
"""Bytes of a file. The pane would draw more, but no model here reads a tenth of it."""

_PASTED = re.compile(r"<!doctype\s+html\b.*</html\s*>|<html\b[^>]*>.*</html\s*>", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"```(?:html)?")
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)


def keep_uploads_apart() -> None:
    """Gives this process a folder of uploads of its own, which Chainlit deletes when it ends.

    Chainlit 2.12's is `.files` in the working folder: of two servers started there, the first to end deletes both's.
    """
    chainlit.config.FILES_DIRECTORY = chainlit.server.FILES_DIRECTORY = Path(
        tempfile.mkdtemp(prefix="htmlgen-uploads-")
    )


def split_pasted(text: str) -> tuple[str, str | None]:
    """(what is said, the page) of a message; the page is None where there is no whole one."""
    found = _PASTED.search(text)
    if found is None:
        return text, None
    before, after = _FENCE.sub("", text[: found.start()]), _FENCE.sub("", text[found.end() :])
    return " ".join(part for part in (before.strip(), after.strip()) if part), found[0]


def read_upload(files: list[Any]) -> str | None:
    """The page among a message's files (Chainlit's File elements), or None without any.

    Raises:
        RequestError: more than one file, no HTML, or too large.
    """
    if not files:
        return None
    if len(files) > 1:
        raise RequestError(f"You sent {len(files)} files, and a chat has one current page. Send one .html file.")
    file = files[0]
    name, mime = str(file.name), str(file.mime or "")
    if not name.lower().endswith((".html", ".htm")) or mime.partition(";")[0].strip() != "text/html":
        raise RequestError(f"{name} is {mime or 'of an unknown type'}, not an HTML file. Send one that ends in .html.")
    data = Path(file.path).read_bytes()
    if len(data) > LARGEST:
        raise RequestError(f"{name} has {len(data):,} bytes and at most {LARGEST:,} are taken. Send a smaller page.")
    return decode(data, name)


def decode(data: bytes, name: str) -> str:
    """The text of an HTML file: UTF-8, else what its <meta charset> says, else windows-1252, as browsers read it.

    Raises:
        RequestError: it is empty, or not text.
    """
    if b"\0" in data or not data.strip():
        raise RequestError(f"{name} is {'not text' if data.strip() else 'empty'}. Send an HTML file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    named = _CHARSET.search(data[:1024])
    try:
        return data.decode(named[1].decode() if named else "windows-1252", errors="replace")
    except LookupError as error:
        raise RequestError(
            f"{name} names the encoding {named[1].decode() if named else ''!r}, which nobody knows."
        ) from error

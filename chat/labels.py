"""Short names for pages: what a bar, a button or a list has room for."""

import re
from html import unescape


def shorten(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def title_of(html: str) -> str:
    found = re.search(r"<title[^>]*>([^<]{1,300})</title", html[:20_000], re.IGNORECASE)
    return shorten(unescape(found[1])) if found else ""


def size_of(size: int) -> str:
    return f"{size:,} bytes" if size < 1000 else f"{size / 1000:,.1f} KB"

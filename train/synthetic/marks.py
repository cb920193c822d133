"""Marks around the strings that must be copied, while a prompt is put together: typos and asides never touch what is between them."""

OPEN, CLOSE = "\x02", "\x03"


def marked(text: str) -> str:
    """`text` between marks: copied from the prompt to the page."""
    return f"{OPEN}{text}{CLOSE}"

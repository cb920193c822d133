"""A file that shows a generated page and lets it do little: no requests, no access to other files.

A page opened as a file of its own could load what it likes and read its folder in some browsers. Less than in the studio: a
file has no headers, so what only a header stops stays possible (WebRTC, and a connection that Chromium opens, and sends nothing
on, ahead of a navigation that it blocks).
"""

from html import escape

from htmlgen.isolation import page_headers

HEADERS_ONLY = ("frame-ancestors", "sandbox")
"""What a policy in a document cannot say."""


def viewer(html: str, title: str) -> str:
    """A document around `html` in a sandboxed frame, which inherits this document's policy."""
    policy = page_headers()["Content-Security-Policy"].split("; ")
    kept = "; ".join(part for part in policy if part.split()[0] not in HEADERS_ONLY)
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(kept)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        "<style>html, body, iframe { margin: 0; border: 0; width: 100%; height: 100%; display: block }</style>\n"
        f'</head>\n<body><iframe sandbox="allow-scripts allow-forms" title="{escape(title)}" srcdoc="{escape(html)}">'
        "</iframe></body>\n</html>\n"
    )

"""plain_page: our own small pages beside the chat: a password form, the link with its code, the list of published pages.

No script but `SCRIPT`, no style but `STYLE`, nothing from elsewhere, forms to this server only, never in a frame.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse

STYLE = """
:root { color-scheme: light dark; --ink: #1c1917; --soft: #6b645f; --line: #d9d3cd; --paper: #fbfaf8; --card: #fff; --accent: #c2410c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f5f5f4; --soft: #a8a29e; --line: #44403c; --paper: #1a1816; --card: #24211e; --accent: #fb923c }
}
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  color: var(--ink); background: var(--paper) }
main { width: 100%; max-width: 24rem }
main.wide { max-width: 44rem; align-self: start; padding-top: 4vh }
h1 { font-size: 1.375rem; line-height: 1.3; margin: 0 0 .25rem; overflow-wrap: anywhere }
h2 { font-size: 1rem; margin: 2rem 0 .5rem }
p { margin: 0 0 1.25rem; color: var(--soft) }
p[role=alert] { color: var(--accent) }
p[role=status] { margin-top: 1rem }
a { color: inherit }
label { display: block; font-size: .875rem; margin-bottom: .25rem }
input, button { font: inherit; padding: .6rem .75rem; border-radius: .5rem; border: 1px solid var(--line) }
input { width: 100%; background: var(--card); color: inherit; margin-bottom: .75rem }
button { background: var(--card); color: inherit; cursor: pointer }
button.main { width: 100%; background: var(--ink); color: var(--paper); border-color: var(--ink) }
button.small { padding: .25rem .6rem; font-size: .875rem }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.code { text-align: center }
.code svg { width: 100%; max-width: 18rem; height: auto; background: #fff; border: 1px solid var(--line); border-radius: .75rem }
.code a { display: block; margin: 1rem 0 .25rem; font-weight: 600; overflow-wrap: anywhere }
ul { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line) }
li { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; padding: .75rem 0; border-bottom: 1px solid var(--line) }
li > div { flex: 1 1 18rem; min-width: 0 }
li strong { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
li a { font-size: .875rem; overflow-wrap: anywhere }
li span { font-size: .875rem; color: var(--soft) }
li.new { background: color-mix(in srgb, var(--accent) 8%, transparent); padding-inline: .75rem; border-radius: .5rem }
"""

SCRIPT = """
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = !navigator.clipboard
  button.onclick = async () => {
    await navigator.clipboard.writeText(button.dataset.copy)
    button.textContent = "Copied"
    setTimeout(() => (button.textContent = "Copy"), 2000)
  }
}
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/favicon"><title>%s</title><style>%s</style></head>
<body><main class="%s">
%s
</main><script>%s</script></body>
</html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; img-src 'self'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    # With no-referrer a form would come from the origin "null", and be refused.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


def plain_page(
    title: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None, *, wide: bool = False
) -> HTMLResponse:
    """A page with that title. `body` is HTML: escape what is not ours."""
    text = PAGE % (escape(title), STYLE, "wide" if wide else "", body, SCRIPT)
    return HTMLResponse(text, status, HEADERS | dict(headers or {}))


async def read_form(request: Request, limit: int = 4_000) -> dict[str, str]:
    """What a form of such a page sent, by field; nothing where it is longer than `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return {}
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=20)
    return {name: values[0] for name, values in fields.items()}

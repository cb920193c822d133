"""What --open shows: the page draws itself and its scripts run, and no request of it gets out."""

import socket
from pathlib import Path

from playwright.sync_api import Page

from htmlgen.viewer import viewer

HOSTILE = """<!DOCTYPE html><html><body><h1>A "quoted" page &amp; more</h1>
<img src="{out}/img"><link rel="stylesheet" href="{out}/css"><script src="{out}/js"></script>
<iframe src="{out}/frame"></iframe><form action="{out}/form"></form>
<script>
document.querySelector("h1").textContent += " " + (1 + 1);
fetch("{out}/fetch").catch(() => {{}});
try {{ top.location = "{out}/top" }} catch {{}}
try {{ parent.document.title = "taken" }} catch {{}}
addEventListener("message", ({{ data }}) => data == "form" ? document.forms[0].submit() : location = "{out}/location");
</script></body></html>"""


def test_the_viewer_draws_the_page_and_sends_nothing_out(tab: Page, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.01)
        out = f"http://127.0.0.1:{listener.getsockname()[1]}"
        path = tmp_path / "page.html"
        path.write_text(viewer(HOSTILE.format(out=out), 'A "title"'), "utf-8")
        for way in ("form", "location"):
            tab.goto(path.as_uri())
            heading = tab.frame_locator("iframe").first.locator("h1")
            assert heading.text_content() == 'A "quoted" page & more 2'
            # Its own frame is all that it can lead astray, and to an address that is blocked.
            tab.evaluate(f"frames[0].postMessage('{way}', '*')")
            tab.wait_for_timeout(400)
        assert tab.title() == 'A "title"'
        assert tab.url == path.as_uri()
        # Chromium may open a connection ahead of a navigation that it then blocks; nothing is ever sent on it.
        sent = b""
        while True:
            try:
                sender, _ = listener.accept()
            except TimeoutError:
                break
            with sender:
                sender.settimeout(0.3)
                try:
                    sent += sender.recv(1_000)
                except TimeoutError:
                    continue
        assert sent == b""

"""What the browser pays for a page that streams into the chat: PageCode and the preview, against Chainlit's code block.

    python benchmarks/preview_code.py                  # 50 KB at 100 tokens/s; a tenth of it for the code block
    python benchmarks/preview_code.py --kilobytes 10 --json

Starts two real servers one after the other, sends one message in Chromium, and reads from the DevTools protocol how long
the main thread of the chat's tab was busy. By default that is CPU time ("threadTicks"), which other programs on the
machine do not inflate; --wall counts what a user waits. A preview in a process of its own is measured by itself.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# `chainlit run benchmarks/preview_code.py` is the other side of the comparison: the same text in Chainlit's code block.
if __name__ != "__main__" and "HTMLGEN_SCRIPT" in os.environ:
    import chainlit as cl

    @cl.on_message
    async def on_message(message: cl.Message) -> None:
        script = json.loads(Path(os.environ["HTMLGEN_SCRIPT"]).read_bytes())  # noqa: ASYNC240
        answer = cl.Message("")
        await answer.stream_token("```html\n")
        for chunk in script["chunks"]:
            await asyncio.sleep(script["delay"])
            await answer.stream_token(chunk)
        await answer.stream_token("\n```")
        await answer.send()


def make_page(size: int) -> str:
    """A page of about `size` characters: a style sheet, a table, a list, a form and a script, over and over."""
    parts = ["<!DOCTYPE html>\n<html lang='en'>\n<head><title>Benchmark</title>\n<style>\n"]
    parts += [f".c{n} {{ padding: {n}px; color: #{n:03x}; border-radius: 0.5rem }}\n" for n in range(40)]
    parts.append("</style>\n</head>\n<body>\n")
    n = 0
    while sum(map(len, parts)) < size - 40:
        n += 1
        parts.append(
            f'<section class="c{n % 40}">\n  <h2>Part {n}</h2>\n  <p>Bread with a <b>crackle</b>, baked since five.</p>\n'
            f'  <table><tr><td>{n}</td><td class="price">€{n * 1.7:.2f}</td></tr></table>\n'
            f'  <script>const part{n} = {{ name: "part {n}", n: {n} }} // not shown\n  </script>\n</section>\n'
        )
    return "".join(parts) + "</body>\n</html>"


@dataclass
class Measured:
    """One run. Shares are of the time that the stream takes at the asked rate, in 0 to 1 and, for the worst, beyond."""

    what: str
    kilobytes: float
    seconds: float
    """From sending the message to the end, or to where patience ended."""
    busy_seconds: float
    """The main thread's."""
    busy: float
    preview_busy: float | None
    """The preview's own process, where it has one."""
    shown: float
    """Share of the text that was on the screen when the time was up: below 1, the browser could not follow."""


@contextmanager
def serve(target: str, script: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "chainlit", "run", target, "--headless", "--port", str(port)]
    environment = {**os.environ, "HTMLGEN_SCRIPT": str(script), "HTMLGEN_MAX_NEW_TOKENS": "1000000"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"{target} does not start; run `chainlit run {target}` to see why.") from None
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def measure(browser: Any, what: str, url: str, text: str, nominal: float, limit: float, domain: str) -> Measured:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(url)
    page.locator("#chat-input").wait_for(timeout=120_000)
    page.wait_for_timeout(3_000)  # the page's own start does not count
    tab = page.context.new_cdp_session(page)
    tab.send("Performance.enable", {"timeDomain": domain})
    page.locator("#chat-input").fill("a page")
    page.locator("#chat-submit").wait_for()
    before, started = task_seconds(tab), time.monotonic()
    page.locator("#chat-submit").click()
    preview = None
    if what == "PageCode":
        page.locator("iframe.pv-frame").wait_for(timeout=60_000)
        preview = frame_session(page, domain)
    ended = "document.querySelector('.pc-facts b[data-outcome]')" if what == "PageCode" else "window.over"
    if what != "PageCode":
        page.evaluate(
            "setInterval(() => { window.seen = window.seen || !!document.querySelector('#stop-button');"
            "window.over = window.seen && !document.querySelector('#stop-button') }, 500)"
        )
    while time.monotonic() - started < limit and not page.evaluate(f"!!({ended})"):
        page.wait_for_timeout(500)
    seconds = time.monotonic() - started
    busy = task_seconds(tab) - before
    inside = task_seconds(preview) if preview else None
    shown = page.evaluate(
        "[...document.querySelectorAll('.pc-code, .message-content code')].reduce((n, e) => n + e.textContent.length, 0)"
    )
    page.close()
    # Line ends are no characters in PageCode's rows.
    length = len(text.replace("\n", "")) if what == "PageCode" else len(text)
    preview_busy = None if inside is None else inside / nominal
    return Measured(what, len(text) / 1000, seconds, busy, busy / nominal, preview_busy, min(1.0, shown / length))


def task_seconds(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def frame_session(page: Any, domain: str) -> Any:
    """A session of the preview's own process; None where it shares that of the chat, whose figure then includes it."""
    from playwright.sync_api import Error

    frame = page.locator("iframe.pv-frame").element_handle().content_frame()
    try:
        session = page.context.new_cdp_session(frame)
    except Error:
        return None
    session.send("Performance.enable", {"timeDomain": domain})
    return session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kilobytes", type=float, default=50)
    parser.add_argument("--block-kilobytes", type=float, default=5, help="the code block's page; its cost is quadratic")
    parser.add_argument("--rate", type=float, default=100, help="tokens a second")
    parser.add_argument("--characters", type=int, default=4, help="characters a token")
    parser.add_argument("--patience", type=float, default=3, help="times the stream's own duration to wait at most")
    parser.add_argument("--wall", action="store_true", help="wall-clock time instead of CPU time")
    parser.add_argument("--only", choices=["PageCode", "code block"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    domain = "timeTicks" if options.wall else "threadTicks"
    results = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "script.json"
        chromium = os.environ.get("HTMLGEN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        for what, target, kilobytes in (
            ("PageCode", "tests/browser/scripted_app.py", options.kilobytes),
            ("code block", "benchmarks/preview_code.py", options.block_kilobytes),
        ):
            if options.only not in (None, what):
                continue
            text = make_page(int(kilobytes * 1000))
            chunks = [text[i : i + options.characters] for i in range(0, len(text), options.characters)]
            script.write_text(json.dumps({"chunks": chunks, "delay": 1 / options.rate}))
            nominal = len(chunks) / options.rate
            # A browser of its own, so that nothing of the one is left in the other.
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            with serve(target, script) as url:
                results.append(measure(browser, what, url, text, nominal, options.patience * nominal + 10, domain))
            browser.close()
    if options.json:
        print(json.dumps([asdict(result) for result in results]))
        return
    print(f"{options.rate:.0f} tokens/s asked for, {options.characters} characters each; {domain}")
    print(f"{'':12}{'KB':>6}{'seconds':>9}{'main thread':>13}{'share':>8}{'preview':>9}{'shown':>7}")
    for r in results:
        preview = "-" if r.preview_busy is None else f"{r.preview_busy:.1%}"
        print(
            f"{r.what:12}{r.kilobytes:6.0f}{r.seconds:9.0f}{r.busy_seconds:11.1f} s{r.busy:8.1%}{preview:>9}{r.shown:7.0%}"
        )


if __name__ == "__main__":
    main()

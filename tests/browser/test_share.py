"""A shared studio as its visitors meet it: through pyngrok and the stand-in agent, in a real Chromium."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests import ngrok_agent
from tests.server import ROOT, free_port, wait_for

TOKEN = "2abcDEFghiJKLmnoPQRstuVWXyz_1234567890abcdefghij"
PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Fish &amp; Chips</title></head><body><h1>Menu</h1><p id=seen></p>"
    "<script>seen.textContent = `cookies: '${document.cookie}', ${origin}`\n"
    "fetch('/ready').catch(() => seen.textContent += ', no network')</script></body></html>"
)

SEEN = "cookies: '', null, no network"

expect.set_options(timeout=30_000)  # two busy cores


@dataclass
class Shared:
    """A studio behind a link. The stand-in's public side is a port of this machine, whose name browsers can find."""

    process: subprocess.Popen[str]
    log: Path
    here: str
    link: str
    password: str

    def agents(self) -> list[int]:
        lines = Path(f"{self.log.parent}/agent.json.seen").read_text().splitlines()
        pids = [json.loads(line)["pid"] for line in lines if '"start"' in line]
        return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def start(folder: Path, **more: str) -> Shared:
    port, public = free_port(), free_port()
    script = {"token": TOKEN, "url": f"http://localhost:{public}", "port": public}
    (folder / "agent.json").write_text(json.dumps(script))
    (folder / "script.json").write_text(json.dumps({"chunks": [PAGE[:60], PAGE[60:]], "delay": 0.1}))
    env = {
        **os.environ,
        "HTMLGEN_SHARE": "1",
        "HTMLGEN_DATA": str(folder / "data"),
        "HTMLGEN_SCRIPT": str(folder / "script.json"),
        "NGROK_AUTHTOKEN": TOKEN,
        "NGROK_STAND_IN": str(folder / "agent.json"),
        "PYNGROK_NGROK_PATH": str(ngrok_agent.install(folder)),
        "OMP_NUM_THREADS": "1",
        **more,
    }
    target = "tests/browser/scripted_app.py"
    command = [sys.executable, "-m", "chainlit", "run", target, "--headless", "--port", str(port)]
    log = folder / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file, text=True)
    return Shared(process, log, f"http://localhost:{port}", str(script["url"]), "")


def wait_until_ready(shared: Shared) -> None:
    def ready() -> bool:
        assert shared.process.poll() is None, shared.log.read_text()[-3000:]
        try:
            return httpx.get(f"{shared.here}/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_for(120, ready, "the server")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    shared = start(tmp_path_factory.mktemp("shared"))
    try:
        wait_until_ready(shared)
        said = shared.log.read_text()
        shared.password = str(re.findall(r"Password +([\w-]+) ", said)[0])
        assert f"Shared at    {shared.link}\n" in said
        yield shared
        assert shared.agents()
    finally:
        shared.process.send_signal(signal.SIGINT)  # as Ctrl-C does
        shared.process.wait(20)
    assert not shared.agents()


@pytest.fixture
def visitor(shared: Shared, context: BrowserContext) -> BrowserContext:
    """Somebody with the link who has logged in."""
    tab = context.new_page()
    tab.goto(shared.link)
    tab.wait_for_url(f"{shared.link}/login*")
    tab.locator("input[type=text], input[name=email], #email").first.fill("Ann")
    tab.locator("input[type=password]").fill(shared.password)
    tab.get_by_role("button", name=re.compile("sign in|log in|continue", re.IGNORECASE)).first.click()
    expect(tab.locator("#chat-input")).to_be_visible()
    return context


def test_a_visitor_logs_in_with_the_made_password_and_watches_a_page_grow(
    shared: Shared, visitor: BrowserContext, chromium: Browser, screenshots: Path
) -> None:
    tab = visitor.pages[0]
    assert tab.url.startswith(shared.link)
    tab.locator("#chat-input").fill("A menu")
    tab.locator("#chat-submit").click()  # enabled once the socket is connected, through the tunnel too
    frame = tab.frame_locator("iframe").first
    expect(frame.locator("h1")).to_have_text("Menu")
    tab.screenshot(path=screenshots / "shared.png")

    # She publishes it, and somebody without a log-in reads it.
    expect(frame.locator("#seen")).to_have_text(SEEN)
    expect(tab.locator(".pc-facts")).to_contain_text("Finished")
    tab.get_by_role("button", name="More").click()
    with visitor.expect_page() as opened:
        tab.get_by_role("menuitem", name="Publish…").click()
    publishing = opened.value
    expect(publishing.get_by_role("heading", name="Publish “Fish & Chips”")).to_be_visible()
    publishing.get_by_role("button", name="Publish").click()
    link = publishing.locator("li.new a")
    expect(link).to_have_attribute("href", re.compile(f"^{re.escape(shared.link)}/p/"))
    without = str(link.get_attribute("href"))
    publishing.get_by_label("Password").fill("salt and vinegar")
    publishing.get_by_role("button", name="Publish").click()
    expect(publishing.locator("li")).to_have_count(2)
    publishing.get_by_role("button", name="Copy").first.click()
    expect(publishing.get_by_role("button", name="Copied")).to_be_visible()
    with_password = str(link.get_attribute("href"))
    publishing.screenshot(path=screenshots / "published.png")
    publishing.set_viewport_size({"width": 390, "height": 844})
    publishing.emulate_media(color_scheme="dark")
    assert publishing.evaluate("document.documentElement.scrollWidth") == 390
    publishing.screenshot(path=screenshots / "published-phone.png")
    reader = chromium.new_context(viewport={"width": 390, "height": 844})
    try:
        alone = reader.new_page()
        alone.goto(without)
        expect(alone.locator("h1")).to_have_text("Menu")
        expect(alone.locator("#seen")).to_have_text(SEEN)
        assert reader.cookies() == []

        alone.goto(with_password)
        expect(alone.get_by_label("Password")).to_be_focused()
        alone.screenshot(path=screenshots / "published-password.png")
        alone.get_by_label("Password").fill("wrong")
        alone.get_by_role("button").click()
        expect(alone.get_by_role("alert")).to_have_text("That is not the password of this page.")
        alone.screenshot(path=screenshots / "published-refused.png")
        alone.get_by_label("Password").fill("salt and vinegar")
        alone.keyboard.press("Enter")
        expect(alone.locator("h1")).to_have_text("Menu")
        expect(alone.locator("#seen")).to_have_text(SEEN)
        alone.reload()
        expect(alone.locator("h1")).to_have_text("Menu")
        publishing.get_by_role("button", name="Revoke").first.click()
        expect(publishing.locator("li")).to_have_count(1)
        alone.reload()
        expect(alone.locator("h1")).to_have_text("No such page")
    finally:
        reader.close()


def test_the_chats_header_leads_to_the_link_and_its_code(
    shared: Shared, visitor: BrowserContext, screenshots: Path
) -> None:
    tab = visitor.pages[0]
    with visitor.expect_page() as opened:
        tab.get_by_role("link", name="Shared").or_(tab.get_by_role("button", name="Shared")).first.click()
    page = opened.value
    expect(page.get_by_role("link", name=shared.link)).to_have_attribute("href", shared.link)
    expect(page.locator("svg")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "384px"  # its style counts
    tab.screenshot(path=screenshots / "shared-header.png")
    page.screenshot(path=screenshots / "share.png")


@pytest.mark.parametrize("path", ["/share", "/publications", "/generate_html", "/models", "/project/settings"])
def test_nobody_is_local_through_the_link(shared: Shared, path: str) -> None:
    """The agent connects from this machine, under a name that may be this machine's own."""
    for headers in ({}, {"Host": "localhost", "X-Forwarded-For": "127.0.0.1"}):
        answer = httpx.get(shared.link + path, headers=headers, trust_env=False)
        assert answer.status_code in (401, 403, 404, 405), answer.text


def test_sharing_that_is_refused_ends_the_start_with_one_message(tmp_path: Path) -> None:
    shared = start(tmp_path, NGROK_AUTHTOKEN="an old one")
    assert shared.process.wait(60) == 1
    said = [line for line in shared.log.read_text().splitlines() if line.strip() and " - INFO - " not in line]
    assert len(said) == 1, said
    assert said[0].startswith("ngrok refused the token in NGROK_AUTHTOKEN. Copy the current one from https://")

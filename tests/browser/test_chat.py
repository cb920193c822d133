"""The chat in a real browser: real Chainlit server, real Chromium, real streams.

Most tests run app.py over a scripted engine (scripted_app.py), whose speed they choose; the last ones over the demo
model in NF4, which is what a user gets.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, TimeoutError, expect

from tests.browser.conftest import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]

expect.set_options(timeout=20_000)  # two busy cores

HEAD = "<!DOCTYPE html>\n<html>\n<head>\n<title>Sunny Crumb</title>\n<style>h1 { color: #b5651d; }</style>\n</head>\n<body>\n"
SCRIPT = '<script>\nconsole.log("the script ran");\ndocument.body.dataset.born = "once";\n</script>\n'


SLOW = 300
"""Seconds for a page of the demo model, which takes five alone on a machine."""

GROWTH = """
// In every document: what tells it from another one in the same frame, and how it grew while its response was open.
window.documentId = Math.random()
window.growth = []
new MutationObserver(() => {
  if (document.readyState === "loading")
    window.growth.push([performance.now(), document.querySelectorAll("*").length])
}).observe(document, { childList: true, subtree: true })
"""


def document(paragraphs: int, text: str = "Bread with a crackle, baked since five.") -> str:
    lines = "".join(f'<p class="line">{n} {text}</p>\n' for n in range(paragraphs))
    return f"{HEAD}<h1>Sunny Crumb</h1>\n{SCRIPT}{lines}</body>\n</html>\n"


def tokens(text: str, size: int = 6) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


# Servers and tabs


@dataclass
class Server:
    """A running app; `script` is the file its engine follows."""

    url: str
    script: Path
    process: "subprocess.Popen[bytes]"

    def play(self, *answers: dict[str, Any]) -> None:
        """What the engine writes from now on: one answer a request, the last one again and again."""
        self.log.unlink(missing_ok=True)
        self.script.write_text(json.dumps({"answers": answers}))

    @contextmanager
    def hold(self, tokens: int) -> Iterator[None]:
        """While it lasts, every page waits after so many tokens, however fast the engine and the machine are."""
        file = Path(f"{self.script}.hold")
        file.write_text(str(tokens))
        try:
            yield
        finally:
            file.unlink()

    @property
    def log(self) -> Path:
        return Path(f"{self.script}.log")

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What the engine was asked since the last `play`."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def source(self, page_id: str) -> str:
        return httpx.get(f"{self.url}/pages/{page_id}/source", trust_env=False).text


def run_server(folder: Path, target: str, *, wait: bool = True, script: Any = None, **env: str) -> Iterator[Server]:
    """`chainlit run target`, as a user would; until it answers /ready if `wait`, else until it answers at all."""
    port = free_port()
    path = folder / "script.json"
    path.write_text(json.dumps(script or {"chunks": []}))
    names = {
        "HTMLGEN_SCRIPT": str(path),
        "HTMLGEN_DATA": str(folder / "data"),
        # Cookies know no ports, so one that a server of these tests has set goes to all of them.
        "CHAINLIT_AUTH_SECRET": "the browser tests' own secret, for all of their servers",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        **env,
    }
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "chainlit", "run", target, "--headless", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **names}, stdout=log, stderr=log)
    try:
        url = f"http://localhost:{port}"
        deadline = time.monotonic() + 180
        while True:
            said = (folder / "server.log").read_text()
            assert process.poll() is None, f"the server ended: {said[-3000:]}"
            assert time.monotonic() < deadline, f"the server does not get ready: {said[-3000:]}"
            try:
                answer = httpx.get(f"{url}/ready", trust_env=False).json()
                if answer["status"] == "ready" or not wait:
                    break
                assert answer["status"] == "loading", answer["reason"]
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        yield Server(url, path, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model is loading until it is told what to play."""
    folder = tmp_path_factory.mktemp("scripted")
    env = {"HTMLGEN_QUEUE_SIZE": "1"}
    yield from run_server(folder, "tests/browser/scripted_app.py", wait=False, script={"loading": True}, **env)


@pytest.fixture(scope="module")
def scripted(loading: Server) -> Server:
    """The same, once it is ready."""
    loading.play({"chunks": []})
    wait_for(120, lambda: httpx.get(f"{loading.url}/ready", trust_env=False).status_code == 200, "the script is loaded")
    return loading


@dataclass
class Tab:
    """One person's chat, with a record of what its frames did."""

    page: Page
    navigations: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    went_out: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("framenavigated", lambda frame: "/pages/" in frame.url and self.navigations.append(frame.url))
        self.page.on("request", lambda request: "/live" in request.url and self.loads.append(request.url))
        self.page.on("requestfinished", lambda request: self.went_out.append(request.url))
        self.page.on("requestfailed", lambda request: request.failure != "csp" and self.went_out.append(request.url))
        self.page.on("console", lambda message: self.console.append(message.text))

    def say(self, text: str) -> None:
        send = self.page.locator("#chat-submit")  # enabled once the chat is connected and nothing is being written
        said = self.page.locator(".step[data-step-type=user_message]")
        before = said.count()
        for _ in range(20):
            self.page.locator("#chat-input").fill(text)
            try:
                send.click(timeout=3_000)
            except TimeoutError:  # Chainlit may have drawn its page anew, without what was typed
                if said.count() > before:
                    return  # sent after all, on a machine that took its time to say so
                continue
            return
        expect(send).to_be_enabled()

    @property
    def answers(self) -> Any:
        return self.page.locator(".pc")

    @property
    def facts(self) -> Any:
        """The line under the newest code."""
        return self.answers.last.locator(".pc-facts")

    def wait_finished(self, count: int = 1, seconds: float = 60) -> str:
        """Waits for the end of the `count`-th page; returns the line under it."""
        outcome = self.answers.nth(count - 1).locator(".pc-facts b[data-outcome]")
        expect(outcome).to_be_visible(timeout=seconds * 1000)
        return str(self.answers.nth(count - 1).locator(".pc-facts").inner_text()).replace("\n", " ")

    def frame(self, after: str = "-") -> Frame:
        """The preview; once it shows another page than `after`, if that is given."""
        preview = self.page.locator(f"iframe.pv-frame:not([src*='/{after}/'])")
        preview.wait_for(timeout=30_000)
        element = preview.element_handle()
        assert element is not None
        found = element.content_frame()
        assert found is not None
        return found

    @property
    def page_id(self) -> str:
        source = self.page.locator("iframe.pv-frame").get_attribute("src") or ""
        found = re.search(r"/pages/([\w-]+)/live", source)
        assert found, source
        return found[1]

    def code(self, index: int = -1) -> str:
        """The source as the chat shows it, lines put together from the rows with a number and those that go on."""
        rows = self.answers.nth(index if index >= 0 else self.answers.count() - 1).locator(".pc-row")
        read = "rows => rows.map(row => [row.dataset.n, row.textContent])"
        return "".join(("\n" if n and n != "1" else "") + text for n, text in rows.evaluate_all(read))


def open_chat(page: Page, url: str) -> None:
    """Opens the chat as who has been there before: the first visit goes by way of /login and loads everything twice."""
    page.context.request.post(f"{url}/auth/header")
    page.goto(url)


def new_context(chromium: Browser, size: tuple[int, int], **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(30_000)
    context.add_init_script(GROWTH)
    return context


@pytest.fixture(scope="module")
def desk(chromium: Browser) -> Iterator[tuple[BrowserContext, dict[str, list[Page]]]]:
    """A profile and the tabs that are open in it, by server: Chainlit's megabytes are started once for each."""
    context = new_context(chromium, (1280, 800), color_scheme="light")
    yield context, {}
    context.close()


@pytest.fixture
def tabs(chromium: Browser, desk: tuple[BrowserContext, dict[str, list[Page]]]) -> Iterator[Any]:
    """Opens tabs with an empty chat each. With a size or options, a tab gets a profile of its own."""
    context, open_tabs = desk
    contexts: list[BrowserContext] = []
    given: list[Page] = []

    def make(server: Server, size: tuple[int, int] | None = None, **options: Any) -> Tab:
        pool = open_tabs.setdefault(server.url, [])
        if size or options:
            contexts.append(new_context(chromium, size or (1280, 800), **options))
            page = contexts[-1].new_page()
            open_chat(page, server.url)
        elif free := [page for page in pool if page not in given and not page.is_closed()]:
            page = free[0]
            page.locator("#header #new-chat-button").click()  # ends what the chat was about, as closing its tab would
            expect(page.locator(".step")).to_have_count(0)
            page.wait_for_url(lambda url: "/thread/" not in url)  # Chainlit empties the chat before it leaves it
        else:
            page = context.new_page()
            pool.append(page)
            open_chat(page, server.url)
        given.append(page)
        tab = Tab(page)
        tab.watch()
        expect(page.locator("#welcome-screen #chat-input")).to_be_visible()
        return tab

    yield make
    for other in contexts:
        other.close()


# Until the model is ready (first, for the server that the others use is then still loading)


def test_the_chat_says_what_it_is_doing_until_the_model_is_ready(loading: Server, tabs: Any) -> None:
    assert httpx.get(f"{loading.url}/ready", trust_env=False).status_code == 503
    tab = tabs(loading)
    line = tab.page.locator("#model-status")
    expect(line).to_have_text("Getting the model ready. Loading the script.")
    tab.say("a page")
    expect(tab.page.get_by_text("The model is still loading. Loading the script.")).to_be_visible()
    loading.play({"chunks": tokens(document(1))})
    assert tab.wait_finished().startswith("Finished")
    expect(line).to_have_count(0)
    expect(tab.page.get_by_text("still loading")).to_have_count(0)


def test_a_model_that_cannot_be_loaded_says_why_in_the_chat(tmp_path: Path, tabs: Any) -> None:
    """This and the last ones below run app.py itself."""
    for server in run_server(tmp_path, "app.py", wait=False, HTMLGEN_MODEL=str(tmp_path / "nowhere")):
        tab = tabs(server)
        line = tab.page.locator("#model-status[data-state=failed]")
        expect(line).to_contain_text("nowhere", timeout=60_000)
        why = line.inner_text()
        assert "HTMLGEN_MODEL" in why
        tab.say("a page")
        expect(tab.page.locator(".message-content").get_by_text(why)).to_be_visible()
        assert "Traceback" not in tab.page.content()


# What must be seen


def growth(tab: Tab) -> list[int]:
    """Element counts of the preview at least 0.1 s apart, each larger than the last, while its response was open."""
    counts, last = [0], -1000.0
    for at, count in tab.frame().evaluate("window.growth"):
        if count > counts[-1] and at - last >= 100:
            counts.append(count)
            last = at
    return counts[1:]


def same_as_loaded_at_once(tab: Tab) -> None:
    """The preview's DOM, grown token by token, equals that of the finished page loaded in one piece."""
    grown = tab.frame().evaluate("document.documentElement.outerHTML")
    mode = tab.frame().evaluate("document.compatMode")
    other = tab.page.context.new_page()
    other.goto(tab.frame().url)
    assert other.evaluate("document.documentElement.outerHTML") == grown
    assert other.evaluate("document.compatMode") == mode == "CSS1Compat"
    other.close()


def test_the_page_draws_itself_while_it_is_written_and_is_never_reloaded(scripted: Server, tabs: Any) -> None:
    text = document(40)
    scripted.play({"chunks": tokens("Here is your page:\n\n" + text), "delay": 0.012})
    tab = tabs(scripted)
    tab.page.locator("#starters button").first.click()
    frame = tab.frame()
    tab.page.locator(".pc .pc-code").evaluate("box => box.mark = 'kept'")
    identity = frame.evaluate("window.documentId")
    facts = tab.wait_finished()
    assert len(growth(tab)) >= 4, f"the DOM grew only so: {growth(tab)}"
    assert frame.evaluate("window.documentId") == identity
    assert len(tab.loads) == 1
    assert len(tab.navigations) == 1
    assert re.search(
        r"Finished [\d,]+ tokens \d+ tokens/s first after \d+\.\d s [\d,]+ left before the limit [\d.]+ KB", facts
    ), facts
    expect(tab.page.get_by_text("Here is your page:")).to_be_visible()
    assert tab.frame() == frame
    assert tab.console.count("the script ran") == 1
    assert frame.evaluate("document.body.dataset.born") == "once"
    assert tab.page.locator(".pc .pc-code").evaluate("box => box.mark") == "kept"
    same_as_loaded_at_once(tab)
    assert len(tab.loads) == 1
    assert tab.code() == scripted.source(tab.page_id) == text.rstrip("\n")


def test_stop_keeps_what_is_there_and_frees_the_model(scripted: Server, tabs: Any) -> None:
    text = document(4_000)
    scripted.play({"chunks": tokens(text), "delay": 0.02}, {"chunks": tokens(document(1))})
    tab = tabs(scripted)
    tab.say("a long page")
    expect(tab.frame().locator("p.line").nth(2)).to_be_attached(timeout=30_000)
    tab.page.locator("#stop-button").click()
    facts = tab.wait_finished()
    assert facts.startswith("Stopped about ")
    kept = scripted.source(tab.page_id)
    assert text.startswith(kept)
    assert 100 < len(kept) < len(text) / 2
    tab.page.wait_for_timeout(500)
    assert scripted.source(tab.page_id) == kept
    assert tab.code() == kept
    assert tab.frame().locator("p.line").count() > 2
    expect(tab.page.get_by_text("Task manually stopped")).to_have_count(0)
    tab.say("another one")
    assert tab.wait_finished(2).startswith("Finished")


def test_a_follow_up_changes_the_page_and_new_page_begins_an_empty_one(scripted: Server, tabs: Any) -> None:
    first, second = document(3), document(3).replace("#b5651d", "green")
    third = "<!DOCTYPE html>\n<html><head><title>Other</title></head><body><p>Other</p></body></html>"
    scripted.play({"chunks": tokens(first)}, {"chunks": tokens(second)}, {"chunks": tokens(third)})
    tab = tabs(scripted)
    tab.say("a bakery")
    tab.wait_finished(1)
    first_id = tab.page_id
    tab.say("make the header green")
    tab.wait_finished(2)
    assert [request["page"] for request in scripted.requests] == [None, first.rstrip("\n")]
    assert tab.page_id != first_id
    assert tab.frame().evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 128, 0)"
    expect(tab.answers.last.locator(".pc-version")).to_have_text("v2")
    assert scripted.source(first_id) == first.rstrip("\n")  # the old version is still there
    tab.answers.first.get_by_text("Preview").click()
    expect(tab.page.locator(f"iframe[src*='{first_id}']")).to_be_visible()
    tab.say("make the one in the pane blue")
    tab.wait_finished(3)
    assert scripted.requests[2]["page"] == first.rstrip("\n")
    tab.page.get_by_text("New page").click()
    tab.say("something else")
    tab.wait_finished(4)
    assert scripted.requests[3]["page"] is None
    expect(tab.answers.last.locator(".pc-version")).to_have_text("v4")
    assert tab.page.locator("iframe.pv-frame").count() == 1


def test_a_new_page_that_is_refused_is_still_a_new_page(scripted: Server, tabs: Any) -> None:
    page = {"chunks": tokens(document(3))}
    scripted.play(page, {"chunks": [], "error": "The model broke off."}, page)
    tab = tabs(scripted)
    tab.say("a bakery")
    tab.wait_finished(1)
    tab.page.get_by_text("New page").click()
    tab.say("a login page")
    expect(tab.page.get_by_text("The model broke off.")).to_be_visible()
    tab.say("a login page")
    tab.wait_finished(2)
    assert [request["page"] for request in scripted.requests] == [None, None, None]


def test_on_a_phone_the_pane_can_stop_the_model(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(4_000)), "delay": 0.01})
    tab = tabs(scripted, size=(390, 844), has_touch=True)
    tab.say("a page")
    tab.page.get_by_role("button", name="Stop writing").click()
    assert tab.wait_finished().startswith("Stopped")


def test_two_tabs_at_once_one_waits_and_sees_its_place(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(40))}, {"chunks": tokens(document(2, "Second."))})
    one, two, three = tabs(scripted), tabs(scripted), tabs(scripted)
    with scripted.hold(60):
        one.say("first")
        one.frame()
        two.say("second")
        expect(two.page.get_by_text("Waiting in the queue, place 1.")).to_be_visible()
        three.say("third")  # HTMLGEN_QUEUE_SIZE=1
        expect(three.page.get_by_text("Busy: 1 requests are waiting already. Try again")).to_be_visible()
        assert one.page.locator(".pc-facts b[data-outcome]").count() == 0
    assert one.wait_finished().startswith("Finished")
    assert two.wait_finished().startswith("Finished")
    expect(two.page.get_by_text("Waiting in the queue")).to_have_count(0)
    assert one.frame().locator("p.line").count() == 40
    assert two.frame().locator("p.line").count() == 2
    assert [request["instruction"] for request in scripted.requests] == ["first", "second"]


def test_a_cut_page_says_so_and_continues_from_the_exact_cut(scripted: Server, tabs: Any) -> None:
    text = document(20)
    whole = {"chunks": tokens(text), "delay": 0.004}
    scripted.play({**whole, "cut": 60}, {**whole, "cut": 60}, whole)
    tab = tabs(scripted)
    tab.say("a page")
    facts = tab.wait_finished()
    assert facts.startswith("Cut at the limit of 60 tokens"), facts
    page_id, cut = tab.page_id, scripted.source(tab.page_id)
    assert text.startswith(cut)
    assert len(cut) < len(text) / 2
    for part in (2, 3):
        tab.page.get_by_role("button", name="Continue").click()
        expect(tab.page.locator(f".pc[data-part='{part}']")).to_be_visible()
        facts = tab.wait_finished()
        assert tab.page_id == page_id
        assert len(tab.loads) == part, "one load for each continuation"
    assert facts.startswith("Finished")
    assert tab.answers.count() == 1
    assert scripted.requests[1]["prefix"] == text[: 60 * 6]
    assert tab.code() == scripted.source(page_id) == text.rstrip("\n")
    assert tab.frame().locator("p.line").count() == 20
    expect(tab.page.get_by_role("button", name="Continue")).to_have_count(0)
    same_as_loaded_at_once(tab)


def test_stop_also_stops_a_continuation(scripted: Server, tabs: Any) -> None:
    whole = {"chunks": tokens(document(4_000)), "delay": 0.01}
    scripted.play({**whole, "cut": 40}, whole)
    tab = tabs(scripted)
    tab.say("a page")
    tab.wait_finished()
    tab.page.get_by_role("button", name="Continue").click()
    expect(tab.page.locator(".pc[data-part='2']")).to_be_visible()
    expect(tab.frame().locator("p.line").nth(2)).to_be_attached(timeout=30_000)
    tab.page.locator("#stop-button").click()
    assert tab.wait_finished().startswith("Stopped")


def test_a_continuation_that_is_refused_can_be_asked_for_again(scripted: Server, tabs: Any) -> None:
    slow = {"chunks": tokens(document(4_000)), "delay": 0.05}
    whole = {"chunks": tokens(document(3))}
    scripted.play({**whole, "cut": 30}, slow, slow, whole)
    one, two, three = tabs(scripted), tabs(scripted), tabs(scripted)
    one.say("a page")
    assert one.wait_finished().startswith("Cut")
    two.say("first in line")
    two.frame()
    three.say("second in line")
    expect(three.page.get_by_text("Waiting in the queue, place 1.")).to_be_visible()
    one.page.get_by_role("button", name="Continue").click()
    expect(one.page.get_by_text("Busy: 1 requests are waiting")).to_be_visible()
    assert one.wait_finished().startswith("Cut")
    three.page.locator("#stop-button").click()
    expect(three.page.get_by_text("Stopped.")).to_be_visible()
    two.page.locator("#stop-button").click()
    two.wait_finished()
    scripted.play(whole)
    one.page.get_by_role("button", name="Continue").click()
    expect(one.page.locator(".pc[data-part='2']")).to_be_visible()
    assert one.wait_finished().startswith("Finished")
    assert one.code() == document(3).rstrip("\n")


def test_a_closed_tab_frees_its_place(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(4_000)), "delay": 0.05}, {"chunks": tokens(document(1))})
    one, two = tabs(scripted), tabs(scripted)
    one.say("a page that takes minutes")
    one.frame()
    two.say("a short one")
    expect(two.page.get_by_text("Waiting in the queue, place 1.")).to_be_visible()
    one.page.close()
    assert two.wait_finished().startswith("Finished")


def test_an_error_is_one_readable_message(scripted: Server, tabs: Any) -> None:
    scripted.play(
        {"chunks": tokens(document(3))[:30], "error": "The GPU is out of memory. Ask for a shorter page."},
        {"chunks": [], "error": "The prompt is too long."},
        {"chunks": tokens(document(1))},
    )
    tab = tabs(scripted)
    tab.say("a page")
    assert tab.wait_finished().startswith("Broke off")
    expect(tab.page.get_by_text("The GPU is out of memory. Ask for a shorter page.")).to_be_visible()
    assert tab.frame().locator("h1").count() == 1
    tab.say("again")
    expect(tab.page.get_by_text("The prompt is too long.")).to_be_visible()
    assert tab.answers.count() == 1
    tab.say("again")
    assert tab.wait_finished(2).startswith("Finished")
    assert "Traceback" not in tab.page.content()


def test_text_that_never_becomes_a_page_is_shown_as_text(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": ["I can only ", "write web ", "pages."]})
    tab = tabs(scripted)
    tab.say("what is the weather?")
    expect(tab.page.get_by_text("I can only write web pages.")).to_be_visible()
    expect(tab.page.locator("#stop-button")).to_have_count(0)
    assert tab.answers.count() == 0
    assert tab.page.locator("iframe.pv-frame").count() == 0


def test_nothing_is_loaded_from_elsewhere(scripted: Server, tabs: Any) -> None:
    """Not by Chainlit's own page, and not by a picture in what the model says beside the page."""
    scripted.play({"chunks": ["Look: ![x](https://images.invalid/x.png)\n\n", *tokens(document(1))]})
    tab = tabs(scripted, size=(1280, 800))
    tab.say("a page")
    tab.wait_finished()
    expect(tab.page.get_by_text("Look:")).to_be_visible()
    tab.page.reload()
    expect(tab.answers).to_have_count(1)
    assert [url for url in tab.went_out if not url.startswith((scripted.url, "data:", "blob:"))] == []


def test_what_is_said_in_the_chat_is_words_and_nothing_runs(scripted: Server, tabs: Any) -> None:
    """By the model beside its page, and by who asks."""
    hostile = (
        "[x](javascript:hacked=1) [d](data:text/html,x) <img src=x onerror=hacked=1> <svg onload=hacked=1> <b>bold</b> "
        "<a href=javascript:hacked=1>y</a> <style>body{display:none}</style> <script>hacked=1</script>"
    )
    scripted.play({"chunks": tokens(f"Look: {hostile}")})
    tab = tabs(scripted)
    tab.say(f"Mine: {hostile}")
    for who in ("Look:", "Mine:"):
        expect(tab.page.get_by_text(who).first).to_be_visible()
    expect(tab.page.locator("#stop-button")).to_have_count(0)
    found = """() => [typeof hacked, document.querySelectorAll("[onerror], [onload], [href^='javascript'], [href^='data']").length]"""
    assert tab.page.evaluate(found) == ["undefined", 0]
    assert tab.page.locator("b", has_text="bold").count() == 0


def test_any_source_is_shown_as_it_is(scripted: Server, tabs: Any) -> None:
    """Long lines, astral characters, half-open strings and comments: the coloured code is the source, letter by letter."""
    hard = [
        "<!-- a comment\n over lines --><p title='<b>'>5 < 6 &amp; \"quotes\"</p>",
        "<script>const a = 'it\\'s', b = `line\n${a}` // not </p>\nfor (;;) { /* x */ break }</script>",
        "<style>@media (max-width: 9em) { a:hover{color:#fff;--x:1.5rem} }</style>",
        f"<p>{'😀é' * 1_500}</p>",
        "<script>" + ";".join(f"x{n}=/[/'\"]/g" for n in range(300)) + "</script>",
        "\t<pre>\n\n\n  tabs\tand  spaces</pre>",
    ]
    text = f"<!DOCTYPE html>\n<html><body>\n{chr(10).join(hard)}\n</body></html>"
    scripted.play({"chunks": tokens(text, 37)})
    tab = tabs(scripted)
    tab.say("a page")
    tab.wait_finished()
    assert scripted.source(tab.page_id) == text
    assert tab.code() == text
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.get_by_role("button", name="Copy the code").click()
    expect(tab.page.locator(".pc-bar .lucide-check")).to_be_visible()
    assert tab.page.evaluate("navigator.clipboard.readText()") == text


def test_the_pane_stays_closed_until_there_is_something_new(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(20))})
    tab = tabs(scripted)
    with scripted.hold(60):
        tab.say("a page")
        tab.frame()
        tab.page.locator("#side-view-title button").click()
    tab.wait_finished()
    tab.page.wait_for_timeout(300)
    assert tab.page.locator("iframe.pv-frame").count() == 0
    tab.page.locator(".pc-open").click()
    expect(tab.frame().locator("p.line").nth(19)).to_be_attached()


def test_remote_files_are_loaded_only_on_request(scripted: Server, tabs: Any) -> None:
    page = (
        HEAD + '<img src="https://images.invalid/a.png"><img src="https://images.invalid/b.png"><p>x</p></body></html>'
    )
    scripted.play({"chunks": tokens(page)})
    tab = tabs(scripted)
    tab.say("a page with pictures")
    tab.wait_finished()
    expect(tab.page.get_by_text("2 remote files blocked")).to_be_visible()
    assert [url for url in tab.went_out if "images.invalid" in url] == []
    tab.page.get_by_role("button", name="Load them").click()
    expect(tab.page.get_by_text("remote files blocked")).to_be_hidden()
    tab.frame().locator("p").wait_for()
    tab.page.wait_for_timeout(300)
    assert sorted(url for url in tab.went_out if "images.invalid" in url) == [
        "https://images.invalid/a.png",
        "https://images.invalid/b.png",
    ]


def test_settings_reach_the_engine(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(1))})
    tab = tabs(scripted)
    tab.page.locator("#chat-settings-open-modal").click()
    tab.page.locator("#max_new_tokens").fill("123")
    tab.page.locator("#seed").fill("7")
    tab.page.get_by_role("button", name="Confirm").click()
    tab.say("a page")
    tab.wait_finished()
    sampling = scripted.requests[0]["sampling"]
    assert (sampling["max_new_tokens"], sampling["seed"], sampling["temperature"]) == (123, 7, 0.2)


# Looks


def test_the_welcome_screen_is_the_projects_own(scripted: Server, tabs: Any) -> None:
    tab = tabs(scripted)
    assert tab.page.title() == "HTMLGen Studio"
    icons = tab.page.locator("#starters button img")
    expect(icons).to_have_count(6)
    for image in (*icons.all(), tab.page.locator("img.logo")):
        expect(image).to_be_visible()
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert "Chainlit" not in tab.page.inner_text("body")
    logo = httpx.get(f"{scripted.url}/logo?theme=dark", trust_env=False).text
    assert "HTMLGen" in logo
    assert "d9480f" in httpx.get(f"{scripted.url}/favicon", trust_env=False).text
    tab.page.get_by_text("Readme").click()
    expect(tab.page.get_by_text("you watch the page draw itself")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system(scripted: Server, tabs: Any, scheme: str) -> None:
    tab = tabs(scripted, color_scheme=scheme)
    background = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(value) for value in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness > 200) if scheme == "light" else (brightness < 60)


def test_on_a_phone_everything_fits(scripted: Server, tabs: Any) -> None:
    scripted.play({"chunks": tokens(document(20))})
    tab = tabs(scripted, size=(390, 844), has_touch=True)
    tab.say("a page")
    tab.wait_finished()
    expect(tab.page.locator("iframe.pv-frame")).to_be_visible()
    width = tab.page.locator("iframe.pv-frame").evaluate("frame => frame.clientWidth")
    assert 380 <= width <= 390
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("iframe.pv-frame")).to_have_count(0)
    for selector in (".pc", "#chat-input", ".pc-facts"):
        box = tab.page.locator(selector).first.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


# The model that ships with the project, in NF4: what a user gets


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """app.py as it is, but that `Server.hold` can stop its model in the middle of a page."""
    env = {"HTMLGEN_MODEL": "demo", "HTMLGEN_QUANTIZATION": "4bit", "HTMLGEN_ADAPTER": ""}
    yield from run_server(tmp_path_factory.mktemp("demo"), "tests/browser/held_app.py", **env)


def test_the_demo_models_page_draws_itself_and_its_script_runs_once(demo: Server, tabs: Any, screenshots: Path) -> None:
    tab = tabs(demo, size=(1440, 900))
    elements = "document.querySelectorAll('*').length"
    with demo.hold(20):
        tab.page.get_by_role("button", name="To-do list").click()
        frame = tab.frame()
        frame.wait_for_function(f"{elements} > 3")  # what every document has is there, and more
        assert frame.evaluate("document.readyState") == "loading"
        identity, drawn = frame.evaluate("window.documentId"), frame.evaluate(elements)
        debugger = tab.page.context.new_cdp_session(frame)
        ran: list[str] = []
        debugger.on("Debugger.scriptParsed", lambda script: "/pages/" in script["url"] and ran.append(script["hash"]))
        debugger.send("Debugger.enable")  # tells of the scripts before, too
    assert tab.wait_finished(seconds=SLOW).startswith("Finished")
    assert frame.evaluate(elements) > drawn
    assert frame.evaluate("window.documentId") == identity
    assert len(tab.loads) == len(tab.navigations) == 1
    scripts = frame.locator("script").count()
    assert scripts >= 1
    assert len(ran) == len(set(ran)) == scripts + 1  # and the prelude
    same_as_loaded_at_once(tab)
    tab.page.screenshot(path=screenshots / "todo.png")


def test_the_demo_model_changes_its_page_and_is_stopped(demo: Server, tabs: Any, screenshots: Path) -> None:
    tab = tabs(demo, size=(1440, 900), color_scheme="light")
    with demo.hold(120):
        tab.page.locator("#starters button").first.click()
        expect(tab.frame().locator("body *").nth(6)).to_be_attached(timeout=SLOW * 1000)
        tab.page.screenshot(path=screenshots / "screenshot.png")
    assert tab.wait_finished(seconds=SLOW).startswith("Finished")
    before = tab.page_id, demo.source(tab.page_id)
    tab.say("make the header green")
    assert tab.wait_finished(2, seconds=SLOW).startswith("Finished")
    after = tab.page_id, demo.source(tab.page_id)
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert "Sunny Crumb" in after[1], "the change begins from the page that was there"
    expect(tab.answers.last.locator(".pc-version")).to_have_text("v2")
    tab.page.get_by_text("New page").click()
    with demo.hold(60):
        tab.say("A pricing page with three plans: Free, Pro and Team")
        third = "[...document.querySelectorAll('.pc')][2]?.querySelectorAll('.pc-row').length > 3"
        tab.page.wait_for_function(third, timeout=SLOW * 1000)
        tab.page.locator("#stop-button").click()
        assert tab.wait_finished(3).startswith("Stopped")
    kept = demo.source(tab.page_id)
    assert kept.count("\n") >= 3
    assert "</html>" not in kept


def test_two_tabs_ask_the_demo_model_at_once(demo: Server, tabs: Any) -> None:
    one, two = tabs(demo), tabs(demo)
    one.page.locator("#chat-input").fill('A restaurant menu for "Trattoria Lume" with bruschetta, risotto and tiramisu')
    two.page.locator("#chat-input").fill("A login page for Acme with a green button")
    one.page.locator("#chat-submit").click()
    two.page.locator("#chat-submit").click()
    assert one.wait_finished(seconds=SLOW).startswith("Finished")
    assert two.wait_finished(seconds=SLOW).startswith("Finished")
    assert "Lume" in one.frame().inner_text("body")
    assert "Acme" in two.frame().inner_text("body")

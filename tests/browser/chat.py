"""One person's chat in a tab."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Frame, Page, TimeoutError, expect

from tests.server import Server, rows

expect.set_options(timeout=20_000)  # two busy cores

DESKTOP, PHONE = (1440, 900), (390, 844)

GROWTH = """
// In every document: what tells it from another one in the same frame, and how it grew while its response was open.
window.documentId = Math.random()
window.growth = []
new MutationObserver(() => {
  if (document.readyState === "loading")
    window.growth.push([performance.now(), document.querySelectorAll("*").length])
}).observe(document, { childList: true, subtree: true })
"""


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


def versions(server: Server, tab: Tab) -> list[dict[str, Any]]:
    return rows(server, "SELECT * FROM versions WHERE chat = ? ORDER BY number", chat_id(tab))


def chat_id(tab: Tab) -> str:
    """From its address, which it gets a little after its first message."""
    tab.page.wait_for_url("**/thread/*")
    return tab.page.url.rsplit("/", 1)[1]


def close_pane(tab: Tab) -> None:
    """On a phone the pane lies over the chat, a moment after the page that opens it has begun."""
    if tab.page.viewport_size and tab.page.viewport_size["width"] < 768:
        expect(tab.page.locator("iframe.pv-frame")).to_be_visible()
        tab.page.keyboard.press("Escape")
        expect(tab.page.locator("iframe.pv-frame")).to_have_count(0)


def tools(tab: Tab, index: int = -1) -> Any:
    """The buttons under a page."""
    return tab.page.locator(".pa").nth(index if index >= 0 else tab.page.locator(".pa").count() - 1)


def attach(tab: Tab, file: Path) -> None:
    """Adds a file to the message, once the tab is connected."""
    chosen = tab.page.locator("#upload-button-input")
    for _ in range(30):
        with tab.page.expect_response(lambda answer: "/project/file" in answer.url) as answered:
            chosen.set_input_files(str(file))
        if answered.value.ok:
            break
        chosen.set_input_files([])  # the same file once more would be no change
        tab.page.wait_for_timeout(500)
    expect(tab.page.locator("#chat-submit")).to_be_enabled()


def disconnect(tab: Tab) -> None:
    """Ends the chat's connection as a network does, without a word; public/studio.js knows its sockets."""
    tab.page.evaluate("sockets.forEach(socket => socket.close())")


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

"""A page in a real browser while it is written: the document is the stored one, and the prelude does its work."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Frame, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from htmlgen.isolation import page_headers
from htmlgen.origin import protect
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import make_preview
from tests.server import AppServer

PARENT = """<!DOCTYPE html>
<html><head><title>The app</title><style>body { margin: 0 } iframe { width: 600px; height: 400px; border: 0 }</style></head>
<body><iframe id=frame sandbox="allow-scripts allow-forms"></iframe>
<script>
  const frame = document.getElementById("frame"), reports = []
  let port = null
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.data?.htmlgen !== "ready") return
    const channel = new MessageChannel()
    port = channel.port1
    port.onmessage = ({ data }) => reports.push(data)
    frame.contentWindow.postMessage({ htmlgen: "port" }, "*", [channel.port2])
  })
  frame.src = new URLSearchParams(location.search).get("src")
</script></body></html>"""


class LiveApp:
    """A parent with one frame, pages that grow on demand, and the same text as the model's bytes alone."""

    def __init__(self, serve: Callable[[Any], AppServer]) -> None:
        self.shelf = PageShelf(500)
        app = Starlette(
            routes=[
                Route("/", lambda request: HTMLResponse(PARENT)),
                Route("/stored/{page}", self.stored),
                Route("/without-forms/{page}", self.without_forms),
            ]
        )
        app.router.routes[:0] = make_preview(self.shelf, may_read=lambda *_: True).routes
        protect(app)
        self.server = serve(app)
        self.url = self.server.url

    async def stored(self, request: Request) -> Response:
        """What the document is without us: no prelude, nothing streamed; the policy is the same."""
        return HTMLResponse(self.shelf.get(request.path_params["page"]).html, headers=page_headers())

    async def without_forms(self, request: Request) -> Response:
        headers = page_headers()
        headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace(" allow-forms", "")
        return HTMLResponse(self.shelf.get(request.path_params["page"]).html, headers=headers)

    def new(self, html: str = "", finish: bool = False) -> LivePage:
        def make() -> LivePage:
            page = self.shelf.new()
            page.append(html)
            if finish:
                page.finish("stop")
            return page

        return self.server.call(make)

    def append(self, page: LivePage, html: str) -> None:
        self.server.call(page.append, html)

    def finish(self, page: LivePage) -> None:
        self.server.call(page.finish, "stop")

    def show(self, tab: Page, page: LivePage) -> Frame:
        """The page in the parent's frame, where the chat has it."""
        tab.goto(f"{self.url}/?src=/pages/{page.id}/live", wait_until="commit")
        wait_in(tab, lambda: len(tab.frames) > 1 and page.id in tab.frames[1].url, "the frame is there")
        return tab.frames[1]

    def show_whole(self, tab: Page, html: str) -> Frame:
        frame = self.show(tab, self.new(html, finish=True))
        frame.wait_for_load_state("load")
        return frame


def wait_in(tab: Page, ready: Callable[[], Any], what: str, seconds: float = 15) -> None:
    for _ in range(int(seconds * 20)):
        if ready():
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"not within {seconds} seconds: {what}")


@pytest.fixture
def app(serve: Callable[[Any], AppServer]) -> LiveApp:
    return LiveApp(serve)


DESCRIBE = """() => ({
  mode: document.compatMode,
  doctype: document.doctype && [document.doctype.name, document.doctype.publicId, document.doctype.systemId],
  nodes: [...document.childNodes].map(node => node.nodeName + ":" + (node.data ?? "")),
  html: document.documentElement.outerHTML,
  language: document.documentElement.lang,
})"""

BODY = "<h1>Hello</h1>\n<p>one<p>two\n<ul><li>a<li>b</ul><table><tr><td>1</table>text"
DOCUMENTS = {
    "complete": f"<!DOCTYPE html>\n<html lang='de'>\n<head>\n  <title>x</title>\n</head>\n<body class='a'>\n{BODY}\n</body>\n</html>\n",
    "head with attributes": f"<!DOCTYPE html><html><head data-x='>'><meta charset=utf-8></head><body>{BODY}</body></html>",
    "no head": f"<!DOCTYPE html>\n<html>\n  <body>\n{BODY}</body></html>",
    "no head tag, but a title": f"<!doctype html>\n<title>x</title>\n<style>p {{ color: red }}</style>\n{BODY}",
    "no doctype": f"<html>\n<head>\n<title>x</title></head>\n<body>{BODY}</body>\n</html>",
    "an old doctype": '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2//EN">\n<html><head><title>x</title></head>\n<p>x',
    "almost standards": '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/x.dtd"><html>\n<p>x',
    "comments first": f"<!-- a -->\n<!-- b --><!DOCTYPE html>\n<!-- c -->\n<html>\n<!-- d -->\n<head>\n<!-- e -->\n</head>{BODY}",
    "XML prolog": f'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml"><head></head>{BODY}',
    "fragment": f"<div id=root>{BODY}</div>",
    "fragment with blanks": f"\n\n  <!-- a form -->\n<form>{BODY}</form>\n\n",
    "text": "Hello & goodbye <3 <b>bold</b>",
    "frameset": "<!DOCTYPE html><html><head><title>x</title></head><frameset cols='50%,50%'></frameset></html>",
    "script first": "<script>document.write('<p>written')</script><p>x",
    "script in the head": "<!DOCTYPE html><html><head><script>var runs = (window.runs || 0) + 1</script></head>"
    "<body><script>document.body.dataset.runs = runs; document.write('<i>w</i>')</script><p>x",
    "script that looks around": "<!DOCTYPE html><html><head><script>document.title = document.scripts.length + ' ' + "
    "document.head.childNodes.length</script></head><body><p>x</p></body></html>",
    "empty": "",
    "doctype only": "<!DOCTYPE html>",
    "two of everything": "<html><head><title>1</title><head><body class=a><html lang=en><body class=b><p>x</html><p>y",
}


def read_document(app: LiveApp, tab: Page, path: str) -> Any:
    tab.goto(app.url + path, wait_until="load")
    return tab.evaluate(DESCRIBE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_is_the_stored_one(app: LiveApp, tab: Page, name: str) -> None:
    page = app.new(DOCUMENTS[name], finish=True)
    stored = read_document(app, tab, f"/stored/{page.id}")
    assert read_document(app, tab, f"/pages/{page.id}/live") == stored

    growing = app.new()
    frame = app.show(tab, growing)
    pieces = [DOCUMENTS[name][i : i + 9] for i in range(0, len(DOCUMENTS[name]), 9)]
    for number, piece in enumerate(pieces):
        app.append(growing, piece)
        if number % 8 == 0:
            tab.wait_for_timeout(10)
    app.finish(growing)
    frame.wait_for_load_state("load")
    assert frame.evaluate(DESCRIBE) == stored


def real_documents() -> Iterator[str]:
    folder = Path(os.environ.get("HTMLGEN_SHARED_DATA") or Path(__file__).parents[3] / "shared/data")
    if not (folder / "html_alpaca.json").exists():
        pytest.skip("the shared data is not here")
    rows = json.loads((folder / "html_alpaca.json").read_text())
    yield from (row["output"] for row in rows[::60])
    yield from (row["html"] for row in json.loads((folder / "html_dataset.json").read_text())[3::16])


def test_real_documents_are_the_stored_ones(app: LiveApp, tab: Page) -> None:
    for html in real_documents():
        page = app.new(html, finish=True)
        stored = read_document(app, tab, f"/stored/{page.id}")
        assert read_document(app, tab, f"/pages/{page.id}/live") == stored


def test_the_page_draws_itself_while_it_is_written(app: LiveApp, tab: Page) -> None:
    page = app.new("<!DOCTYPE html><html><head><title>x</title></head><body>")
    frame = app.show(tab, page)
    navigations: list[str] = []
    tab.on("framenavigated", lambda frame: navigations.append(frame.url))
    app.append(
        page, "<script>window.runs = (window.runs || 0) + 1; document.documentElement.dataset.runs = runs</script>"
    )
    for count in range(1, 6):
        app.append(page, f"<p>{count}</p>")
        wait_in(
            tab,
            lambda count=count: frame.evaluate("document.querySelectorAll('p').length") == count,
            f"{count} paragraphs",
        )
    assert frame.evaluate("document.readyState") == "loading"
    app.append(page, "</body></html>")
    app.finish(page)
    frame.wait_for_load_state("load")
    assert navigations == []
    assert frame.evaluate("document.documentElement.dataset.runs") == "1"


def test_storage_and_cookies_work_in_memory(app: LiveApp, tab: Page) -> None:
    frame = app.show_whole(tab, "<p>x")
    got = frame.evaluate("""() => {
      localStorage.setItem("a", 1); localStorage.b = "two"; sessionStorage["a b"] = {}
      document.cookie = "name=a=b; path=/"; document.cookie = "gone=1"; document.cookie = "gone=; max-age=0"
      document.cookie = "old=1; expires=Thu, 01 Jan 1970 00:00:00 GMT"
      const before = [localStorage.a, localStorage.getItem("b"), localStorage.c, localStorage.getItem("c"), localStorage.length,
        localStorage.key(1), Object.keys(localStorage), "a" in localStorage, JSON.stringify(localStorage),
        sessionStorage.length, sessionStorage.getItem("a b"), localStorage instanceof Storage, document.cookie]
      delete localStorage.a; localStorage.removeItem("b"); sessionStorage.clear()
      return [...before, localStorage.length, sessionStorage.length]
    }""")
    text = '{"a":"1","b":"two"}'
    assert got[:9] == ["1", "two", None, None, 2, "b", ["a", "b"], True, text]
    assert got[9:] == [1, "[object Object]", True, "name=a=b", 0, 0]
    assert app.show_whole(tab, "<p>y").evaluate("localStorage.length") == 0


NOISY = """<!DOCTYPE html>
<html><head><title>x</title>
<script>
console.log("hello", {a: 1}, [2])
console.error(new TypeError("odd").message)
nobody.home()
</script></head>
<body>
<img src="https://remote.example/x.png">
<button id="go" class="big red" onclick="alert('Hi ' + confirm('Sure?') + prompt('Who?', 'me'))">Press me</button>
<a id="away" href="/elsewhere">away</a> <a id="here" href="#end">here</a> <a id="script" href="javascript:void(document.title='ran')">s</a>
<form id="f" action="/login"><input name="a"><button id="send">Send</button></form>
<p style="margin-top: 2000px" id="end">end</p>
<script>Promise.reject(new Error("nobody caught me"))</script>
</body></html>"""


def test_the_page_reports_to_the_window_that_shows_it(app: LiveApp, tab: Page) -> None:
    frame = app.show_whole(tab, NOISY)

    def reports(kind: str) -> list[dict[str, Any]]:
        return [{k: v for k, v in r.items() if k != "kind"} for r in tab.evaluate("reports") if r["kind"] == kind]

    wait_in(tab, lambda: reports("blocked"), "the picture is reported")
    assert reports("console")[:2] == [{"level": "log", "text": 'hello {"a":1} [2]'}, {"level": "error", "text": "odd"}]
    first, second = reports("error")[0], reports("error")[-1]
    assert "nobody is not defined" in first["text"]
    assert first["line"] == NOISY[: NOISY.index("nobody.home")].count("\n") + 1
    assert "img cannot be loaded" in str(reports("error"))
    assert "nobody caught me" in str(reports("error")), second
    assert reports("blocked")[0] == {"url": "https://remote.example/x.png", "directive": "img-src"}

    frame.click("#go")
    wait_in(tab, lambda: len(reports("dialog")) == 3, "three dialogs")
    assert [report["text"] for report in reports("dialog")] == ["Sure?", "Who?", "Hi trueme"]
    assert reports("click") == [{"selector": "button#go.big.red", "text": "Press me"}]
    frame.click("#away")
    frame.click("#send")
    wait_in(tab, lambda: reports("submit"), "the form is reported")
    assert reports("link") == [{"url": "/elsewhere"}]
    assert reports("submit") == [{"url": "/login"}]
    frame.click("#script")
    wait_in(tab, lambda: frame.title() == "ran", "the script in the link runs")
    frame.click("#here")
    wait_in(tab, lambda: reports("scroll"), "the page has scrolled")
    assert frame.evaluate("[location.hash, scrollY > 500]") == ["#end", True]
    tab.evaluate("port.postMessage({kind: 'scroll', x: 0, y: 120})")
    wait_in(tab, lambda: frame.evaluate("scrollY") == 120, "the parent scrolls the page")


def test_a_flood_of_reports_is_cut(app: LiveApp, tab: Page) -> None:
    frame = app.show_whole(tab, "<script>for (let i = 0; i < 1000; i++) console.log('x'.repeat(3000))</script>")
    wait_in(tab, lambda: tab.evaluate("reports.length"), "the first reports")
    tab.wait_for_timeout(300)
    assert tab.evaluate("reports.length") <= 200
    assert tab.evaluate("reports[0].text.length") == 2000
    assert frame.evaluate("1") == 1


def test_only_the_parent_may_hand_over_a_port_and_the_page_does_not_see_it(app: LiveApp, tab: Page) -> None:
    frame = app.show_whole(
        tab,
        """<script>
        var seen = []
        addEventListener("message", (event) => seen.push(event.data))
        const mine = new MessageChannel()
        mine.port1.onmessage = ({ data }) => seen.push(data)
        postMessage({ htmlgen: "port" }, "*", [mine.port2])
        </script>""",
    )
    wait_in(tab, lambda: frame.evaluate("seen.length"), "the page's own message arrives")
    frame.evaluate("console.log('after')")
    wait_in(tab, lambda: tab.evaluate("reports.some((report) => report.text === 'after')"), "the parent hears the page")
    assert frame.evaluate("seen") == [{"htmlgen": "port"}]  # its own; neither the parent's nor a report


FORM = """<form id=f><input name=a value=1><button>Send</button></form>
<script>f.addEventListener("submit", (event) => { event.preventDefault(); document.title = "sent " + new FormData(f).get("a") })</script>"""


def test_forms_that_a_script_handles_work_and_would_not_without_allow_forms(app: LiveApp, tab: Page) -> None:
    frame = app.show_whole(tab, FORM)
    frame.click("button")
    assert frame.title() == "sent 1"
    page = app.new(FORM, finish=True)
    tab.goto(f"{app.url}/without-forms/{page.id}")
    tab.click("button")
    assert tab.title() == ""


LINES = "".join(f"<p>line {i}</p>" for i in range(30))


def test_the_end_stays_in_view_until_the_reader_scrolls_away(app: LiveApp, tab: Page) -> None:
    page = app.new("<!DOCTYPE html><html><body>" + LINES)
    frame = app.show(tab, page)
    position, rest = "Math.round(scrollY)", "Math.round(document.documentElement.scrollHeight - innerHeight - scrollY)"
    wait_in(tab, lambda: frame.evaluate(position) > 500, "the end is in view")
    app.append(page, LINES)
    wait_in(tab, lambda: frame.evaluate(position) > 1500 and frame.evaluate(rest) < 40, "the end is in view again")

    tab.mouse.move(300, 200)
    tab.mouse.wheel(0, -700)
    tab.wait_for_timeout(300)
    place = frame.evaluate(position)
    assert frame.evaluate(rest) > 500
    app.append(page, LINES)
    wait_in(tab, lambda: frame.evaluate(rest) > 1500, "the page has grown")
    assert frame.evaluate(position) == place

    tab.mouse.wheel(0, 9999)
    wait_in(tab, lambda: frame.evaluate(rest) < 40, "the reader is at the end")
    app.append(page, LINES)
    wait_in(tab, lambda: frame.evaluate(position) > 3000 and frame.evaluate(rest) < 40, "the end is followed again")
    app.finish(page)
    frame.wait_for_load_state("load")
    tab.wait_for_timeout(200)
    assert frame.evaluate(rest) < 40  # he scrolled himself, so his place is his


def test_a_page_that_nobody_scrolled_is_shown_from_its_top_in_the_end(app: LiveApp, tab: Page) -> None:
    page = app.new("<!DOCTYPE html><html><body>" + LINES)
    frame = app.show(tab, page)
    wait_in(tab, lambda: frame.evaluate("scrollY") > 500, "the end is in view")
    app.finish(page)
    frame.wait_for_load_state("load")
    wait_in(tab, lambda: frame.evaluate("scrollY") == 0, "the top is in view")


def test_an_unknown_page_says_so(app: LiveApp, tab: Page) -> None:
    response = tab.goto(f"{app.url}/pages/nobody/live")
    assert response is not None
    assert response.status == 404
    assert "ask for it again in the chat" in tab.inner_text("body")


@pytest.mark.parametrize(
    "html",
    ["<script>for (;;) {}</script>", "<div>" * 10_000 + "deep", "<p>Bread with a crackle.</p>\n" * 75_000],
    ids=["a script that never ends", "ten thousand nested tags", "two megabytes"],
)
def test_whatever_a_page_does_the_app_around_it_lives(app: LiveApp, tab: Page, html: str) -> None:
    tab.goto(f"{app.url}/?src=/pages/{app.new(html, finish=True).id}/live", wait_until="commit")
    tab.wait_for_timeout(1_000)
    assert tab.evaluate("1 + 1") == 2

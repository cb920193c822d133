"""What a chat shows runs nowhere and loads nothing unasked."""

from typing import Any

from playwright.sync_api import expect

from tests.browser.script import HEAD, document, tokens
from tests.server import Server


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


def test_what_a_page_says_goes_to_the_pane_and_not_to_the_server(scripted: Server, tabs: Any) -> None:
    """Chainlit's own page sends every message to its window on, by the chat's socket, until the server closes that."""
    shout = "<script>for (let n = 0; n < 50; n++) parent.postMessage('SHOUT'.repeat(30000), '*')</script>"
    scripted.play({"chunks": tokens(f"{HEAD}<h1>Loud</h1><script>console.log('heard')</script>{shout}</body></html>")})
    tab = tabs(scripted, size=(1280, 800))
    sent: list[str] = []
    closed: list[Any] = []

    def watch(socket: Any) -> None:
        socket.on("framesent", lambda payload: sent.append(str(payload)[:400]))
        socket.on("close", lambda socket: closed.append(socket))

    tab.page.on("websocket", watch)
    tab.page.reload()
    tab.say("a page")
    tab.wait_finished()
    expect(tab.frame().locator("h1")).to_have_text("Loud")
    tab.page.get_by_role("tab", name="Console").click()
    expect(tab.page.locator(".pv").get_by_text("heard")).to_be_visible()
    tab.page.wait_for_timeout(1_000)
    assert any("client_message" in frame for frame in sent), "or nothing was watched"
    assert [frame for frame in sent if "SHOUT" in frame or '"ready"' in frame] == []
    assert closed == []

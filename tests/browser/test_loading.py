"""The chat until its model is ready, or cannot be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.script import document, tokens
from tests.server import Server, run_server


@pytest.fixture
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model is loading until it is told what to play."""
    folder = tmp_path_factory.mktemp("scripted")
    env = {"HTMLGEN_QUEUE_SIZE": "1"}
    yield from run_server(folder, "tests/browser/scripted_app.py", wait=False, script={"loading": True}, **env)


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
    """This one runs app.py itself."""
    for server in run_server(tmp_path, "app.py", wait=False, HTMLGEN_MODEL=str(tmp_path / "nowhere")):
        tab = tabs(server)
        line = tab.page.locator("#model-status[data-state=failed]")
        expect(line).to_contain_text("nowhere", timeout=60_000)
        why = line.inner_text()
        assert "HTMLGEN_MODEL" in why
        tab.say("a page")
        expect(tab.page.locator(".message-content").get_by_text(why)).to_be_visible()
        assert "Traceback" not in tab.page.content()

"""The whole way round: a page in the chat, a thumb, a dataset, an adapter trained on it, and that adapter in the chat."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_chat import ROOT, SLOW, desk, run_server, tabs

__all__ = ["desk", "tabs"]  # fixtures

PROMPT = "A login page for Acme with a green button"


def run(*arguments: str, **env: str) -> None:
    command = [sys.executable, "-m", *arguments]
    names = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **env}
    done = subprocess.run(command, cwd=ROOT, env=names, capture_output=True, text=True, timeout=SLOW)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.slow
def test_a_thumb_in_the_chat_becomes_an_adapter_in_the_chat(tmp_path: Path, tabs: Any) -> None:
    runs, rows = tmp_path / "runs", tmp_path / "pages.jsonl"
    runs.mkdir()
    for server in run_server(tmp_path, "app.py", HTMLGEN_MODEL="demo", HTMLGEN_ADAPTERS=str(runs)):
        tab = tabs(server, size=(1440, 900))
        tab.say(PROMPT)
        assert tab.wait_finished(seconds=SLOW).startswith("Finished")
        page = server.source(tab.page_id)
        good = tab.page.locator(".pa").get_by_role("button", name="Good page")
        good.click()
        tab.page.get_by_label("Comment on your vote").first.fill("just what I wanted")
        tab.page.locator(".pa").get_by_role("button", name="Send").click()
        expect(tab.page.get_by_text("“just what I wanted”")).to_be_visible()

        run("htmlgen", "export", "--sft", "-o", str(rows), HTMLGEN_DATA=str(tmp_path / "data"))
        (row,) = [json.loads(line) for line in rows.read_text().splitlines()]
        assert (row["instruction"], row["output"].strip()) == (PROMPT, page.strip())

        more = "--epochs 1 --test-size 0 --validation-size 0 --sample-every 0 --track none --max-length 512"
        run("train", "fit", "--data", str(rows), "--base", "demo", "--out", str(runs / "voted"), *more.split())

        tab.page.locator("#header #new-chat-button").click()
        tab.page.reload()
        tab.page.locator("#chat-profiles").click()
        tab.page.get_by_role("option", name="voted").click()
        tab.say(PROMPT)
        facts = tab.wait_finished(seconds=SLOW)
        assert "voted" in facts, facts

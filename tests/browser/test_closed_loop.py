"""From a thumb to an adapter: what people approve in the chat is exported, trained on, and chosen in the chat."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import DESKTOP, tools
from tests.browser.script import document, tokens
from tests.server import ROOT, rows, run_server

MINUTES = 60


def command(*words: str, **env: str) -> str:
    """What a command of ours says when it works."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **env}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=8 * MINUTES
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_from_thumbs_to_an_adapter_that_can_be_chosen(tmp_path: Path, tabs: Any) -> None:
    asked = ["a bakery's page", "make it a mill's", "make it a cellar's", "make it a dairy's"]
    pages = [document(2 + n).replace("Sunny Crumb", asked[n].split()[-1]) for n in range(len(asked))]

    for server in run_server(tmp_path, "tests/browser/scripted_app.py"):
        server.play(*({"chunks": tokens(page)} for page in pages))
        tab = tabs(server, size=DESKTOP)
        for number, words in enumerate(asked, 1):
            tab.say(words)
            tab.wait_finished(number)
            name = "Bad page" if number == 3 else "Good page"
            tools(tab).get_by_role("button", name=name).click()
            expect(tools(tab).get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
            tools(tab).get_by_role("button", name="Skip").click()

    data, adapters = str(tmp_path / "data"), tmp_path / "runs"
    file = tmp_path / "pages.jsonl"
    assert "Wrote 3 pages" in command("htmlgen", "export", "--sft", "-o", str(file), HTMLGEN_DATA=data)
    learned = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["instruction"] for row in learned] == [asked[0], asked[1], asked[3]]
    assert [row["output"] for row in learned] == [pages[n].strip() for n in (0, 1, 3)]
    assert [row["input"].strip() for row in learned] == ["", pages[0].strip(), pages[2].strip()]

    flags = f"--base demo --out {adapters}/mine --max-steps 1 --test-size 0 --validation-size 0 --sample-every 0 --track none"
    assert "The adapter is in" in command("train", "fit", "--data", str(file), *flags.split())

    env = {"HTMLGEN_MODEL": "demo", "HTMLGEN_ADAPTERS": str(adapters), "HTMLGEN_MAX_NEW_TOKENS": "40"}
    for server in run_server(tmp_path, "app.py", **env):
        tab = tabs(server, size=DESKTOP)
        tab.page.locator("#chat-profiles").click()
        tab.page.get_by_role("option", name="mine").click()
        tab.say("a bakery's page")
        assert "mine" in tab.wait_finished(seconds=4 * MINUTES)
        (version,) = rows(
            server, "SELECT model, adapter FROM versions WHERE instruction = ? AND model != ?", asked[0], "scripted"
        )
        assert version == {"model": "runs/mine", "adapter": str(adapters / "mine" / "adapter")}

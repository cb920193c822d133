"""docs/api.md: every example is run as it stands, against a running server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from htmlgen.errors import HtmlgenError
from htmlgen.generate_api import Generated
from htmlgen.problems import REASONS
from htmlgen.settings import PROJECT
from tests.api_server import ApiClient, running
from tests.scripted import ScriptedEngine

DOCUMENT = (PROJECT / "docs/api.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
EXAMPLES = [(kind, code) for kind, code in BLOCKS if kind in ("sh", "python")]
PAGE = ["<!DOCTYPE html>\n", "<html><body>", "<header>Acme</header>", "</body></html>\n"]


@pytest.fixture(scope="module")
def client() -> Iterator[ApiClient]:
    with running(ScriptedEngine(PAGE)) as client:
        yield client


def run(kind: str, code: str, client: ApiClient, folder: Path) -> str:
    code = code.replace("http://localhost:8000", client.url).replace("localhost:8000", client.url)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PYTHONPATH": str(PROJECT), "NO_PROXY": "*"}
    command = ["bash", "-euo", "pipefail", "-c", code] if kind == "sh" else [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout + "".join(file.read_text("utf-8") for file in sorted(folder.glob("*.html")))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(("kind", "code"), EXAMPLES, ids=[code.splitlines()[0][:40] for _, code in EXAMPLES])
def test_an_example_works_as_it_stands(kind: str, code: str, client: ApiClient, tmp_path: Path) -> None:
    got = run(kind, code, client, tmp_path)
    if "/ready" in code:
        assert '"status":"ready"' in got
        assert '"default":true' in got
        assert "htmlgen_generations_total" in got
    elif '"prompt": ""' in code:
        shown = next(block for kind, block in BLOCKS if kind == "json" and "about:blank" in block)
        assert json.loads(got) == json.loads(shown)
    else:
        assert "<header>Acme</header>" in got


def test_the_answer_has_the_members_it_is_said_to_have() -> None:
    shown = next(block for kind, block in BLOCKS if kind == "json" and "page_url" in block)
    assert list(json.loads(shown)) == list(Generated.model_fields)


def test_every_status_and_code_is_explained() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", DOCUMENT, re.MULTILINE)
    assert {int(status) for status, _ in rows} == set(REASONS)

    def below(kind: type[HtmlgenError]) -> set[type[HtmlgenError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    known = {kind.code for kind in below(HtmlgenError)} | {"not_found", "internal_error"}
    assert {code for _, codes in rows for code in re.findall(r"`(\w+)`", codes)} <= known

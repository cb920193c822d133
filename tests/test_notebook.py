"""docs/studio.ipynb: every cell runs, from the first to the last, as in a notebook; ngrok's agent is a stand-in."""

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from htmlgen.settings import PROJECT
from tests import ngrok_agent
from tests.server import free_port

NOTEBOOK = PROJECT / "docs" / "studio.ipynb"
TOKEN = "2abcDEFghiJKLmnoPQRstuVWXyz_1234567890abcdefghij"


@pytest.fixture(scope="module")
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_valid_and_was_saved_without_outputs(notebook: Any) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) == 6
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.slow
def test_its_cells_install_start_share_and_stop(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, public = free_port(), free_port()
    script = tmp_path / "agent.json"
    script.write_text(json.dumps({"token": TOKEN, "url": f"http://localhost:{public}", "port": public}))
    folder = tmp_path / "project"
    folder.mkdir()
    for name in os.listdir(PROJECT):  # a clone, but for what it writes beside app.py
        if name not in ("data", "runs", ".files", ".git", "studio.log"):
            (folder / name).symlink_to(PROJECT / name)
    for name, value in {
        "HTMLGEN_MODEL": "demo",
        "HTMLGEN_PASSWORD": "",
        "HTMLGEN_DATA": str(tmp_path / "data"),
        "NGROK_AUTHTOKEN": TOKEN,
        "NGROK_STAND_IN": str(script),
        "PYNGROK_NGROK_PATH": str(ngrok_agent.install(tmp_path)),
        "PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HTMLGEN_PASSWORD")
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel():
        code = [(n, cell) for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        said = []
        for n, cell in code[:-1]:
            client.execute_cell(cell, n)
            said.append("".join(output.get("text", "") for output in cell.outputs))
        assert "Installed." in said[1]
        assert f"Shared at    http://localhost:{public}" in said[3]
        assert "Password  " in said[3]
        assert "'status': '" in said[4] or '"status"' in said[4]
        with urllib.request.urlopen(f"http://localhost:{public}/favicon", timeout=10) as answer:
            assert answer.status == 200
        client.execute_cell(code[-1][1], code[-1][0])
    pids = [json.loads(line).get("pid") for line in Path(f"{script}.seen").read_text().splitlines()]
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://localhost:{port}/ready", timeout=10)

"""Fetching from a hub, over a real socket: progress is told, and each way it can fail says what to do."""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

from htmlgen.errors import ModelError, ModelNotFound, SettingsError
from htmlgen.hub import fetch, parse_revisions
from htmlgen.local import LocalEngine
from htmlgen.presets import find_preset

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = b"w" * 400_000


class Hub(ThreadingHTTPServer):
    """As much of the hub as a download needs. `files` are those of the one model, owner/model."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files = {
            "config.json": b"{}",
            "model.safetensors": WEIGHTS,
            "pytorch_model.bin": WEIGHTS,
            "onnx/model.safetensors": b"x",
        }
        self.fetched: list[str] = []
        self.revisions: list[str] = []
        self.breaks_off = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if "owner/gated" in path:
            return self.send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if "owner/broken" in path:
            return self.send(500, b"{}")
        if "owner/model" not in path:
            return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if path.startswith("/api/models/owner/model/tree/"):
            tree = [
                {"type": "file", "path": p, "size": len(d), "oid": hashlib.sha1(d).hexdigest()}
                for p, d in self.server.files.items()
            ]
            return self.send(200, json.dumps(tree).encode())
        if path.startswith("/api/models/owner/model/revision/"):
            self.server.revisions.append(path.rsplit("/", 1)[1])
            if self.server.revisions[-1] == "gone":
                return self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in self.server.files]
            return self.send(200, json.dumps({"id": "owner/model", "sha": COMMIT, "siblings": siblings}).encode())
        name = path.split(f"/resolve/{COMMIT}/")[1]
        data = self.server.files[name]
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if body:
            self.server.fetched.append(name)
        if body and self.server.breaks_off and name == "model.safetensors":
            self.send(200, data[:1000], headers, length=len(data))
            self.close_connection = True
            return None
        return self.send(200, data, headers, body=body)

    def send(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, *, body: bool = True, length: int = -1
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length < 0 else length))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub()
    serving = threading.Thread(target=hub.serve_forever, daemon=True)
    serving.start()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_DISABLE_XET", True, raising=False)
    yield hub
    hub.shutdown()
    hub.server_close()


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_download_tells_how_far_it_is_and_takes_what_is_needed(hub: Hub, monkeypatch, caplog) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    caplog.set_level(logging.INFO, logger="htmlgen.hub")
    told: list[str] = []
    folder = fetch("owner/model", "base", told.append)
    assert names(folder) == {"config.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert told[0] == "Looking for owner/model on the Hugging Face hub."
    percents = [int(status.split(": ")[1].split(" %")[0]) for status in told[1:]]
    assert percents == sorted(set(percents))
    assert len(percents) >= 4
    assert percents[-1] == 100
    assert "100 % of 0 MB" in caplog.text, "in the terminal too"


def test_pickled_weights_are_fetched_where_there_are_no_others(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    assert names(fetch("owner/model", "base", lambda status: None)) == {"config.json", "pytorch_model.bin"}


def test_an_adapter_is_its_own_files(hub: Hub) -> None:
    hub.files |= {
        "adapter_config.json": b"{}",
        "adapter_model.safetensors": b"a",
        "optimizer.bin": b"o",
        "htmlgen.json": b"{}",
    }
    assert names(fetch("owner/model", "adapter", lambda status: None)) == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "htmlgen.json",
    }


def test_what_was_fetched_once_needs_no_network(hub: Hub, monkeypatch) -> None:
    folder = fetch("owner/model", "base", lambda status: None)
    hub.fetched.clear()
    assert fetch("owner/model", "base", lambda status: None) == folder
    assert hub.fetched == []
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    )
    assert fetch("owner/model", "base", lambda status: None) == folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("owner/nothing", r"The Hugging Face hub has no owner/nothing.*HTMLGEN_MODEL"),
        ("owner/gated", r"gated.*https://huggingface\.co/owner/gated.*HF_TOKEN"),
        ("owner/broken", "hub cannot be reached|answered 500"),
    ],
)
def test_what_the_hub_refuses_says_what_to_do(hub: Hub, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fetch(name, "base", lambda status: None)


@pytest.mark.parametrize("offline", [True, False], ids=["offline mode", "no network"])
def test_no_network_says_so(hub: Hub, monkeypatch, offline: bool) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelNotFound, match=r"cannot be reached.*HTMLGEN_ADAPTER.*demo needs no network"):
        fetch("owner/model", "adapter", lambda status: None)


def test_a_download_that_breaks_off_can_be_started_again(hub: Hub) -> None:
    hub.breaks_off = True
    with pytest.raises(ModelError, match=r"owner/model broke off.*Start again"):
        fetch("owner/model", "base", lambda status: None)
    hub.breaks_off = False
    assert names(fetch("owner/model", "base", lambda status: None)) == {"config.json", "model.safetensors"}


def test_a_full_disk_says_so(hub: Hub, monkeypatch) -> None:
    import errno

    import huggingface_hub

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    with pytest.raises(ModelError, match=r"disk is full.*HF_HOME"):
        fetch("owner/model", "base", lambda status: None)


class TestRevision:
    @pytest.mark.parametrize(("revision", "looked_up"), [(COMMIT, set()), ("v1.0", {"v1.0"}), (None, {"main"})])
    def test_the_pinned_one_is_fetched(self, hub: Hub, revision: str | None, looked_up: set[str]) -> None:
        """A commit needs no looking up, and nobody can move it; a tag is looked up for the commit that it names."""
        folder = fetch("owner/model", "base", lambda status: None, revision)
        assert set(hub.revisions) == looked_up
        assert folder.name == COMMIT

    def test_one_that_the_hub_does_not_have_is_told(self, hub: Hub) -> None:
        with pytest.raises(ModelNotFound, match="owner/model, but not the revision that HTMLGEN_REVISION names"):
            fetch("owner/model", "base", lambda status: None, "gone")
        assert hub.fetched == []

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (None, {}),
            ("", {}),
            ("v1.0", {"owner/base": "v1.0"}),
            ("owner/base@abc, owner/adapter@refs/pr/1", {"owner/base": "abc", "owner/adapter": "refs/pr/1"}),
        ],
    )
    def test_the_setting_names_the_model_or_pairs(self, text: str | None, expected: dict[str, str]) -> None:
        assert parse_revisions(text, "owner/base") == expected

    @pytest.mark.parametrize(
        ("text", "base", "message"),
        [
            ("v1.0", "models/demo/base", "is for a model on the hub, and models/demo/base is not"),
            ("not a name@abc", "owner/base", "cannot be read"),
            ("owner/base@", "owner/base", "cannot be read"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, text: str, base: str, message: str) -> None:
        with pytest.raises(SettingsError, match=message):
            parse_revisions(text, base)

    async def test_the_engine_fetches_the_revision_of_its_settings(self, hub: Hub) -> None:
        engine = LocalEngine(find_preset("owner/model"), revision="v1.0")
        with pytest.raises(ModelError):  # its weights are none
            await engine.load()
        await engine.close()
        assert set(hub.revisions) == {"v1.0"}

"""Publishing against a scripted hub: a real server on loopback that speaks the few calls the hub's client makes."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from htmlgen.errors import SettingsError
from train.__main__ import main
from train.publish import PublishError, push


class ScriptedHub(ThreadingHTTPServer):
    """Keeps what is committed, by repository and path. `good_token` may write to `owner`'s repositories."""

    def __init__(self, good_token: str = "hf_good", owner: str = "anna") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.good_token, self.owner = good_token, owner
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.messages: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedHub

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self._chunks()
        path = self.path.partition("?")[0]
        if self.headers.get("Authorization") != f"Bearer {self.server.good_token}":
            return self._answer(401, {"error": "Invalid username or password."})
        if path == "/api/repos/create":
            asked = json.loads(body)
            owner = asked.get("organization") or self.server.owner
            name = f"{owner}/{asked['name']}"
            if owner != self.server.owner:
                return self._answer(403, {"error": f"You don't have the rights to create a model under {owner}"})
            known = name in self.server.repositories
            self.server.repositories.setdefault(name, {})
            self.server.private.setdefault(name, asked.get("private") or asked.get("visibility") == "private")
            return self._answer(409 if known else 200, {"url": f"{self.server.address}/{name}", "name": name})
        if path == "/api/validate-yaml":  # the client sends README.md before it uploads anything
            return self._answer(200, {"errors": [], "warnings": []})
        _, _, kind, owner, name, verb, *_ = path.split("/")
        files = self.server.repositories[f"{owner}/{name}"]
        assert kind == "models"
        if verb == "preupload":
            asked = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": asked})
        assert verb == "commit", self.path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "header":
                self.server.messages.append(line["value"]["summary"])
            elif line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        url = f"{self.server.address}/{owner}/{name}/commit/{'0' * 40}"
        return self._answer(200, {"commitUrl": url, "commitOid": "0" * 40, "success": True})

    def do_GET(self) -> None:
        self._answer(404, {"error": "not here"})

    do_HEAD = do_GET

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _answer(self, status: int, content: dict) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if "error" in content:
            self.send_header("X-Error-Message", content["error"])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server = ScriptedHub()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "README.md").write_text("# Pages\n")
    (folder / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 40)
    return folder


def test_a_folder_arrives_whole(hub: ScriptedHub, folder: Path) -> None:
    address = push(folder, "anna/pages", private=True, message="Upload it", token="hf_good", endpoint=hub.address)
    assert address.startswith(f"{hub.address}/anna/pages/commit/")
    assert hub.repositories["anna/pages"] == {file.name: file.read_bytes() for file in folder.iterdir()}
    assert hub.private == {"anna/pages": True}
    assert hub.messages == ["Upload it"]


def test_a_second_push_goes_into_the_same_repository(hub: ScriptedHub, folder: Path) -> None:
    for text in ("one", "two"):
        (folder / "README.md").write_text(text)
        push(folder, "anna/pages", token="hf_good", endpoint=hub.address)
    assert hub.repositories["anna/pages"]["README.md"] == b"two"


def test_a_wrong_token_says_where_to_get_one(hub: ScriptedHub, folder: Path) -> None:
    with pytest.raises(PublishError, match=r"does not know this token.*settings/tokens"):
        push(folder, "anna/pages", token="hf_bad", endpoint=hub.address)


def test_another_ones_name_is_refused(hub: ScriptedHub, folder: Path) -> None:
    with pytest.raises(PublishError, match=r"may not write to bert/pages.*under your own name"):
        push(folder, "bert/pages", token="hf_good", endpoint=hub.address)


def test_no_hub_to_reach(hub: ScriptedHub, folder: Path) -> None:
    hub.server_close()
    with pytest.raises(PublishError, match=r"cannot be reached.*are safe in"):
        push(folder, "anna/pages", token="hf_good", endpoint=hub.address)


def test_offline_says_which_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PublishError, match="HF_HUB_OFFLINE"):
        push(folder, "anna/pages", token="hf_good", endpoint="http://127.0.0.1:9")


def test_without_a_token_it_says_how_to_get_one(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"settings/tokens.*HF_TOKEN.*hf auth login"):
        push(folder, "anna/pages")


@pytest.mark.parametrize(
    ("name", "why"), [("pages", "whose it is"), ("anna/my pages", "--push anna/my pages"), ("a/b/c", "--push a/b/c")]
)
def test_a_name_that_cannot_be_one(folder: Path, name: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        push(folder, name, token="hf_good")


@pytest.mark.parametrize("what", ["adapter", "merged"])
def test_the_command_pushes_what_it_made(
    hub: ScriptedHub, tiny_adapter_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)  # HF_ENDPOINT, which is read on import
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    flags = ["--adapter", str(tiny_adapter_dir), "--what", what, "--push", "anna/pages", "--private"]
    assert main(["merge", *flags, *(["--out", str(tmp_path / "made")] if what == "merged" else [])]) == 0
    files = hub.repositories["anna/pages"]
    assert {"README.md", "htmlgen.json"} < files.keys()
    assert ("adapter_model.safetensors" in files) == (what == "adapter")
    assert ("model.safetensors" in files) == (what == "merged")
    assert "# pages" in files["README.md"].decode()
    assert hub.private == {"anna/pages": True}

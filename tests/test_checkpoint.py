"""A checkpoint is whole or absent, and one that is not what was written is refused by name."""

import json
import os
from pathlib import Path

import pytest
import torch

from htmlgen.errors import SettingsError
from train import checkpoint
from train.checkpoint import CheckpointDamaged


def write(folder: Path, step: int, keep: int = 2) -> Path:
    tensors = {
        "adapter": {"a": torch.full((3, 4), float(step)), "b": torch.arange(5, dtype=torch.bfloat16)},
        "random": {"cpu": torch.get_rng_state()},
    }
    return checkpoint.save(folder, step, tensors, {"step": step, "best": None}, keep=keep)


def test_gives_back_what_was_saved(tmp_path: Path) -> None:
    write(tmp_path, 7)
    found = checkpoint.load(tmp_path)
    assert found.name == "step-00000007"
    assert found.state == {"step": 7, "best": None}
    assert torch.equal(found.tensors["adapter"]["a"], torch.full((3, 4), 7.0))
    assert found.tensors["adapter"]["b"].dtype == torch.bfloat16
    assert torch.equal(found.tensors["random"]["cpu"], torch.get_rng_state())


def test_keeps_the_newest_and_reads_the_latest_by_step(tmp_path: Path) -> None:
    for step in (9, 10, 100, 101):
        write(tmp_path, step, keep=3)
    assert checkpoint.names(tmp_path) == ["step-00000010", "step-00000100", "step-00000101"]
    assert checkpoint.load(tmp_path).state["step"] == 101
    assert checkpoint.load(tmp_path, "step-00000010").state["step"] == 10


def test_a_missing_one_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none at all"):
        checkpoint.load(tmp_path)
    write(tmp_path, 3)
    with pytest.raises(SettingsError, match=r"no checkpoint 'step-4'.*step-00000003"):
        checkpoint.load(tmp_path, "step-4")


@pytest.mark.parametrize("file", ["adapter.safetensors", "random.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "delete"])
def test_a_damaged_one_is_refused_by_name_and_the_one_before_offered(tmp_path: Path, file: str, damage: str) -> None:
    write(tmp_path, 1)
    path = write(tmp_path, 2) / file
    data = bytearray(path.read_bytes())
    if damage == "delete":
        path.unlink()
    else:
        middle = len(data) // 2
        data[middle] ^= 1
        path.write_bytes({"flip": data, "cut": data[:middle], "empty": b""}[damage])
    with pytest.raises(CheckpointDamaged, match=r"step-00000002 is damaged.*--resume step-00000001") as caught:
        checkpoint.load(tmp_path)
    assert file in str(caught.value)
    assert checkpoint.load(tmp_path, "step-00000001").state["step"] == 1


def test_a_damaged_one_before_is_not_offered(tmp_path: Path) -> None:
    for step in (1, 2):
        (write(tmp_path, step) / "state.json").write_text("{}")
    with pytest.raises(CheckpointDamaged, match="no intact one before it"):
        checkpoint.load(tmp_path)


def test_a_manifest_that_agrees_with_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["files"]["random.safetensors"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointDamaged, match=r"manifest\.json was changed"):
        checkpoint.load(tmp_path)


def test_a_step_saved_again_replaces_the_first(tmp_path: Path) -> None:
    (write(tmp_path, 1) / "state.json").write_text("damaged")
    write(tmp_path, 1)
    assert checkpoint.load(tmp_path).state["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


@pytest.mark.parametrize("call", range(9))
def test_broken_off_at_any_system_call_there_is_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Stops the save at its n-th flush or rename, as a kill would: what is then there under its name is whole."""
    for step in (1, 2):
        write(tmp_path, step)
    calls = 0

    class Killed(BaseException):
        pass

    def counted(real):  # type: ignore[no-untyped-def]
        def inner(*args):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls > call:
                raise Killed
            return real(*args)

        return inner

    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    try:
        write(tmp_path, 3)
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()
    there = checkpoint.names(tmp_path)
    assert all(checkpoint.is_intact(tmp_path / name) for name in there)
    assert len(there) >= 2
    if finished:
        assert there == ["step-00000002", "step-00000003"]
    checkpoint.sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == there


def test_every_file_and_the_folders_are_flushed_before_the_old_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2):
        write(tmp_path, step)
    order: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def note_fsync(descriptor: int) -> None:
        order.append("fsync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.partition("-")[0])
        fsync(descriptor)

    def note_rename(self: Path, target: Path) -> Path:
        order.append(f"rename to {'trash' if target.name.startswith('.tmp-old') else target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    write(tmp_path, 3)
    assert order == [
        "fsync adapter.safetensors", "fsync random.safetensors", "fsync state.json", "fsync manifest.json", "fsync .tmp",
        "rename to step-00000003", f"fsync {tmp_path.name.partition('-')[0]}", "rename to trash",
    ]  # fmt: skip

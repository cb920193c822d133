"""Checkpoints that a crash cannot spoil: whole or absent, and known to be whole when read.

    checkpoints/
      step-00000120/
        adapter.safetensors      trained weights
        optimizer.safetensors    their moments
        random.safetensors       states of the random generators, one set a process
        state.json               step, epoch, position in it, best so far …
        manifest.json            size and SHA-256 of each of these

A checkpoint is written into a temporary folder, every file and then the folder flushed to the disk, and renamed: so
a kill at any moment leaves the checkpoints from before or those and the new one. Only then are old ones removed.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from htmlgen.errors import HtmlgenError, SettingsError

MANIFEST = "manifest.json"
STATE = "state.json"
_NAME = re.compile(r"step-(\d{8,})")
_TEMPORARY = ".tmp-"


class CheckpointDamaged(HtmlgenError):
    """`name` does not hold what was written; `before` is the intact one before it, if there is one."""

    code = "checkpoint_damaged"

    def __init__(self, name: str, what: str, before: str | None) -> None:
        self.name, self.before = name, before
        advice = (
            f"Go on from the one before it with --resume {before}."
            if before
            else "There is no intact one before it: start the run again in another folder."
        )
        super().__init__(f"Checkpoint {name} is damaged: {what}. {advice}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was saved: tensors by file (`adapter`, `optimizer`, `random`) and name, and the JSON state."""

    name: str
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def name_of(step: int) -> str:
    """The folder's name; zero-padded, so that names sort by step."""
    return f"step-{step:08d}"


def save(
    folder: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any], *, keep: int
) -> Path:
    """Writes the checkpoint of `step` and removes all but the newest `keep`; returns its folder.

    An older checkpoint of the same step is replaced. Tensors must be on the CPU and contiguous.
    """
    assert keep >= 2, "one damaged file must never end a run"
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.safetensors": save_tensors(dict(part)) for name, part in tensors.items()}
    files[STATE] = json.dumps(state, indent=1).encode()
    path = folder / name_of(step)
    write_folder(path, files, manifest=True)
    for old in names(folder)[:-keep]:
        _discard(folder / old)
    return path


def load(folder: Path, name: str = "latest") -> Checkpoint:
    """Reads and checks a checkpoint.

    Args:
        name: a folder's name in `folder`, or `latest`.

    Raises:
        SettingsError: there is none of that name.
        CheckpointDamaged: a file is missing, cut or changed; the message offers the one before it.
    """
    there = names(folder)
    if name == "latest" and there:
        name = there[-1]
    if name not in there:
        found = f"There are: {', '.join(there)}." if there else "There is none at all: start it without --resume."
        raise SettingsError(f"{folder} has no checkpoint {name!r}. {found}")
    try:
        files = _read_verified(folder / name)
        tensors = {
            file.removesuffix(".safetensors"): load_tensors(data)
            for file, data in files.items()
            if file.endswith(".safetensors")
        }
        return Checkpoint(name, tensors, json.loads(files[STATE]))
    except (_Damage, SafetensorError, ValueError, KeyError) as error:
        before = next((older for older in reversed(there[: there.index(name)]) if is_intact(folder / older)), None)
        raise CheckpointDamaged(name, str(error), before) from error


def names(folder: Path) -> list[str]:
    """Names of the checkpoints in `folder`, oldest first; temporary folders are none."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and _NAME.fullmatch(entry.name))


def is_intact(path: Path) -> bool:
    """Whether the checkpoint at `path` holds what was written."""
    try:
        _read_verified(path)
    except _Damage:
        return False
    return True


def discard_after(folder: Path, step: int) -> None:
    """Removes checkpoints of later steps: of a branch that a run has left, and that `latest` must not lead back to."""
    for name in names(folder):
        if name > name_of(step):
            _discard(folder / name)


def sweep(folder: Path) -> None:
    """Removes what a kill left half-written in `folder`. For the only process that writes there, at its start."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.name.startswith(_TEMPORARY):
                shutil.rmtree(entry)


def write_folder(path: Path, files: Mapping[str, bytes], *, manifest: bool = False) -> None:
    """Puts a folder with these files at `path`, flushed to the disk, in one rename.

    What was at `path` goes. A folder cannot be renamed over one that holds files, so for a moment neither is there.
    """
    temporary = path.with_name(f"{_TEMPORARY}{path.name}-{os.getpid()}")
    if temporary.exists():
        shutil.rmtree(temporary)
    temporary.mkdir(parents=True)
    if manifest:
        listed = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
        text = json.dumps({"files": listed, "sha256": _hash_of(listed)}, indent=1)
        files = {**files, MANIFEST: text.encode()}
    for name, data in files.items():
        with open(temporary / name, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    _fsync_folder(temporary)
    if path.exists():
        _discard(path)
    temporary.rename(path)
    _fsync_folder(path.parent)


class _Damage(Exception):
    """What is wrong with a checkpoint's files."""


def _read_verified(path: Path) -> dict[str, bytes]:
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        listed: dict[str, dict[str, Any]] = manifest["files"]
        if manifest["sha256"] != _hash_of(listed):
            raise _Damage(f"{MANIFEST} was changed")
    except FileNotFoundError as error:
        raise _Damage(f"{MANIFEST} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _Damage(f"{MANIFEST} cannot be read ({error})") from error
    files = {}
    for name, expected in listed.items():
        try:
            data = (path / name).read_bytes()
        except FileNotFoundError as error:
            raise _Damage(f"{name} is missing") from error
        except OSError as error:
            raise _Damage(f"{name} cannot be read ({error})") from error
        if len(data) != expected["size"]:
            raise _Damage(f"{name} has {len(data):,} bytes and should have {expected['size']:,}")
        if hashlib.sha256(data).hexdigest() != expected["sha256"]:
            raise _Damage(f"the SHA-256 of {name} is not the one in {MANIFEST}")
        files[name] = data
    return files


def _hash_of(listed: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def _discard(path: Path) -> None:
    """Removes a folder so that a kill midway leaves no half of it under its own name."""
    trash = path.with_name(f"{_TEMPORARY}old-{path.name}-{os.getpid()}")
    path.rename(trash)
    shutil.rmtree(trash)


def _fsync_folder(path: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and flushes a rename by itself
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

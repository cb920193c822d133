"""A model's or adapter's name -> the folder it lies in, fetched from the Hugging Face hub if it is not on this machine."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from htmlgen.errors import ModelError, ModelNotFound, SettingsError
from htmlgen.presets import PRESETS

log = logging.getLogger(__name__)

Report = Callable[[str], None]
"""Takes a sentence for users about what is going on."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

PATTERNS = {
    "base": (["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"], ["*.bin"]),
    "adapter": (["adapter_config.json", "adapter_model.safetensors", "htmlgen.json"], ["adapter_model.bin"]),
}
"""Files to fetch, and the pickled weights to fetch where there are no safetensors."""

IGNORED = ["*/*", "consolidated*", "training_args.bin", "optimizer.bin"]


def parse_revisions(text: str | None, base: str) -> dict[str, str]:
    """HTMLGEN_REVISION -> hub id -> commit, tag or branch. A revision that names no hub id is that of `base`.

    Raises:
        SettingsError: it cannot be read, or `base` is a local folder, which has no revisions.
    """
    revisions = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        name, at, revision = part.rpartition("@")
        if not revision or (at and not HUB_ID.fullmatch(name)):
            raise SettingsError(
                f"HTMLGEN_REVISION={text!r} cannot be read. Set it to a commit, or to pairs such as owner/model@commit, owner/adapter@commit."
            )
        if not at and (Path(base).expanduser().is_dir() or not HUB_ID.fullmatch(base)):
            raise SettingsError(
                f"HTMLGEN_REVISION={text!r} is for a model on the hub, and {base} is not. Unset it, or name the hub id: owner/model@commit."
            )
        revisions[name or base] = revision
    return revisions


def fetch(name: str, kind: Literal["base", "adapter"], report: Report, revision: str | None = None) -> Path:
    """The folder of a local path or hub id; `report` hears how a download goes on. `revision` is a commit, tag or branch.

    Raises:
        ModelNotFound: no such folder or hub id, no access to it, or no network to fetch it.
        ModelError: the download broke off.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    setting = "HTMLGEN_MODEL" if kind == "base" else "HTMLGEN_ADAPTER"
    if folder.is_file():
        raise ModelNotFound(f"{name} is a file. Set {setting} to the folder it is in.")
    if not HUB_ID.fullmatch(name):
        if folder.is_absolute() or "/" in name or os.sep in name:
            raise ModelNotFound(
                f"There is no folder {folder.absolute()}. Set {setting} to the folder that holds the model's files."
            )
        known = f"a preset ({', '.join(PRESETS)}), " if kind == "base" else ""
        raise ModelNotFound(
            f"There is no model {name!r}. Set {setting} to {known}a local folder, or a hub id such as owner/model."
        )
    try:
        return _download(name, kind, report, revision)
    except Exception as error:  # the HTTP library has errors of its own
        raise _explained(error, name, setting) from error


def _download(name: str, kind: Literal["base", "adapter"], report: Report, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    report(f"Looking for {name} on the Hugging Face hub.")
    folder = Path()
    for patterns in PATTERNS[kind]:
        total = 0
        chosen: Any = {"revision": revision, "allow_patterns": patterns, "ignore_patterns": IGNORED}
        try:
            files = snapshot_download(name, **chosen, dry_run=True)
            total = sum(file.file_size or 0 for file in files if file.will_download)
        except DryRunError:
            pass  # No access to the hub: what was fetched before will do, and what is missing is told below.
        bars = _progress_bars(name, total, report)
        folder = Path(snapshot_download(name, **chosen, tqdm_class=bars))
        if any(folder.glob("*.safetensors")):
            break
    return folder


def _progress_bars(name: str, total: int, report: Report) -> type[Any]:
    """A class of terminal progress bars that also report, at each percent, how many bytes have come."""
    from huggingface_hub.utils import tqdm

    class ReportingBar(tqdm):
        done, told = 0, -1

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # One bar counts bytes written, another bytes received (packed), a third files.
            self.counts = kwargs.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            # A bar that is not shown, for want of a terminal, does not count itself.
            if self.counts and total:
                self.done += int(n or 0)
                percent = min(100, 100 * self.done // total)
                if percent > self.told:
                    if percent // 10 > self.told // 10:
                        log.info("Downloading %s: %d %% of %s", name, percent, _size(total))
                    self.told = percent
                    report(f"Downloading {name}: {percent} % of {_size(total)}.")
            return super().update(n)

    return ReportingBar


def _explained(error: Exception, name: str, setting: str) -> ModelError:
    from huggingface_hub import errors

    match error:
        case ModelError():
            return error
        case errors.GatedRepoError():
            return ModelNotFound(
                f"{name} is gated. Accept its licence at https://huggingface.co/{name}, then set HF_TOKEN to a token that may read it."
            )
        case errors.RepositoryNotFoundError():
            return ModelNotFound(
                f"The Hugging Face hub has no {name}, or it is private. Check the name in {setting}; for a private one set HF_TOKEN."
            )
        case errors.RevisionNotFoundError():
            return ModelNotFound(
                f"The Hugging Face hub has {name}, but not the revision that HTMLGEN_REVISION names. Check the commit."
            )
        case errors.LocalEntryNotFoundError():
            return ModelNotFound(
                f"{name} is not, or not wholly, on this machine and the Hugging Face hub cannot be reached. Connect to the network and "
                f"start again, or set {setting} to a local folder. HTMLGEN_MODEL=demo needs no network."
            )
        case errors.HfHubHTTPError():
            status = error.response.status_code
            return ModelError(
                f"The Hugging Face hub answered {status} for {name}. Check HF_TOKEN if it is set, and try again later."
            )
        case OSError() if error.errno == errno.ENOSPC:
            return ModelError(
                f"The disk is full, so {name} cannot be downloaded. Free some space, or set HF_HOME to a larger disk."
            )
        case _:
            return ModelError(f"The download of {name} broke off: {error}. Start again; what has come so far is kept.")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"

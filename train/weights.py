"""Which weights these are: a digest of an adapter's file."""

import hashlib
from pathlib import Path

from htmlgen.errors import ModelNotFound

WEIGHT_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def adapter_digest(folder: Path) -> str:
    """SHA-256 of the adapter's weights, in hexadecimal. Raises ModelNotFound where there are none."""
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return file_digest(folder / name)
    raise ModelNotFound(f"There are no adapter weights in {folder}: no {' and no '.join(WEIGHT_FILES)}.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()

"""Which weights these are: digests, so that scores and kept answers belong to the very model that earned them."""

import hashlib
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from htmlgen.errors import ModelNotFound

WEIGHT_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def adapter_digest(folder: Path) -> str:
    """SHA-256 of the adapter's weights, in hexadecimal. Raises ModelNotFound where there are none."""
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return file_digest(folder / name)
    raise ModelNotFound(f"There are no adapter weights in {folder}: no {' and no '.join(WEIGHT_FILES)}.")


def base_identity(base: str) -> str:
    """`sha256:…` over a local folder's weights and config, or `revision:…` of a hub id as it lies in the cache; "unknown" if neither."""
    folder = Path(base)
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(folder.iterdir()):
            if path.suffix in (".safetensors", ".bin") or path.name in ("config.json", "tokenizer.json"):
                digest.update(f"{path.name} {file_digest(path)}\n".encode())
        return f"sha256:{digest.hexdigest()}"
    try:
        cached = try_to_load_from_cache(base, "config.json")
    except HFValidationError:
        cached = None
    return f"revision:{Path(cached).parent.name}" if isinstance(cached, str) else "unknown"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()

"""A file that is there whole, or as it was before."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Writes beside `path`, then renames; a file that was there keeps its permissions, a link goes on pointing to it.

    What is no file, such as /dev/null or a pipe, is written to.

    Raises:
        OSError: nothing was changed.
    """
    path = path.resolve()
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(data)
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(data)
        if path.exists():
            part.chmod(path.stat().st_mode & 0o7777)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

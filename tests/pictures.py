"""The pictures that README and docs show, from what the browser tests photographed: python -m tests.pictures (make screenshots)

Each `screens/NAME.png` that a document links is taken from runs/screenshots/NAME.png, at most 1,440 pixels wide and of 128 colours,
since every new version of it stays in the repository for good.
"""

import re
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TAKEN, SHOWN = ROOT / "runs/screenshots", ROOT / "docs/screens"
WIDTH, COLOURS = 1440, 128


def linked() -> list[str]:
    """Names of the pictures that the documents link."""
    documents = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    found = (re.findall(r"screens/([\w-]+)\.png", document.read_text("utf-8")) for document in documents)
    return sorted({name for names in found for name in names})


def main() -> int:
    names = linked()
    missing = [name for name in names if not (TAKEN / f"{name}.png").exists()]
    for name in sorted({*names} - {*missing}):
        with Image.open(TAKEN / f"{name}.png") as picture:
            picture = picture.convert("RGB")
            picture.thumbnail((WIDTH, picture.height))
            SHOWN.mkdir(exist_ok=True)
            picture.quantize(COLOURS).save(SHOWN / f"{name}.png", optimize=True)
    for stale in {path.stem for path in SHOWN.glob("*.png")} - {*names}:
        (SHOWN / f"{stale}.png").unlink()
    if missing:
        print(f"No test has photographed {', '.join(missing)}: they stay as they were.", file=sys.stderr)
    print(f"{len(names) - len(missing)} pictures in {SHOWN.relative_to(ROOT)}")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())

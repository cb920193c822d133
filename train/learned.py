"""What an adapter has learned from: digests of rows, kept in its run's folder, so that it is never judged on them.

Parts are drawn anew from the data as it is, and data grows: next week's export holds this week's pages, some of them on
another side. And an adapter that goes on from another one has learned what that one had.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from train.data import Record

FILE = "learned.txt"

Use = Literal["train", "validation"]
"""`validation`: rows that chose the best adapter, which is a little like learning from them."""


@dataclass(frozen=True)
class Learned:
    """Digests of requests and pages, with what became of them."""

    uses: Mapping[str, Use]

    @classmethod
    def of(cls, train: Iterable[Record], validation: Iterable[Record] = ()) -> "Learned":
        uses: dict[str, Use] = {digest: "validation" for record in validation for digest in _digests(record)}
        return cls(uses | {digest: "train" for record in train for digest in _digests(record)})

    @classmethod
    def read(cls, folder: Path) -> "Learned | None":
        """What a run's folder tells; None where it has no such file."""
        try:
            lines = (folder / FILE).read_text("ascii").split("\n")
        except FileNotFoundError:
            return None
        uses: dict[str, Use] = {}
        for line in lines:
            use, _, digest = line.partition(" ")
            if digest:
                uses[digest] = "train" if use == "train" else "validation"
        return cls(uses)

    def __or__(self, other: "Learned") -> "Learned":
        both = {**self.uses, **other.uses}
        return Learned(
            {digest: "train" if "train" in (self.uses.get(digest), use) else use for digest, use in both.items()}
        )

    def use_of(self, record: Record) -> Use | None:
        """What became of a row with this request, or this page, or of the page that this one changes; None if there was none."""
        known = (*_digests(record), *((_page(record.input),) if record.input else ()))
        found = {self.uses.get(digest) for digest in known}
        return "train" if "train" in found else "validation" if "validation" in found else None

    def __str__(self) -> str:
        """The file's text."""
        return "".join(f"{use} {digest}\n" for digest, use in sorted(self.uses.items()))


def _digests(record: Record) -> tuple[str, str]:
    request = " ".join(f"{record.instruction} \n {record.input or ''}".split())
    return _hash(f"asked {request}"), _page(record.html)


def _page(html: str) -> str:
    return _hash(f"wrote {' '.join(html.split())}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]

"""Which rows are the same page, or the same request, so that a split can keep them on one side.

Pages are compared by their overlapping runs of markup and of visible words (shingles), since real collections hold one page
several times with other ids, nonces and labels. Candidates come from MinHash with banding and are then compared exactly.

Sources: Broder, "On the resemblance and containment of documents", 1997 (shingles, MinHash); Leskovec, Rajaraman, Ullman, "Mining of
Massive Datasets", section 3.4 (banding).
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Shingles = npt.NDArray[np.uint64]

SAME = 0.8
"""Share of shingles (Jaccard) from which on two pages are one. Measured on 575 real rows: true pairs lie above 0.9, others below 0.6."""
BANDS, ROWS = 25, 5
"""Pages at 0.8 become candidates with a probability of 1 - (1 - 0.8⁵)²⁵ = 0.99995."""
LIKELY = 0.6
"""Share of equal MinHash values from which on an exact comparison is worth it: 5 standard deviations below 0.8."""
MIN_WORDS = 30
"""Visible words below which text alone says too little: many pages read `Log in`."""

_IGNORED = re.compile(r"<!--.*?-->|<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_INVISIBLE = re.compile(r"<(script|style|head|template)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_MARKUP = re.compile(r"</?[a-z][\w-]*|[\w-]+")
_WORD = re.compile(r"\w+")


class Page(Protocol):
    @property
    def instruction(self) -> str: ...
    @property
    def input(self) -> str | None: ...
    @property
    def html(self) -> str: ...


def visible_text(html: str) -> str:
    """What a reader sees, roughly: no scripts, styles, head, comments or tags; white space as one blank."""
    return " ".join(_TAG.sub(" ", _INVISIBLE.sub(" ", html)).split())


def same_groups(pages: Sequence[Page]) -> list[list[int]]:
    """Indices of pages in groups that belong together, by first index. Every index is in exactly one group.

    Two rows belong together when instruction and input are the same, or the pages are, but for case and white space; or when the
    pages share 80 % of their runs of five markup tokens, or, with 30 words or more to see, of three visible words.
    """
    union = _UnionFind(len(pages))
    union.join_equal((_normal(page.instruction), _normal(page.input or "")) for page in pages)
    union.join_equal(_normal(page.html) for page in pages)
    union.join_alike([_shingles(_MARKUP.findall(_IGNORED.sub(" ", page.html).lower()), 5) for page in pages])
    words = [_WORD.findall(visible_text(page.html).lower()) for page in pages]
    union.join_alike([_shingles(found, 3) if len(found) >= MIN_WORDS else _shingles([], 3) for found in words])
    groups = defaultdict(list)
    for index in range(len(pages)):
        groups[union.find(index)].append(index)
    return sorted(groups.values())


class _UnionFind:
    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, index: int) -> int:
        while self.parent[index] != index:
            self.parent[index] = index = self.parent[self.parent[index]]
        return index

    def join(self, one: int, other: int) -> None:
        self.parent[self.find(other)] = self.find(one)

    def join_equal(self, keys: Iterable[Hashable]) -> None:
        first: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            self.join(first.setdefault(key, index), index)

    def join_alike(self, sets: Sequence[Shingles]) -> None:
        signatures = np.array([_signature(shingles) for shingles in sets])  # (pages, BANDS * ROWS)
        buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
        for index, shingles in enumerate(sets):
            if not shingles.size:
                continue
            keys = [(band, key.tobytes()) for band, key in enumerate(signatures[index].reshape(BANDS, ROWS))]
            # A bucket holds one page of each group, and only those are compared that MinHash finds nearly alike.
            near = np.array(sorted({other for key in keys for other in buckets[key]}), np.int64)
            for other in near[(signatures[near] == signatures[index]).mean(axis=1) >= LIKELY]:
                if self.find(int(other)) != self.find(index) and _jaccard(shingles, sets[other]) >= SAME:
                    self.join(int(other), index)
            for key in keys:
                if self.find(index) not in {self.find(other) for other in buckets[key]}:
                    buckets[key].append(index)


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


def _shingles(tokens: Sequence[str], run: int) -> Shingles:
    """Sorted 64-bit hashes of all runs of `run` tokens; of the whole if it is shorter. Equal on every machine, unlike `hash`."""
    if not tokens:
        return np.empty(0, np.uint64)
    codes = np.fromiter(
        (zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in tokens), np.uint64, len(tokens)
    )
    run = min(run, len(codes))
    count = len(codes) - run + 1
    hashes = np.zeros(count, np.uint64)
    for offset in range(run):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + count] + np.uint64(1)
    return np.unique(hashes)


_RANDOM = np.random.default_rng(0)
_FACTORS = _RANDOM.integers(1, 2**63, (BANDS * ROWS, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _RANDOM.integers(0, 2**63, (BANDS * ROWS, 1), dtype=np.uint64)


def _signature(shingles: Shingles) -> Shingles:
    """MinHash values, (BANDS * ROWS,)."""
    lowest = np.full(BANDS * ROWS, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(shingles), 4096):  # bounds the memory for pages of many 100 KB
        part = shingles[start : start + 4096]
        mixed = (part * _FACTORS + _OFFSETS) ^ ((part * _FACTORS + _OFFSETS) >> np.uint64(29))
        lowest = np.minimum(lowest, (mixed * np.uint64(0xBF58476D1CE4E5B9)).min(axis=1))
    return lowest


def _jaccard(one: Shingles, other: Shingles) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)

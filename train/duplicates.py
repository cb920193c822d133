"""Which rows are the same page, or the same request, so that a split can keep them on one side.

Pages are compared by their overlapping runs of markup and of visible words (shingles), since real collections hold one page
several times with other ids, nonces and labels. Candidates come from MinHash with banding and are then compared
exactly; both are done by numpy and scipy for many pages at a time, since a large dataset has millions of candidates.

Sources: Broder, "On the resemblance and containment of documents", 1997 (shingles, MinHash); Leskovec, Rajaraman, Ullman, "Mining of
Massive Datasets", section 3.4 (banding).
"""

import os
import re
import zlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

Shingles = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]

SAME = 0.8
"""Share of shingles (Jaccard) from which on two pages are one. Measured on 575 real rows: true pairs lie above 0.9, others below 0.6."""
BANDS, ROWS = 25, 5
"""Pages at 0.8 become candidates with a probability of 1 - (1 - 0.8⁵)²⁵ = 0.99995."""
LIKELY = 0.6
"""Share of equal MinHash values from which on an exact comparison is worth it: 5 standard deviations below 0.8."""
MIN_WORDS = 30
"""Visible words below which text alone says too little: many pages read `Log in`."""
CENTRES = 32
"""Pages of a bucket that are compared with those after them at a time; pages that are joined by then are not compared again."""
CROWD = 256
"""Pages from which on only one of each group stays in a bucket: thousands of nearly equal pages would have millions of pairs."""
CHUNK = 20_000
"""Pairs compared at a time. Bounds the memory."""

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

    Two rows belong together when instruction and input are the same, or the pages are, but for case and white space; when one
    changes the other's page; or when the pages share 80 % of their runs of five markup tokens, or, with 30 words or more to see, of
    three visible words.
    Shows a bar where it takes more than two seconds.
    """
    groups, codes = _Groups(len(pages)), _Codes()
    groups.join_equal((_normal(page.instruction), _normal(page.input or "")) for page in pages)
    groups.join_equal(htmls := [_normal(page.html) for page in pages])
    groups.join_chains(htmls, [_normal(page.input or "") for page in pages])
    markup, words = [], []
    with _bar(len(pages) + 2 * BANDS, "looking for duplicates") as bar:
        for page in pages:
            markup.append(_shingles(codes.of(_MARKUP.findall(_IGNORED.sub(" ", page.html).lower())), 5))
            seen = _WORD.findall(visible_text(page.html).lower())
            words.append(_shingles(codes.of(seen if len(seen) >= MIN_WORDS else []), 3))
            bar.update()
        for sets in (markup, words):
            groups.join_alike(sets, bar)
    return groups.lists()


def _bar(total: int, what: str) -> Any:
    """A bar on the terminal of the main process."""
    return tqdm(
        total=total, desc=what, delay=2, leave=False, disable=None if os.environ.get("RANK", "0") == "0" else True
    )


class _Groups:
    """Which indices were joined so far. `labels` has the same number for those of one group, (size,)."""

    def __init__(self, size: int) -> None:
        self.labels: npt.NDArray[Any] = np.arange(size)

    def lists(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for index, label in enumerate(self.labels.tolist()):
            found.setdefault(label, []).append(index)
        return list(found.values())

    def join(self, one: Indices, other: Indices) -> None:
        size = len(self.labels)
        edges = coo_array((np.ones(len(one), bool), (self.labels[one], self.labels[other])), shape=(size, size))
        self.labels = connected_components(edges, directed=False)[1][self.labels]

    def join_equal(self, keys: Iterable[Hashable]) -> None:
        first: dict[Hashable, int] = {}
        same = np.array([first.setdefault(key, index) for index, key in enumerate(keys)], np.int64)
        self.join(np.arange(len(same)), same)

    def join_chains(self, htmls: Sequence[str], inputs: Sequence[str]) -> None:
        """Joins an edit to the row whose page it changes. Its answer is mostly that page."""
        first = {html: index for index, html in reversed(list(enumerate(htmls)))}
        pairs = [(index, first[page]) for index, page in enumerate(inputs) if page and page in first]
        if pairs:
            edits, sources = np.array(pairs, np.int64).T
            self.join(edits, sources)

    def join_alike(self, sets: Sequence[Shingles], bar: Any) -> None:
        """Joins sets of which a share of `SAME` is in both. Empty ones are like no other."""
        filled: Indices = np.flatnonzero([shingles.size for shingles in sets])
        if not filled.size:
            bar.update(BANDS)
            return
        chosen = [sets[index] for index in filled]
        signatures = np.array([_signature(shingles) for shingles in chosen])  # (pages, BANDS * ROWS)
        alike = _Comparison(chosen, signatures)
        for band in np.split(signatures, BANDS, axis=1):
            buckets = np.unique(_row_hashes(band), return_inverse=True)[1]
            order = np.argsort(buckets, kind="stable")
            buckets, members = buckets[order], order
            while members.size:
                labels = self.labels[filled[members]]
                crowded = np.bincount(buckets)[buckets] > CROWD
                first = np.zeros(len(members), bool)
                first[np.unique(buckets * len(self.labels) + labels, return_index=True)[1]] = True
                buckets, members, labels = (values[first | ~crowded] for values in (buckets, members, labels))
                starts = np.searchsorted(buckets, buckets)
                places = np.arange(len(buckets)) - starts
                counts = np.minimum(places, CENTRES)
                later = np.repeat(np.arange(len(buckets)), counts)
                earlier = np.arange(len(later)) - np.repeat(np.cumsum(counts) - counts, counts) + starts[later]
                apart = labels[earlier] != labels[later]
                earlier, later = earlier[apart], later[apart]
                one, other = alike(members[earlier], members[later])
                if one.size:
                    self.join(filled[one], filled[other])
                left = places >= CENTRES
                buckets, members = buckets[left], members[left]
            bar.update()


class _Comparison:
    """Of pairs of sets, many at a time."""

    def __init__(self, sets: Sequence[Shingles], signatures: npt.NDArray[np.uint32]) -> None:
        self.sizes = np.array([shingles.size for shingles in sets])
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        shingles = np.concatenate(sets)
        self.matrix = csr_array((np.ones(len(shingles), bool), shingles, ends), shape=(len(sets), 2**30))
        self.sketches = signatures.astype(np.uint8)  # eight bits of a value tell nearly as much (b-bit MinHash)

    def __call__(self, one: Indices, other: Indices) -> tuple[Indices, Indices]:
        """The pairs that are alike."""
        parts = [self._alike(one[at : at + CHUNK], other[at : at + CHUNK]) for at in range(0, len(one), CHUNK)]
        alike = np.concatenate([np.empty(0, bool), *parts])
        return one[alike], other[alike]

    def _alike(self, one: Indices, other: Indices) -> npt.NDArray[np.bool_]:
        alike = (self.sketches[one] == self.sketches[other]).mean(axis=1) >= LIKELY
        one, other = one[alike], other[alike]
        shared = np.diff(self.matrix[one].multiply(self.matrix[other]).tocsr().indptr)
        alike[alike] = shared >= SAME * (self.sizes[one] + self.sizes[other] - shared)
        return alike


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


class _Codes(dict[str, int]):
    """A number for each token, equal on every machine, unlike `hash`. Kept, since pages say the same over and over."""

    def __missing__(self, token: str) -> int:
        code = self[token] = zlib.crc32(token.encode("utf-8", "surrogatepass"))
        return code

    def of(self, tokens: Sequence[str]) -> npt.NDArray[np.uint64]:
        return np.array([self[token] for token in tokens], np.uint64)


def _shingles(codes: npt.NDArray[np.uint64], run: int) -> Shingles:
    """Sorted 30-bit hashes of all runs of `run` tokens; of the whole if it is shorter."""
    if not codes.size:
        return np.empty(0, np.int32)
    run = min(run, len(codes))
    count = len(codes) - run + 1
    hashes = np.zeros(count, np.uint64)
    for offset in range(run):
        hashes = _mixed(hashes + codes[offset : offset + count] + np.uint64(1))
    return np.unique((hashes >> np.uint64(34)).astype(np.int32))


def _mixed(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit of what goes in bears on the upper half of what comes out."""
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return hashes ^ (hashes >> np.uint64(29))


_RANDOM = np.random.default_rng(0)
_FACTORS = _RANDOM.integers(0, 2**31, (BANDS * ROWS, 1), dtype=np.uint32) * np.uint32(2) + np.uint32(1)
_OFFSETS = _RANDOM.integers(0, 2**32, (BANDS * ROWS, 1), dtype=np.uint32)


def _signature(shingles: Shingles) -> npt.NDArray[np.uint32]:
    """MinHash values, (BANDS * ROWS,)."""
    lowest = np.full(BANDS * ROWS, np.iinfo(np.uint32).max, np.uint32)
    for start in range(0, len(shingles), 4096):  # bounds the memory for pages of many 100 KB
        mixed = shingles[start : start + 4096].astype(np.uint32) * _FACTORS + _OFFSETS
        lowest = np.minimum(lowest, mixed.min(axis=1))
    return lowest


def _row_hashes(rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """A hash of each row."""
    hashes = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        hashes = _mixed(hashes + column + np.uint64(1))
    return hashes

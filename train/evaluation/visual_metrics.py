"""The answer as a picture, against the reference's: SSIM, and Design2Code's block, text, position and colour scores.

Design2Code is Si et al., 2025 (doi 10.18653/v1/2025.naacl-long.199, arXiv 2403.03163), section 3. Two things differ from
their code: blocks come from the browser's layout instead of from repainted screenshots (`train.evaluation.render`), and the overlap
of two texts is their longest common subsequence, which their matcher only estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel
from scipy.optimize import linear_sum_assignment
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from train.evaluation.metrics import Array, Metric, Statistics, ratio

_DESIGN2CODE = "Design2Code, arXiv 2403.03163; mean over pages whose reference shows text"
VISUAL_METRICS = (
    Metric("rendered", "Renders", "visual", ratio, signature="drawn in time, and not a single colour"),
    Metric("ssim", "SSIM", "visual", ratio,
           signature="grey levels at about 256 pixels, gaussian window of sigma 1.5, the shorter page padded with white; mean over pages"),
    Metric("block_match", "Block match", "visual", ratio, signature=_DESIGN2CODE),
    Metric("block_text", "Block text", "visual", ratio, signature=_DESIGN2CODE),
    Metric("block_position", "Block position", "visual", ratio, signature=_DESIGN2CODE),
    Metric("block_colour", "Block colour", "visual", ratio, signature=_DESIGN2CODE),
)  # fmt: skip

Image = NDArray[np.uint8]
WINDOW = 11
"""Pixels of SSIM's gaussian window on a side: no picture may be smaller."""
ALIKE = 0.5
"""Matched blocks whose texts are less alike than this are no match (Design2Code)."""
NEIGHBOUR_BONUS = 0.1
MERGE_GAIN = 0.05
MOST_MERGED = 300
"""Blocks on a side above which none are merged: the time grows with their cube."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of visible text. `box`: left, top, width, height as shares of the page's width and height. `colour`: RGB, 0–255."""

    text: str
    box: tuple[float, float, float, float]
    colour: tuple[float, float, float]

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    @property
    def centre(self) -> tuple[float, float]:
        return self.box[0] + self.box[2] / 2, self.box[1] + self.box[3] / 2


@dataclass(frozen=True, slots=True)
class BlockScores:
    match: float
    text: float
    position: float
    colour: float


def visual_statistics(
    image: Image | None, blocks: Sequence[Block], reference: Image, reference_blocks: Sequence[Block], *, rendered: bool
) -> dict[str, Statistics]:
    """Statistics of one page; images are (height, width, 3), `image` is None where there is no page or it did not render."""
    scores = block_scores(blocks, reference_blocks)
    counts = float(bool(reference_blocks))
    return {
        "rendered": (float(rendered), 1),
        "ssim": (0.0 if image is None else ssim(image, reference), 1),
        "block_match": (scores.match, counts),
        "block_text": (scores.text, counts),
        "block_position": (scores.position, counts),
        "block_colour": (scores.colour, counts),
    }


def ssim(image: Image, reference: Image) -> float:
    """Mean structural similarity of two screenshots in [-1, 1], 1 for equal ones (Wang et al., 2004, doi
    10.1109/TIP.2003.819861, with its gaussian window, K1 and K2). The smaller one is padded with white to the right and below.

    Both are first averaged over blocks of n x n pixels, n = round(shorter side / 256), as its authors suggest for pictures
    seen whole (the notes in their ssim.m): a shift of a pixel on a large page is nothing that the eye sees.
    """
    height, width = (max(image.shape[axis], reference.shape[axis], WINDOW) for axis in (0, 1))
    size = max(1, round(min(height, width) / 256))
    rows, columns = height // size, width // size
    grey = []
    for picture in (image, reference):
        canvas = np.full((height, width), 255.0)
        canvas[: picture.shape[0], : picture.shape[1]] = picture @ np.array([0.299, 0.587, 0.114])  # Rec. 601 luma
        grey.append(canvas[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3)))
    return float(
        structural_similarity(*grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    )


def block_scores(blocks: Sequence[Block], reference: Sequence[Block]) -> BlockScores:
    """Design2Code's low-level scores, each in [0, 1]. All 0 where either page has no text, or no blocks match.

    Blocks are matched by text similarity with the Hungarian method, after neighbours were merged where that helps; pairs
    less alike than 0.5 are dropped. With M the pairs, U the blocks left over on both sides and area the share of its page:
        match     sum of both areas over M / (the same + areas of U)
        text      mean over M of 2 LCS / (characters + characters)
        position  mean over M of 1 - max(|dx|, |dy|) between centres, as shares of the page
        colour    mean over M of max(0, 1 - ΔE00 / 100), CIEDE2000 (Sharma et al., 2005, doi 10.1002/col.20070)
    """
    none = BlockScores(0.0, 0.0, 0.0, 0.0)
    if not blocks or not reference:
        return none
    mine, theirs = merge_neighbours(list(blocks), list(reference))
    similarity = text_similarity(mine, theirs)
    pairs = [(i, j) for i, j in match_blocks(similarity, NEIGHBOUR_BONUS) if similarity[i, j] >= ALIKE]
    matched = sum(mine[i].area + theirs[j].area for i, j in pairs)
    whole = sum(block.area for block in (*mine, *theirs))
    if not pairs or not whole:
        return none
    shifts = np.abs([np.subtract(mine[i].centre, theirs[j].centre) for i, j in pairs]).max(axis=1)
    return BlockScores(
        match=matched / whole,
        text=float(np.mean([similarity[i, j] for i, j in pairs])),
        position=float(np.mean(np.clip(1 - shifts, 0, 1))),
        colour=float(np.mean([colour_similarity(mine[i].colour, theirs[j].colour) for i, j in pairs])),
    )


def text_similarity(blocks: Sequence[Block], reference: Sequence[Block]) -> Array:
    """2 LCS / (characters + characters) of every pair: (blocks, reference)."""
    matrix = process.cdist(
        [block.text for block in blocks], [block.text for block in reference],
        scorer=Indel.normalized_similarity, dtype=np.float32,
    )  # fmt: skip
    return np.asarray(matrix, dtype=np.float64)


def match_blocks(similarity: Array, bonus: float = 0.0) -> list[tuple[int, int]]:
    """Pairs (row, column) of the largest total similarity (Kuhn, 1955).

    `bonus` favours pairs whose neighbours pair up as well: an alike pair gains that share of the two best similarities
    among the eight pairs around it. It tells apart blocks of equal text (three buttons "Buy") by what stands beside them.
    """
    gain = similarity
    if bonus:
        rows, columns = similarity.shape
        padded = np.zeros((rows + 2, columns + 2))
        padded[1:-1, 1:-1] = similarity
        around = np.stack(
            [padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        )
        gain = similarity + np.where(similarity > ALIKE, bonus * np.sort(around, axis=0)[-2:].sum(axis=0), 0)
    return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(gain, maximize=True), strict=True)]


def merge_neighbours(blocks: list[Block], reference: list[Block]) -> tuple[list[Block], list[Block]]:
    """Merges blocks that follow each other where the match then gets better by more than 0.05 on average, on either side
    in turn until nothing helps: "Sign up <b>now</b>" is two blocks of text here and may be one there."""
    if max(len(blocks), len(reference)) > MOST_MERGED:
        return blocks, reference
    while True:
        blocks, here = _merge_once(blocks, reference)
        reference, there = _merge_once(reference, blocks)
        if not here and not there:
            return blocks, reference


def _merge_once(blocks: list[Block], others: list[Block]) -> tuple[list[Block], bool]:
    if len(blocks) < 2:
        return blocks, False
    similarity = text_similarity(blocks, others)
    current = _matched_similarities(similarity)
    merged = [_merge(one, two) for one, two in pairwise(blocks)]
    rows = text_similarity(merged, others)
    gains = []
    for i, row in enumerate(rows):
        # A merged block that is no closer to anything than its parts were cannot help: spares most of the matchings.
        if row.max() > similarity[i : i + 2].max():
            trial = np.vstack([similarity[:i], row, similarity[i + 2 :]])
            if (gain := _gain(current, _matched_similarities(trial))) > MERGE_GAIN:
                gains.append((gain, i))
    chosen: set[int] = set()
    for _, i in sorted(gains, reverse=True):
        if not chosen & {i - 1, i + 1}:
            chosen.add(i)
    kept = [merged[i] if i in chosen else block for i, block in enumerate(blocks) if i - 1 not in chosen]
    return kept, bool(chosen)


def _merge(one: Block, two: Block) -> Block:
    left, top = min(one.box[0], two.box[0]), min(one.box[1], two.box[1])
    right = max(one.box[0] + one.box[2], two.box[0] + two.box[2])
    bottom = max(one.box[1] + one.box[3], two.box[1] + two.box[3])
    r, g, b = ((x + y) / 2 for x, y in zip(one.colour, two.colour, strict=True))
    return Block(f"{one.text} {two.text}", (left, top, right - left, bottom - top), (r, g, b))


def _matched_similarities(similarity: Array) -> list[float]:
    return sorted(similarity[i, j] for i, j in match_blocks(similarity))


def _gain(before: list[float], after: list[float]) -> float:
    """How much better the mean match is, looking only at pairs that changed; 0 where the best changed pair got worse."""
    left, right = list(before), []
    for value in after:
        if value in left:
            left.remove(value)
        else:
            right.append(value)
    gain = (float(np.mean(right)) if right else 0.0) - (float(np.mean(left)) if left else 0.0)
    return gain if right and (not left or max(right) > max(left)) else min(gain, 0.0)


def colour_similarity(one: Sequence[float], two: Sequence[float]) -> float:
    """max(0, 1 - ΔE00 / 100) of two sRGB colours in 0–255: 1 for the same, 0 for black on white."""
    lab = [rgb2lab(np.asarray(colour, dtype=np.float64)[None, None] / 255)[0, 0] for colour in (one, two)]
    return max(0.0, 1 - float(deltaE_ciede2000(*lab)) / 100)

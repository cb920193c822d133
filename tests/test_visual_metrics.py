"""Visual metrics on pictures and blocks small enough to work out by hand. No browser."""

import numpy as np
import pytest

pytest.importorskip("skimage")

from train.evaluation.metrics import page_score
from train.evaluation.visual_metrics import (
    VISUAL_METRICS,
    Block,
    block_scores,
    colour_similarity,
    match_blocks,
    merge_neighbours,
    ssim,
    visual_statistics,
)

BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)


def block(
    text: str, left: float = 0, top: float = 0, width: float = 0.5, height: float = 0.1, colour: tuple = BLACK
) -> Block:
    return Block(text, (left, top, width, height), colour)


def picture(height: int, width: int, value: int = 255) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (BLACK, BLACK, 1),
        (BLACK, WHITE, 0),  # ΔE00 of 100
        (RED, BLUE, 1 - 0.5288),  # ΔE00 of 52.88
        (WHITE, (254, 254, 254), 1),
    ],
)
def test_colour_similarity(one: tuple, two: tuple, expected: float) -> None:
    assert colour_similarity(one, two) == pytest.approx(expected, abs=5e-3)
    assert colour_similarity(two, one) == pytest.approx(colour_similarity(one, two))


def test_block_scores_by_hand() -> None:
    # "Hello" pairs with "Hello", shifted by a tenth of the width and black on red; "World" of the same area is left over.
    mine = [block("Hello"), block("World", top=0.5)]
    scores = block_scores(mine, [block("Hello", left=0.1, colour=RED)])
    assert scores.match == pytest.approx((0.05 + 0.05) / (0.05 + 0.05 + 0.05))
    assert scores.text == 1
    assert scores.position == pytest.approx(0.9)
    assert scores.colour == pytest.approx(colour_similarity(BLACK, RED))


@pytest.mark.parametrize(
    ("mine", "theirs"), [([], []), ([block("a")], []), ([], [block("a")]), ([block("abcd")], [block("wxyz")])]
)
def test_no_text_or_no_match_scores_nothing(mine: list[Block], theirs: list[Block]) -> None:
    scores = block_scores(mine, theirs)
    assert (scores.match, scores.text, scores.position, scores.colour) == (0, 0, 0, 0)


def test_half_alike_texts_match_and_less_do_not() -> None:
    assert block_scores([block("abcd")], [block("abxy")]).text == pytest.approx(0.5)  # 2·2 / (4 + 4)
    assert block_scores([block("abcd")], [block("axyz")]).text == 0


def test_a_block_without_area_is_no_division_by_zero() -> None:
    assert block_scores([block("a", width=0)], [block("a", width=0)]).match == 0


def test_split_text_is_merged_with_its_neighbour() -> None:
    mine, theirs = merge_neighbours(
        [
            block("Sign up", width=0.2),
            block("now", left=0.2, width=0.1, colour=(100, 0, 0)),
            block("Elsewhere", top=0.9),
        ],
        [block("Sign up now", width=0.3), block("Elsewhere", top=0.9)],
    )
    assert [b.text for b in mine] == [b.text for b in theirs] == ["Sign up now", "Elsewhere"]
    assert mine[0].box == pytest.approx((0, 0, 0.3, 0.1))
    assert mine[0].colour == (50, 0, 0)
    back, _ = merge_neighbours(theirs, mine)
    assert back == theirs, "what matches already stays as it is"


def test_the_reference_is_merged_too() -> None:
    mine, theirs = merge_neighbours([block("one two three")], [block("one"), block("two"), block("three")])
    assert len(mine) == len(theirs) == 1


def test_matching_is_the_best_in_sum_not_greedy() -> None:
    # Greedy takes 0.9 and is left with 0.1; the best sum is 0.8 + 0.8.
    assert match_blocks(np.array([[0.9, 0.8], [0.8, 0.1]])) == [(0, 1), (1, 0)]


def test_neighbours_tell_equal_texts_apart() -> None:
    # Both orders of the two "Buy" have the same sum; only the blocks beside them say which is which.
    texts, reordered = ["Pear", "Buy", "Plum", "Buy"], ["Plum", "Buy", "Pear", "Buy"]
    similarity = np.array([[float(a == b) for b in reordered] for a in texts])
    assert dict(match_blocks(similarity, bonus=0.1)) == {0: 2, 1: 3, 2: 0, 3: 1}


def test_ssim() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert ssim(noise, noise) == pytest.approx(1)
    assert ssim(picture(20, 20, 0), picture(20, 20, 255)) == pytest.approx(
        1e-4, rel=0.01
    )  # C1 / (255² + C1), with K1 = 0.01
    assert abs(ssim(noise, noise[:, ::-1])) < 0.2
    assert ssim(picture(20, 30), picture(50, 20)) == pytest.approx(1), "white on white, whatever the size"
    assert ssim(picture(2, 2), picture(3, 3)) == pytest.approx(1), "smaller than the window"


def test_ssim_looks_at_large_pictures_from_afar() -> None:
    # 768 pixels: blocks of 3 x 3 are averaged, so a pattern inside them is the grey of its mean.
    stripes = picture(768, 900, 0)
    stripes[:, ::3] = 255
    assert ssim(stripes, picture(768, 900, 85)) == pytest.approx(1, abs=1e-6)
    assert ssim(stripes[:256, :256], picture(256, 256, 85)) < 0.1, "small ones as they are"


def test_a_page_without_reference_text_counts_for_the_picture_alone() -> None:
    statistics = visual_statistics(picture(20, 20), [block("a")], picture(20, 20), [], rendered=True)
    scores = {metric.name: page_score(metric, statistics[metric.name]) for metric in VISUAL_METRICS}
    assert (scores["rendered"], scores["ssim"]) == (1, pytest.approx(1))
    assert all(np.isnan(scores[name]) for name in ("block_match", "block_text", "block_position", "block_colour"))


def test_a_page_that_was_not_drawn_scores_nothing() -> None:
    statistics = visual_statistics(None, [], picture(20, 20), [block("a")], rendered=False)
    assert {page_score(metric, statistics[metric.name]) for metric in VISUAL_METRICS} == {0}

"""Document metrics on tables worked by hand, the empty cases included."""

import math

import pytest

from train.evaluation.html_metrics import HTML_METRICS, html_statistics, parse
from train.evaluation.metrics import corpus_score, page_score

METRICS = {metric.name: metric for metric in HTML_METRICS}


def scores(hypothesis: str | None, reference: str, *, stopped: bool = True, closed: bool = True) -> dict[str, float]:
    statistics = html_statistics(hypothesis, reference, stopped=stopped, closed=closed)
    assert statistics.keys() == METRICS.keys()
    return {name: page_score(METRICS[name], page) for name, page in statistics.items()}


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        # Trees: body -> div div, div -> p (a set: once) against body -> div, div -> p. One of two is shared.
        ("<div><p>a</div><div><p>b</div>", "<div><p>x</div>",
         {"tree_bleu_recall": 1 / 2, "tree_bleu_precision": 1 / 2, "tag_f1": 2 * 2 / (4 + 2), "visible_text": 0}),
        # body -> ul, ul -> li li, li -> b against body -> ul, ul -> li li: all of the reference, two of three of its own.
        ("<ul><li><b>a</b></li><li>b</li></ul>", "<ul><li>a</li><li>b</li></ul>",
         {"tree_bleu_recall": 1, "tree_bleu_precision": 2 / 3, "tag_f1": 2 * 3 / (4 + 3), "visible_text": 1}),
        # Order counts in a subtree: body -> h1 p is not body -> p h1.
        ("<h1>a</h1><p>b</p>", "<p>b</p><h1>a</h1>", {"tree_bleu_recall": 0, "tag_f1": 1, "visible_text": 2 * 1 / 4}),
        # Attributes: (a, href, /x) shared, (a, class, y) and (html, lang, en) not: 2·1 / (2 + 2).
        ('<a class="y" href="/x">k</a>', '<html lang="en"><body><a href="/x">k</a></body></html>', {"attribute_f1": 2 / 4, "tag_f1": 1}),
        ('<p class="a  b">', '<p class="a b">', {"attribute_f1": 1}),
        ("<p>a</p>", "<p>b</p>", {"attribute_f1": 1}),
        # What no reader sees is no text; three of four words in order are shared with three.
        ("<title>t</title><style>s{}</style><p>one <b>two</b> three<script>x</script><p hidden>no</p> four", "<p>one two four",
         {"visible_text": 2 * 3 / (4 + 3)}),
        # Text alone has no subtree of height 1 on either side, and the parser's own html, head and body don't count.
        ("just text", "just text", {"tree_bleu_recall": 1, "tree_bleu_precision": 1, "tag_f1": 1, "attribute_f1": 1, "visible_text": 1}),
        ("just text", "<p>a</p>", {"tree_bleu_recall": 0, "tree_bleu_precision": 0, "tag_f1": 0, "visible_text": 0}),
        ("<p>a</p>", "just text", {"tree_bleu_recall": 0, "tree_bleu_precision": 0, "tag_f1": 0}),
        ("", "", {"tree_bleu_recall": 1, "tag_f1": 1, "visible_text": 1, "parse_errors_per_kb": math.nan}),
        ("<!-- only --><p>a</p>", "<p>a</p><!-- a comment is no child -->", {"tree_bleu_recall": 1, "tree_bleu_precision": 1}),
        # No page at all agrees with nothing, not even with an empty one.
        (None, "", {"tree_bleu_recall": 0, "tree_bleu_precision": 0, "tag_f1": 0, "attribute_f1": 0, "visible_text": 0,
                    "parse_errors_per_kb": math.nan}),
    ],
)  # fmt: skip
def test_scores_by_hand(hypothesis: str | None, reference: str, expected: dict[str, float]) -> None:
    found = scores(hypothesis, reference)
    assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True)


def test_parse_errors_per_kilobyte() -> None:
    clean = "<!DOCTYPE html><html><head><title>t</title></head><body><p>a</p></body></html>"
    assert parse(clean).errors == 0
    # 50 bytes: no doctype, an end tag never opened, and a div still open at the end.
    broken = "<html><body></b><div>" + "x" * 29
    assert len(broken) == 50
    assert parse(broken).errors == 3
    assert scores(broken, clean)["parse_errors_per_kb"] == pytest.approx(3 / 0.05)
    pages = [
        html_statistics(page, clean, stopped=True, closed=True)["parse_errors_per_kb"] for page in (broken, "x" * 1950)
    ]
    # Over the corpus errors and bytes are summed: (3 + 1 missing doctype) / 2 KB, not a mean of ratios.
    assert corpus_score(METRICS["parse_errors_per_kb"], pages) == pytest.approx(4 / 2)


def test_bytes_are_counted_not_characters() -> None:
    assert html_statistics("é" * 500, "", stopped=True, closed=True)["parse_errors_per_kb"][1] == 1


@pytest.mark.parametrize("flag", [True, False])
def test_stopped_and_closed_are_what_the_engine_and_the_extractor_say(flag: bool) -> None:
    found = scores("<p>a</p>", "<p>a</p>", stopped=flag, closed=not flag)
    assert (found["stopped"], found["closed"]) == (float(flag), float(not flag))


def test_a_loop_of_nested_elements_is_read() -> None:
    deep = "<div>" * 2_000 + "deep"
    document = parse(deep)
    assert document.tags == {"div": 2_000}
    assert document.words == ("deep",)


def test_a_page_cut_where_its_parser_gives_up_is_read() -> None:
    assert parse("<!DOCTYPE html><p>Hi</p><table><svg><html lang=en>").words == ("Hi",)

"""The answer as a document: did it end, did it close, does it parse, and is its tree the reference's tree."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element

import html5lib
from rapidfuzz.distance import LCSseq

from train.evaluation.metrics import Metric, Statistics, f1, ratio
from train.synthetic.checker import UNREADABLE_END

HTML_METRICS = (
    Metric("stopped", "Stopped by itself", "html", ratio),
    Metric("closed", "Closed documents", "html", ratio),
    Metric("parse_errors_per_kb", "Parse errors per KB", "html", ratio, higher_is_better=False, digits=2,
           signature="html5lib's parse errors / 1,000 UTF-8 bytes, summed over pages"),
    Metric("tree_bleu_recall", "TreeBLEU recall", "html", ratio,
           signature="sets of 1-height subtrees, html5lib tree without html -> (head, body); mean over pages"),
    Metric("tree_bleu_precision", "TreeBLEU precision", "html", ratio, signature="as the recall"),
    Metric("tag_f1", "Tag F1", "html", ratio, signature="multisets of element names; mean over pages"),
    Metric("attribute_f1", "Attribute F1", "html", ratio,
           signature="multisets of (element, attribute, value); mean over pages"),
    Metric("visible_text", "Visible-text similarity", "html", ratio,
           signature="2 LCS / (words + words) of the text that a reader sees; mean over pages"),
)  # fmt: skip

_MADE_UP = frozenset({"html", "head", "body"})
"""Elements that the parser adds to any text, so that they say nothing about the writer."""
_UNSEEN = frozenset({"head", "script", "style", "template", "noscript", "title", "datalist"})


@dataclass(frozen=True)
class Document:
    """A parsed page. Two readings of one page share it (`parse` remembers the last few)."""

    subtrees: frozenset[tuple[str, ...]]
    tags: Counter[str]
    attributes: Counter[tuple[str, str, str]]
    words: tuple[str, ...]
    errors: int


def html_statistics(
    hypothesis: str | None, reference: str, *, stopped: bool, closed: bool, size: int | None = None
) -> dict[str, Statistics]:
    """Statistics of one page. `hypothesis` is None where the answer held no page: it agrees with nothing.

    TreeBLEU is Gui et al., 2025 (WebCode2M, arXiv 2404.06369): with S(t) the set of subtrees of height 1 (an element and
    its element children, in order) in a DOM tree, recall is |S(hypothesis) ∩ S(reference)| / |S(reference)| as in the
    paper, and precision divides by |S(hypothesis)|. `html -> (head, body)` is left out: a parser makes it up for any text.
    Where both sets are empty the pages agree (1); where one is, they don't (0).

    Parse errors are those of the HTML standard's parser (html.spec.whatwg.org, 13.2.2) as html5lib reports them, a missing
    doctype included. Tag and attribute F1 compare multisets; html, head and body count only with their attributes.
    """
    shares: dict[str, float] = {"stopped": float(stopped), "closed": float(closed)}
    errors: Statistics = (0, 0)
    if hypothesis is None:
        shares |= dict.fromkeys(
            ("tree_bleu_recall", "tree_bleu_precision", "tag_f1", "attribute_f1", "visible_text"), 0.0
        )
    else:
        mine, theirs = parse(hypothesis), parse(reference)
        errors = (mine.errors, len(hypothesis.encode("utf-8", "replace")) / 1_000)
        shared = len(mine.subtrees & theirs.subtrees)
        agree = float(not mine.subtrees and not theirs.subtrees)
        shares |= {
            "tree_bleu_recall": shared / len(theirs.subtrees) if theirs.subtrees else agree,
            "tree_bleu_precision": shared / len(mine.subtrees) if mine.subtrees else agree,
            "tag_f1": f1((mine.tags & theirs.tags).total(), mine.tags.total(), theirs.tags.total()),
            "attribute_f1": f1(
                (mine.attributes & theirs.attributes).total(), mine.attributes.total(), theirs.attributes.total()
            ),
            "visible_text": f1(LCSseq.similarity(mine.words, theirs.words), len(mine.words), len(theirs.words)),
        }
    return {"parse_errors_per_kb": errors, **{name: (share, 1) for name, share in shares.items()}}


@lru_cache(maxsize=1024)
def parse(html: str) -> Document:
    """Reads a page as a browser would. Never fails: the standard's parser takes any text."""
    parser = html5lib.HTMLParser(html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    try:
        root = parser.parse(html)
    except AssertionError:  # html5lib's own, as in train/synthetic/checker.py
        root = parser.parse(html + UNREADABLE_END)
    subtrees: set[tuple[str, ...]] = set()
    tags: Counter[str] = Counter()
    attributes: Counter[tuple[str, str, str]] = Counter()
    for element in root.iter():
        if not isinstance(element.tag, str):  # a comment
            continue
        children = tuple(child.tag for child in element if isinstance(child.tag, str))
        if children and element is not root:
            subtrees.add((element.tag, *children))
        if element.tag not in _MADE_UP:
            tags[element.tag] += 1
        for name, value in element.attrib.items():
            attributes[element.tag, str(name), " ".join(value.split())] += 1
    words = tuple(" ".join(_visible(root)).split())
    return Document(frozenset(subtrees), tags, attributes, words, len(parser.errors))


def _visible(root: Element) -> Iterator[str]:
    """Pieces of text in document order that a reader sees; what is in head, script, style or `hidden` is left out."""
    # A stack of our own: a model that loops can nest thousands of elements deep.
    stack: list[Element | str] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        if isinstance(item.tag, str) and item.tag not in _UNSEEN and "hidden" not in item.attrib:
            for child in reversed(item):
                stack += [child.tail or "", child]
            stack.append(item.text or "")

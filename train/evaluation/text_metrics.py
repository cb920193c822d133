"""The answer as text: exact matches, BLEU, chrF, ROUGE with markup, perplexity and bits per byte."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import LCSseq
from sacrebleu.metrics import BLEU, CHRF

from train.evaluation.metrics import Array, Metric, Statistics, f1, ratio, row_by_row

_BLEU = BLEU(force=True)  # 13a; `force` only silences a warning about text that looks tokenised
_TOKEN_BLEU = BLEU(tokenize="none", smooth_method="none", force=True)
_CHRF = CHRF()
ORDERS = 4


def _bleu(bleu: BLEU, sums: Array) -> float:
    """Corpus BLEU in 0–100 from (system length, reference length, 4 matches, 4 totals)."""
    lengths, counts = sums[:2], sums[2:].astype(int).tolist()
    return BLEU.compute_bleu(
        counts[:ORDERS], counts[ORDERS:], int(lengths[0]), int(lengths[1]), smooth_method=bleu.smooth_method
    ).score


def _bleu_statistics(bleu: BLEU, hypothesis: str, reference: str) -> Statistics:
    score = bleu.corpus_score([hypothesis], [[reference]])
    return (score.sys_len, score.ref_len, *score.counts, *score.totals)


def _chrf(sums: Array) -> float:
    # sacrebleu has no public way from sums to a score; it is pinned, and a test holds this against its corpus_score.
    return _CHRF._compute_f_score(sums.tolist())


def _perplexity(sums: Array) -> Array:
    """exp of the mean negative log-likelihood, from (nats, tokens, bytes)."""
    return np.exp(ratio(sums[..., :2]))


def _bits_per_byte(sums: Array) -> Array:
    return ratio(sums[..., ::2]) / math.log(2)


TEXT_METRICS = (
    Metric("exact_match", "Exact match", "text", ratio),
    Metric("normalised_match", "Match but for whitespace", "text", ratio),
    Metric("bleu", "BLEU", "text", row_by_row(lambda sums: _bleu(_BLEU, sums)), digits=2),
    Metric("bleu_0_1", "BLEU, 0–1", "text", row_by_row(lambda sums: _bleu(_BLEU, sums) / 100), digits=5),
    Metric("bleu_model_tokens", "BLEU over model tokens, 0–1", "text",
           row_by_row(lambda sums: _bleu(_TOKEN_BLEU, sums) / 100), digits=5),
    Metric("chrf", "chrF", "text", row_by_row(_chrf), digits=2),
    Metric("rouge_1", "ROUGE-1", "text", ratio),
    Metric("rouge_2", "ROUGE-2", "text", ratio),
    Metric("rouge_l", "ROUGE-L", "text", ratio),
)  # fmt: skip

LIKELIHOOD_METRICS = (
    Metric("perplexity", "Perplexity of the reference", "text", _perplexity, higher_is_better=False),
    Metric("bits_per_byte", "Bits per byte of the reference", "text", _bits_per_byte, higher_is_better=False),
)


def signatures() -> dict[str, str]:
    """How each text score was made, by metric name; sacrebleu's own signatures where there is one."""
    for metric in (_BLEU, _TOKEN_BLEU, _CHRF):
        metric.corpus_score(["a"], [["a"]])  # a signature wants to know the number of references
    rouge = "F1|mean over pages|tok:markup (tags, attributes, words and signs are tokens)|case:mixed|stem:no"
    bleu = str(_BLEU.get_signature())
    return {
        "bleu": bleu,
        "bleu_0_1": bleu + " (divided by 100)",
        "bleu_model_tokens": str(_TOKEN_BLEU.get_signature()).replace("tok:none", "tok:the model's own")
        + " (divided by 100; what the `bleu` metric of `datasets` and `evaluate` gives for tokenizer.tokenize output)",
        "chrf": str(_CHRF.get_signature()),
        "rouge_1": rouge,
        "rouge_2": rouge,
        "rouge_l": rouge,
        "normalised_match": "runs of whitespace are one space, none between two tags",
        "perplexity": "exp(nats per token), teacher forced, prompt masked, end of sequence included",
        "bits_per_byte": "nats / ln 2 / UTF-8 bytes of the reference",
    }


def text_statistics(hypothesis: str, reference: str) -> dict[str, Statistics]:
    """Statistics of one page for every metric that needs nothing but two texts.

    BLEU is Papineni et al., 2002 (doi 10.3115/1073083.1073135) and chrF is Popović, 2015 (doi 10.18653/v1/W15-3049), both
    as sacrebleu computes them (Post, 2018, doi 10.18653/v1/W18-6319) with its defaults. BLEU's `13a` tokenisation takes
    `<`, `>`, `=`, `/` and other signs apart from words, so markup counts. ROUGE: see `rouge_statistics`.
    """
    bleu = _bleu_statistics(_BLEU, hypothesis, reference)
    return {
        "exact_match": (float(hypothesis == reference), 1),
        "normalised_match": (float(normalise_whitespace(hypothesis) == normalise_whitespace(reference)), 1),
        "bleu": bleu,
        "bleu_0_1": bleu,
        "chrf": tuple(_CHRF._extract_corpus_statistics([hypothesis], [[reference]])[0]),
        **rouge_statistics(hypothesis, reference),
    }


def token_bleu_statistics(hypothesis: Sequence[int], reference: Sequence[int]) -> Statistics:
    """BLEU's statistics over the model's own token ids.

    The figure of 0.01782 on html_alpaca was made this way: `load_metric("bleu")` on `tokenizer.tokenize(...)` of both
    sides, unsmoothed, in 0–1. It depends on the tokenizer (and that report's hypotheses began with the prompt), so
    compare it across adapters of one base only.
    """
    return _bleu_statistics(_TOKEN_BLEU, " ".join(map(str, hypothesis)), " ".join(map(str, reference)))


def likelihood_statistics(nats: float, tokens: int, size: int) -> dict[str, Statistics]:
    """`nats`: summed negative log-likelihood of `tokens` answer tokens, the end of sequence included; `size` in bytes."""
    return {"perplexity": (nats, tokens, size), "bits_per_byte": (nats, tokens, size)}


def normalise_whitespace(text: str) -> str:
    """Runs of whitespace become one space; between two tags they go, since there they are indentation."""
    return re.sub(r"> <", "><", " ".join(text.split()))


_MARKUP = re.compile(r"</?[A-Za-z][\w:-]*|<!--|-->|<!\w+|/?>|[\w]+(?:[-'][\w]+)*|[^\w\s]")


def markup_tokens(text: str) -> list[str]:
    """Tokens of HTML: `<div`, `</div`, `>`, attribute names, words and each other sign.

    ROUGE's usual tokenizer keeps letters and digits alone, so that `<p>` equals the word "p" and `class="a"` equals
    "class a"; this one keeps the difference.
    """
    return _MARKUP.findall(text)


def rouge_statistics(hypothesis: str, reference: str) -> dict[str, Statistics]:
    """ROUGE-1, ROUGE-2 and ROUGE-L as F1 per page (Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries",
    sections 2 and 3, beta = 1), averaged over pages, on `markup_tokens`.

    ROUGE-N counts shared n-grams, each at most as often as in the other text; ROUGE-L is the longest common subsequence.
    Two empty texts agree (1); an empty one and another don't (0).
    """
    mine, theirs = markup_tokens(hypothesis), markup_tokens(reference)
    scores = {"rouge_l": f1(LCSseq.similarity(mine, theirs), len(mine), len(theirs))}
    for n in (1, 2):
        a, b = (Counter(zip(*(tokens[i:] for i in range(n)), strict=False)) for tokens in (mine, theirs))
        both_short = not a and not b  # neither has an n-gram: then they agree if they are equal
        scores[f"rouge_{n}"] = float(mine == theirs) if both_short else f1((a & b).total(), a.total(), b.total())
    return {name: (score, 1) for name, score in scores.items()}

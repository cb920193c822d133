"""The demo model's tokenizer: byte-level BPE in which a word is spelt alike wherever it stands.

A small model copies a name by finding where it stood before and reading on, so the name must be the same tokens in
the prompt, after `>` and after a space. Words therefore never merge with what surrounds them. Markup, which nobody
copies, merges freely, and a line of CSS or script that many pages share is one token of its own: a page of 2 KB takes
some 200 tokens instead of 700, which is both speed and learnability.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"

PIECES = "|".join(
    (
        r"(?<![^\n])[^\s<>][^\n<>]*(?:[{}][^\n<>]*|;(?=\n))\n?",  # a line of CSS or script
        r"</?[A-Za-z][A-Za-z0-9]*"  # a tag with the attributes whose values are never copied from a prompt
        r'(?: (?:class|id|type|href|role|lang|charset|rel|viewBox|d|fill|stroke|width|height|onclick|name|content)="[^"\n<>]*")*'
        r"(?: (?:required|checked|disabled|open|hidden))*/?>?\n?",
        r' [a-z-]+="',  # the opening of any other attribute
        r"\p{L}[\p{L}\p{M}]*",
        r"\p{N}",
        r"\s+",
        r"[^\s\p{L}\p{N}<]+",
    )
)


def frequent_lines(pages: Iterable[str], share: float, at_least: int = 12) -> list[str]:
    """Lines of style and script that stand in more than `share` of the pages, with their ends, longest first."""
    counts: Counter[str] = Counter()
    total = 0
    for page in pages:
        total += 1
        counts.update(
            {
                line
                for line in page.splitlines(keepends=True)
                if len(line) >= at_least and "<" not in line and line[-2:-1] in ("{", "}", ";")
            }
        )
    return sorted((line for line, n in counts.items() if n > share * total), key=lambda line: (-len(line), line))


def train_tokenizer(
    texts: Sequence[str], lines: Sequence[str], vocab_size: int, context: int
) -> PreTrainedTokenizerFast:
    """Trains the tokenizer on `texts`; each of `lines` becomes one token.

    Args:
        texts: prompts and pages.
        lines: what `frequent_lines` found.
        vocab_size: tokens in all, the lines and the three special ones included.
        context: tokens that the model can see at once.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    remaining = texts
    if lines:
        taken = set(lines)
        remaining = ["".join(line for line in text.splitlines(keepends=True) if line not in taken) for text in texts]
    backend.train_from_iterator(
        remaining,
        trainers.BpeTrainer(
            vocab_size=vocab_size - len(lines),
            special_tokens=[PAD, BOS, EOS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    backend.add_tokens([AddedToken(line, normalized=False, special=False) for line in lines])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )

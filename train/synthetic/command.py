"""`python -m train synthesize -n 1000 -o pairs.jsonl --seed 7`: prompt and page pairs as JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TextIO

from htmlgen.errors import SettingsError
from train.synthetic import CHATTY, Pair, pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `synthesize` to a parser."""
    parser.add_argument("-n", "--count", type=int, default=1000, help="how many pairs (1000)")
    parser.add_argument("-o", "--output", default="-", help="the file to write, '-' for standard output (-)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same pairs (0)")
    parser.add_argument("--edits", type=float, default=0.25, help="share of pairs that edit a page, 0 to 1 (0.25)")
    parser.add_argument(
        "--chatty",
        type=float,
        default=CHATTY,
        help=f"share of new pages that are asked for at length, 0 to 1 ({CHATTY})",
    )
    parser.add_argument(
        "--whole",
        type=float,
        default=0.0,
        help="share of new pages that are asked for in one of the requests written as a whole, 0 to 1 (0)",
    )
    parser.add_argument(
        "--reworded",
        type=float,
        default=0.0,
        help="share of pairs in which made-up words stand for those that must be copied, to train on and not to check (0)",
    )
    parser.add_argument(
        "--tokenizer", default="models/demo/base", help="whose pieces those words are made of (models/demo/base)"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the pairs: one JSON object a line with instruction, input, output, kind, spec and copied.

    Returns the exit status.

    Raises:
        SettingsError: a negative count, a share outside 0 to 1, a tokenizer that isn't there, or a file that cannot be written.
    """
    if args.count < 0:
        raise SettingsError(f"--count is {args.count} but must be at least 0.")
    for flag in ("edits", "chatty", "whole", "reworded"):
        if not 0 <= getattr(args, flag) <= 1:
            raise SettingsError(f"--{flag} is {getattr(args, flag)} but must be a share from 0 to 1.")
    if args.output == "-":
        _write(args, sys.stdout)
        return 0
    try:
        with Path(args.output).open("w", encoding="utf-8") as out:
            _write(args, out)
    except OSError as error:
        raise SettingsError(f"-o {args.output} cannot be written: {error.strerror}. Name another file.") from error
    return 0


def _write(args: argparse.Namespace, out: TextIO) -> None:
    """Progress goes to standard error, and only if that is a terminal."""
    shown = sys.stderr.isatty()
    source = pairs(args.seed, args.count, edits=args.edits, chatty=args.chatty, whole=args.whole)
    for number, pair in enumerate(_reworded(source, args) if args.reworded else source, 1):
        row = {
            "instruction": pair.instruction,
            "input": pair.input,
            "output": pair.output,
            "kind": pair.kind,
            "spec": pair.spec or None,
            "copied": pair.copied,
        }
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        if shown and (number % 500 == 0 or number == args.count):
            print(f"\r{number:,} of {args.count:,} pairs", end="", file=sys.stderr, flush=True)
    if shown:
        print(file=sys.stderr)


def _reworded(source: Iterator[Pair], args: argparse.Namespace) -> Iterator[Pair]:
    from transformers import PreTrainedTokenizerFast  # deferred: most pairs are made without it

    from train.rewording import Pieces, reword

    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(args.tokenizer)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"--tokenizer {args.tokenizer}: no tokenizer can be read there. Name a model's folder."
        ) from error
    pieces, rng = Pieces(tokenizer), Random(args.seed)
    for pair in source:
        yield reword(pair, pieces, rng, share=rng.uniform(0.3, 1.0)) if rng.random() < args.reworded else pair

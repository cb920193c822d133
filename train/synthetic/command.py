"""`python -m train synthesize -n 1000 -o pairs.jsonl --seed 7`: prompt and page pairs as JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TextIO

from train.synthetic import pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `synthesize` to a parser."""
    parser.add_argument("-n", "--count", type=int, default=1000, help="how many pairs (1000)")
    parser.add_argument("-o", "--output", default="-", help="the file to write, '-' for standard output (-)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same pairs (0)")
    parser.add_argument("--edits", type=float, default=0.25, help="share of pairs that edit a page, 0 to 1 (0.25)")


def run(args: argparse.Namespace) -> int:
    """Writes the pairs: one JSON object a line with instruction, input, output, kind, spec and copied.

    Returns the exit status. Raises ValueError for a negative count or a share outside 0 to 1.
    """
    if args.count < 0:
        raise ValueError(f"--count is a number of pairs, not {args.count}")
    if args.output == "-":
        _write(args, sys.stdout)
    else:
        with Path(args.output).open("w", encoding="utf-8") as out:
            _write(args, out)
    return 0


def _write(args: argparse.Namespace, out: TextIO) -> None:
    """Progress goes to standard error, and only if that is a terminal."""
    shown = sys.stderr.isatty()
    for number, pair in enumerate(pairs(args.seed, args.count, edits=args.edits), 1):
        row = {
            "instruction": pair.instruction,
            "input": pair.input,
            "output": pair.output,
            "kind": pair.kind,
            "spec": pair.spec,
            "copied": pair.copied,
        }
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        if shown and (number % 500 == 0 or number == args.count):
            print(f"\r{number:,} of {args.count:,} pairs", end="", file=sys.stderr, flush=True)
    if shown:
        print(file=sys.stderr)

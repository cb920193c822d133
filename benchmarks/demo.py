"""Does the shipped model do what it is for? python benchmarks/demo.py [--pages 500] [--edits 200] [--names 200]

Pages and edits from seeds that training never saw, written by the served model (NF4, adapter beside it) and put to the
checker by `python -m train evaluate`, whose report each run leaves in --out. Prints every score next to its bar.

Names that nobody has seen are a third set: prompts of the generator, in which the name has been replaced by one from the
list below, which follows none of the generator's ways of making names.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from htmlgen.presets import PRESETS
from train.__main__ import main as train
from train.synthetic import Pair, pairs
from train.synthetic.draft import escape

SEEDS = {"pages": 1_999_000_001, "edits": 1_999_000_002, "names": 1_999_000_003}
"""Far from every seed of training: see POOL_STRIDE in train/pool.py."""
MAX_NEW_TOKENS = 700
NAMES = """
    Brotkorb|Quillon|Vexa Nails|Kettlemoor|Tallybird|Hexaflow|Parcelo|Voltarra|Waggington|Orbitane|Pixelpantry|Zürcher Hof
    Onggi|Xochitl Café|Ngorongoro|Wzgórze|Fjordly|Håndværk|Ljubezen|Mbira House|Taqwim|Uzume|Okonkwo & Sons|Żubrówka
    Dvořák Piano|Kiwicha|Reykur 9|Bzzzt|QRSTUV|A1 Locksmiths|4711|Mr. Pfeffer|O'Shaughnessy|Ipswich-on-Sea|Eyjafjallajökull
    Two Dads One Mic|The Very Hungry Welder|not a bakery|iBrrr|Łódź Loft|Krrish|Yggdrasil|Petalworks|Grumpy Taco|Nomad Nest
    Ridgelark|Snörkel|Thwaite & Thwaite|Ubuntu Arms|Vltava|Wyrmwood Press|Xanthippe|Ypsilanti|Zzyzx Road|Ætherworks
""".replace("\n    ", "|")
REQUESTED = ("check_items", "check_fields", "check_columns", "check_count", "check_texts")
"""A page passes only if all that was asked for is there, which is stricter than the share of items."""

BARS = (
    ("pages, greedy", "closed, no parse errors", ("check_closed",), 99),
    ("pages, greedy", "title verbatim", ("check_title",), 97),
    ("pages, greedy", "all requested items present", REQUESTED, 92),
    ("pages, greedy", "every check passed", ("checks_all",), 85),
    ("pages, T = 0.7", "closed, no parse errors", ("check_closed",), 98),
    ("pages, T = 0.7", "title verbatim", ("check_title",), 95),
    ("pages, T = 0.7", "all requested items present", REQUESTED, 88),
    ("pages, T = 0.7", "every check passed", ("checks_all",), 75),
    ("edits, greedy", "edit applied", ("check_edit",), 90),
    ("edits, greedy", "the rest untouched", ("check_untouched",), 85),
    ("names, greedy", "never-seen name verbatim", ("check_title",), 90),
)


def unseen_names(source: Iterable[Pair], rng: Random) -> Iterator[Pair]:
    """The named pairs of `source`, each with a name of the list instead of its own."""
    names = [name.strip() for name in NAMES.split("|") if name.strip()]
    for pair in source:
        old, new = pair.spec.get("name"), rng.choice(names)
        if old and old == pair.spec["title"] and pair.instruction.count(old) == 1:
            spec = json.loads(json.dumps(pair.spec, ensure_ascii=False).replace(old, new))
            page = pair.output.replace(escape(old), escape(new))
            yield replace(pair, instruction=pair.instruction.replace(old, new), output=page, spec=spec)


def write(path: Path, chosen: Iterable[Pair]) -> None:
    """The dataset for `evaluate`, specifications as JSON texts."""
    with path.open("w", encoding="utf-8") as out:
        for pair in chosen:
            row = {"instruction": pair.instruction, "input": pair.input, "output": pair.output}
            out.write(json.dumps({**row, "spec": json.dumps(pair.spec)}, ensure_ascii=False) + "\n")


def passed(report: dict[str, Any], checks: tuple[str, ...]) -> tuple[float, int]:
    """Per cent of the pages put to any of the checks that pass all of them, and how many those are."""
    verdicts = []
    for page in report["pages"]:
        [system] = page["systems"].values()
        found = [system["scores"][name] for name in checks if name in system["scores"]]
        if found:
            verdicts.append(min(found) == 1)
    return (100 * sum(verdicts) / len(verdicts) if verdicts else math.nan), len(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=500, help="new pages (500)")
    parser.add_argument("--edits", type=int, default=200, help="edits (200)")
    parser.add_argument("--names", type=int, default=200, help="pages with never-seen names (200)")
    parser.add_argument("--base", default="demo", help="preset, folder or hub id (demo)")
    parser.add_argument("--adapter", default=PRESETS["demo"].adapter, help="its adapter, or none (models/demo/adapter)")
    parser.add_argument("--batch-size", type=int, default=16, help="pages written together (16)")
    parser.add_argument("--out", type=Path, default=Path("runs/demo-bars"), help="folder for data and reports")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sets = {
        "pages": list(pairs(SEEDS["pages"], options.pages, edits=0.0)),
        "edits": list(pairs(SEEDS["edits"], options.edits, edits=1.0)),
        "names": list(islice(unseen_names(pairs(SEEDS["names"], edits=0.0), Random(0)), options.names)),
    }
    reports = {}
    for run, temperature in (("pages, greedy", 0.0), ("pages, T = 0.7", 0.7), ("edits, greedy", 0.0), ("names, greedy", 0.0)):  # fmt: skip
        name = run.partition(",")[0]
        if not sets[name]:
            continue
        data, out = options.out / f"{name}.jsonl", options.out / f"{name}-{temperature}"
        write(data, sets[name])
        flags = {
            "data": data, "part": "all", "test-size": 0, "validation-size": 0, "base": options.base, "adapter": options.adapter,
            "temperature": temperature, "max-new-tokens": MAX_NEW_TOKENS, "batch-size": options.batch_size, "out": out,
        }  # fmt: skip
        print(f"\n== {run}")
        if status := train(["evaluate", *(f"--{flag}={value}" for flag, value in flags.items())]):
            return status
        reports[run] = json.loads((out / "report.json").read_text("utf-8"))
    print(f"\n{'set':16} {'bar':30} {'asked':>7} {'reached':>8}   pages")
    missed = 0
    for run, label, checks, bar in BARS:
        if run in reports:
            score, count = passed(reports[run], checks)
            missed += not score >= bar
            print(f"{run:16} {label:30} {bar:5} % {score:6.1f} % {'' if score >= bar else '<'}  {count:5}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

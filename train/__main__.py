"""python -m train fit | evaluate | merge | tokens | pretrain | synthesize | sheet | quantize

A command's module has `add_arguments(parser)` and `run(arguments) -> int` (the exit status) and is imported only when asked for.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from htmlgen.errors import HtmlgenError


@dataclass(frozen=True)
class Command:
    """`settings`: its parser is jsonargparse's, which reads `--config file.yaml`; else argparse's."""

    module: str
    help: str
    settings: bool = False


COMMANDS = {
    "fit": Command("train.fit", "train an adapter", settings=True),
    "evaluate": Command("train.evaluate", "score adapters on held-out prompts", settings=True),
    "merge": Command("train.merge", "adapter + full-precision base -> standalone model; publish either"),
    "tokens": Command(
        "train.lengths", "print and plot how long the rows are, and what a limit would lose", settings=True
    ),
    "pretrain": Command("train.pretrain", "make the demo base from scratch"),
    "synthesize": Command("train.synthetic.command", "write the prompt/page pairs behind the demo model"),
    "sheet": Command("train.sheet", "draw a contact sheet of pages that the model writes"),
    "quantize": Command("train.quantize", "make a GPTQ base"),
}


def _config_first(argv: list[str]) -> list[str]:
    """jsonargparse lets the later win; a flag must override the file wherever it stands."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", action="append", default=[])
    found, rest = parser.parse_known_args(argv)
    return [*(f"--config={path}" for path in found.config), *rest]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0, 1 for a failure that it explains, 130 for Ctrl-C."""
    argv = list(sys.argv[1:] if argv is None else argv)
    top = argparse.ArgumentParser(prog="python -m train", formatter_class=argparse.RawDescriptionHelpFormatter)
    width = max(map(len, COMMANDS))
    top.epilog = "commands:\n" + "\n".join(f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items())
    top.add_argument(
        "command", choices=COMMANDS, metavar="command", help="one of those below; `command --help` tells its flags"
    )
    name = top.parse_args(argv[:1]).command
    command = COMMANDS[name]
    try:
        module = importlib.import_module(command.module)
        prog = f"python -m train {name}"
        parser: argparse.ArgumentParser
        if command.settings:
            from train.config import settings_parser

            parser = settings_parser(prog, command.help)
        else:
            parser = argparse.ArgumentParser(prog=prog, description=command.help)
        module.add_arguments(parser)
        arguments = _config_first(argv[1:]) if command.settings else argv[1:]
        return module.run(parser.parse_args(arguments))
    except HtmlgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""The command line.

python -m htmlgen "a login page for Acme" -o page.html
python -m htmlgen "make the header green" - < page.html > green.html
python -m htmlgen "a login page" --server http://localhost:8000 --open
python -m htmlgen export | adduser | apikey --help
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from htmlgen.errors import HtmlgenError

SUBCOMMANDS = {
    "export": ("htmlgen.export", "pages and votes as training data"),
    "adduser": ("htmlgen.accounts", "an account, or a new password for one"),
    "apikey": ("htmlgen.keys", "keys for programs: add, list, revoke"),
}
"""Name -> (module with add_arguments and run, what it does). Imported only when it is called."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command in `arguments` (those of the process otherwise) and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words[0] if words and words[0] in SUBCOMMANDS else None
    module = importlib.import_module(SUBCOMMANDS[name][0] if name else "htmlgen.command")
    parser = argparse.ArgumentParser(
        prog="python -m htmlgen" + (f" {name}" if name else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if name is None:
        lines = [f"  {command:10}{says}" for command, (_, says) in SUBCOMMANDS.items()]
        parser.description = "Writes a page, or changes one.\n\nother commands:\n" + "\n".join(lines)
    module.add_arguments(parser)
    options = parser.parse_args(words[1:] if name else words)
    try:
        code: int = module.run(options)
    except HtmlgenError as error:
        print(error, file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())

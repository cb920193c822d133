"""python -m htmlgen "a login page for Acme" -o page.html: one page, from the command line.

The page goes to standard output, piece by piece as it is written, or whole into a file, which is replaced only when there is
something to replace it with. What is going on is told on standard error, and only if that is a terminal.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO

from htmlgen.client import News, Status, Written, ask_server
from htmlgen.engine import SAMPLING_FIELDS, GenerationRequest, Sampling
from htmlgen.errors import Busy, HtmlgenError, NotReady, RequestError, ServerBusy, SettingsError
from htmlgen.settings import load_settings, make_sampling
from htmlgen.viewer import viewer
from htmlgen.whole_file import write_whole

SERVER_SECONDS = 30.0
"""What a server of HTMLGEN_ENGINE=openai has to come up: who waits here waits for one page, and may be a script."""

DONE, FAILED, USAGE, CUT, NO_PAGE, AGAIN, INTERRUPTED, PIPE = 0, 1, 2, 3, 4, 5, 130, 141

CONTROLS = {number: None for number in (*range(32), *range(127, 160)) if chr(number) not in "\t\n"}
"""What could command a terminal (its title, its clipboard, what stands in it): nothing that a model or a server says may."""

EXIT_CODES = """\
exit codes:
  0    the page is whole
  1    it failed: the message says why
  2    a flag, a setting or a file is wrong; nothing was asked
  3    the page was cut at a limit; what there is of it was written
  4    the model wrote no page; what it said is on standard error
  5    the server is busy or still loading: try again later
  130  interrupted (Ctrl-C); a file given with -o is as it was
  141  whoever read standard output stopped reading
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="what page to write, or what to change in the current one")
    parser.add_argument("current", nargs="?", metavar="-", help="read the current page from standard input")
    parser.add_argument(
        "--page", metavar="FILE", help="the current page, which the prompt changes; - is standard input"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where the page goes; standard output otherwise")
    parser.add_argument("--open", action="store_true", help="show the page in a browser, in a sandbox")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, even on a terminal")
    parser.add_argument("--server", metavar="URL", help="use a running studio instead of loading a model here")
    parser.add_argument(
        "--key",
        default=os.environ.get("HTMLGEN_KEY"),
        help="its API key; better in HTMLGEN_KEY, where `ps` does not show it",
    )
    parser.add_argument("--model", help="one of several; GET /models of a studio lists them")
    for name in SAMPLING_FIELDS:
        kind = float if name in ("temperature", "top_p", "repetition_penalty") else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=argparse.SUPPRESS)
    parser.epilog = f"sampling: {', '.join('--' + name.replace('_', '-') for name in SAMPLING_FIELDS)}\n\n{EXIT_CODES}"


def run(args: argparse.Namespace) -> int:
    """Returns the exit code."""
    try:
        body = _read_request(args)
    except (HtmlgenError, OSError, UnicodeDecodeError) as error:
        return _complain(error, USAGE)
    try:
        return asyncio.run(_run(args, body))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes the stream at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE
    except SettingsError as error:
        return _complain(error, USAGE)
    except (Busy, NotReady, ServerBusy) as error:
        return _complain(error, AGAIN)
    except (HtmlgenError, OSError) as error:
        return _complain(error, FAILED)


def _complain(error: Exception, code: int) -> int:
    print(f"htmlgen: {error}".translate(CONTROLS), file=sys.stderr)
    return code


def _read_request(args: argparse.Namespace) -> dict[str, Any]:
    """The body of the request, checked as far as that can be done before a model is there.

    Raises:
        RequestError, SettingsError: something in it cannot be.
        OSError, UnicodeDecodeError: the page cannot be read.
    """
    if args.current not in (None, "-"):
        raise RequestError(f"{args.current!r} is one word too many. Put the prompt in quotes.")
    sampling = {name: value for name in SAMPLING_FIELDS if (value := getattr(args, name)) is not None}
    Sampling(**sampling)
    if args.output is not None:
        folder = Path(args.output).resolve().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(args.output).is_dir():
            raise SettingsError(f"{args.output} cannot be written. Name a file in a folder that exists and is yours.")
    page = None
    source = "-" if args.current else args.page
    if source is not None:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        page = data.decode()
    GenerationRequest(args.prompt, page)
    body = {"prompt": args.prompt, "html": page, "model": args.model, **sampling}
    return {name: value for name, value in body.items() if value is not None}


async def _run(args: argparse.Namespace, body: dict[str, Any]) -> int:
    news = ask_server(args.server, args.key, body) if args.server else _ask_here(body)
    with Progress(sys.stderr.isatty() and not args.quiet) as progress:
        out = sys.stdout.buffer if args.output is None else None
        async with aclosing(news):
            end = await _follow(news, out, progress)
    if end.html is None:
        said = end.text.strip().translate(CONTROLS) or "nothing"
        print(f"htmlgen: the model wrote no page. It said: {said}", file=sys.stderr)
        return NO_PAGE
    if args.output is not None:
        write_whole(Path(args.output), end.html.encode())
    elif sys.stdout.isatty() and not end.html.endswith("\n"):
        print()
    if progress.shown:
        print(_summary(end, args.output), file=sys.stderr)
    if args.open:
        _open(end.html, args.prompt)
    if end.finish_reason == "length":
        print("htmlgen: the page was cut at its limit. Allow more with --max-new-tokens.", file=sys.stderr)
        return CUT
    if end.finish_reason != "stop":
        print("htmlgen: the page was broken off: the server is being shut down. Try again.", file=sys.stderr)
        return CUT
    return DONE


async def _follow(news: AsyncGenerator[News, None], out: BinaryIO | None, progress: "Progress") -> Written:
    size, seen = 0, out is not None and out.isatty()
    async for event in news:
        match event:
            case Status(text):
                progress.show(text.translate(CONTROLS))
            case str():
                size += len(event.encode())
                if out is not None:
                    out.write((event.translate(CONTROLS) if seen else event).encode())
                    out.flush()
                if not seen:
                    progress.show(f"Writing: {size / 1000:,.1f} KB")
            case Written():
                return event
    raise AssertionError("news end in Written or an exception")


async def _ask_here(body: dict[str, Any]) -> AsyncGenerator[News, None]:
    """The news of a page that a model in this process writes."""
    # Not above: with --server none of this is needed, and it takes a second to import.
    os.environ.setdefault("TQDM_DISABLE", "1")  # bars of libraries would be on standard error, terminal or not
    from htmlgen.engines import make_engine
    from htmlgen.page import PageShelf
    from htmlgen.studio import Finished, Preparing, Studio, Wrote

    settings = load_settings()
    sampling = make_sampling(settings, **{name: body[name] for name in SAMPLING_FIELDS if name in body})
    request = GenerationRequest(body["prompt"], body.get("html"), sampling=sampling, model=body.get("model", ""))
    studio = Studio(make_engine(settings, patience=SERVER_SECONDS), PageShelf(1), settings)
    try:
        await studio.start()
        while studio.state == "loading":
            yield Status(studio.status)
            await asyncio.sleep(0.1)
        await studio.wait_ready()
        async with aclosing(studio.generate(request)) as events:
            async for event in events:
                match event:
                    case Preparing(status):
                        yield Status(status)
                    case Wrote(_, html) if html:
                        yield html
                    case Finished(page, text, reason, usage):
                        figures = (None, None) if usage is None else (usage.new_tokens, usage.tokens_per_second)
                        yield Written(None if page is None else page.html, text, reason, *figures)
    finally:
        await studio.close()


class Progress:
    """One line on standard error that is written over and over, and gone at the end."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self._line = ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.show("")

    def show(self, line: str) -> None:
        if self.shown and line != self._line:
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            sys.stderr.write("\r\x1b[K" + line.replace("\n", " ")[: width - 1])
            sys.stderr.flush()
            self._line = line


def _summary(end: Written, output: str | None) -> str:
    figures = [f"{len((end.html or '').encode()) / 1000:,.1f} KB"]
    if end.new_tokens is not None:
        figures.append(f"{end.new_tokens:,} tokens")
    if end.tokens_per_second is not None:
        figures.append(f"{end.tokens_per_second:,.0f} tokens/s")
    return f"{output or 'The page'}: {', '.join(figures)}"


def _open(html: str, prompt: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="htmlgen-", delete=False, encoding="utf-8") as file:
        file.write(viewer(html, prompt[:80]))
    if not webbrowser.open(Path(file.name).as_uri()):
        print(f"htmlgen: no browser could be opened. The page is in {file.name}.", file=sys.stderr)

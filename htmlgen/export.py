"""Votes and edits as training data.

    python -m htmlgen export --sft -o pages.jsonl              {"instruction", "input", "output"}: python -m train fit --data pages.jsonl
    python -m htmlgen export --preferences -o pairs.jsonl      {"prompt", "chosen", "rejected"}, for DPO and its relatives

`--sft`: pages with a thumb up and pages mended by hand. The mended page takes the place of the one it was made from.
`--preferences`: picks in Compare, mended against original, fixed against broken, and siblings (pages of one prompt) with
opposite thumbs. In both a page that has a thumb down, or the same text as one that has, never comes out as good; what
was cut, stopped or broke off neither, since it would teach to end early; and nothing comes out twice.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import select

from htmlgen.database import storage
from htmlgen.errors import SettingsError
from htmlgen.prompt import FORMATS, format_prompt
from htmlgen.schema import preferences, versions, votes
from htmlgen.settings import load_settings
from htmlgen.store import Store
from htmlgen.whole_file import write_whole

Pair = tuple["Page", "Page"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which pages count; None is no filter. Of a pair both pages must pass, but one by `model` is enough."""

    since: datetime | None = None
    """Written at this moment or later."""
    until: datetime | None = None
    """Written before this moment."""
    model: str | None = None
    """Written by this model, mended or not."""
    user: str | None = None

    def passes(self, page: "Page") -> bool:
        """Whether the page counts, whatever model wrote it."""
        late_enough = self.since is None or page.created_at >= self.since
        early_enough = self.until is None or page.created_at < self.until
        return late_enough and early_enough and self.user in (None, page.owner)


@dataclass(frozen=True, slots=True)
class Page:
    """A version, with the request that it answers: its own, or that of the page that it was mended or restored from."""

    id: str
    owner: str
    origin: str
    html: str
    state: str
    created_at: datetime
    source: str | None
    """The version that it was mended or restored from."""
    instruction: str
    input: str | None
    model: str

    @property
    def ask(self) -> tuple[str, str | None]:
        return self.instruction.strip(), self.input or None


class Votes:
    """What the database knows, read at once: `pages` by id, ids of `liked` and `disliked` ones, and chosen pairs."""

    def __init__(self, rows: Iterable[Any], thumbs: Iterable[Any], picks: Iterable[Any]) -> None:
        self._rows = {row.id: row for row in rows}
        self.pages = {id: page for id in self._rows if (page := self._page(id)) is not None}
        thumbs = list(thumbs)
        self.liked = {vote.version_id for vote in thumbs if vote.value > 0}
        self.disliked = {vote.version_id for vote in thumbs if vote.value < 0}
        self.bad = {_same(self._rows[id].html) for id in self.disliked if id in self._rows}
        """Texts that somebody turned down, wherever else they stand."""
        self.picks = list(picks)

    @classmethod
    async def read(cls, store: Store) -> "Votes":
        names = ("id", "owner", "parent", "origin", "instruction", "input", "html", "model", "state", "created_at")
        with storage("Nothing is exported"):
            async with store.engine.connect() as connection:
                # By time, so that of two answers the later one can win.
                rows = (await connection.execute(select(*(versions.c[n] for n in names)).order_by("created_at"))).all()
                thumbs = (await connection.execute(select(votes.c.version_id, votes.c.value))).all()
                picks = (await connection.execute(select(preferences).order_by("created_at"))).all()
        return cls(rows, thumbs, picks)

    def _page(self, id: str) -> Page | None:
        """The page with its request; None when nobody asked for it, as for an upload and what was mended of one."""
        row = root = self._rows[id]
        while root.origin in ("hand", "restore"):
            if root.parent not in self._rows:
                return None
            root = self._rows[root.parent]
        if root.origin != "model":
            return None
        source = None if row is root else row.parent
        return Page(
            row.id, row.owner, row.origin, row.html, row.state, row.created_at,
            source, root.instruction, root.input, root.model,
        )  # fmt: skip

    def good(self, page: Page) -> bool:
        """Whether a model may learn to write it."""
        return page.state == "finished" and bool(page.html.strip()) and _same(page.html) not in self.bad

    def mended(self) -> dict[str, Page]:
        """By the page that a model wrote: what was made of it by hand in the end, unless that was taken back."""
        found: dict[str, Page] = {}
        for page in self.pages.values():
            origin = self.original(page)
            if page.source is None or not self.good(page):
                continue
            if _same(page.html) == _same(origin.html):
                found.pop(origin.id, None)
            else:
                found[origin.id] = page
        return found

    def original(self, page: Page) -> Page:
        """The page that a model wrote, of which `page` was made; a page by a model is its own."""
        while page.source is not None:
            page = self.pages[page.source]
        return page

    def sft(self, filters: Filters) -> Iterator[dict[str, str]]:
        """Pages worth learning, as instruction, input and output."""
        mended = self.mended()
        told = set()
        for page in self.pages.values():
            last = mended.get(self.original(page).id)
            if last is not None:
                page = last
            elif page.id not in self.liked:
                continue
            row = (*page.ask, _same(page.html))
            if row not in told and self.good(page) and filters.passes(page) and filters.model in (None, page.model):
                told.add(row)
                yield {"instruction": row[0], "input": row[1] or "", "output": page.html.strip()}

    def preferences(self, filters: Filters, prompt_format: str) -> Iterator[dict[str, str]]:
        """Pairs of answers to one prompt, as prompt, chosen and rejected."""
        latest: dict[tuple[Any, ...], Pair] = {}
        for better, worse in self._pairs():
            if worse.state == "writing" or _same(worse.html) in ("", _same(better.html)) or not self.good(better):
                continue
            # A later choice between the same two texts takes the place of the earlier one, whichever way it went.
            key = (*worse.ask, *sorted((_same(better.html), _same(worse.html))))
            latest[key] = better, worse
        for better, worse in latest.values():
            by_model = filters.model in (None, better.model, worse.model)
            if by_model and filters.passes(better) and filters.passes(worse):
                prompt = format_prompt(prompt_format, *worse.ask)
                yield {"prompt": prompt, "chosen": better.html.strip(), "rejected": worse.html.strip()}

    def _pairs(self) -> Iterator[Pair]:
        """(better, worse), the weakest evidence first: thumbs, then edits, then what was picked from the two side by side."""
        asked: dict[tuple[str, str | None], list[Page]] = {}
        for page in self.pages.values():
            asked.setdefault(page.ask, []).append(page)
        for siblings in asked.values():
            down = [page for page in siblings if page.id in self.disliked]
            yield from ((up, worse) for up in siblings if up.id in self.liked for worse in down)
        mended = self.mended()
        for origin, page in mended.items():
            yield page, self.pages[origin]
        for pick in self.picks:
            if pick.tie or pick.chosen not in self.pages or pick.rejected not in self.pages:
                continue
            better = self.pages[pick.chosen]
            if pick.kind != "hand" or self.original(better).id in mended:  # else the edit was taken back
                yield better, self.pages[pick.rejected]


def _same(html: str) -> str:
    """What two pages have in common that are the same to a reader of their text."""
    return html.strip()


# The command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--sft", action="store_true", help="approved and mended pages: instruction, input, output")
    what.add_argument("--preferences", action="store_true", help="pairs of pages: prompt, chosen, rejected")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="a .jsonl file; - is standard output")
    parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="pages of that day (UTC) or later")
    parser.add_argument("--until", type=_day, metavar="YYYY-MM-DD", help="pages of that day (UTC) or earlier")
    parser.add_argument("--model", help="pages that this model wrote, as the chat lists it: demo, runs/mine")
    parser.add_argument("--user", help="pages of this user")
    parser.add_argument(
        "--prompt-format", choices=sorted(FORMATS), default="alpaca",
        help="how --preferences writes its prompts: as the model reads them that will learn from it (default: alpaca)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Returns the exit code; raises HtmlgenError."""
    until = None if args.until is None else args.until + timedelta(days=1)
    filters = Filters(args.since, until, args.model, args.user)
    known = asyncio.run(_read(load_settings().database))
    if args.sft:
        rows = list(known.sft(filters))
        missing = "no page has a thumb up, or was mended by hand"
    else:
        rows = list(known.preferences(filters, args.prompt_format))
        missing = "there are no picks, edits by hand, fixed errors or opposite thumbs on answers to one prompt"
    if not rows:
        chosen = " that passes these filters" if filters != Filters() else ""
        raise SettingsError(f"There is nothing to export{chosen}: {missing}. Vote on pages in the chat first.")
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if args.output == "-":
        sys.stdout.buffer.write(text.encode())
        return 0
    try:
        write_whole(Path(args.output), text.encode())
    except OSError as error:
        raise SettingsError(f"{args.output} cannot be written: {error.strerror}. Name another file with -o.") from error
    what = "page" if args.sft else "pair"
    print(f"Wrote {len(rows):,} {what}{'s' if len(rows) > 1 else ''} to {args.output}.", file=sys.stderr)
    return 0


async def _read(url: str) -> Votes:
    store = await Store.open(url)
    try:
        return await Votes.read(store)
    finally:
        await store.close()


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), timezone.utc)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-11-30") from error

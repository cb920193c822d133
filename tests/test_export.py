"""Votes and edits come out as training data, and only the good ones."""

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from htmlgen import export
from htmlgen.__main__ import main
from htmlgen.engine import GenerationRequest
from htmlgen.export import Filters, Votes
from htmlgen.schema import versions
from htmlgen.store import Record, State, Store
from train.config import DataConfig
from train.data import load_records


class Desk:
    """Somebody at work in one chat: pages are named by their text."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def page(
        self, html: str, ask: str = "a page", *, of: str | None = None, owner: str = "ann", model: str = "demo",
        state: State = "finished",
    ) -> str:  # fmt: skip
        request = GenerationRequest(ask, page=of)
        await self.store.begin(f"id-{html}", Record(owner, "chat"), request, model=model)
        await self.store.end(f"id-{html}", state, html=page(html), text=page(html))
        return f"id-{html}"

    async def edit(self, html: str, parent: str, origin: Literal["hand", "restore", "upload"] = "hand") -> str:
        added = await self.store.add(origin, page(html), owner="ann", chat="chat", parent=parent)
        return added.id

    async def sft(self, **filters: Any) -> list[tuple[str, str, str]]:
        known = await Votes.read(self.store)
        return [(row["instruction"], row["input"], bare(row["output"])) for row in known.sft(Filters(**filters))]

    async def pairs(self, **filters: Any) -> list[tuple[str, str, str]]:
        known = await Votes.read(self.store)
        rows = known.preferences(Filters(**filters), "plain")
        return [(row["prompt"].strip(), bare(row["chosen"]), bare(row["rejected"])) for row in rows]


def page(name: str) -> str:
    return f"<p>{name}</p>\n"


def bare(html: str) -> str:
    return html.removeprefix("<p>").removesuffix("</p>")


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


# --sft


async def test_pages_with_a_thumb_up_come_out_with_their_request(desk: Desk) -> None:
    await desk.page("ignored")
    for name, more in (("new", {}), ("edit", {"ask": " make it green ", "of": "<p>old</p>"})):
        await desk.store.vote(await desk.page(name, **more), "ann", 1)
    assert await desk.sft() == [("a page", "", "new"), ("make it green", "<p>old</p>", "edit")]


async def test_a_mended_page_takes_the_place_of_the_one_it_was_made_from(desk: Desk) -> None:
    first = await desk.page("first", "a login page")
    await desk.store.vote(first, "ann", 1)
    await desk.edit("last", await desk.edit("better", first))
    assert await desk.sft() == [("a login page", "", "last")]


async def test_mending_needs_no_thumb_and_forgives_a_page_that_was_cut(desk: Desk) -> None:
    await desk.edit("whole", await desk.page("half", state="cut"))
    assert await desk.sft() == [("a page", "", "whole")]


async def test_an_edit_that_changed_nothing_or_was_taken_back_is_none(desk: Desk) -> None:
    same, back = await desk.page("same"), await desk.page("back", "another page")
    await desk.edit("same", same)
    worse = await desk.edit("worse", back)
    await desk.store.prefer("ann", "hand", worse, back)
    assert await desk.pairs() == [("another page", "worse", "back")]
    await desk.edit("back", back, "restore")
    assert await desk.sft() == []
    assert await desk.pairs() == []


async def test_a_restored_page_answers_the_request_of_the_page_that_is_back(desk: Desk) -> None:
    first = await desk.page("first")
    await desk.page("second", "make it green", of=page("first"))
    await desk.store.vote(await desk.edit("first", first, "restore"), "ann", 1)
    assert await desk.sft() == [("a page", "", "first")]


async def test_a_page_with_a_thumb_down_never_comes_out_whatever_else_is_said_of_its_text(desk: Desk) -> None:
    good, bad = await desk.page("good"), await desk.page("bad")
    await desk.store.vote(bad, "ann", 1)
    await desk.store.vote(bad, "bob", -1)
    mended = await desk.edit("mended", good)
    await desk.store.vote(good, "ann", 1)
    await desk.store.vote(mended, "ann", -1)
    await desk.store.vote(await desk.edit("mended", good), "ann", 1)  # the same text again
    await desk.store.prefer("ann", "compare", bad, good)
    assert await desk.sft() == [("a page", "", "good")]
    # Opposite thumbs; the pick of a bad page does not count.
    assert sorted(await desk.pairs()) == [("a page", "good", "bad"), ("a page", "good", "mended")]


@pytest.mark.parametrize("state", ["cut", "stopped", "failed", "writing"])
async def test_a_page_without_its_end_teaches_nothing(desk: Desk, state: State) -> None:
    await desk.store.vote(await desk.page("half", state=state), "ann", 1)
    assert await desk.sft() == []


async def test_nothing_comes_out_twice_and_what_nobody_asked_for_not_at_all(desk: Desk) -> None:
    for owner in ("ann", "bob"):
        id = await desk.page(f"id of {owner}", owner=owner)
        await desk.store.end(id, "finished", html="<p>one</p>" + "\n" * len(owner), text="")
        await desk.store.vote(id, owner, 1)
    upload = await desk.edit("upload", "", "upload")
    await desk.store.vote(upload, "ann", 1)
    await desk.store.vote(await desk.edit("mended upload", upload), "ann", 1)
    await desk.store.vote(await desk.page("cara", owner="cara"), "cara", 1)
    assert sorted(await desk.sft()) == [("a page", "", "cara"), ("a page", "", "one")]


# --preferences


async def test_picks_edits_fixes_and_opposite_thumbs_are_pairs(desk: Desk) -> None:
    left, right = await desk.page("left", "compare"), await desk.page("right", "compare")
    await desk.store.prefer("ann", "compare", right, left)
    await desk.edit("mended", await desk.page("raw", "edit", of="<p>input</p>"))
    broken = await desk.page("broken", "script")
    fixed = await desk.page("fixed", "Fix this error: x is not defined", of=page("broken"))
    await desk.store.prefer("ann", "fix", fixed, broken)
    up, down = await desk.page("up", "twice"), await desk.page("down", "twice")
    await desk.store.vote(up, "ann", 1)
    await desk.store.vote(down, "ann", -1)
    await desk.store.vote(await desk.page("other", "another"), "ann", -1)
    assert sorted(await desk.pairs()) == [
        ("compare", "right", "left"),
        ("edit\n\n<p>input</p>", "mended", "raw"),
        ("script", "fixed", "broken"),
        ("twice", "up", "down"),
    ]


async def test_ties_and_answers_without_an_end_are_no_choice(desk: Desk) -> None:
    a, b, half = await desk.page("a"), await desk.page("b"), await desk.page("half", state="cut")
    await desk.store.prefer("ann", "compare", a, b, tie=True)
    await desk.store.prefer("ann", "compare", half, b)
    assert await desk.pairs() == []
    await desk.store.prefer("ann", "compare", b, half)
    assert await desk.pairs() == [("a page", "b", "half")]


async def test_the_last_word_on_two_pages_counts(desk: Desk) -> None:
    a, b = await desk.page("a"), await desk.page("b")
    await desk.store.prefer("ann", "compare", a, b)
    await desk.store.prefer("bob", "compare", b, a)
    assert await desk.pairs() == [("a page", "b", "a")]


# Filters and the command


async def test_filters_by_day_model_and_user(desk: Desk) -> None:
    for name, more in (("old", {}), ("new", {"model": "runs/mine"}), ("bobs", {"owner": "bob"})):
        await desk.store.vote(await desk.page(name, name, **more), "ann", 1)
    await desk.edit("new mended", "id-new")
    async with desk.store.engine.begin() as connection:
        then = datetime(2026, 1, 31, 23, 59, tzinfo=timezone.utc)
        await connection.execute(versions.update().where(versions.c.id == "id-old").values(created_at=then))
    february = datetime(2026, 2, 1, tzinfo=timezone.utc)

    async def names(**filters: Any) -> list[str]:
        return [html for _, _, html in await desk.sft(**filters)]

    assert await names() == ["old", "new mended", "bobs"]
    assert await names(until=february) == ["old"]
    assert await names(since=february) == ["new mended", "bobs"]
    assert await names(model="runs/mine") == ["new mended"]
    assert await names(user="bob") == ["bobs"]
    assert await desk.pairs(model="demo") == []
    assert await desk.pairs(model="runs/mine") == [("new", "new mended", "new")]


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
async def voted(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database, named in HTMLGEN_DATABASE_URL, with one page approved and another mended."""
    monkeypatch.setenv("HTMLGEN_DATABASE_URL", database_url)
    store = await Store.open(database_url)
    desk = Desk(store)
    await store.vote(await desk.page("Grüße\u2028", "a page 😀"), "ann", 1)
    await desk.edit("mended", await desk.page("raw", "make it green", of="<p>input</p>"))
    await store.close()


def test_training_takes_the_file_as_it_is(voted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pages.jsonl"
    assert main(["export", "--sft", "-o", str(path)]) == 0
    assert f"Wrote 2 pages to {path}." in capsys.readouterr().err
    records, rejected = load_records(DataConfig(path=str(path)))
    assert [(record.instruction, record.input, record.html) for record in records] == [
        ("a page 😀", None, "<p>Grüße\u2028</p>"),
        ("make it green", "<p>input</p>", "<p>mended</p>"),
    ]
    assert rejected == []


def test_pairs_are_written_in_the_prompt_format_that_is_asked_for(
    voted: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export.run(parse("--preferences", "-o", "-", "--prompt-format", "codellama-instruct")) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["prompt"].startswith("[INST] <<SYS>>")
    assert "make it green\n\nCurrent page:\n<p>input</p> [/INST]" in row["prompt"]
    assert (row["chosen"], row["rejected"]) == ("<p>mended</p>", "<p>raw</p>")


def test_nothing_to_export_is_told_and_leaves_the_file_alone(
    voted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pages.jsonl"
    path.write_text("old")
    assert main(["export", "--sft", "-o", str(path), "--user", "nobody"]) == 1
    assert "nothing to export that passes these filters: no page has a thumb up" in capsys.readouterr().err
    assert path.read_text() == "old"
    assert main(["export", "--sft", "-o", str(tmp_path / "no" / "folder.jsonl")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_day_includes_itself(voted: None, capsys: pytest.CaptureFixture[str]) -> None:
    today = datetime.now(timezone.utc).date().isoformat()
    assert export.run(parse("--sft", "-o", "-", "--since", today, "--until", today)) == 0
    assert capsys.readouterr().out.count("\n") == 2
    with pytest.raises(SystemExit):
        parse("--sft", "-o", "-", "--since", "yesterday")
    assert "write it as 2026-11-30" in capsys.readouterr().err

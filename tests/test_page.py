"""LivePage and PageShelf: late, slow and stuck readers; the shelf's bounds."""

import asyncio
import time

import pytest

from htmlgen.errors import PageNotFound
from htmlgen.page import CHUNK, FRAME, LivePage, PageShelf

PIECES = [f"<p>Absatz {i}: naïve Grüße, 日本語 😀</p>\n" for i in range(300)]


async def collect(page: LivePage, start: int = 0) -> bytes:
    return b"".join([chunk async for chunk in page.read(start)])


async def test_every_reader_gets_every_byte_whenever_it_comes() -> None:
    page = LivePage()
    readers = []
    for i, piece in enumerate(PIECES):
        if i % 10 == 0:
            readers.append(asyncio.create_task(collect(page)))
            await asyncio.sleep(0)
        page.append(piece)
        if i % 7 == 0:
            await asyncio.sleep(0)
    page.finish("stop")
    whole = "".join(PIECES)
    assert page.html == whole
    assert page.size == len(whole.encode())
    for got in await asyncio.gather(*readers, collect(page)):
        assert got == whole.encode()


async def test_a_reader_sees_the_first_piece_before_the_second_exists() -> None:
    page = LivePage()
    stream = page.read()
    for piece in ("<h1>", "Hé", "</h1>"):
        page.append(piece)
        assert await asyncio.wait_for(anext(stream), 30) == piece.encode()
    page.finish("stop")
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_late_reader_gets_what_is_there_at_once_and_then_the_rest() -> None:
    page = LivePage()
    page.append("a" * (2 * CHUNK + 1))
    stream = page.read()
    assert [len(await anext(stream)) for _ in range(3)] == [CHUNK, CHUNK, 1]
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    page.append("b")
    assert await waiting == b"b"


async def test_a_reader_may_start_anywhere_even_beyond_the_end() -> None:
    page = LivePage()
    page.append("0123456789")
    later = asyncio.create_task(collect(page, start=12))
    await asyncio.sleep(0)
    page.append("abcdef")
    page.finish("length")
    assert await collect(page, start=4) == b"456789abcdef"
    assert await later == b"cdef"
    assert await collect(page, start=1000) == b""


async def test_a_cancelled_reader_takes_nobody_along() -> None:
    page = LivePage()
    gone, stays = asyncio.create_task(collect(page)), asyncio.create_task(collect(page))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    page.append("x")
    page.finish("stop")
    assert await asyncio.wait_for(stays, 30) == b"x"
    assert gone.cancelled()


async def test_fifty_readers_of_which_half_are_stuck_do_not_slow_the_writer() -> None:
    """200 KB in 20,000 pieces. A stuck reader has taken one chunk and never comes back for the next."""

    async def write(stuck: int, live: int) -> tuple[float, int]:
        page = LivePage()
        page.append("<!DOCTYPE html>")
        halted = [page.read() for _ in range(stuck)]
        for stream in halted:
            await anext(stream)
        readers = [asyncio.create_task(collect(page)) for _ in range(live)]
        appending = 0.0
        for i in range(20_000):
            start = time.thread_time()
            page.append("<p>x</p>\n\n")
            appending += time.thread_time() - start
            if i % 100 == 0:
                await asyncio.sleep(0)
        page.finish("stop")
        got = await asyncio.wait_for(asyncio.gather(*readers), 60)
        assert {len(data) for data in got} <= {page.size}
        for stream in halted:
            await stream.aclose()
        return appending, page.size

    seconds, size = await write(stuck=25, live=25)
    assert size == 200_015
    alone = min([(await write(stuck=0, live=0))[0] for _ in range(3)])
    # Each append costs about a microsecond, however many read. A queue per reader would cost 25 to 50 times that.
    assert seconds < 10 * alone + 0.1


async def test_a_fast_model_costs_a_reader_no_more_than_a_screen_shows() -> None:
    page, pieces = LivePage(), []

    async def follow() -> None:
        async for piece in page.read():
            pieces.append(piece)

    reader = asyncio.create_task(follow())
    begun = time.monotonic()
    for _ in range(1_000):
        page.append("token ")
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        while b"".join(pieces) != b"token " * 1_000:  # noqa: ASYNC110  all of it is there before the end
            await asyncio.sleep(FRAME)
    assert len(pieces) <= (time.monotonic() - begun) / FRAME + 2
    page.finish("stop")
    await reader


async def test_a_finished_page_is_reopened_and_grows_on() -> None:
    page = LivePage()
    page.append("<p>cut")
    page.finish("length")
    assert (page.finished, page.finish_reason) == (True, "length")
    assert await collect(page) == b"<p>cut"
    with pytest.raises(AssertionError, match="reopen"):
        page.append("!")
    page.reopen()
    assert (page.finished, page.finish_reason) == (False, None)
    reader = asyncio.create_task(collect(page))
    await asyncio.sleep(0)
    page.append(" here</p>")
    page.finish("stop")
    assert await reader == b"<p>cut here</p>"
    assert page.html == "<p>cut here</p>"


async def test_a_character_cut_between_chunks_is_whole_when_joined() -> None:
    page = LivePage()
    page.append("x" + "é" * CHUNK)
    page.finish("stop")
    assert (await collect(page)).decode() == page.html


async def test_half_a_surrogate_pair_does_not_break_the_page() -> None:
    page = LivePage()
    page.append("a\ud83db")
    assert page.html == "a?b"


async def test_ids_cannot_be_guessed() -> None:
    ids = {LivePage().id for _ in range(1000)}
    assert len(ids) == 1000
    # 32 letters of 6 bits are 192 bits, and every place of them varies.
    assert all(len(page_id) == 32 and page_id.replace("-", "").replace("_", "").isalnum() for page_id in ids)
    assert all(len({page_id[place] for page_id in ids}) > 32 for place in range(32))


async def test_the_shelf_drops_the_page_unused_the_longest_but_none_that_is_being_written() -> None:
    shelf = PageShelf(3)
    writing, old, used = shelf.new(), shelf.new(), shelf.new()
    old.finish("stop")
    used.finish("stop")
    assert shelf.get(old.id) is old
    assert shelf.get(used.id) is used
    assert shelf.get(old.id) is old  # now `used` is the one unused the longest
    shelf.new()
    assert shelf.get(writing.id) is writing
    assert shelf.get(old.id) is old
    with pytest.raises(PageNotFound, match="no such page"):
        shelf.get(used.id)
    for _ in range(5):
        shelf.new()
    assert len(shelf) == 7  # all but `old` are being written
    with pytest.raises(PageNotFound):
        shelf.get("no-such-page")

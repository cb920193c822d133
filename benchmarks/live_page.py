"""How fast text becomes a page, and what readers cost: `python benchmarks/live_page.py [--kilobytes 200] [--readers 50]`.

Measures the extractor on single characters and on tokens, the page's appends with no, live and stuck readers, and a whole
page over HTTP to that many connections at once. Compare with what a re-sent document costs: every reader, every token.
"""

import argparse
import asyncio
import random
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from htmlgen.extract import HtmlExtractor
from htmlgen.page import LivePage, PageShelf
from htmlgen.preview import make_preview

TOKEN = 4
"""Characters of a typical token."""


def make_document(size: int) -> str:
    """A page of `size` characters, more or less, with all kinds of content."""
    rng = random.Random(0)
    rows = [
        '<div class="card"><h2>Title {}</h2><p>Some text, naïve &amp; 世界, number {}.</p></div>\n',
        "<script>const a{} = '</html>' + {}; if (a < 2) alert(a)</script>\n",
        "<ul><li>one {}<li>two {}</ul>\n<!-- comment -->\n",
    ]
    parts = ["Here is your page:\n\n```html\n<!DOCTYPE html>\n<html>\n<head><title>x</title></head>\n<body>\n"]
    while sum(map(len, parts)) < size:
        parts += [rng.choice(rows).format(rng.random(), rng.random()) for _ in range(50)]
    return "".join(parts) + "</body>\n</html>\n```\nEnjoy!"


def cut(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def measure_extractor(text: str) -> None:
    for name, size in (("single characters", 1), ("tokens", TOKEN), ("one piece", len(text))):
        extractor, start = HtmlExtractor(), time.perf_counter()
        for piece in cut(text, size):
            extractor.feed(piece)
        extractor.close()
        seconds = time.perf_counter() - start
        print(f"extract, {name:18} {seconds:6.3f} s   {len(text) / seconds / 1e6:5.2f} million characters/s")


async def measure_appends(pieces: list[str], live: int, stuck: int) -> None:
    page = LivePage()
    page.append("<!DOCTYPE html>")
    halted = [page.read() for _ in range(stuck)]
    for stream in halted:
        await anext(stream)

    async def drain() -> None:
        async for _ in page.read():
            pass

    readers = [asyncio.create_task(drain()) for _ in range(live)]
    await asyncio.sleep(0)
    start = appending = 0.0
    begun = time.perf_counter()
    for piece in pieces:
        start = time.perf_counter()
        page.append(piece)
        appending += time.perf_counter() - start
        await asyncio.sleep(0)  # as between two tokens: everybody who waits is served
    page.finish("stop")
    await asyncio.gather(*readers)
    total = time.perf_counter() - begun
    print(
        f"append, {live:2} live, {stuck:2} stuck   {appending / len(pieces) * 1e6:5.2f} µs each, "
        f"{total / len(pieces) * 1e6:6.1f} µs with the readers' share"
    )
    for stream in halted:
        await stream.aclose()


async def measure_http(pieces: list[str], live: int, stuck: int) -> None:
    shelf = PageShelf(10)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=make_preview(shelf, may_read=lambda *_: True).routes), log_level="warning")
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.sleep(0.5)
    page = shelf.new()
    ask = f"GET /pages/{page.id}/source HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    first: list[float] = []

    async def read() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ask)
        await reader.readuntil(b"\r\n\r\n")
        size = 0
        while data := await reader.read(65_536):
            first.append(time.perf_counter())
            size += len(data)
        writer.close()
        return size

    halted = [socket.create_connection(("127.0.0.1", port)) for _ in range(stuck)]
    for connection in halted:
        connection.sendall(ask)
    readers = [asyncio.create_task(read()) for _ in range(live)]
    await asyncio.sleep(0.5)
    begun = time.perf_counter()
    for piece in pieces:
        page.append(piece)
        await asyncio.sleep(0)
    page.finish("stop")
    sizes = await asyncio.gather(*readers)
    seconds = time.perf_counter() - begun
    assert min(sizes) > page.size
    print(
        f"HTTP,   {live:2} live, {stuck:2} stuck   {seconds:.2f} s for {page.size / 1000:.0f} KB in {len(pieces):,} pieces"
    )
    for connection in halted:
        connection.close()
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving


async def measure(text: str, readers: int) -> None:
    measure_extractor(text)
    pieces = cut(text, TOKEN)
    for live, stuck in ((0, 0), (readers, 0), (0, readers), (readers // 2, readers // 2)):
        await measure_appends(pieces, live, stuck)
    for live, stuck in ((1, 0), (readers, 0), (readers // 2, readers // 2)):
        await measure_http(pieces, live, stuck)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kilobytes", type=int, default=200, help="size of the page")
    parser.add_argument("--readers", type=int, default=50, help="connections at once")
    given = parser.parse_args()
    asyncio.run(measure(make_document(given.kilobytes * 1000), given.readers))


if __name__ == "__main__":
    main()

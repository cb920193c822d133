"""Pages that people bring along: found in a message, decoded as browsers do, refused in words."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.upload import LARGEST, decode, read_upload, split_pasted
from htmlgen.errors import RequestError

PAGE = "<!DOCTYPE html>\n<html lang=en><body><h1>Ä</h1></body></html>"


@pytest.mark.parametrize(
    ("text", "said", "page"),
    [
        ("a login page", "a login page", None),
        ("make the <html> tag red", "make the <html> tag red", None),
        (PAGE, "", PAGE),
        (f"  {PAGE}\n", "", PAGE),
        (f"make it blue:\n{PAGE}", "make it blue:", PAGE),
        (f"before {PAGE} after", "before after", PAGE),
        (f"```html\n{PAGE}\n```", "", PAGE),
        ("<html><body></body></html>", "", "<html><body></body></html>"),
    ],
)
def test_a_page_is_found_in_a_message(text: str, said: str, page: str | None) -> None:
    assert split_pasted(text) == (said, page)


@given(st.text(), st.text(alphabet="abc ,.:", max_size=30))
def test_what_is_said_and_the_page_lose_nothing(body: str, said: str) -> None:
    page = f"<!doctype html><html>{body.replace('<', '&lt;')}</html>"
    assert split_pasted(f"{said}\n{page}") == (said.strip(), page)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (PAGE.encode(), PAGE),
        (b"\xef\xbb\xbf" + PAGE.encode(), PAGE),
        (PAGE.encode("windows-1252"), PAGE),
        ("<meta charset=iso-8859-2><p>ł".encode("iso-8859-2"), "<meta charset=iso-8859-2><p>ł"),
    ],
)
def test_a_file_is_decoded_as_browsers_do(data: bytes, text: str) -> None:
    assert decode(data, "x.html") == text


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b" \n", "x.html is empty"),
        (b"\x89PNG\0\0", "x.html is not text"),
        (b"<meta charset=klingon>\xff", "names the encoding 'klingon'"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(RequestError, match=complaint):
        decode(data, "x.html")


@dataclass
class File:
    name: str
    mime: str
    path: str


def test_files_are_checked_whatever_the_browser_said(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text(PAGE)
    assert read_upload([]) is None
    assert read_upload([File("a.HTML", "text/html; charset=utf-8", str(path))]) == PAGE
    for files, complaint in (
        ([File("a.html", "text/html", str(path))] * 2, "You sent 2 files"),
        ([File("a.svg", "text/html", str(path))], "a.svg is text/html, not an HTML file"),
        ([File("a.html", "image/svg+xml", str(path))], "a.html is image/svg"),
    ):
        with pytest.raises(RequestError, match=complaint):
            read_upload(files)
    path.write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(RequestError, match="2,000,001 bytes and at most 2,000,000"):
        read_upload([File("a.html", "text/html", str(path))])

"""HtmlExtractor: what counts as the page, that cuts make no difference, and that it keeps nothing back for long."""

import json
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htmlgen.extract import HtmlExtractor
from htmlgen.reading import HELD

DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Grüße & more</title>
<style>
  .a > .b::after { content: "</html>"; }
</style>
</head>
<body class="a">
<!-- not the end: </html> -->
<h1 title="neither is </html>">Hello, 世界 😀</h1>
<p>1 < 2 && 3 > 2, <b>bold</b>
<ul>
  <li>one
  <li>two
</ul>
<textarea>
```js
let fenced = "in a text area"
```
</textarea>
<pre>
```
in pre
```
</pre>
<script>
  const page = `
<html></html>
`;
  if (1 < 2) document.title = '</html>';
</script>
</body>
</html>"""

FRAGMENT = (
    '<form action="/login" method="post">\n  <label>Name <input name="user"></label>\n\n  <button>Go</button>\n</form>'
)


def extract(*pieces: str) -> tuple[str, str, bool, bool]:
    """(html, prose, found, complete) of a text that comes in these pieces."""
    extractor = HtmlExtractor()
    html = "".join([extractor.feed(piece) for piece in pieces]) + extractor.close()
    return html, extractor.prose, extractor.found, extractor.complete


# text -> page, prose
PAGES = {
    "bare document": (DOCUMENT, DOCUMENT, ""),
    "prose before and after": (f"Here it is:\n\n{DOCUMENT}\n\nEnjoy!", DOCUMENT, "Here it is:\n\n\n\nEnjoy!"),
    "on the line of the prose": ("Sure: <!DOCTYPE html>\n<html>x</html>", "<!DOCTYPE html>\n<html>x</html>", "Sure: "),
    "html on the line of the prose": ("Sure! <html><body>x</html>.", "<html><body>x</html>", "Sure! ."),
    "upper case": ("<HTML>\n<BODY>x</BODY>\n</HTML>\nbye", "<HTML>\n<BODY>x</BODY>\n</HTML>", "\nbye"),
    "blanks, BOM and NULs before it": ("\ufeff\0 \n\n  <html>\n\0x</html>", "<html>\nx</html>", "\ufeff \n\n  "),
    "end tag with blanks": ("<html>x</html\n >after", "<html>x</html\n >", "after"),
    "no end tag": ("<html>\n<p>x\n", "<html>\n<p>x\n", ""),
    "an old doctype": (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n<title>x</title>',
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n<title>x</title>',
        "",
    ),
    "an XML prolog": ('<?xml version="1.0"?>\n<svg></svg>', '<?xml version="1.0"?>\n<svg></svg>', ""),
    # code blocks
    "fenced": (f"Here:\n```html\n{DOCUMENT}\n```\nDone.", DOCUMENT, "Here:\n\n\nDone."),
    "fenced, upper case": ("```HTML\n<p>x</p>\n```", "<p>x</p>", ""),
    "fenced, tildes": ("~~~ html\n<p>```</p>\n~~~\n", "<p>```</p>", "\n"),
    "fenced, with a file name": ("```html:index.html\n<p>x</p>\n```", "<p>x</p>", ""),
    "fenced, Pandoc": ("```{.html .numberLines}\n<p>x</p>\n```", "<p>x</p>", ""),
    "longer fence": ("````html\n<p>\n```\nx\n````\n", "<p>\n```\nx", "\n"),
    "fence in a list": ("1. So:\n   ```html\n   <p>x</p>\n   ```\n2. y", "<p>x</p>", "1. So:\n   \n2. y"),
    "fence behind prose": ("Here: ```html\n<p>x</p>\n```\n", "<p>x</p>", "Here: \n"),
    "page on the fence's line": ("```html <p>x</p>\n```", "<p>x</p>", ""),
    "unmarked fence": ("```\n<p>x</p>\n```\nok", "<p>x</p>", "\nok"),
    "unmarked fence, not HTML": ("```\nnpm i\n```\n<p>x</p>", "<p>x</p>", "```\nnpm i\n```\n"),
    "marked as XML": ("```xml\n<!DOCTYPE html>\n<html>x</html>\n```", "<!DOCTYPE html>\n<html>x</html>", "\n"),
    "unclosed fence": ("```html\n<p>x</p>\n", "<p>x</p>\n", ""),
    "half a closing fence": ("```html\n<p>x</p>\n``", "<p>x</p>", ""),
    "CRLF": ("Hi\r\n```html\r\n<p>x\r\n</p>\r\n```\r\nbye\r\n", "<p>x\r\n</p>", "Hi\r\n\nbye\r\n"),
    "text after </html> in the fence": ("```html\n<html></html>\nnote\n```\nbye", "<html></html>", "\nnote\n\nbye"),
    "backticks that close nothing": ("```html\n<p>\n``` not yet\n```\n", "<p>\n``` not yet", "\n"),
    "css before": ("```css\na<b\n```\n```html\n<p>x</p>\n```", "<p>x</p>", "```css\na<b\n```\n"),
    "python that prints HTML": (
        '```python\n\n<html>\nprint("<html>")\n```\n\n```html\n<p>x</p>\n```',
        "<p>x</p>",
        '```python\n\n<html>\nprint("<html>")\n```\n\n',
    ),
    "css block that nobody closed": ("```css\na{}\n\n```html\n<p>x</p>\n```", "<p>x</p>", "```css\na{}\n\n"),
    "two HTML blocks": (
        "```html\n<p>1</p>\n```\nor\n```html\n<p>2</p>\n```",
        "<p>1</p>",
        "\nor\n```html\n<p>2</p>\n```",
    ),
    "empty block first": ("```html\n```\n```html\n<p>x</p>\n```", "<p>x</p>", "```html\n```\n"),
    "text in an HTML block": ("```html\nHello\n```", "Hello", ""),
    "fence closed in a text area": (
        "```html\n<textarea>\n```js\n1\n```\n</textarea>\n```\nx",
        "<textarea>\n```js\n1\n```\n</textarea>",
        "\nx",
    ),
    "closing fence of a prompt that opened it": (
        "<html>\n</html>\n```\n\nThat is all.",
        "<html>\n</html>",
        "\n\n\nThat is all.",
    ),
    "the same, for a fragment": ("<p>x</p>\n```\nbye", "<p>x</p>", "\n\nbye"),
    "another block after a bare fragment": ("<p>x</p>\n```css\na{}\n```", "<p>x</p>", "\n```css\na{}\n```"),
    "another block after a bare document": (
        "<html></html>\n```css\na{}\n```",
        "<html></html>",
        "\n```css\na{}\n```",
    ),
    # fragments
    "form": (FRAGMENT, FRAGMENT, ""),
    "form after prose": (f"A form:\n\n{FRAGMENT}", FRAGMENT, "A form:\n\n"),
    "svg": ('<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>', '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>', ""),
    "style first": ("<style>\na { }\n\n b { }</style>\n\n<p>x", "<style>\na { }\n\n b { }</style>\n\n<p>x", ""),
    "comment first": ("<!-- a page -->\n<table>\n</table>", "<!-- a page -->\n<table>\n</table>", ""),
    "comment before the doctype": (
        "<!-- a --><!-- b -->\n<!doctype html>\nx",
        "<!-- a --><!-- b -->\n<!doctype html>\nx",
        "",
    ),
    "blanks in the first tag": ("<p> Hello </p>", "<p> Hello </p>", ""),
    "tag over several lines": ("<input\n  type=text\n>", "<input\n  type=text\n>", ""),
    "attributes without values": ("<input disabled>\n<p>", "<input disabled>\n<p>", ""),
    "inline tag alone": ("<b>Hello</b> world", "<b>Hello</b> world", ""),
    "inline tag with attributes after prose": ('Try:\n<a href="#x">x</a>', '<a href="#x">x</a>', "Try:\n"),
    "ends where prose goes on": (f"{FRAGMENT}\n\nThis form has two fields.", FRAGMENT, "\n\nThis form has two fields."),
    "goes on behind blank lines": ("<h1>A</h1>\n\n\n<p>B</p>\n\n&copy; C", "<h1>A</h1>\n\n\n<p>B</p>\n\n&copy; C", ""),
    "goes on in an open element": ("<div>\n\nText\n\n</div>", "<div>\n\nText\n\n</div>", ""),
    "end tags that nothing opened": ("<p>a</p></div></b>\n\nText", "<p>a</p></div></b>", "\n\nText"),
    "elements that close themselves": ("<svg><g/></svg><br>\n\nText", "<svg><g/></svg><br>", "\n\nText"),
    # a model that thinks aloud
    "thoughts": (
        "<think>\nAn <html> page:\n<html>\n</think>\n<p>x</p>",
        "<p>x</p>",
        "<think>\nAn <html> page:\n<html>\n</think>\n",
    ),
}

NO_PAGES = [
    "",
    " \n\t",
    "I cannot do that.",
    "Is a < b and b <c> d? I <3 you. x<-1, <https://example.com>, <me@example.com>",
    "Use the <b> tag, or <div class=x>, or <html> and <body>.",
    "<p> is a paragraph and <b> is bold.",
    "<div>: a container\n<h1>, <h2>: headings\n<a>. An anchor",
    "<html> is the root, <!DOCTYPE html> comes first.",
    "<!DOCTYPE html> is the doctype.",
    "The line break:\n<br>\nand\n<b>bold</b> text",
    "`<html>\n` and ``<p> ` <div>\n`` too; `<!DOCTYPE html>\n<html>`"[:45],
    "List<T>:\n<T> is a type\n<Foo>bar</Foo>\n<h1/h2> headings\n<p/div>",
    "```js\nconst a = '<html>'\n<html>\n```\n",
    "```\n$ make run\n<html>\n```",
    "```\n<T>\n<p>\n```",
    "~~~python\n<html>\n",
    "<!-- a comment -->\nand words",
    "<!-- never closed",
    "<!doctype",
    "<",
    "<di",
    "</div>\n</html>",
    "<think>\n<html>\n<p>",
    "* <div>\n* <p>\n> <html>\n",
    "````\n```html is shown\n",
    "```html\n```",
    "```html",
    "```html\n\n",
]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_and_the_prose_around_it(name: str) -> None:
    text, html, prose = PAGES[name]
    assert extract(text)[:3] == (html, prose, True)


@pytest.mark.parametrize("text", NO_PAGES)
def test_text_that_never_becomes_html(text: str) -> None:
    assert extract(text) == ("", text, False, False)


@pytest.mark.parametrize("text", [text for text, _, _ in PAGES.values()] + NO_PAGES)
def test_cuts_make_no_difference(text: str) -> None:
    whole = extract(text)
    assert extract(*text) == whole
    step = 1 if len(text) < 300 else 3
    for cut in range(0, len(text), step):
        assert extract(text[:cut], text[cut:]) == whole


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("<html></html>", True),
        ("<html></html", False),
        ("```html\n<p>x</p>\n```\n", True),
        ("```html\n<p>x</p>\n", False),
        ("<p>x</p>", False),
        ("<p>x</p>\n\nT", True),
    ],
)
def test_complete_is_told_by_the_character_that_completes(text: str, complete: bool) -> None:
    extractor = HtmlExtractor()
    for char in text:
        assert not extractor.complete
        extractor.feed(char)
    assert extractor.complete == complete


def test_a_page_streams_as_it_comes() -> None:
    """Outside of the first tag, nothing is held back but white space at the start of a line and what may be a fence."""
    for text, html in ((DOCUMENT, DOCUMENT), (f"Hi\n\n```html\n{DOCUMENT}\n```", DOCUMENT), (FRAGMENT, FRAGMENT)):
        extractor, got = HtmlExtractor(), ""
        start = text.index(html)
        opening = text.index("\n", start) - start  # the first line
        for position, char in enumerate(text):
            got += extractor.feed(char)
            seen = text[start : position + 1]
            assert html.startswith(got)
            if opening < len(seen) <= len(html):
                assert len(seen) - len(got) <= len(seen) - len(seen.rstrip(" \n`"))
        assert got == html


@pytest.mark.parametrize(
    "beginning", ["<!DOCTYPE html>\n", "<html>\n", "<div cl", "<p>H", "```html\n<", "```\n<p ", "<style>\n", "<h1>A"]
)
def test_a_page_begins_as_soon_as_it_is_certain(beginning: str) -> None:
    extractor = HtmlExtractor()
    for char in beginning[:-1]:
        extractor.feed(char)
    assert not extractor.found or beginning.startswith("<div")
    extractor.feed(beginning[-1] + "x=")
    assert extractor.found


def test_prose_streams_as_it_comes() -> None:
    extractor = HtmlExtractor()
    for position, char in enumerate(text := "I **made** `this` for you: 1 > 0.\n\n- one\n"):
        extractor.feed(char)
        assert len(extractor.prose) >= len(text[: position + 1].rstrip("`"))


HOSTILE = {
    "<": "<",
    "backticks": "`",
    "fences": "```\n",
    "open fences": "```x\n",
    "line breaks": "\n",
    "tags in prose": "\n<b> ",
    "tags never ended": "\n<div ",
    "comments never ended": "\n<!-- ",
    "comments": "<!-- x -->",
    "headings on one line": "\n<h1> x",
    "nested": "<div>",
    "end tags that match nothing": "<li></ol>",
    "script": "<script></scrip",
}


@pytest.mark.parametrize("before", ["", "<html>\n", "```html\n<p>", "words\n"])
@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_is_linear_in_single_characters(before: str, name: str) -> None:
    def seconds(size: int) -> float:
        text = before + HOSTILE[name] * (size // len(HOSTILE[name]))
        start = time.process_time()
        extract(*text)
        return time.process_time() - start

    # Linear is 8 times as long, quadratic 64 times.
    assert min(seconds(32_000) for _ in range(2)) < 24 * min(seconds(4_000) for _ in range(3)) + 0.02


def test_little_is_held_back_whatever_comes() -> None:
    for unit in HOSTILE.values():
        extractor, got = HtmlExtractor(), 0
        for sent, char in enumerate(unit * (6_000 // len(unit)), start=1):
            got += len(extractor.feed(char))
            if sent % 100 == 0:
                assert sent - got - len(extractor.prose) <= 2_000 + 3 * HELD


def test_feeding_on_after_a_cut_goes_on_from_the_exact_cut() -> None:
    """Continue, both ways: the same extractor is fed on, or a new one is fed the text before the cut first."""
    text, html, prose = PAGES["fenced"]
    for cut in range(0, len(text), 5):
        same = HtmlExtractor()
        page = same.feed(text[:cut])
        assert html.startswith(page)  # nothing was decided that the rest may turn around
        new = HtmlExtractor()
        assert new.feed(text[:cut]) == page
        for extractor in (same, new):
            assert page + extractor.feed(text[cut:]) + extractor.close() == html
            assert extractor.prose == prose


def test_close_twice_adds_nothing_and_feeding_after_it_is_a_mistake() -> None:
    extractor = HtmlExtractor()
    assert extractor.feed("<p>x\n") == "<p>x"
    assert extractor.close() == "\n"
    assert extractor.close() == ""
    with pytest.raises(AssertionError, match="after close"):
        extractor.feed("more")


# Answers composed of what models write, with the page known beforehand

WORDS = st.sampled_from(
    [
        "Sure, here is your page.",
        "Use the `<b>` tag; 1 < 2, <3.",
        "**Note:** ~100 lines.",
        "- a list\n- of <things>",
        "```css\nbody > p { color: red }\n```",
        "~~~js\nlet a = `<html>`\n~~~",
        "世界 😀 naïve",
        "",
    ]
)
PIECES = st.sampled_from(
    [
        "<p>Hello</p>",
        "<ul>\n<li>1\n<li>2</ul>",
        "<script>\nlet a = '</html>' // `\n</script>",
        "<textarea>\n```\n</textarea>",
        "<!-- ``` </html> -->",
        '<img alt="</html>" src=x>',
        "text &amp; <b>bold</b> `code` 世界",
        "<pre>\n```html\n```\n</pre>",
        "<STYLE>a::b{content:'<p>'}</STYLE>",
        "",
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, str, str]:
    """(text, its page, its prose)"""
    line = draw(st.sampled_from(["\n", "\r\n"]))
    body = "\n".join(draw(st.lists(PIECES, max_size=6)))
    page = draw(
        st.sampled_from(
            [
                f"<!DOCTYPE html>\n<html>\n<body>\n{body}\n</body>\n</html>",
                f"<html><body>{body}</body></html>",
                f"<div id=root>\n{body}\n</div>",
            ]
        )
    ).replace("\n", line)
    before = "".join(words + "\n\n" for words in draw(st.lists(WORDS, max_size=3)))
    after = "".join("\n\n" + words for words in draw(st.lists(WORDS.filter(bool), max_size=2)))
    fence = draw(st.sampled_from(["```", "````", "~~~", ""]))
    if not fence:
        return before + page + after, page, before + after
    mark = draw(st.sampled_from(["html", "HTML", " html", ""]))
    # Behind </html> comes what is left of the block, which is a line break.
    rest = line if page.endswith("</html>") else ""
    return f"{before}{fence}{mark}{line}{page}{line}{fence}{after}", page, before + rest + after


@given(answers(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_any_chunking_of_any_answer_gives_its_page(answer: tuple[str, str, str], rng: random.Random) -> None:
    text, page, prose = answer
    cuts = sorted(rng.choices(range(len(text) + 1), k=rng.choice([0, 1, 5, 40])))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    html, said, found, _ = extract(*pieces)
    assert (html, found) == (page, True)
    assert said == prose
    assert extract(*text)[:2] == (html, said)


@given(
    st.lists(
        st.sampled_from([*"<>/!-`~ \n=\"'ab", "<div", "```", "html", "</html>", "<!--", "-->", "<script>"]), max_size=40
    )
)
@settings(max_examples=500, deadline=None)
def test_any_chunking_of_any_text_gives_the_same(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = extract(text)
    assert extract(*text) == extract(*pieces) == whole
    assert len(whole[0]) + len(whole[1]) <= len(text)


# Real pages


def real_pages() -> list[str]:
    folder = Path(os.environ.get("HTMLGEN_SHARED_DATA") or Path(__file__).parents[2] / "shared/data")
    if not (folder / "html_alpaca.json").exists() or not (folder / "html_dataset.json").exists():
        pytest.skip("the shared data is not here")
    alpaca = [row["output"] for row in json.loads((folder / "html_alpaca.json").read_text())]
    return alpaca + [row["html"] for row in json.loads((folder / "html_dataset.json").read_text())]


def test_real_pages_come_out_as_they_went_in() -> None:
    rng = random.Random(0)
    for text in real_pages():
        html, prose, found, complete = extract(text)
        assert found
        assert html + prose == text
        assert html == text or html.lower().endswith("</html>")
        assert complete == html.lower().endswith("</html>")
        cuts = sorted(rng.choices(range(len(text)), k=20))
        assert extract(*[text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)])[:2] == (html, prose)
        fenced = extract("Here you are:\n\n```html\n", *[text[i : i + 7] for i in range(0, len(text), 7)], "\n```\nBye")
        assert fenced[0].rstrip() == html.rstrip()
        if len(text) < 5_000:
            assert extract(*text)[:2] == (html, prose)

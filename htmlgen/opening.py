"""PageSearch: where in a model's text the page begins.

See htmlgen/extract.py for what begins a page.
"""

import re
from collections.abc import Generator
from typing import TypeAlias

from htmlgen.document import DocumentReader
from htmlgen.markup import BLANKS, LETTERS
from htmlgen.reading import HELD, LINE_BLANKS, NEWLINES, SPACE, Reading, take_until, take_while

Verdict: TypeAlias = Generator[None, str, tuple[str, bool | None]]
"""A `Reading` that also returns whether a page begins (None: what comes next will tell)."""
Search: TypeAlias = Generator[None, str, tuple[str, DocumentReader | None]]
"""A `Reading` that also returns the page that begins there, if one does."""

HTML_FENCES = frozenset(("html", "htm", "html5", "xhtml", "svg"))
UNSURE_FENCES = frozenset(("", "xml", "markup", "text", "plaintext", "code"))
"""Marks of blocks whose content has to tell what they are."""

_BLOCKS = """
    html head body title meta link style script noscript template base article section nav aside h1 h2 h3 h4 h5 h6
    hgroup header footer main address p hr pre blockquote ol ul menu li dl dt dd figure figcaption div center table
    caption colgroup thead tbody tfoot tr td th form fieldset legend label input button select option optgroup
    textarea datalist progress meter details dialog img picture audio video map canvas iframe embed object svg math
    marquee frameset
"""
BLOCKS = frozenset(_BLOCKS.split())
_PHRASING = """
    a abbr b bdi bdo big br cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup time
    tt u var wbr
"""
PHRASING = frozenset(_PHRASING.split())
"""Tags that Markdown texts contain, too: after prose they begin a page only if they carry attributes."""

AFTER_NAME = BLANKS | frozenset("/>")
NAME = LETTERS | frozenset("0123456789-")
PUNCTUATION = frozenset(".,:;!?)]'’")
HELD_COMMENT = 2000
"""Characters of a comment that may be held back: it belongs to the page if a tag comes after it, and may be a licence."""


class PageSearch:
    """Reads prose until a page begins."""

    def __init__(self, prose: list[str]) -> None:
        self.prose = prose
        self.at_start = True
        """Nothing but blanks so far."""
        self.at_line_start = True
        self.code_span = 0
        """Backticks that opened the inline code we are in."""
        self.block = ""
        """The fence of the code block in another language that we are in."""

    def read(self, char: str) -> Search:
        while char:
            held: list[str] = []
            if char == "`" or (char == "~" and self.at_line_start):
                char, page = yield from self._fence(char, held)
            elif char == "<" and not self.block and not self.code_span:
                char, page = yield from self._tag(char, held, fence="")
                if self.at_start and "".join(held).lower() == "<think":
                    self.prose += held
                    char = yield from self._skip_thoughts(char)
                    continue
            else:
                self._say(char)
                char = yield
                continue
            if page is not None:
                return char, page
            for said in held:
                self._say(said)
        return char, None

    def _say(self, char: str) -> None:
        self.prose.append(char)
        if char in NEWLINES:
            self.at_line_start, self.code_span = True, 0
        elif char not in LINE_BLANKS:
            self.at_start = self.at_line_start = False

    def _skip_thoughts(self, char: str) -> Reading:
        """Reasoning models think aloud before the answer, and what they draft there is not the page."""
        end, last = "</think>", ""
        while char and last != end:
            self.prose.append(char)
            last = (last + char)[-len(end) :]
            char = yield
        return char

    def _fence(self, char: str, held: list[str]) -> Search:
        """A run of backticks or tildes opens or closes a code block or inline code."""
        mark, line_start = char, self.at_line_start
        char = yield from take_while(frozenset(mark), char, held)
        fence = "".join(held)
        info: list[str] = []
        if len(fence) >= 3:
            char = yield from take_until(frozenset("`<\n"), char, info)
            held += info
        if len(fence) < 3 or char not in ("\n", "<", ""):
            if mark == "`":
                self._toggle_code_span(len(fence))
            return char, None
        word = _language("".join(info))
        if self.block and line_start and not word and char != "<":
            if fence.startswith(self.block):
                self.block = ""
            return char, None
        if not line_start and word not in HTML_FENCES:
            self._toggle_code_span(len(fence))
            return char, None
        if word in HTML_FENCES:  # even inside another block, which somebody forgot to close
            self.block = fence
            char = yield from take_while(SPACE, char, held)
            return char, DocumentReader(self.prose, fence) if char and char != mark else None
        if not self.block:
            self.block = fence
            if word in UNSURE_FENCES:
                char = yield from take_while(SPACE, char, held)
                if char == "<":
                    return (yield from self._tag(char, held, fence))
        return char, None

    def _toggle_code_span(self, length: int) -> None:
        if not self.code_span:
            self.code_span = length
        elif self.code_span == length:
            self.code_span = 0

    def _tag(self, char: str, held: list[str], fence: str) -> Search:
        """Does a page begin with this "<"? `fence` is that of the unmarked code block whose content it begins."""
        within_line = not (self.at_line_start or fence)
        begins: bool | None = None
        while char == "<" and begins is None:
            held.append(char)
            char = yield
            if char == "!":
                held.append(char)
                char = yield
                if char == "-" and not within_line:
                    char, begins = yield from self._comment(char, held, fence)
                else:
                    char, begins = yield from self._doctype(char, held, fence, within_line)
            elif char == "?" and not within_line:
                char = yield from take_until(frozenset("<>"), char, held)
            else:
                char, begins = yield from self._element(char, held, fence, within_line)
            if char == ">" and begins is None:  # a comment or <?xml ?>: what comes next tells
                held.append(char)
                char = yield
                char = yield from take_while(SPACE, char, held)
        if not begins:
            return char, None
        start = held.index("<")  # before it are the fence's own line and blanks
        return char, DocumentReader(self.prose, fence, "".join(held[start:]))

    def _comment(self, char: str, held: list[str], fence: str) -> Verdict:
        held.append(char)
        char = yield
        if char != "-":
            return char, False
        if fence:
            return char, True
        dashes = ""
        while char and not (char == ">" and dashes == "--"):
            if len(held) > HELD_COMMENT:
                return char, True
            dashes = (dashes + char)[-2:]
            held.append(char)
            char = yield
        return char, None if char else False

    def _doctype(self, char: str, held: list[str], fence: str, within_line: bool) -> Verdict:
        word: list[str] = []
        char = yield from take_while(LETTERS, char, word)
        held += word
        if "".join(word).lower() != "doctype":
            return char, False
        char = yield from take_until(frozenset("<>"), char, held)
        if char != ">":
            return char, False
        held.append(char)
        char = yield
        return (yield from self._follow("", char, held, fence, within_line))

    def _element(self, char: str, held: list[str], fence: str, within_line: bool) -> Verdict:
        word: list[str] = []
        char = yield from take_while(NAME, char, word)
        held += word
        name = "".join(word).lower()
        if (name != "html" if within_line else name not in BLOCKS | PHRASING) or char not in AFTER_NAME:
            return char, False
        if fence:
            return char, True
        rest: list[str] = []
        while char and char != ">":
            if char == "=" and not within_line:
                held += rest
                return char, True  # nobody mentions a tag with its attributes outside of `code`
            if char == "<" or len(rest) > HELD:
                held += rest
                return char, False
            rest.append(char)
            char = yield
        held += rest
        mentioned = "/" in rest[:-1] or (name in PHRASING and not self.at_start)  # "<h1/h2>"; Markdown's own tags
        if not char or (mentioned and not within_line):
            return char, False
        held.append(char)
        char = yield
        return (yield from self._follow(name, char, held, fence, within_line))

    def _follow(self, name: str, char: str, held: list[str], fence: str, within_line: bool) -> Verdict:
        """Tells <p>Hello</p> and <div>\\n from "<p> is a tag" and "<html>, <head> and <body>" by what comes next."""
        if fence:
            return char, True
        blanks: list[str] = []
        char = yield from take_while(LINE_BLANKS, char, blanks)
        held += blanks
        if within_line:
            breaks: list[str] = []
            char = yield from take_while(SPACE, char, breaks)
            held += breaks
            return char, char == "<" and bool(breaks or not blanks)
        if char in ("<", "\r", "\n", "") or not (blanks or char in PUNCTUATION):
            return char, True
        if not name:
            return char, False
        # <h1> Welcome </h1> or "<h1> is a heading": its end tag on the same line decides.
        end, last = "</" + name, ""
        rest: list[str] = []
        while char and char not in NEWLINES and len(rest) < HELD and last != end:
            rest.append(char)
            last = (last + char.lower())[-len(end) :]
            char = yield
        held += rest
        return char, last == end


def _language(info: str) -> str:
    """The language in what comes after an opening fence: "HTML", "{.html}", "html:index.html" -> "html"."""
    found = re.match(r"[\s{.]*(?:language-)?(\w*)", info)
    return found.group(1).lower() if found else ""

"""HtmlExtractor: model text in, document text out, as early as it is certain. Pure: no I/O, no clock.

    extractor = HtmlExtractor()
    for piece in answer:
        page.append(extractor.feed(piece))
    page.append(extractor.close())

What counts as the page, the first of these in the text:
- a code block that is marked as HTML (```html, ~~~ HTML, longer fences, indented ones), or an unmarked one whose content
  begins with a tag. Blocks in other languages before it are prose;
- a document, from its doctype or <html> on, at the start of a line or right behind a sentence ("Here it is: <!DOCTYPE
  html>\\n<html>");
- a fragment: a line that begins with an HTML tag, or with a comment and then a tag. "Use the <b> tag", `a < b`, "<3",
  "<T>" and "<div> is a container" begin nothing.

It ends behind </html>, at its fence, at the next fence if it has none, and a fragment without a fence also at a blank
line after which plain text goes on while no element is open. None of these count inside scripts, comments, text areas
and attribute values. Everything else is prose, except the page's own fence lines, which are neither.

Each character is looked at once and at most a few hundred are held back undecided, so the time is linear however the
text is cut up, and the cuts make no difference to the result.

Continuing an answer that the token limit cut: do not `close()` it, for that would decide what is still open (half a
closing fence, say). Feed the same extractor on; or a new one, with the whole earlier text first: it ends in the same state.
"""

from htmlgen.document import DocumentReader
from htmlgen.opening import PageSearch
from htmlgen.reading import Reading


class HtmlExtractor:
    """Finds the page in what a model writes. See the module's description for what counts as one."""

    def __init__(self) -> None:
        self._page: DocumentReader | None = None
        self._html: list[str] = []
        self._prose: list[str] = []
        self._closed = False
        self._reader = self._read()
        next(self._reader)

    @property
    def found(self) -> bool:
        """A page has begun."""
        return self._page is not None

    @property
    def complete(self) -> bool:
        """The page has ended before the text did: </html> or the end of its code block was seen."""
        return self._page is not None and self._page.complete

    @property
    def prose(self) -> str:
        """Everything outside the page so far; only grows."""
        if len(self._prose) > 1:
            self._prose[:] = ["".join(self._prose)]
        return self._prose[0] if self._prose else ""

    def feed(self, text: str) -> str:
        """Takes the next piece of the model's text; returns the piece of the document that is certain by now.

        NUL characters are dropped: no page needs them and PostgreSQL cannot store them.
        """
        assert not self._closed, "feed() after close()"
        send = self._reader.send
        for char in text.replace("\0", ""):
            send(char)
        return self._take()

    def close(self) -> str:
        """The text has ended: decides what was held back and returns the last piece of the document."""
        if not self._closed:
            self._closed = True
            try:
                self._reader.send("")
            except StopIteration:
                pass
            else:
                raise AssertionError("the reader went on behind the end of the text")
        return self._take()

    def _take(self) -> str:
        html = "".join(self._html)
        self._html.clear()
        return html

    def _read(self) -> Reading:
        char = yield
        char, self._page = yield from PageSearch(self._prose).read(char)
        if self._page is not None:
            char = yield from self._page.read(char, self._html)
            char = yield from self._page.read_behind(char)
        while char:
            self._prose.append(char)
            char = yield
        return char

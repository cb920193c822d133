"""DocumentReader: the text of one page, to its end and to the end of the code block around it.

See htmlgen/extract.py for what ends a page.
"""

from collections import Counter

from htmlgen.markup import VOID, MarkupScanner
from htmlgen.reading import HELD, LINE_BLANKS, NEWLINES, SPACE, Reading, take_while

MARKUP = frozenset("<{&%[")
"""Tags, entities and the beginnings of template languages' own tags."""


class DocumentReader:
    """Reads the document: `fence` is what its code block began with ("" if it is in none), `head` its first characters."""

    def __init__(self, prose: list[str], fence: str, head: str = "") -> None:
        self.prose, self.fence, self.head = prose, fence, head
        self.html: list[str] = []
        self.complete = False
        self.scanner = MarkupScanner()
        self.is_document = False
        """There was a doctype or <html>, so that </html> is to be expected."""
        self.open: list[str] = []
        """The elements that are open, outermost first; only kept up for fragments without a fence."""
        self.open_names: Counter[str] = Counter()
        self.fence_open = bool(fence)

    def read(self, char: str, html: list[str]) -> Reading:
        self.html = html
        for known in self.head:
            self._put(known)
        held: list[str] = []  # white space from a line break on: what is before a closing fence is not the page's
        while char and not self.complete:
            if char in NEWLINES or (held and char in SPACE):
                if len(held) >= HELD:
                    self._put_all(held)
                held.append(char)
                char = yield
            elif held and self._prose_follows(char, held):
                self.complete = True
                self.prose += held
                held.clear()
            elif held and char in ("`", "~") and not self.scanner.verbatim:
                char = yield from self._fence_line(char, held)
            else:
                self._put_all(held)
                self._put(char)
                char = yield
        self._put_all(held)
        return char

    def _put(self, char: str) -> None:
        self.html.append(char)
        name = self.scanner.push(char)
        if name == "/html":
            self.complete = True
        elif name in ("html", "!doctype"):
            self.is_document = True
        elif name and not self.fence and not self.is_document:
            self._track(name)

    def _put_all(self, held: list[str]) -> None:
        for char in held:
            self._put(char)
        held.clear()

    def _track(self, name: str) -> None:
        if not name.startswith("/"):
            if name not in VOID and not self.scanner.self_closing:
                self.open.append(name)
                self.open_names[name] += 1
        elif self.open_names[name[1:]]:
            while (last := self.open.pop()) != name[1:]:
                self.open_names[last] -= 1
            self.open_names[last] -= 1

    def _prose_follows(self, char: str, held: list[str]) -> bool:
        if self.fence or self.is_document or self.open or held.count("\n") < 2:
            return False
        return self.scanner.in_text and char not in MARKUP

    def _fence_line(self, char: str, held: list[str]) -> Reading:
        """A line that begins like a fence: ends the page, or belongs to it."""
        mark = char
        run: list[str] = []
        char = yield from take_while(frozenset(mark), char, run)
        if not self.fence:
            if len(run) >= 3 and mark == "`" and self.scanner.in_text:
                self.complete = True
                char = yield from self._stray_fence(char, run)
                self.prose += held + run
                held.clear()
                return char
        elif "".join(run).startswith(self.fence):
            rest: list[str] = []
            char = yield from take_while(LINE_BLANKS | {"\r"}, char, rest)
            if char in ("\n", ""):
                self.complete, self.fence_open = True, False
                held.clear()
                return char
            run += rest
        elif not char and mark == self.fence[0]:  # a closing fence, cut off
            held.clear()
            return char
        self._put_all(held)
        self._put_all(run)
        return char

    def _stray_fence(self, char: str, run: list[str]) -> Reading:
        """Drops a closing fence whose opening one was in the prompt; leaves in `run` what else it is."""
        char = yield from take_while(LINE_BLANKS | {"\r"}, char, run)
        if char in ("\n", ""):
            run.clear()
        return char

    def read_behind(self, char: str) -> Reading:
        """Reads the prose behind the page as far as the page's closing fence may still come."""
        at_line_start, at_start = True, True
        while char and (self.fence_open or at_start):
            if char in ("`", "~") and at_line_start:
                mark = char
                run: list[str] = []
                char = yield from take_while(frozenset(mark), char, run)
                length = len(run)
                if length >= 3 and "".join(run).startswith(self.fence):
                    char = yield from self._stray_fence(char, run)
                self.prose += run
                if length >= 3:
                    break
                at_line_start = at_start = False
                continue
            if char in NEWLINES:
                at_line_start = True
            elif char not in LINE_BLANKS:
                at_line_start = at_start = False
            self.prose.append(char)
            char = yield
        return char

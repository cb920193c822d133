"""MarkupScanner: where in an HTML document a reader stands, one character at a time.

It follows the tokenizer of the HTML standard (section 13.2.5, https://html.spec.whatwg.org/#tokenization) as far as is
needed to tell tags from text that only looks like tags: in scripts, comments, attribute values and text areas.
"""

from collections.abc import Callable

BLANKS = frozenset(" \t\r\n\f")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

_VOID = "area base br col embed hr img input link meta param source track wbr"
VOID = frozenset(_VOID.split())
"""Elements without an end tag (standard, section 13.1.2)."""

_RAW = "script style textarea title xmp iframe noembed noframes noscript"
RAW = frozenset(_RAW.split())
"""Elements in which a browser that runs scripts looks for nothing but their own end tag."""


class MarkupScanner:
    """`push` each character of a document; it answers with a tag's name when that tag has just ended.

    Names are lower case; an end tag's starts with "/" and a doctype's is "!doctype".
    """

    __slots__ = ("_name", "_preformatted", "_quote", "_state", "_tail", "self_closing")

    def __init__(self) -> None:
        self._state: Callable[[str], str] = self._data
        self._name = ""
        self._quote = ""
        self._tail = ""
        self._preformatted = False
        self.self_closing = False
        """The tag just ended was written <like this />."""

    def push(self, char: str) -> str:
        """Takes one character; returns the name of the tag it ends, else an empty string."""
        return self._state(char)

    @property
    def in_text(self) -> bool:
        """Between tags, where text is what the reader of the page sees."""
        return self._state == self._data

    @property
    def verbatim(self) -> bool:
        """In a comment, or in an element whose text is kept as it is: a line of backticks there belongs to the page."""
        return self._preformatted or self._state == self._comment or self._state == self._raw

    def _data(self, char: str) -> str:
        if char == "<":
            self._state = self._open
        return ""

    def _open(self, char: str) -> str:
        if char in LETTERS:
            self._name, self._state = char.lower(), self._tag_name
        elif char == "/":
            self._state = self._end_open
        elif char == "!":
            self._name, self._state = "!", self._declaration
        elif char == "?":
            self._state = self._bogus
        elif char != "<":
            self._state = self._data
        return ""

    def _end_open(self, char: str) -> str:
        if char in LETTERS:
            self._name, self._state = "/" + char.lower(), self._tag_name
        else:
            self._state = self._data if char == ">" else self._bogus
        return ""

    def _tag_name(self, char: str) -> str:
        if char == ">":
            return self._tag(self_closing=False)
        if char == "/" or char in BLANKS:
            self._tail, self._state = char, self._attributes
        elif len(self._name) < 40:  # longer than any element's name: the rest cannot matter
            self._name += char.lower()
        return ""

    def _attributes(self, char: str) -> str:
        if char == ">":
            return self._tag(self_closing=self._tail == "/")
        if char == "=":
            self._state = self._value
        self._tail = char
        return ""

    def _value(self, char: str) -> str:
        if char == ">":
            return self._tag(self_closing=False)
        if char in ('"', "'"):
            self._quote, self._state = char, self._quoted
        elif char not in BLANKS:
            self._state = self._unquoted
        return ""

    def _unquoted(self, char: str) -> str:
        if char == ">":
            return self._tag(self_closing=False)
        if char in BLANKS:
            self._tail, self._state = char, self._attributes
        return ""

    def _quoted(self, char: str) -> str:
        if char == self._quote:
            self._tail, self._state = char, self._attributes
        return ""

    def _tag(self, *, self_closing: bool) -> str:
        name, self.self_closing = self._name, self_closing
        if name in RAW:
            self._tail, self._state = "", self._raw
        else:
            self._state = self._data
        if name in ("pre", "/pre"):
            self._preformatted = name == "pre"
        return name

    def _raw(self, char: str) -> str:
        end = "</" + self._name
        if char == "<":
            self._tail = char
        elif self._tail == end:
            if char in BLANKS or char in ("/", ">"):
                self._name = "/" + self._name
                self._state = self._attributes
                return self._attributes(char)
            self._tail = ""
        elif self._tail:
            self._tail += char.lower()
            if not end.startswith(self._tail):
                self._tail = ""
        return ""

    def _declaration(self, char: str) -> str:
        if char == ">":
            self._state = self._data
            return "!doctype" if self._name == "!doctype" else ""
        if len(self._name) < len("!doctype"):
            self._name += char.lower()
            if self._name == "!--":
                # `<!-->` and `<!--->` are whole comments: the opening dashes count as closing ones.
                self._tail, self._state = "--", self._comment
        return ""

    def _comment(self, char: str) -> str:
        if char == ">" and self._tail.endswith(("--", "--!")):
            self._state = self._data
        self._tail = self._tail[-2:] + char
        return ""

    def _bogus(self, char: str) -> str:
        if char == ">":
            self._state = self._data
        return ""

"""Rows of any known shape -> (instruction, input, html) -> train, validation and test parts that share no page.

split = load_split(DataConfig(path="pages.jsonl"))
print(split)
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from htmlgen.errors import SettingsError
from train.config import DataConfig
from train.duplicates import same_groups

READERS = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
INSTRUCTION_COLUMNS = ("instruction", "label", "prompt")
HTML_COLUMNS = ("output", "html", "completion", "response")
"""In this order: a `response` beside an `output` is left alone."""
MESSAGE_COLUMNS = ("messages", "conversations")

_ANY_TAG = re.compile(r"<(?:!doctype\b|/?[a-z][\w-]*)[^>]*>", re.IGNORECASE)
_BLANK = re.compile(
    r"(?:<!doctype[^>]*>|</?(?:html|head|body|main|section|article|div|span|p|center|noscript|br|meta)"
    r"(?:\s+(?:id|class|lang|charset|data-[\w-]+)(?:=(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?)*\s*/?>|\s)*",
    re.IGNORECASE,
)
"""Containers alone, with nothing in them and no style of their own: what is left of a page that scripts drew."""


@dataclass(frozen=True)
class Record:
    """One row: `html` is what the model shall write when asked `instruction`, over the page `input` if it is an edit."""

    instruction: str
    input: str | None
    html: str
    row: int
    """Index of the row in its split, from 0."""


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be learned from, and why."""

    row: int
    reason: str
    split: str = "train"


@dataclass(frozen=True)
class Split:
    """Three parts with no page in common. `str()` is the summary to print."""

    train: list[Record]
    validation: list[Record]
    test: list[Record]
    rejected: list[Rejected] = field(default_factory=list)
    leaked: list[Record] = field(default_factory=list)
    """Rows of the dataset's own training part that are also in its test or validation part: left out."""
    alike: int = 0
    """Rows that share a page or a request with another and were kept on its side."""

    def __str__(self) -> str:
        parts = f"{len(self.train):,} train, {len(self.validation):,} validation, {len(self.test):,} test rows"
        lines = [
            parts + (f"; {self.alike:,} of them resemble another row and were kept on its side" if self.alike else "")
        ]
        if self.leaked:
            lines.append(
                f"{len(self.leaked):,} rows left out, since they are held out as well: {_some([r.row for r in self.leaked])}"
            )
        if self.rejected:
            reasons: dict[tuple[str, str], list[int]] = {}
            for bad in self.rejected:
                reasons.setdefault((bad.split, bad.reason), []).append(bad.row)
            lines.append(f"{len(self.rejected):,} rows cannot be used (counted from 0):")
            lines += [
                f"  {reason}: {len(rows):,} of {split}, {_some(rows)}" for (split, reason), rows in reasons.items()
            ]
        return "\n".join(lines)


def _some(rows: Sequence[int]) -> str:
    shown = ", ".join(map(str, rows[:10]))
    return f"row {shown}" if len(rows) == 1 else f"rows {shown}" + (", …" if len(rows) > 10 else "")


def load_split(config: DataConfig) -> Split:
    """Reads the dataset and parts it. The same settings and rows give the same parts.

    Raises:
        SettingsError: it cannot be read, has no known columns, or has nothing left to train on.
    """
    train, rejected = load_records(config, config.split)
    held: dict[str, list[Record]] = {"validation": [], "test": []}
    for part, name in (("validation", config.validation_split), ("test", config.test_split)):
        if name is not None:
            held[part], more = load_records(config, name)
            rejected += more
    split = split_records(train, config, validation=held["validation"], test=held["test"])
    return Split(split.train, split.validation, split.test, rejected, split.leaked, split.alike)


def load_records(config: DataConfig, split: str | None = None) -> tuple[list[Record], list[Rejected]]:
    """Every row of one split, as a record or with the reason why not.

    Raises:
        SettingsError: it cannot be read, has no known columns, or no row of it can be used.
    """
    split = split or config.split
    rows = open_rows(config, split)
    read = _Columns.find(rows.column_names, config)
    records, rejected = [], []
    for index, row in enumerate(rows):
        try:
            records.append(Record(*read(row), row=index))
        except _Unusable as error:
            rejected.append(Rejected(index, str(error), split))
    if not records:
        why = str(Split([], [], [], rejected)).split("\n", 1)[-1] if rejected else "It has no rows."
        raise SettingsError(f"Nothing in {config.path} ({split}) can be trained on. {why}")
    return records, rejected


def split_records(
    records: Sequence[Record],
    config: DataConfig,
    *,
    validation: Sequence[Record] = (),
    test: Sequence[Record] = (),
) -> Split:
    """Parts records by seed, rows of the same page or request on one side.

    Args:
        validation, test: the dataset's own parts, where it has them; nothing is then taken from `records` for them, and records that
            are also in them are left out as `leaked`.

    Raises:
        SettingsError: too many rows are the same for a part of the size that was asked for.
    """
    if not (validation or test or config.validation_size or config.test_size):
        return Split(list(records), [], [])  # nothing is held out that could be seen in training
    everything = [*records, *validation, *test]
    kinds = ["train"] * len(records) + ["validation"] * len(validation) + ["test"] * len(test)
    groups = same_groups(everything)
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": [], "leaked": []}
    free = []
    for group in groups:
        held = {kinds[index] for index in group} - {"train"}
        if not held:
            free.append(group)
            continue
        keep = "test" if "test" in held else "validation"
        for index in group:
            parts[keep if kinds[index] == keep else "leaked"].append(index)
    # By what is in them, not by their number: when rows are added, those that were there stay on their side, but for a few.
    free.sort(key=lambda group: min(_place(everything[index], config.split_seed) for index in group))
    if not test and config.test_size:
        parts["test"], free = _take(free, config.test_size, "--test-size")
    if not validation and config.validation_size:
        parts["validation"], free = _take(free, config.validation_size, "--validation-size")
    parts["train"] = [index for group in free for index in group]
    if not parts["train"]:
        raise SettingsError(
            "Every training row is held out as well, so nothing is left to train on. Check --test-split and --validation-split."
        )
    chosen = {name: [everything[index] for index in sorted(part)] for name, part in parts.items()}
    alike = len(everything) - len(groups)
    return Split(chosen["train"], chosen["validation"], chosen["test"], leaked=chosen["leaked"], alike=alike)


def _place(record: Record, seed: int) -> bytes:
    """Where in the order of a seed a row stands."""
    return hashlib.sha256(repr((seed, record.instruction, record.input, record.html)).encode()).digest()


def _take(groups: list[list[int]], share: float, flag: str) -> tuple[list[int], list[list[int]]]:
    """Whole groups with `share` of the rows, as nearly as their sizes allow, and the groups left."""
    total = sum(map(len, groups))
    wanted = max(1, round(share * total))
    taken: list[int] = []
    left: list[list[int]] = []
    for group in groups:
        if len(taken) + len(group) <= wanted and len(left) + 1 < len(groups):
            taken += group
        else:
            left.append(group)
    if not taken and len(groups) > 1 and 2 * len(smallest := min(groups, key=len)) <= total:
        taken, left = smallest, [group for group in groups if group is not smallest]
    if not taken:
        raise SettingsError(
            f"{flag} {share} asks for {wanted:,} of {total:,} rows, but {max(map(len, groups), default=0):,} are one page or one request under "
            f"several names and must stay together. Use {flag} 0, or add different rows."
        )
    return taken, left


def open_rows(config: DataConfig, split: str) -> Any:
    """The rows of one split as a `datasets.Dataset`."""
    import datasets

    path = Path(config.path).expanduser()
    local = path.exists()
    if not local and (path.suffix.lower() in READERS or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", config.path)):
        raise SettingsError(
            f"--data {config.path}: there is no such file or folder, and it is not a hub id such as user/dataset."
        )
    known = sorted(READERS)
    if path.is_file() and path.suffix.lower() not in READERS:
        raise SettingsError(
            f"--data {config.path}: files of kind {path.suffix or 'none'} cannot be read. Use one of {', '.join(known)}."
        )
    try:
        if path.is_file():
            reader = READERS[path.suffix.lower()]
            options: dict[str, Any] = (
                {"keep_default_na": False} if reader == "csv" else {}
            )  # a page titled NA is a page
            if path.suffix.lower() == ".tsv":
                options["sep"] = "\t"
            datasets.disable_progress_bars()  # a local file takes no time worth watching
            try:
                return datasets.load_dataset(reader, data_files=str(path), split=split, **options)
            finally:
                datasets.enable_progress_bars()
        return datasets.load_dataset(str(path) if local else config.path, config.subset, split=split)
    except (ConnectionError, datasets.exceptions.DatasetNotFoundError) as error:
        raise SettingsError(
            f"--data {config.path} is no local file, and could not be fetched from the hub: {error}. Check the name and the network; "
            "a private or gated dataset needs HF_TOKEN."
        ) from error
    except (datasets.exceptions.DatasetsError, ValueError, OSError) as error:
        cause = error.__cause__ or error
        raise SettingsError(f"--data {config.path} (split {split}) cannot be read: {cause}") from error


class _Unusable(Exception):
    """The reason why a row cannot be used."""


@dataclass(frozen=True)
class _Columns:
    """Where a row's instruction, input and page are."""

    instruction: str | None = None
    input: str | None = None
    html: str | None = None
    messages: str | None = None

    @classmethod
    def find(cls, names: Sequence[str], config: DataConfig) -> "_Columns":
        for flag, column in (
            ("--instruction-column", config.instruction_column),
            ("--input-column", config.input_column),
            ("--html-column", config.html_column),
        ):
            if column is not None and column not in names:
                raise SettingsError(f"{flag} {column}: {config.path} has no such column, but {', '.join(names)}.")
        instruction = config.instruction_column or _first(INSTRUCTION_COLUMNS, names)
        html = config.html_column or _first(HTML_COLUMNS, names)
        if instruction and html:
            return cls(instruction, config.input_column or _first(("input",), names), html)
        messages = _first(MESSAGE_COLUMNS, names)
        if messages:
            return cls(messages=messages)
        raise SettingsError(
            f"{config.path} has the columns {', '.join(names)}, none of which is known to hold requests and pages. "
            "Name them with --instruction-column and --html-column."
        )

    def __call__(self, row: Mapping[str, Any]) -> tuple[str, str | None, str]:
        """Raises _Unusable."""
        if self.messages is not None:
            instruction, page, html = _conversation(row[self.messages])
        else:
            assert self.instruction is not None
            assert self.html is not None
            page = row[self.input] if self.input else None
            instruction, html = row[self.instruction], row[self.html]
            if isinstance(html, list):  # prompt and completion as messages
                instruction, page, html = _conversation(
                    [*(instruction if isinstance(instruction, list) else []), *html]
                )
        instruction, html = _text(instruction, "instruction"), _text(html, "page")
        page = _text(page, "input", may_be_empty=True)
        if not _ANY_TAG.search(html):
            raise _Unusable("no HTML tag in the page")
        if _BLANK.fullmatch(html):
            raise _Unusable("the page is blank: empty containers only")
        return instruction, page if page and page != "<noinput>" else None, html


def _first(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in candidates if name in names), None)


def _text(value: object, what: str, *, may_be_empty: bool = False) -> str:
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise _Unusable(f"the {what} is not text but {type(value).__name__}")
    if not value.strip() and not may_be_empty:
        raise _Unusable(f"the {what} is empty")
    return value.strip()


_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant"}


def _conversation(messages: object) -> tuple[object, object, object]:
    """Last answer, the request before it, and the page of the answer before that, which an edit starts from."""
    if not isinstance(messages, list):
        raise _Unusable(
            "the messages are empty"
            if messages is None
            else f"the messages are not a list but {type(messages).__name__}"
        )
    turns = []
    for message in messages:
        if not isinstance(message, dict):
            raise _Unusable(f"a message is not an object but {type(message).__name__}")
        role = _ROLES.get(message.get("role") or message.get("from") or "")
        if role:
            turns.append((role, _content(message.get("content", message.get("value")))))
    last = next((at for at in reversed(range(len(turns))) if turns[at][0] == "assistant"), None)
    asked = next((at for at in reversed(range(last or 0)) if turns[at][0] == "user"), None)
    if last is None or asked is None:
        raise _Unusable("the messages have no answer of an assistant after a user's")
    before = next(
        (text for role, text in reversed(turns[:asked]) if role == "assistant" and _ANY_TAG.search(str(text))), None
    )
    return turns[asked][1], before, turns[last][1]


def _content(content: object) -> object:
    """Text of a message; of its text parts, where it is a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content

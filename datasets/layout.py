"""How a file of text is laid out: its encoding, its lines and its cells. The whole file decides.

A file is read once, as bytes. What is found (the delimiter, what quotation marks mean, the decimal mark) is kept in one
`Dialect`, which all later reading uses. Every record knows the line it begins in: blank lines and line ends within
quoted cells are counted, so that messages name the line that an editor shows.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from residency.datasets.headers import is_number
from residency.harness.dataset import number_of
from residency.harness.errors import UsageError, visible

SAMPLE = 65_536  # bytes that the first choice of a delimiter looks at; the whole file decides
DELIMITERS = (",", ";", "\t", "|")
NO_DECIMAL = re.compile(rb"(?<!\d),|,(?!\d)|,(?:\d{1,2}|\d{4,}),")
WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
EVEN = 0.99  # if a smaller share of records has equally many cells, other delimiters are tried on the whole file
GOOD = 10  # with more valid characters beyond ASCII than this for each invalid byte, a file is damaged UTF-8
MANY_LINES = 20  # in one quoted cell: perhaps its quotation mark was meant as a character
BLOCK = 2**25  # bytes searched at a time
SEPARATOR_LINE = re.compile(rb'"?sep=(.|\\t)"?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """A file's text in UTF-8; every line ends in a line feed."""

    content: bytes
    notes: tuple[str, ...] = ()  # how it was read, if that is not obvious


@dataclass(frozen=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    quotes: bool = True  # whether `"` encloses cells
    escape: str | None = None  # stands before a quotation mark that belongs to a cell, if such marks are not doubled
    decimal: str = "."


@dataclass(frozen=True)
class Records:
    """The records of a file that are not blank."""

    cells: NDArray[np.int64]  # how many each has
    line: NDArray[np.int64]  # in which each begins, from 1
    lines: NDArray[np.int64]  # how many each takes
    unclosed: bool = False  # the last one ends within quotation marks

    @property
    def usual(self) -> int:
        """The commonest number of cells."""
        return int(np.bincount(self.cells).argmax()) if len(self.cells) else 0

    @property
    def even(self) -> float:
        """Share of the records that have the usual number of cells."""
        return float(np.mean(self.cells == self.usual)) if len(self.cells) else 0.0


@dataclass(frozen=True)
class Layout:
    """A file's text with the dialect that fits it."""

    text: Text
    dialect: Dialect
    records: Records
    notes: tuple[str, ...]

    def offset(self, record: int) -> int:
        """Where a record begins among the bytes."""
        place = 0
        for _ in range(int(self.records.line[record]) - 1):
            place = self.text.content.index(b"\n", place) + 1
        return place

    def top(self, count: int) -> list[list[str]]:
        """The cells of the first records."""
        last = min(count, len(self.records.cells))
        end = self.offset(last) if last < len(self.records.cells) else None
        text = self.text.content[:end].decode(errors="replace")
        return [row for row, _, _ in _rows(text, self.dialect)][:count]

    def line_text(self, record: int) -> str:
        """The first line of a record, as it stands in the file."""
        start = self.offset(record)
        return self.text.content[start : self.text.content.index(b"\n", start)].decode(errors="replace")


def text_of(content: bytes, file: str) -> Text:
    """A file's text; raises `UsageError` if it holds a NUL character, at which CSV readers cut cells."""
    if (nul := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, nul) + 1
        raise UsageError(
            f"{file}: line {line} holds a NUL character (\\0), which text never does; remove it, for example with "
            f"tr -d '\\000' < {shlex.quote(file)} > clean{Path(file).suffix or '.csv'}"
        )
    content = content.removeprefix(b"\xef\xbb\xbf")
    content, notes = _utf8(content, file)
    if b"\r" in content:
        content = content.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return Text(content if content.endswith(b"\n") else content + b"\n", notes)


def _utf8(content: bytes, file: str) -> tuple[bytes, tuple[str, ...]]:
    try:
        content.decode()
        return content, ()
    except UnicodeDecodeError as error:
        first = error.start
    repaired = content.decode(errors="replace")
    bad = repaired.count("\N{REPLACEMENT CHARACTER}")
    if sum(map(len, re.findall("[^\0-\x7f]+", repaired))) - bad > GOOD * bad:
        line = content.count(b"\n", 0, first) + 1
        where = f"{number_of(bad, 'place')}, the first in line {line}, cannot be read and became �"
        return repaired.encode(), (f"{file}: read as UTF-8, though {where}",)
    name = "Windows-1252" if re.search(rb"[\x80-\x9f]", content) else "Latin-1"
    try:
        text = content.decode("cp1252" if name == "Windows-1252" else "latin-1")
    except UnicodeDecodeError:
        text, name = content.decode("latin-1"), "Latin-1"
    return text.encode(), (f"{file}: read as {name}, because it is not UTF-8",)


def laid_out(text: Text, file: str) -> Layout:
    """The dialect that gives most records equally many cells; raises `UsageError` if a quotation mark is not closed."""
    notes = list(text.notes)
    if named := SEPARATOR_LINE.match(text.content):
        delimiter = named[1].decode().replace("\\t", "\t")
        text = replace(text, content=text.content[named.end() - 1 :])  # a blank line, so that lines keep their numbers
        dialect, records = _quoted(text.content, delimiter)
        notes.append(f"{file}: its first line, sep={visible(delimiter)}, names the delimiter")
    else:
        dialect, records = _best(text.content)
        if records.usual < 2 and (spaced := _spaced(text.content)) is not None:
            text = replace(text, content=spaced)
            dialect, records = _quoted(spaced, "\t")
            notes.append(f"{file}: read with spaces as delimiter")
        elif records.usual > 1 and dialect.delimiter != ",":
            notes.append(f"{file}: read with {WORDS[dialect.delimiter]} as delimiter")
    if not dialect.quotes:
        notes.append(f'{file}: quotation marks (") are read as characters, because not all of them come in pairs')
    if dialect.escape:
        notes.append(f'{file}: \\" is read as a quotation mark within a cell')
    if records.unclosed:
        line = _opened(records)
        raise UsageError(
            f"{file} cannot be read as CSV: EOF inside string: a quotation mark in line {line} is not closed; "
            "repair that line, or its quotes"
        )
    longest = int(records.lines.argmax()) if len(records.lines) else 0
    if len(records.lines) and records.lines[longest] >= MANY_LINES:
        first = int(records.line[longest])
        notes.append(
            f"{file}: a quoted cell goes from line {first} to line {first + int(records.lines[longest]) - 1}: "
            "is its quotation mark a mistake?"
        )
    return Layout(text, dialect, records, tuple(notes))


def is_table(text: Text) -> bool:
    """Whether nearly all lines of a text have the same number of cells, more than one."""
    _, records = _best(text.content)
    return records.usual > 1 and records.even >= EVEN


def _opened(records: Records) -> int:
    """The line that probably holds the quotation mark that is never closed."""
    spans = np.flatnonzero(records.lines > 1)
    odd = [record for record in spans if records.cells[record] != records.usual]
    return int(records.line[odd[0] if odd else len(records.line) - 1])


def _best(content: bytes) -> tuple[Dialect, Records]:
    head = content[:SAMPLE]
    sample = head[: head.rfind(b"\n") + 1] or content
    merit = {delimiter: _merit(surveyed(sample, Dialect(delimiter))) for delimiter in DELIMITERS}
    first = max(DELIMITERS, key=merit.__getitem__)
    if first == "," and _has_decimal_commas(sample):
        rivals = [other for other in DELIMITERS if other != "," and merit[other][:3] >= merit[","][:3]]
        first = max(rivals, key=merit.__getitem__, default=first)
    dialect, records = _quoted(content, first)
    if len(sample) == len(content) or records.even >= EVEN:
        return dialect, records
    others = [_quoted(content, delimiter) for delimiter in DELIMITERS if delimiter != first]
    return max([(dialect, records), *others], key=lambda pair: _merit(pair[1]))


def _has_decimal_commas(sample: bytes) -> bool:
    """Whether all commas below the first line stand within numbers: as decimal marks, or between thousands."""
    below = sample.partition(b"\n")[2]
    return b"," in below and NO_DECIMAL.search(below) is None


def _merit(records: Records) -> tuple[bool, float, bool, int]:
    """The better delimiter cuts more records, and the first one, into the same number of cells; then, into more."""
    usual = records.usual
    starts = bool(len(records.cells)) and int(records.cells[0]) == usual
    return usual > 1, round(records.even + 0.1 * starts, 3), starts, usual


def _quoted(content: bytes, delimiter: str) -> tuple[Dialect, Records]:
    """The dialect by what quotation marks mean, and the records.

    In a file cut by tabs or bars, quotation marks are plain characters if pairs of them would span lines, and all lines
    have the same number of cells without them.
    """
    dialect = Dialect(delimiter)
    records = surveyed(content, dialect)
    if b'"' not in content:
        return dialect, records
    if b'\\"' in content and (records.unclosed or records.even < 1):
        escaped = replace(dialect, escape="\\")
        other = surveyed(content, escaped)
        if not other.unclosed and other.even > records.even:
            return escaped, other
    if delimiter in "\t|" and (records.unclosed or bool((records.lines > 1).any())):
        bare = replace(dialect, quotes=False)
        other = surveyed(content, bare)
        if other.usual > 1 and other.even == 1:
            return bare, other
    return dialect, records


def _spaced(content: bytes) -> bytes | None:
    """A table whose cells are separated by runs of spaces, written with tabs; None if the file is no such table."""
    text = content.decode(errors="replace")
    rows: list[list[str]] = []
    with _any_size():
        for row in csv.reader(io.StringIO(text, newline="\n"), delimiter=" ", skipinitialspace=True):
            rows.append(row[:-1] if row and not row[-1] else row)
            filled = len(rows[-1])
            if len(rows) > 3 and filled and filled != len(rows[-2]) and len(rows[-2]):
                return None
    lengths = [len(row) for row in rows if row]
    if len(lengths) < 3 or lengths[-1] < 2 or lengths[0] not in (lengths[-1], lengths[-1] - 1):
        return None
    if set(lengths[1:]) != {lengths[-1]} or not any(map(is_number, rows[-1])):
        return None
    written = io.StringIO(newline="\n")
    csv.writer(written, delimiter="\t", lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


@contextmanager
def _any_size() -> Iterator[None]:
    """In this context Python's reader takes cells of any size."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def surveyed(content: bytes, dialect: Dialect) -> Records:
    """The records of a text whose last line ends in a line feed."""
    if dialect.escape is None and len(dialect.delimiter.encode()) == 1:
        records = _by_marks(content, dialect)
        if records is not None:
            return records
    return _by_reader(content, dialect)


def _by_marks(content: bytes, dialect: Dialect) -> Records | None:
    """The records, from the places of line ends, delimiters and quotation marks.

    None if a quotation mark neither opens nor closes a whole cell.
    """
    marks = np.frombuffer(content, np.uint8)
    quotes = dialect.quotes and b'"' in content
    delimiter = ord(dialect.delimiter)
    ends, cells, lines = [], [], []
    quoted = cut = ended = 0  # quotation marks, delimiters and line ends so far
    for start in range(0, len(marks), BLOCK):
        block = marks[start : start + BLOCK]
        line_ends = np.flatnonzero(block == ord("\n"))
        cuts = np.flatnonzero(block == delimiter)
        numbers = np.arange(ended + 1, ended + 1 + len(line_ends))
        ended += len(line_ends)
        if quotes:
            places = np.flatnonzero(block == ord('"'))
            if not _stand_well(marks, places + start, quoted, delimiter):
                return None
            outside = (quoted + np.searchsorted(places, line_ends)) % 2 == 0
            line_ends, numbers = line_ends[outside], numbers[outside]
            cuts = cuts[(quoted + np.searchsorted(places, cuts)) % 2 == 0]
            quoted += len(places)
        ends.append(line_ends + start)
        cells.append(cut + np.searchsorted(cuts, line_ends))
        lines.append(numbers)
        cut += len(cuts)
    end, last = np.concatenate(ends), np.concatenate(lines)
    cumulative: NDArray[np.int64] = np.concatenate(cells).astype(np.int64)
    counts = cumulative - np.concatenate([[0], cumulative[:-1]]) + 1
    begin = np.concatenate([[0], end[:-1] + 1])
    first = np.concatenate([[1], last[:-1] + 1])
    unclosed = quoted % 2 == 1
    if unclosed:
        start = int(end[-1]) + 1 if len(end) else 0
        begin, end = np.append(begin[: len(end)], start), np.append(end, len(marks))
        first = np.append(first[: len(last)], last[-1] + 1 if len(last) else 1)
        last = np.append(last, ended)
        counts = np.append(counts, cut + 1 - (cumulative[-1] if len(cumulative) else 0))
    kept = end > begin
    for record in np.flatnonzero(kept & (counts == 1)):
        if marks[begin[record]] <= ord(" ") and not content[begin[record] : end[record]].strip(b" \t"):
            kept[record] = False
    return Records(counts[kept], first[kept], (last - first + 1)[kept], unclosed)


def _stand_well(marks: NDArray[np.uint8], places: NDArray[np.int64], before: int, delimiter: int) -> bool:
    """Whether all quotation marks open or close a whole cell or stand doubled within one, as CSV demands."""
    opening = places[before % 2 :: 2]
    closing = places[(before + 1) % 2 :: 2]
    previous = marks[opening - 1]
    well = (previous == delimiter) | (previous == ord("\n")) | (previous == ord('"')) | (opening == 0)
    following = marks[np.minimum(closing + 1, len(marks) - 1)]
    ends = (following == delimiter) | (following == ord("\n")) | (following == ord('"'))
    return bool(well.all() and ends.all())


def _by_reader(content: bytes, dialect: Dialect) -> Records:
    """The records, read one after the other by Python's reader."""
    cells, first, lines, last = [], [], [], ""
    for row, line, count in _rows(content.decode(errors="replace"), dialect):
        cells.append(len(row))
        first.append(line)
        lines.append(count)
        last = row[-1] if row else ""
    unclosed = dialect.quotes and last.endswith("\n") and not content.endswith(b'"\n')
    return Records(np.array(cells, np.int64), np.array(first, np.int64), np.array(lines, np.int64), unclosed)


def _rows(text: str, dialect: Dialect) -> Iterator[tuple[list[str], int, int]]:
    """The records that are not blank: cells, the line in which each begins, and how many lines it takes."""
    raw = ""

    def feed() -> Iterator[str]:
        nonlocal raw
        for line in io.StringIO(text, newline="\n"):
            raw = line
            yield line

    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE
    with _any_size():
        reader = csv.reader(
            feed(), delimiter=dialect.delimiter, quoting=quoting, escapechar=dialect.escape, skipinitialspace=True
        )
        line = 0
        for row in reader:
            count = reader.line_num - line
            if dialect.delimiter in raw or count > 1 or raw.strip(" \t\n"):
                yield row, line + 1, count
            line = reader.line_num

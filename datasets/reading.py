"""A user's file, CSV or Parquet, as a data frame with clean column names; and what the values of a column are.

The content of a file decides what it is, but a file called `.parquet` must be Parquet. Every error names the file and
the remedy.

The whole file decides how it is read, never a part of it. If that is not obvious, a remark says so, with the line.

    delimiter        the one of `,` `;` tab `|` that gives most rows the same number of cells, otherwise spaces; `sep=;`
                     in the first line names it. If all commas are decimal marks and another delimiter fits as well, it
                     is that one
    quotes           `"` around a cell that holds delimiters, line ends or quotes (doubled, or after a backslash). In a
                     file cut by tabs or bars, `"` is a character if pairs of it would span lines, and all rows have the
                     same number of cells without them
    encoding         UTF-8 with or without a byte order mark; if it is not UTF-8, Windows-1252 or Latin-1
    header           the first line with as many cells as the others; titles and comments above it are skipped. If it
                     looks like data, the file has no header (`headers.py`)
    below the table  up to ten lines at the end that have fewer cells are left out; so is a line that repeats the names,
                     or holds no number where all others do (units)
    decimal mark     a point or a comma, as in the file's numbers
    numbers          with marks between thousands, currency, unit, brackets, if that fits the whole column. One value in
                     a hundred, ten at most, may be no number: it is missing, and named with its line (`numerals.py`)
    missing          an empty cell, `NA`, `NaN`, `null`, `None` and all else that pandas reads as missing, `?` `-` `--`
                     `.` `..` `:`, a database's backslash and N, a spreadsheet's errors (`#DIV/0!`)
    names            strings without outer spaces and invisible characters; the second `a` becomes `a.1`
    index            the column that pandas writes for a frame's index (`Unnamed: 0`) is left out if it holds whole
                     numbers that are not all years; an index of dates or text is kept
    refused          a NUL character, a quotation mark that is never closed, a row with more cells than there are names
    Parquet's types  decimals become floats, dictionaries of strings become categories; times with a time zone become
                     UTC, or what the clock showed there if this alone puts them on a grid. Nested columns, bytes and
                     times of day are left out, and a remark says so
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from residency.datasets.dates import in_days, in_utc_or_as_shown, read_dates
from residency.datasets.delimited import read_delimited
from residency.datasets.layout import is_table, text_of
from residency.datasets.numerals import number_column
from residency.harness.dataset import number_of, printable
from residency.harness.errors import UsageError, visible

SAMPLE = 65_536  # bytes that show what a file is
MOST_NULS = 0.01  # share of NUL bytes in the sample: above it a file is not text
YEARS = (1800, 2200)
INDEX_NAME = re.compile(r"Unnamed: 0(\.\d+)*|__index_level_\d+__")
PARQUET = b"PAR1"
PLAIN_TEXTS = {".txt", ".text", ".md", ".rst"}
TABLES = {".csv", ".tsv", ".tab", ".psv", ".parquet", ".data"}  # suffixes of files that are never plain text
NOT_TEXT = {  # how files of other kinds begin, and what to do with them
    b"PK\x03\x04": "an Excel workbook or a ZIP archive: save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"\x1f\x8b": "a compressed file: unpack it, with gunzip for example",
    b"BZh": "a compressed file: unpack it, with bunzip2 for example",
    b"\xfd7zXZ": "a compressed file: unpack it, with unxz for example",
    b"\x28\xb5\x2f\xfd": "a compressed file: unpack it, with unzstd for example",
    **dict.fromkeys(
        (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*"),
        "a picture: the tasks of image and ocr take pictures; this one takes a table",
    ),
    b"%PDF": "a PDF document: write the table in it as CSV or Parquet",
    b"ARROW1": "an Arrow (Feather) file: write it as Parquet",
    b"SQLite format 3": "a SQLite database: export one table as CSV",
    b"\xff\xfe": "text in UTF-16: save it in UTF-8",
    b"\xfe\xff": "text in UTF-16: save it in UTF-8",
}
NOT_CSV = {
    b"{": "JSON: write it as CSV or Parquet",
    b"[{": "JSON: write it as CSV or Parquet",
    b"<": "HTML or XML: write the table as CSV or Parquet",
}
MARKUP = {  # how to tell them from a line of names such as `<TICKER>,<DATE>` or `{id},{name}`
    b"{": re.compile(rb"\{\s*[\"}]"),
    b"[{": re.compile(rb"\[\{"),
    b"<": re.compile(rb"(?!<[^<>]*>\"?[ ]*[,;\t|])(<[?!]|.*(</|/>))", re.DOTALL),
}

MOST_SAID = 5  # remarks on a Parquet file's columns that an error repeats
LARGEST = 1e38  # about the range of float32
Kind = Literal["number", "whole number", "boolean", "date"]


@dataclass(frozen=True)
class OwnFile:
    """The table in a user's file, and what was noted while it was read."""

    name: str
    frame: Any  # pandas.DataFrame; its column names are strings, each one once
    repeated: frozenset[str]  # names that several columns of the file have
    remarks: tuple[str, ...]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # on a column: how its numbers were read
    lines: NDArray[np.int64] | None = None  # of a CSV file: where each record begins
    how: tuple[str, ...] = ()  # the remarks that say how the file was read, if that is not obvious

    def where(self, row: int) -> str:
        """Where a row stands in the file, by its label in the frame's index: `line 17`, or `row 16` of Parquet."""
        return f"row {row + 1}" if self.lines is None else f"line {int(self.lines[row])}"

    def remarks_on(self, column: str) -> list[str]:
        """How a column's numbers were read, as remarks."""
        return [f"`{column}`: {note}" for note in self.notes.get(column, ())]

    def refusal(self, why: str, *columns: str, because: str = "") -> UsageError:
        """The error that the file cannot be used. It also says how the file and these columns were read."""
        reasons = [because] if because else []
        reasons += [remark.removeprefix(f"{self.name}: ") for remark in self.how]
        reasons += [remark for column in columns for remark in self.remarks_on(column)]
        return UsageError(why + (f" ({'; '.join(reasons)})" if reasons else ""))


@dataclass(frozen=True)
class Numbers:
    """A column of numbers; NaN is missing."""

    name: str
    values: NDArray[np.float64]
    kind: Kind
    note: str = ""  # how they were read, if that is not obvious

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows hold a value."""
        return ~np.isnan(self.values)

    @property
    def labels(self) -> list[str]:
        """The different values, from the least to the greatest."""
        values = np.unique(self.values[self.present])
        return [str(value == 1) if self.kind == "boolean" else f"{value:g}" for value in values]

    def ranks(self) -> NDArray[np.intp]:
        """For each row that holds a value: the place of its value among the different values."""
        return np.unique(self.values[self.present], return_inverse=True)[1]


@dataclass(frozen=True)
class Category:
    """A column of levels: each row's place in `levels`, -1 if it is missing."""

    name: str
    codes: NDArray[np.intp]
    levels: Any  # pandas.Index of different strings
    note: str = ""

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows hold a value."""
        return self.codes >= 0

    @property
    def labels(self) -> list[str]:
        """The levels in alphabetical order."""
        return sorted(str(level) for level in self.levels)

    def ranks(self) -> NDArray[np.intp]:
        """For each row that holds a value: the place of its level in alphabetical order."""
        order = np.argsort(np.array([str(level) for level in self.levels], dtype=object), kind="stable")
        return np.argsort(order)[self.codes[self.present]]


Column = Numbers | Category


def read_file(path: Path | None) -> OwnFile:
    """The file's table; raises `UsageError` with the remedy if there is none."""
    file, content = _content(path, "CSV or Parquet")
    _check_kind(file, content[:SAMPLE])
    if path is not None and path.suffix.lower() == ".parquet" and not content.startswith(PARQUET):
        raise UsageError(f"{file} is not a Parquet file; if it is CSV, call it .csv")
    if content.startswith(PARQUET):
        return _of_parquet(file, content)
    return _of_csv(file, content)


def read_lines(path: Path) -> tuple[list[str], list[str]] | None:
    """The lines of a file of plain text, and remarks on it; None if the file is a table.

    A file called `.txt`, `.text`, `.md` or `.rst` is plain text. So is a file without the structure of a table, unless
    its name says that it is a table.
    """
    file, content = _content(path, "text, CSV or Parquet")
    suffix = path.suffix.lower()
    if content.startswith(PARQUET) or suffix in TABLES:
        return None
    for sign, kind in NOT_TEXT.items():
        if content.startswith(sign):
            raise UsageError(f"{file} is not plain text but looks like {kind}")
    text = text_of(content, file)
    if suffix not in PLAIN_TEXTS and is_table(text):
        return None
    lines = text.content.decode().removesuffix("\n").split("\n")
    return lines, [*text.notes, f"{file}: plain text, {number_of(len(lines), 'line')}"]


def _content(path: Path | None, kinds: str) -> tuple[str, bytes]:
    """The file's name, to be shown, and its bytes. They are read once, because a pipe can be read only once."""
    if path is None:
        raise UsageError(f"own data needs a file: name it with --data FILE ({kinds})")
    if path.is_dir():
        raise UsageError(f"{printable(path)} is a folder: name one {kinds} file in it")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{printable(path)} cannot be read: {error.strerror or error}; check that it exists and that "
            "you may read it"
        ) from error
    file = printable(path.name)
    if not content.strip():
        what = "text or a table" if kinds.startswith("text") else "a table"
        raise UsageError(f"{file} is empty: name a {kinds} file that holds {what}")
    return file, content


def _check_kind(file: str, head: bytes) -> None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for sign, kind in (NOT_TEXT | NOT_CSV).items():
        if start.startswith(sign) and (sign not in NOT_CSV or MARKUP[sign].match(start)):
            raise UsageError(f"{file} is neither CSV nor Parquet but looks like {kind}")
    if head.count(b"\0") > MOST_NULS * len(head) and not head.startswith(PARQUET):
        raise UsageError(f"{file} is neither CSV nor Parquet: it is not text; write the table as CSV or Parquet")


def _of_csv(file: str, content: bytes) -> OwnFile:
    table = read_delimited(content, file)
    own = _named(file, table.frame, table.names, table.notes, table.columns)
    return replace(own, lines=table.layout.records.line[table.first :], how=tuple(table.notes))


def _of_parquet(file: str, content: bytes) -> OwnFile:
    frame, names, remarks = _read_parquet(file, content)
    notes: dict[int, list[str]] = {}
    for place in frame.columns:
        column = number_column(frame[place], ".", "") if frame[place].dtype.kind == "O" else None
        if column is not None:
            notes[place] = column.notes(lambda row: f"row {row + 1}") or ["text that reads as numbers"]
            values = column.values()
            whole = column.numerals.whole and not np.isnan(values).any() and (np.abs(values) < 2**53).all()
            frame[place] = values.astype(np.int64) if whole else values
    own = _named(file, frame, names, remarks, notes)
    return replace(own, how=tuple(remarks[:MOST_SAID]))


def _read_parquet(file: str, content: bytes) -> tuple[Any, list[str], list[str]]:
    """The table's columns by their numbers, their names, and remarks on those left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(pa.BufferReader(content)) as parquet:
            table = parquet.read()
        kept, names, remarks = [], [], []
        for name, column in zip(table.column_names, table.columns, strict=True):
            if (plain := _plain(column)) is None:
                remarks.append(f"`{visible(name)}`: left out, {column.type} is not a number, date or text")
            else:
                kept.append(plain)
                names.append(name)
                if plain is not column and pa.types.is_timestamp(column.type):
                    kept[-1], note = _without_zone(column, plain)
                    remarks += [f"`{visible(name)}`: {note}"] if note else []
        numbered = pa.table(kept, names=[str(number) for number in range(len(kept))])
        frame = numbered.to_pandas(ignore_metadata=True, date_as_object=False)
    except (pa.ArrowException, OSError) as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{file} cannot be read as Parquet: {why}; was it copied completely?") from error
    frame.columns = range(len(kept))
    return frame, names, remarks


def _plain(column: Any) -> Any:
    """An Arrow column of a type that pandas holds natively; None if there is no such type."""
    import pyarrow as pa

    kinds = pa.types
    kind = column.type
    if kinds.is_dictionary(kind):
        strings = kinds.is_string(kind.value_type) or kinds.is_large_string(kind.value_type)
        return column if strings else _plain(column.cast(kind.value_type))
    if kinds.is_decimal(kind) or kinds.is_null(kind):
        return column.cast(pa.float64())
    if kinds.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit))
    native = (
        kinds.is_boolean, kinds.is_integer, kinds.is_floating, kinds.is_date, kinds.is_timestamp, kinds.is_duration,
        kinds.is_string, kinds.is_large_string, kinds.is_string_view,
    )  # fmt: skip
    return column if any(of(kind) for of in native) else None


def _without_zone(column: Any, utc: Any) -> tuple[Any, str]:
    """Times with a time zone, given also in UTC: as `in_utc_or_as_shown`, and a remark if the offsets differ."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        shown = compute.local_timestamp(column)
    except pa.ArrowException:  # a zone that is not known here
        return utc, ""
    if len(compute.unique(compute.subtract(shown, utc).drop_null())) < 2:
        return utc, ""
    moments = utc.to_numpy()
    read, how = in_utc_or_as_shown(moments, shown.to_numpy())
    return utc if read is moments else shown, f"times of {column.type.tz}, {how.removesuffix(', ')}"


def _named(
    file: str, frame: Any, names: Sequence[str], remarks: Sequence[str], notes: Mapping[int, Sequence[str]]
) -> OwnFile:
    """The frame with a different string as each column's name, without the columns that hold pandas' index."""
    all_remarks = list(remarks)
    given = [_plain_name(str(name)) or f"Unnamed: {position}" for position, name in enumerate(names)]
    taken, repeated, unique_names = set(given), set[str](), list[str]()
    for position, name in enumerate(given):
        unique = name
        if name in unique_names:
            count = 1
            while (unique := f"{name}.{count}") in taken:
                count += 1
            repeated.add(name)
            all_remarks.append(f"`{name}`: column {position + 1} has that name again, and is called `{unique}` here")
        elif re.sub("[ \t\n]+", " ", unicodedata.normalize("NFC", str(names[position]))).strip(" ") not in ("", name):
            all_remarks.append(
                f"`{name}`: its name holds invisible characters in the file, `{visible(str(names[position]))}`"
            )
        taken.add(unique)
        unique_names.append(unique)
    frame.columns = unique_names
    for name in unique_names:
        if INDEX_NAME.fullmatch(name) and _is_index(frame[name].dropna()):
            frame = frame.drop(columns=name)
            all_remarks.append(f"`{name}`: left out, the index that pandas wrote")
    by_name = {unique_names[position]: tuple(some) for position, some in notes.items() if some}
    return OwnFile(file, frame, frozenset(repeated), tuple(all_remarks), by_name)


def _is_index(values: Any) -> bool:
    """Whether the values of a column are a frame's index: whole numbers, but not all years."""
    if not len(values):
        return True
    whole = values.dtype.kind in "iuf" and bool((values % 1 == 0).all())
    return whole and not bool(((values >= YEARS[0]) & (values <= YEARS[1])).all())


def _plain_name(name: str) -> str:
    """A column's name without invisible characters: runs of spaces become one, controls and zero-width marks go.

    A letter and its accent become one character, as in targets: macOS writes them as two.
    """
    seen = "".join(
        character
        for character in unicodedata.normalize("NFC", name)
        if unicodedata.category(character) not in {"Cf", "Cc"} or character.isspace()
    )
    return " ".join(seen.split())


def typed(name: str, series: Any) -> tuple[Column, int]:
    """A column with its type, and how many of its values were infinite or beyond float32's range."""
    import pandas as pd

    kind = series.dtype.kind
    if kind in "mM":
        days, note = in_days(series.to_numpy())
        return Numbers(name, days, "date", note), 0
    if kind in "biuf":
        whole: Kind = "boolean" if kind == "b" else "whole number"
        column = Numbers(name, series.to_numpy(np.float64), "number" if kind == "f" else whole)
    else:
        codes, levels = pd.factorize(series)
        read = _read_levels(name, levels)
        if read is None:
            return Category(name, codes, levels), 0
        column = Numbers(name, np.append(read.values, np.nan)[codes], read.kind, read.note)
    infinite = np.abs(column.values) > LARGEST
    if not infinite.any():
        return column, 0
    return Numbers(name, np.where(infinite, np.nan, column.values), column.kind, column.note), int(infinite.sum())


def _read_levels(name: str, levels: Any) -> Numbers | None:
    """The different values of a column of text or objects as booleans or dates; None if not all are.

    Text that holds numbers was already turned into numbers when the file was read, as the file writes them.
    """
    if not len(levels):
        return None
    if all(isinstance(level, bool) for level in levels[:2]):
        return Numbers(name, np.array(levels, dtype=np.float64), "boolean")
    text = levels.astype(str)
    dates = read_dates(text)
    return None if dates is None else Numbers(name, dates[0], "date", dates[1])

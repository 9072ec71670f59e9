"""A user's file, CSV or Parquet, as a data frame with clean column names; and what the values of a column are.

What a file is, its content says, but one called `.parquet` must be Parquet. Every error names the file and the remedy.

    delimiter        the one of `,` `;` tab `|` that cuts the first lines into the most even rows
    quotes           `"` around a cell that holds delimiters, line ends or quotes (doubled)
    encoding         UTF-8 with or without a byte order mark; where it is not UTF-8, Latin-1, and said
    decimal mark     a point; where the delimiter is `;` a comma, unless the first lines hold numbers with points only
    missing          an empty cell, `NA`, `NaN`, `null`, `None` and what else pandas takes for missing, `?`, `-`, `--`
    names            stripped of spaces, made strings; the second `a` becomes `a.1`, and said
    index            the column that pandas writes for a frame's index (`Unnamed: 0`) is left out, and said
    Parquet's types  decimals become floats, dictionaries of strings categories, moments with a time zone UTC;
                     nested columns, bytes and times of day are left out, and said
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from residency.datasets.dates import in_days, read_dates
from residency.harness.dataset import printable
from residency.harness.errors import UsageError

SAMPLE = 65_536  # bytes that show how a CSV file is written
DELIMITERS = (",", ";", "\t", "|")
MISSING = ("?", "-", "--")  # beside what pandas knows
INDEX_NAME = re.compile(r"Unnamed: 0(\.\d+)*|__index_level_\d+__")
NUMBER = re.compile(r"[-+]?\d*[.,]?\d+")
PARQUET = b"PAR1"
NEITHER = {  # how files of other kinds begin, and what to do with them
    b"PK\x03\x04": "an Excel workbook or a ZIP archive: save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"\x1f\x8b": "compressed: unpack it, with gunzip for example",
    b"BZh": "compressed: unpack it, with bunzip2 for example",
    b"\xfd7zXZ": "compressed: unpack it, with unxz for example",
    b"\x28\xb5\x2f\xfd": "compressed: unpack it, with unzstd for example",
    **dict.fromkeys(
        (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*"),
        "a picture: the tasks of image and ocr take pictures; this one takes a table",
    ),
    b"%PDF": "a PDF document: write the table in it as CSV or Parquet",
    b"ARROW1": "an Arrow (Feather) file: write it as Parquet",
    b"SQLite format 3": "a SQLite database: export one table as CSV",
    b"\xff\xfe": "text in UTF-16: save it as CSV in UTF-8",
    b"\xfe\xff": "text in UTF-16: save it as CSV in UTF-8",
    b"{": "JSON: write it as CSV or Parquet",
    b"[{": "JSON: write it as CSV or Parquet",
    b"<": "HTML or XML: write the table as CSV or Parquet",
}

LARGEST = 1e38  # about the range of float32
Kind = Literal["number", "whole number", "boolean", "date"]


@dataclass(frozen=True)
class OwnFile:
    """What a user's file holds."""

    name: str
    frame: Any  # pandas.DataFrame; its column names are strings, each one once
    repeated: frozenset[str]  # names that several columns of the file bear
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """A column of numbers; NaN is missing."""

    name: str
    values: NDArray[np.float64]
    kind: Kind
    note: str = ""  # how they were read, where that is not plain

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
        """Of the rows that hold a value: its place among the different values."""
        return np.unique(self.values[self.present], return_inverse=True)[1]


@dataclass(frozen=True)
class Category:
    """A column of levels: each row's place in `levels`, -1 where it is missing."""

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
        """Of the rows that hold a value: its place in the alphabetical order."""
        order = np.argsort(np.array([str(level) for level in self.levels], dtype=object), kind="stable")
        return np.argsort(order)[self.codes[self.present]]


Column = Numbers | Category


def read_file(path: Path | None) -> OwnFile:
    """The file's table; raises `UsageError` with the remedy where there is none."""
    if path is None:
        raise UsageError("own data needs a file: name it with --data FILE (CSV or Parquet)")
    if path.is_dir():
        raise UsageError(f"{printable(path)} is a folder: name one CSV or Parquet file in it")
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE)
        _check_kind(path, head)
        frame, remarks = _read_parquet(path) if head.startswith(PARQUET) else _read_csv(path, head)
    except OSError as error:
        raise UsageError(
            f"{printable(path)} cannot be read: {error.strerror or error}; is it there, and readable to you?"
        ) from error
    return _named(printable(path.name), frame, remarks)


def _check_kind(path: Path, head: bytes) -> None:
    name = printable(path.name)
    if not head.strip():
        raise UsageError(f"{name} is empty: name a CSV or Parquet file that holds a table")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for sign, kind in NEITHER.items():
        if start.startswith(sign):
            raise UsageError(f"{name} is neither CSV nor Parquet but looks like {kind}")
    if b"\0" in head and not head.startswith(PARQUET):
        raise UsageError(f"{name} is neither CSV nor Parquet: it is not text; write the table as one of the two")
    if path.suffix.lower() == ".parquet" and not head.startswith(PARQUET):
        raise UsageError(f"{name} is not a Parquet file; if it is CSV, call it .csv")


def _read_csv(path: Path, head: bytes) -> tuple[Any, list[str]]:
    try:
        return _parse_csv(path, head, "utf-8-sig"), []
    except UnicodeDecodeError:
        return _parse_csv(path, head, "latin-1"), [f"{printable(path.name)}: read as Latin-1, for it is not UTF-8"]


def _parse_csv(path: Path, head: bytes, encoding: str) -> Any:
    """The table under the names of the file's first line, repeated ones included."""
    import pandas as pd

    file = printable(path.name)
    text = head.decode(encoding, errors="ignore")
    whole_lines = text[: text.rfind("\n") + 1] if len(head) == SAMPLE else text
    delimiter = _delimiter(whole_lines or text)
    how = {
        "sep": delimiter,
        "decimal": _decimal_mark(whole_lines, delimiter),
        "encoding": encoding,
        "skipinitialspace": True,
        "index_col": False,
        "compression": None,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(path, header=None, nrows=1, dtype=str, na_filter=False, **how)
            frame = pd.read_csv(
                path, header=0, names=range(header.shape[1]), na_values=list(MISSING), low_memory=False, **how
            )
    except pd.errors.ParserWarning as error:
        names = f"{header.shape[1]} name{'s' * (header.shape[1] != 1)}"
        raise UsageError(f"{file}: its rows hold more cells than the first line has names ({names})") from error
    except pd.errors.EmptyDataError as error:
        raise UsageError(f"{file} is empty: name a CSV or Parquet file that holds a table") from error
    except pd.errors.ParserError as error:
        why = str(error).strip().rpartition("C error: ")[2]
        raise UsageError(f"{file} cannot be read as CSV: {why}; repair that line, or its quotes") from error
    frame.columns = names = header.iloc[0].tolist()
    if all(NUMBER.fullmatch(name) for name in names) and not all(name.isdigit() for name in set(names)):
        raise UsageError(f"{file}: its first line holds numbers: write a line with the columns' names above it")
    return frame


def _delimiter(text: str) -> str:
    """The delimiter under which most rows are as long as the first, and the first is longest.

    The standard library's sniffer guesses from the characters around quotes first, and cuts at a comma within them.
    """

    def evenness(delimiter: str) -> tuple[bool, float, int]:
        try:
            lengths = [len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        except csv.Error:
            return False, 0.0, 0
        if not lengths:
            return False, 0.0, 0
        return lengths[0] > 1, sum(length == lengths[0] for length in lengths) / len(lengths), lengths[0]

    return max(DELIMITERS, key=evenness)


def _decimal_mark(text: str, delimiter: str) -> str:
    """A comma beside semicolons, unless the sample holds numbers with a point and none with a comma."""
    if delimiter != ";":
        return "."
    number = r'(?:^|;)\s*"?[-+]?\d+{}\d+"?\s*(?=;|$)'
    points, commas = (re.search(number.format(mark), text, re.MULTILINE) for mark in (r"\.", ","))
    return "." if points and not commas else ","


def _read_parquet(path: Path) -> tuple[Any, list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        kept, names, remarks = [], [], []
        for name, column in zip(table.column_names, table.columns, strict=True):
            if (plain := _plain(column)) is None:
                remarks.append(f"`{name}`: left out, {column.type} is no number, date or text")
            else:
                kept.append(plain)
                names.append(name)
        numbered = pa.table(kept, names=[str(number) for number in range(len(kept))])
        frame = numbered.to_pandas(ignore_metadata=True, date_as_object=False)
    except (pa.ArrowException, OSError) as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{printable(path.name)} cannot be read as Parquet: {why}; was it copied whole?") from error
    frame.columns = names
    return frame, remarks


def _plain(column: Any) -> Any:
    """An Arrow column of a type that pandas holds natively; None where there is no such type."""
    import pyarrow as pa

    kinds = pa.types
    kind = column.type
    if kinds.is_dictionary(kind):
        strings = kinds.is_string(kind.value_type) or kinds.is_large_string(kind.value_type)
        return column if strings else _plain(column.cast(kind.value_type))
    if kinds.is_decimal(kind):
        return column.cast(pa.float64())
    if kinds.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit))
    native = (
        kinds.is_boolean, kinds.is_integer, kinds.is_floating, kinds.is_date, kinds.is_timestamp, kinds.is_duration,
        kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_null,
    )  # fmt: skip
    return column if any(of(kind) for of in native) else None


def _named(file: str, frame: Any, remarks: Sequence[str]) -> OwnFile:
    """The frame with every name a string of its own, without the columns that hold pandas' index."""
    said = list(remarks)
    given = [" ".join(str(name).split()) or f"Unnamed: {position}" for position, name in enumerate(frame.columns)]
    taken, repeated, names = set(given), set[str](), list[str]()
    for position, name in enumerate(given):
        unique = name
        if name in names:
            count = 1
            while (unique := f"{name}.{count}") in taken:
                count += 1
            repeated.add(name)
            said.append(f"`{name}`: column {position + 1} bears that name again, and is called `{unique}` here")
        taken.add(unique)
        names.append(unique)
    frame.columns = names
    for name in names:
        if INDEX_NAME.fullmatch(name):
            frame = frame.drop(columns=name)
            said.append(f"`{name}`: left out, the index that pandas wrote")
    return OwnFile(file, frame, frozenset(repeated), tuple(said))


def typed(name: str, series: Any) -> tuple[Column, int]:
    """A column by what its values are, and how many of them were infinite or beyond float32's range."""
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
    """The different values of a column of text or objects as booleans, numbers or dates; None where not all are."""
    import pandas as pd

    if not len(levels):
        return None
    if all(isinstance(level, bool) for level in levels[:2]):
        return Numbers(name, np.array(levels, dtype=np.float64), "boolean")
    text = levels.astype(str)
    numbers = pd.to_numeric(text, errors="coerce")
    if not numbers.isna().any():
        kind: Kind = "whole number" if numbers.dtype.kind in "iu" else "number"
        return Numbers(name, numbers.to_numpy(np.float64), kind, "text that reads as numbers")
    dates = read_dates(text)
    return None if dates is None else Numbers(name, dates[0], "date", dates[1])

"""A CSV file's table: its rows as a data frame. The whole file decides how its numbers are read.

`layout.py` finds how the file is laid out, `headers.py` where its table begins, `numerals.py` how numbers are written.
Notes say what was found in the file or in one column, and in which lines.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.headers import FEW_ROWS, PLAIN, are_labels, holds_data, is_number, shown, titles
from residency.datasets.layout import Layout, laid_out, text_of
from residency.datasets.numerals import NumberColumn, number_column
from residency.harness.dataset import number_of
from residency.harness.errors import UsageError, visible

MISSING = (  # in addition to those that pandas knows: marks of other programs and offices, and a spreadsheet's errors
    "?", "-", "--", ".", "..", ":", "\\N", "(null)", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!",
)  # fmt: skip
MOST_NOTES = 3  # values or lines that are named; the rest are counted
MOST_FOOTERS = 10
TOTALS = {
    "total", "totals", "grand total", "sum", "summe", "gesamt", "insgesamt", "totale", "suma", "somme",
    "total général", "average", "mean", "mittelwert", "moyenne", "media", "durchschnitt",
}  # fmt: skip


@dataclass
class Delimited:
    """A table while it is read, step by step."""

    file: str
    layout: Layout
    frame: Any = None
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # on the file
    columns: dict[int, list[str]] = field(default_factory=dict)  # on a column, by its number from 0
    first: int = 0  # the record of the frame's first row

    def line(self, row: int) -> int:
        """The line of the file in which a row begins."""
        return int(self.layout.records.line[self.first + row])


def read_delimited(content: bytes, file: str) -> Delimited:
    """The table in a file's bytes; raises `UsageError` with line and remedy if there is none."""
    layout = laid_out(text_of(content, file), file)
    if layout.records.usual == 0:
        raise UsageError(f"{file} is empty: name a CSV or Parquet file that holds a table")
    table = Delimited(file, layout, notes=list(layout.notes))
    table.layout = replace(layout, dialect=replace(layout.dialect, decimal=_decimal_mark(layout)))
    _read_table(table)
    if table.layout.dialect.decimal == ",":
        table.notes.insert(len(layout.notes), f"{file}: read with a comma as decimal mark")
    if sum(map(is_number, table.names)) > 1:
        _check_names(table)
    _drop_rows(table)
    return table


def _decimal_mark(layout: Layout) -> str:
    """The decimal mark that the first records suggest; the whole file decides in `_read_numbers`."""
    if layout.dialect.delimiter == ",":
        return "."
    cells = [cell.strip() for row in layout.top(1_000) for cell in row]
    numbers = [cell for cell in cells if PLAIN.fullmatch(cell)]
    points, commas = (any(mark in number for number in numbers) for mark in ".,")
    return "," if commas and (layout.dialect.delimiter == ";" or not points) else "."


def _read_table(table: Delimited) -> None:
    """Find the names, read the rows below them and their numbers."""
    layout, records = table.layout, table.layout.records
    top = layout.top(30)
    start = titles(top, records.usual)
    if start:
        above = [int(line) for line in records.line[:start]]
        lines = f"line {above[0]}" if start == 1 else f"lines {above[0]} to {above[-1]}"
        table.notes.append(f"{table.file}: {lines} above the columns' names skipped: {shown(top[0])}")
    names = [name.strip() for name in top[start]]
    if start or names[0].startswith("#"):
        names[0] = names[0].removeprefix("#").strip() if records.usual > 1 else names[0]
    _read_below(table, names, start + 1)
    if table.names and holds_data(table.names, table.frame, table.columns):
        width = len(table.names)
        called = "`column 1`" + (f" to `column {width}`" if width > 1 else "")
        table.columns.clear()
        _read_below(table, [f"column {place + 1}" for place in range(width)], start)
        table.notes.append(
            f"{table.file}: no header? line {int(records.line[start])} ({shown(top[start])}) looks like the lines "
            f"below it, not like names, so columns are called {called}; to name them, write a line with names above it"
        )


def _check_names(table: Delimited) -> None:
    """Note names that are numbers; raise `UsageError` if there are too few rows to decide whether they are names."""
    names = [name for name in table.names if name]
    numbers = [name for name in names if is_number(name)]
    if len(table.frame) < FEW_ROWS and not all(map(str.isdigit, numbers)) and not are_labels(numbers, len(names)):
        raise UsageError(f"{table.file}: its first line holds numbers: write a line with the columns' names above it")
    line = int(table.layout.records.line[table.first - 1])
    if numbers != [str(place) for place in range(len(numbers))]:
        table.notes.append(f"{table.file}: in line {line}, {shown(numbers)} are read as names")


def _read_below(table: Delimited, names: list[str], first: int) -> None:
    """Read the records from `first` on, under these names. If the other decimal mark fits better, read them again."""
    records = table.layout.records
    cells = records.cells[first:]
    footers = _footers(table, cells, len(names), first)
    count = len(cells) - footers
    width = max(len(names), int(cells[:count].max())) if count else len(names)
    table.first = first
    table.frame = _parsed(table, width, count)
    if len(table.frame) != count:
        raise UsageError(f"{table.file} cannot be read as CSV: only {len(table.frame)} of {count} records were read")
    table.names = _names(table, names, cells[:count])
    other = _read_numbers(table)
    if other:
        table.layout = replace(table.layout, dialect=replace(table.layout.dialect, decimal=other))
        table.frame = _parsed(table, width, count)[table.frame.columns]
        table.columns.clear()
        _read_numbers(table, settled=True)
    short = np.flatnonzero(cells[:count] < min(len(names), records.usual))
    if len(short):
        lines = ", ".join(str(table.line(int(row))) for row in short[:MOST_NOTES])
        more = f" and {len(short) - MOST_NOTES} more" if len(short) > MOST_NOTES else ""
        where = f"{'line' if len(short) == 1 else 'lines'} {lines}{more}"
        table.notes.append(f"{table.file}: too few cells in {where}: the cells at the end are missing")


def _footers(table: Delimited, cells: NDArray[np.int64], width: int, first: int) -> int:
    """How many records at the end have too few cells: notes below the table, or a line that was cut."""
    full = np.flatnonzero(cells >= min(width, table.layout.records.usual))
    count = len(cells) - int(full[-1]) - 1 if len(full) else 0
    shorter = int((cells < min(width, table.layout.records.usual)).sum())
    if not 0 < count <= MOST_FOOTERS or shorter > count:
        return 0
    record = first + len(cells) - count
    line = int(table.layout.records.line[record])
    text = visible(table.layout.line_text(record)[:40])
    last = int(table.layout.records.line[-1])
    lines = f"line {line}" if count == 1 else f"lines {line} to {last}"
    note = f"{table.file}: {lines} at the end left out, because of too few cells: `{text}`"
    if note not in table.notes:
        table.notes.append(note)
    return count


def _parsed(table: Delimited, width: int, count: int, texts: Sequence[int] | None = None) -> Any:
    """Records as pandas reads them, columns by their numbers; with `texts`, only these columns, as text."""
    import pandas as pd

    layout, dialect = table.layout, table.layout.dialect
    if not count:
        return pd.DataFrame({place: pd.Series(dtype=float) for place in range(width)})
    stream = io.BytesIO(layout.text.content)
    stream.seek(layout.offset(table.first))
    as_text: dict[str, Any] = {} if texts is None else {"usecols": list(texts), "dtype": str}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                stream, sep=dialect.delimiter, decimal=dialect.decimal, header=None, names=range(width), nrows=count,
                quoting=0 if dialect.quotes else 3, escapechar=dialect.escape, na_values=list(MISSING),
                encoding="utf-8", skipinitialspace=True, index_col=False, low_memory=False, compression=None, **as_text,
            )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        why = str(error).strip().rpartition("C error: ")[2]
        raise UsageError(f"{table.file} cannot be read as CSV: {why}; repair that line, or its quotes") from error


def _names(table: Delimited, names: list[str], cells: NDArray[np.int64]) -> list[str]:
    """The columns' names, with the frame cut to as many; raises `UsageError` if rows hold more."""
    frame, wide = table.frame, len(names)
    while wide > 1 and not names[wide - 1] and frame[wide - 1].isna().all():
        wide -= 1  # every line ends with a delimiter
    surplus = [place for place in range(len(names), frame.shape[1]) if frame[place].notna().any()]
    if not surplus:
        table.frame = frame[range(wide)]
        return names[:wide]
    if surplus == [len(names)] and (cells == len(names) + 1).all() and _row_names(table):
        table.notes.append(
            f"{table.file}: the first line has one name fewer than the other lines have cells: the first column has no "
            "name, and is read as row names"
        )
        return ["row names", *names]
    too_wide = cells > len(names)
    if too_wide.mean() > 0.5:
        named, first = number_of(len(names), "name"), int(too_wide.argmax())
        raise UsageError(
            f"{table.file}: its rows hold more cells than the first line has names ({named}); the first such row is "
            f"line {table.line(first)}, with {int(cells[first])} cells: name all columns, or put "
            "quotes around cells that hold the delimiter"
        )
    row = int((frame[surplus].notna().any(axis=1)).to_numpy().argmax())
    raise UsageError(
        f"{table.file} cannot be read as CSV: Expected {len(names)} fields in line {table.line(row)}, saw "
        f"{int(cells[row])}; repair that line, or its quotes"
    )


def _row_names(table: Delimited) -> bool:
    """Whether the first column holds names of rows, each once.

    If commas cut the cells, a column of numbers may be the first half of decimal numbers such as 1,5.
    """
    column = table.frame[0]
    if not column.is_unique or len(column) < 3:
        return False
    quoted = table.layout.line_text(table.first).startswith('"')
    return quoted or column.dtype.kind == "O" or table.layout.dialect.delimiter != ","


def _read_numbers(table: Delimited, *, settled: bool = False) -> str:
    """Turn columns of text that hold numbers into numbers; return the decimal mark to read all again with, if any."""
    frame, dialect = table.frame, table.layout.dialect
    other = "," if dialect.decimal == "." else "."
    numeric: dict[int, NumberColumn] = {}
    for place in frame.columns:
        if frame[place].dtype.kind == "O" and set(map(type, frame[place].dropna())) == {int}:  # beyond 64 bits
            frame[place] = frame[place].astype(float)
        if is_text(frame[place]) and len(frame):
            column = number_column(frame[place], dialect.decimal, table.names[place])
            if column is not None:
                numeric[place] = column
    others = any(column.numerals.decimal == other for column in numeric.values())
    doubtful = _doubtful(frame) if others or dialect.delimiter != "," else []
    sure = (others or bool(doubtful)) and any(
        column.dtype.kind == "f" and place not in doubtful and bool((_finite(column) % 1 != 0).any())
        for place, column in frame.items()
    )
    if others and not sure and not settled:
        return other
    passed = _second_headers(table, numeric)
    for place, column in numeric.items():
        table.columns[place] = column.notes(lambda row: f"line {table.line(row)}", passed)
        frame[place] = column.values()
    dressed = _doubtful_texts(table, numeric) if not sure else []
    if (doubtful or dressed) and not sure:
        _read_doubtful(table, doubtful, dressed)
    if passed:
        table.frame = frame = frame.drop(index=passed)
    for place, column in numeric.items():
        values = frame[place].to_numpy()
        if column.numerals.whole and not np.isnan(values).any() and (np.abs(values) < 2**53).all():
            frame[place] = values.astype(np.int64)
    return ""


def _doubtful_texts(table: Delimited, numeric: Mapping[int, NumberColumn]) -> list[int]:
    """As `_doubtful`, for columns with a currency, a unit or odd cells; none if one column shows the decimal mark."""
    dialect = table.layout.dialect
    plain = [place for place, column in numeric.items() if column.numerals.decimal == dialect.decimal]
    doubtful = _doubtful(table.frame[plain])
    fractions = [place for place in plain if bool((_finite(table.frame[place]) % 1 != 0).any())]
    if dialect.delimiter == "," or set(fractions) - set(doubtful):
        return []
    return [place for place in doubtful if not numeric[place].numerals.group]


def is_text(column: Any) -> bool:
    """Whether a column of a frame holds only text."""
    import pandas as pd

    return isinstance(column.dtype, pd.StringDtype)


def _second_headers(table: Delimited, numeric: dict[int, NumberColumn]) -> list[int]:
    """Rows of names or units: they repeat the columns' names, or hold no number where all other rows do."""
    frame = table.frame
    counts = Counter(int(row) for column in numeric.values() for row in column.odd)
    native = [place for place in frame.columns if place not in numeric and frame[place].dtype.kind in "iuf"]
    passed = []
    for row in sorted(counts):
        odd = [place for place, column in numeric.items() if row in column.odd]
        repeats = all(frame[place].iloc[row].strip() == table.names[place] for place in odd)
        alone = all(np.isnan(column.values()[row]) for column in numeric.values())
        if (repeats or len(odd) > 1) and alone and frame[native].iloc[row].isna().all():
            passed.append(row)
            cells = [str(cell) for cell in frame.iloc[row] if isinstance(cell, str)]
            what = "repeats the columns' names" if repeats else "holds no number where all others do (names? units?)"
            table.notes.append(f"{table.file}: line {table.line(row)} ({shown(cells)}) {what}: left out")
    return passed


def _finite(column: Any) -> NDArray[np.float64]:
    values: NDArray[np.float64] = column.to_numpy()
    return values[np.isfinite(values)]


def _doubtful(frame: Any) -> list[int]:
    """Columns whose marks may stand between thousands: three digits at most after the mark, one to three before it."""
    doubtful = []
    for place, column in frame.items():
        if column.dtype.kind != "f":
            continue
        values = np.abs(_finite(column))
        parts = values[values % 1 != 0]
        fits = (parts >= 1) & (parts < 1_000) & (np.abs(parts * 1_000 - np.round(parts * 1_000)) < 1e-6)
        if len(parts) and fits.all() and values[values % 1 == 0].max(initial=0) < 1_000:
            doubtful.append(place)
    return doubtful


def _read_doubtful(table: Delimited, doubtful: list[int], dressed: list[int]) -> None:
    """Decide on numbers such as `1.234`: nothing in the file says whether that is 1234 or a little more than one.

    In `dressed` columns only digits, marks and signs count, in the cells that hold a number.
    """
    decimal = table.layout.dialect.decimal
    texts = _parsed(table, max(table.frame.columns) + 1, len(table.frame), doubtful + dressed)
    pattern = rf"[-+]?[1-9]\d{{0,2}}\{decimal}\d{{3}}"
    for place in doubtful + dressed:
        column = texts[place].str.strip()
        if place in dressed:
            column = column.str.replace(r"[^\d.,+-]", "", regex=True).where(table.frame[place].notna())
        grouped = column.str.fullmatch(pattern).fillna(False).astype(bool)
        whole = column.str.fullmatch(r"[-+]?\d{1,3}").fillna(False).astype(bool)
        if not (grouped | whole | column.isna()).all():
            continue
        example = visible(str(column[grouped].iloc[0]))
        if whole.sum() - (column == "0").sum() > 0 and grouped.sum() > 1:
            table.frame[place] = np.round(table.frame[place] * np.where(grouped, 1_000, 1))
            mark = "points" if decimal == "." else "commas"
            table.columns.setdefault(place, []).append(f"read with {mark} between thousands, as in `{example}`")
        else:
            table.columns.setdefault(place, []).append(
                f"numbers such as `{example}` are read with a decimal {'point' if decimal == '.' else 'comma'}; "
                "nothing in the file shows whether they are thousands: if they are, remove the mark"
            )


def _drop_rows(table: Delimited) -> None:
    """Leave out empty rows; note if the last row looks like a sum of the others."""
    frame = table.frame
    texts = [place for place in frame.columns if frame[place].dtype.kind == "O"]
    if len(frame) and texts:
        last = len(frame) - 1
        for place in texts[:1]:
            cell = frame[place].iloc[last]
            alone = isinstance(cell, str) and (frame[place] == cell).sum() == 1
            if alone and cell.strip().rstrip(":").casefold() in TOTALS:
                table.notes.append(
                    f"{table.file}: line {table.line(last)} holds `{visible(cell)}`: if it is a total of the lines "
                    "above it, remove it"
                )
    if frame.shape[1] > 1 and len(frame) and frame[frame.columns[0]].hasnans:
        empty = frame.isna().all(axis=1).to_numpy()
        if empty.any():
            table.frame = frame[~empty]
            table.notes.append(f"{table.file}: lines without any value left out: {int(empty.sum())}")

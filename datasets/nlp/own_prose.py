"""Your own prose: a file of plain text, or a CSV or Parquet file with a column of text, in which every cell is a line.

A file called `.txt`, `.text`, `.md` or `.rst` is plain text, and so is any other file whose lines do not all have the
same number of cells. In plain text every word of every line counts, also in the first line. With --target a `.txt` file
is a table. `.csv`, `.tsv` and `.data` files are always tables.

A table's text is its longest column of text, by the median number of characters. A column named with --target is set
aside, as in `own_texts.py`, where it holds the classes. Missing cells are empty lines. `reading.py` says how a file is
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from residency.datasets.nlp.own_texts import text_column
from residency.datasets.nlp.prose import Prose, counted
from residency.datasets.reading import read_file, read_lines
from residency.harness.dataset import own_table, printable
from residency.harness.errors import UsageError, unknown


@own_table
def own_prose(path: Path | None, target: str | None, folder: Path) -> Prose:
    """Your file: which words are most frequent in it?

    Every line of plain text is read. From a table, the longest column of text is read, and every cell is a line,
    however long; a column named as target is set aside. Words are counted one after the other by Python's dictionary.
    """
    if path is not None and target is None and (plain := read_lines(path)) is not None:
        return _prose(folder, *plain, f"{printable(path.name)} holds")
    file = read_file(path)
    remarks = list(file.remarks)
    if target is not None and target not in file.frame.columns:
        raise file.refusal(str(unknown("column", printable(target), file.frame.columns, file.name)))
    column = text_column(file, target, remarks)
    lines = file.frame[column].astype(object).fillna("").astype(str)  # a Parquet dictionary takes no new value
    return _prose(folder, lines, remarks, f"{file.name}: column `{column}` holds")


def _prose(folder: Path, lines: Iterable[str], remarks: Sequence[str], what: str) -> Prose:
    """The lines with their words counted; raises `UsageError` if there is no word."""
    prose = counted(folder / "lines.parquet", (line.encode(errors="replace").decode() for line in lines), remarks)
    if not prose.occurrences:
        raise UsageError(f"{what} no word to count: a word is two or more ASCII letters or digits, and no stop word")
    return prose

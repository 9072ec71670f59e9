"""Your own prose, a CSV or Parquet file: one column of text, of which every cell is a line.

It is the longest column of text, by the median number of characters; a column named with --target is set aside, as it
is where texts have classes (`own_texts.py`). Missing cells are empty lines. How a file is read (delimiters, encodings;
a file that is not UTF-8 is read as Latin-1, and said) is told in `reading.py`.
"""

from __future__ import annotations

from pathlib import Path

from residency.datasets.own_texts import text_column
from residency.datasets.prose import Prose, counted
from residency.datasets.reading import read_file
from residency.harness.dataset import own_table, printable
from residency.harness.errors import UsageError, unknown


@own_table
def own_prose(path: Path | None, target: str | None, folder: Path) -> Prose:
    """Your file: which words are most frequent in it?

    The longest column of text is read, of which every cell is a line, however long; a column named as target is set
    aside. Words are counted one after the other by Python's dictionary.
    """
    file = read_file(path)
    remarks = list(file.remarks)
    if target is not None and target not in file.frame.columns:
        raise unknown(f"column of {file.name}", printable(target), file.frame.columns)
    column = text_column(file, target, remarks)
    lines = file.frame[column].astype(object).fillna("").astype(str)  # a Parquet dictionary takes no new value
    prose = counted(folder / "lines.parquet", (line.encode(errors="replace").decode() for line in lines), remarks)
    if not prose.occurrences:
        raise UsageError(f"{file.name}: column `{column}` holds no word but stop words: two ASCII letters or digits")
    return prose

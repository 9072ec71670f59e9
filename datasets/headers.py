"""Where a table begins: after title lines and comments, with a line of the columns' names or without one.

What the first lines hold, and what becomes of them:

    lines with one filled cell, or too few  titles: they are skipped, and a note says so
    comments (`#`)                          skipped, and a note says so; `# a, b, c` above numbers holds the names
    one name too few                        R's row names: the first column is called `row names`
    no names                                the first line is data if it looks like the lines below it: its cells are
                                            numbers in columns of numbers, or values that occur again in their columns;
                                            columns are then called `column 1`, `column 2`, ...
    years, 0 1 2 ...                        numbers at even steps are the names of a wide table
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from residency.harness.errors import visible

MOST_TITLES = 20
FEW_ROWS = 20  # with fewer rows it cannot be decided whether the first line is data
FEW_LEVELS = 20
SHOWN = 3
NUMBER = re.compile(r"[-+]?(?:\d[\d'’ ]*(?:[.,]\d*)*|[.,]\d+)(?:[eE][-+]?\d+)?\s?%?")
PLAIN = re.compile(r"[-+]?\d*[.,]?\d+")
ABSENT = {
    "?",
    "na",
    "nan",
    "n/a",
    "<na>",
    "null",
    "none",
    "-",
    "--",
    ".",
    "..",
    "\\n",
}  # cells that are not names, but may be data
BESIDE = re.compile(r"`([^`]+)` beside")
NUMBERED = re.compile(r"(\D+)(\d+)")


def is_number(cell: str) -> bool:
    """Whether a cell looks like a number."""
    return NUMBER.fullmatch(cell.strip()) is not None


def _is_amount(cell: str, notes: Sequence[str]) -> bool:
    """Whether a cell looks like a number, perhaps with the currency or unit that a note on its column names."""
    for beside in BESIDE.findall(" ".join(notes)):
        cell = cell.replace(beside, "", 1)
    return is_number(cell)


def titles(top: Sequence[Sequence[str]], usual: int) -> int:
    """How many of the first records stand above the table."""
    count = 0
    while count < min(MOST_TITLES, len(top) - 1):
        if not _is_title(top[count], top[count + 1], top[count + 2 : count + 3], usual):
            return count
        count += 1
    return 0


def _is_title(record: Sequence[str], following: Sequence[str], third: Sequence[Sequence[str]], usual: int) -> bool:
    if usual < 2:
        return False
    first = record[0].strip()
    numbers_follow = any(map(is_number, following))
    if first.startswith("#"):
        return following[0].strip().startswith("#") or len(record) != usual or not numbers_follow
    filled = sum(bool(cell.strip()) for cell in record)
    if sum(map(is_number, record)) > 1:
        return False
    if not filled or (first and filled == 1 and usual > 2):
        return True
    if len(record) == usual or len(record) > usual:
        return False
    if len(record) < usual - 1:
        return bool(first)
    names_follow = not numbers_follow and any(any(map(is_number, cells)) for cells in third)
    return names_follow or len(following) != usual  # otherwise they are R's names: one fewer than the rows have cells


def shown(cells: Sequence[str]) -> str:
    """The first cells of a line, for a message."""
    filled = [f"`{visible(cell.strip()[:40].strip())}`" for cell in cells if cell.strip()]
    return ", ".join(filled[:SHOWN]) + (", ..." if len(filled) > SHOWN else "")


def holds_data(names: Sequence[str], frame: Any, notes: Mapping[int, Sequence[str]]) -> bool:
    """Whether the first line looks like the rows of the frame, in columns of numbers, dates or categories.

    The notes, by column number, say how the columns' numbers are written.
    """
    if len(frame) < FEW_ROWS or not names:
        return False
    stripped = [(name.strip(), frame[place], notes.get(place, ())) for place, name in enumerate(names)]
    filled = [cell for cell in stripped if cell[0] and cell[0].casefold() not in ABSENT]
    numbers = [name for name, column, said in filled if column.dtype.kind in "biuf" and _is_amount(name, said)]
    if any(column.dtype.kind in "iuf" and not _is_amount(name, said) for name, column, said in filled):
        return False
    if _are_numbered([name for name, _, _ in filled]) and not any((column == name).any() for name, column, _ in filled):
        return False
    votes = [vote for name, column, _ in filled if column.dtype.kind == "O" and (vote := _looks_like(name, column))]
    if -2 in votes or are_labels(numbers, len(filled)):
        return False
    data = len(numbers) + votes.count(1)
    return data > 2 * votes.count(-1) and (len(numbers) > 0 or votes.count(1) > 0)


def _are_numbered(names: Sequence[str]) -> bool:
    """Whether names are one word with a number that counts up: `Q1`, `Q2`, `Q3`."""
    parts = [NUMBERED.fullmatch(name) for name in names]
    words = {part[1] for part in parts if part}
    counts = [int(part[2]) for part in parts if part]
    return len(names) > 1 and len(counts) == len(names) and len(words) == 1 and set(np.diff(counts)) == {1}


def _looks_like(name: str, column: Any) -> int:
    """Whether a name could be a value of a column of text: 1 yes, -1 hardly, -2 no, 0 unknown."""
    values = column.dropna()
    if not len(values):
        return 0
    levels = values.astype(str).value_counts()
    if len(levels) <= max(FEW_LEVELS, 0.5 * len(values)) and name in levels.index:
        return 1
    shapes = {_shape(str(level)) for level in levels.index[:1_000]}
    if len(shapes) == 1 and "9" in (shape := shapes.pop()):
        return 1 if _shape(name) == shape else -2
    return -1 if len(levels) <= min(FEW_LEVELS, 0.5 * len(values)) else 0


def _shape(text: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text))


def are_labels(numbers: Sequence[str], width: int) -> bool:
    """Whether numbers in the first line name columns: years or other even steps, or many in ascending order."""
    if len(numbers) < 2:
        return False
    try:
        values = np.array([float(number.replace(",", ".")) for number in numbers])
    except ValueError:
        return False
    if not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    if len(numbers) >= 6 and ((steps > 0).all() or (steps < 0).all()):
        return True
    if not np.allclose(steps, steps[0]) or steps[0] == 0 or (values != np.floor(values)).any():
        return False
    years = bool(((values >= 1800) & (values <= 2200)).all())
    counted = values[0] in (0, 1) and steps[0] == 1 and len(numbers) == width
    return years or counted or len(numbers) > 3

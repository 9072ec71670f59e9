"""Your own data, a CSV or Parquet file: what would a GPU do for it?

The file is prepared once, before anything is timed, so that all implementations get the same bytes. The first line of
this table that fits a column decides what becomes of it. The data's `remarks` say what became of each column:

    column                                                      becomes
    empty: fewer than 20 values                                 left out
    constant: one value in all rows                             left out
    dates, times, and text in which every value reads as one    a number: days since the earliest
    booleans                                                    a number: 0 and 1
    whole numbers or text, a different value in every row       left out: an identifier
    numbers, however written (`1,234.5`, `1.234,5`, `5 kg`)     a number; infinite or beyond ±1e38 is missing. One value
                                                                in a hundred, ten at most, may be no number: it is
                                                                missing, and a remark names it with its line
    text: most values are numbers, but not all                  left out; a remark names the first that is no number
    text: over 20 different values, and over rows / 10          left out
    other text                                                  a category; missing is one of its levels

    cell              own_regression, own_forest, own_points,           own_binary
                      own_groups, own_outliers
    missing number    the column's median                               NaN, which boosted trees take
    category          a column of 0 and 1 for each level except the     codes 0, 1, 2, ..., the commonest level first;
                      commonest (own_forest: for every level); if       if there are more than 255 levels, the rarest
                      there are more than 20 levels, the rarest are     are merged into one
                      merged into one

    target                                                      becomes
    missing, infinite or beyond ±1e38                           the row is left out
    own_regression, own_forest: numbers                         the number, divided by the standard deviation
    own_binary: two values                                      1 for the greater: the larger number, the later date,
                                                                True, the later in the alphabet; 0 for the other
    own_outliers: two values                                    1 for the rarer, the known anomalies
    own_points: none                                            a column named with --target is set aside
    own_groups: at most 255 values, and one in five rows        the known groups; a missing value is no group of its own

`dates.py` says which text is read as dates; the remark says how a column was read. To keep a column of whole numbers
that are different in every row, write them with a decimal point (12.0). A remark names each column that alone reveals
the target, and two columns that together give it exactly: perhaps they were not known before the outcome (`leaks.py`).
`reading.py` says how files are read (delimiters, encodings, names, pandas' index), `numerals.py` how numbers are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.headers import is_number
from residency.datasets.leaks import leaks
from residency.datasets.numerals import mark_of_missing
from residency.datasets.reading import Category, Column, Numbers, OwnFile, read_file, typed
from residency.datasets.tabular import outliers, points
from residency.datasets.tabular.table import Table, split
from residency.datasets.target import LEAST_ROWS, check_named, target_column
from residency.harness.dataset import number_of, own_table
from residency.harness.errors import UsageError, visible

LEAST_VALUES = 20  # with fewer, the training rows may hold none
GLANCE, MOSTLY = 1_000, 0.5  # text values looked at; if more than this share are numbers, the first other is named
MOST_SHOWN = 5  # values, in a message
NUMERIC = re.compile(r"\W{0,4}\d[\d.,'’ ]*\D{0,6}")
FEW_LEVELS, FEW_SHARE = 20, 0.1  # text is no category if it has more different values than both limits
CLUSTERS = 8
MOST_COLUMNS = 20  # levels of a category that becomes columns of 0 and 1
MOST_CODES = 255  # levels that every boosting library takes
MOST_GROUPS, LEAST_IN_GROUP = 255, 5  # known groups, and rows in each of them on average
TINY = 1e-12  # standard deviations from the median that count as 0, so that scaling stays in float32's range
ATTEMPTS = 20  # seeds to try for the split, until both parts hold different targets


@own_table
def own_regression(path: Path | None, target: str | None, seed: int) -> Table:
    """Your file: one column, a number, to predict from the others.

    Missing numbers are filled with the median, categories become columns of 0 and 1, everything is standardised. The
    remarks say what became of every column. What quality to expect depends on your data.
    """
    return _regression(path, target, seed, every_level=False)


@own_table
def own_forest(path: Path | None, target: str | None, seed: int) -> Table:
    """Your file: one column, a number, to predict from the others by trees.

    As `own_regression`, but a category's commonest level has a column of 0 and 1, too. A linear model finds that level
    where the other columns are 0; a tree would need a split for each of them.
    """
    return _regression(path, target, seed, every_level=True)


def _regression(path: Path | None, target: str | None, seed: int, *, every_level: bool) -> Table:
    file = read_file(path)
    wanted = target_column(file, target)
    remarks = list(file.remarks)
    y = _number_target(file, wanted, remarks)
    columns = _features(file, wanted.name, wanted.present, remarks)
    remarks += leaks(columns, y)
    x, names = _columns_of_numbers(columns, remarks, every_level=every_level)
    return _settled(file, wanted.name, x, _scaled(y), names=names, seed=seed, remarks=remarks)


@own_table
def own_binary(path: Path | None, target: str | None, seed: int) -> Table:
    """Your file: one column with two values, to predict from the others; the greater value is 1.

    Missing numbers stay missing and categories are codes: boosted trees take both as they are. The remarks say what
    became of every column. What quality to expect depends on your data.
    """
    file = read_file(path)
    wanted = target_column(file, target)
    remarks = list(file.remarks)
    y = _two_valued_target(file, wanted, remarks)
    columns = _features(file, wanted.name, wanted.present, remarks)
    remarks += leaks(columns, y)
    x, names, coded = _numbers_and_codes(columns, remarks)
    return _settled(file, wanted.name, x, y, names=names, seed=seed, remarks=remarks, binary=True, categorical=coded)


@own_table
def own_points(path: Path | None, target: str | None, seed: int) -> points.Points:
    """Your file: rows to group into eight clusters, all columns standardised; a column named as target is set aside.

    Missing numbers are filled with the median, categories become columns of 0 and 1. The remarks say what became of
    every column. Whether there are clusters at all depends on your data.
    """
    file = read_file(path)
    remarks = list(file.remarks)
    if target is not None:
        check_named(file, target)
        remarks.append(f"`{target}`: set aside")
    x, names = _columns_of_numbers(_features(file, target, None, remarks), remarks)
    made = points.standardised(x, 1, None, names, seed)
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(made.x), size=min(points.SAMPLE, len(made.x)), replace=False, shuffle=False)
    sample = made.x[chosen]
    clusters = min(CLUSTERS, len(np.unique(sample, axis=0)))
    if clusters == 1:
        raise UsageError(f"{file.name}: nearly all of its rows are the same: there is nothing to cluster")
    if clusters < CLUSTERS:
        remarks.append(f"{clusters} clusters, because there are only so many different rows")
    return replace(made, initial=points.initial_centres(sample, clusters, generator), remarks=tuple(remarks))


@own_table
def own_groups(path: Path | None, target: str | None, seed: int) -> points.Points:
    """Your file: a column with a few values holds the known groups, which clusters of the other columns should find.

    Rows without a group are left out. Missing numbers are filled with the median, categories become columns of 0 and
    1, all columns are standardised. The remarks say what became of every column. Whether your groups are dense regions
    at all depends on your data: an adjusted Rand index near 0 says that they are not.
    """
    file = read_file(path)
    wanted = target_column(file, target)
    remarks = list(file.remarks)
    groups = _known_groups(file, wanted, remarks)
    columns = _features(file, wanted.name, wanted.present, remarks)
    remarks += leaks(columns, groups)
    x, names = _columns_of_numbers(columns, remarks)
    return replace(points.standardised(x, 1, groups, names, seed), remarks=tuple(remarks))


@own_table
def own_outliers(path: Path | None, target: str | None) -> outliers.Outliers:
    """Your file: a column with two values marks the rows that are known anomalies; the rarer value marks an anomaly.

    Missing numbers are filled with the median, categories become columns of 0 and 1, all columns are standardised.
    The remarks say what became of every column. Whether anomalies are far from other rows depends on your data.
    """
    return marked_rows(path, target, "anomaly", "anomalies")


def marked_rows(path: Path | None, target: str | None, one: str, many: str) -> outliers.Outliers:
    """Your file, prepared for distances, and which rows have the rarer mark: the remarks call them `one` or `many`."""
    file = read_file(path)
    wanted = target_column(file, target)
    remarks = list(file.remarks)
    marked = _rarer(file, wanted, remarks, one, many)
    columns = _features(file, wanted.name, wanted.present, remarks)
    remarks += leaks(columns, marked)
    x, names = _columns_of_numbers(columns, remarks)
    return outliers.standardised(x, marked, names, remarks)


def _number_target(file: OwnFile, wanted: Column, remarks: list[str]) -> NDArray[np.float64]:
    """A regression's target in the rows that have one."""
    if isinstance(wanted, Category) or wanted.kind in {"boolean", "date"}:
        kind = "text" if isinstance(wanted, Category) else f"{wanted.kind}s"
        remedy = "try tabular/gradient_boosting" if len(wanted.labels) == 2 else "name a column of numbers"
        raise file.refusal(
            f"{file.name}: column `{wanted.name}` holds {kind}; a regression predicts a number: {remedy}",
            wanted.name,
            because=f"{_text(file, wanted)} is text" if isinstance(wanted, Category) else "",
        )
    remarks += file.remarks_on(wanted.name)
    remarks.append(f"`{wanted.name}`: the target, divided by its standard deviation")
    return wanted.values[wanted.present]


def _two_valued_target(file: OwnFile, wanted: Column, remarks: list[str]) -> NDArray[np.float32]:
    """A classification's target in the rows that have one: 1 for the greater of its two values."""
    labels = wanted.labels
    if len(labels) != 2:
        numbers = isinstance(wanted, Numbers) and wanted.kind != "date"
        remedy = "try tabular/random_forest" if numbers else "name a column with two values"
        raise file.refusal(
            f"{file.name}: column `{wanted.name}` holds {len(labels)} different values; "
            f"this task predicts two classes: {remedy}",
            wanted.name,
            because=_some(labels),
        )
    remarks += file.remarks_on(wanted.name)
    y = wanted.ranks().astype(np.float32)
    ones = int(y.sum())
    remarks.append(
        f"`{wanted.name}`: the target, {labels[1]} is 1 ({number_of(ones, 'row')}), {labels[0]} is 0 ({len(y) - ones})"
    )
    return y


def _rarer(file: OwnFile, wanted: Column, remarks: list[str], one: str, many: str) -> NDArray[np.bool_]:
    """Which rows have the rarer of two marks; if both are equally frequent, the greater."""
    labels = wanted.labels
    if len(labels) != 2:
        raise file.refusal(
            f"{file.name}: column `{wanted.name}` holds {len(labels)} different values; "
            "two are needed: name a column with 1 for each rare row or anomaly, and 0 for the others",
            wanted.name,
            because=_some(labels),
        )
    remarks += file.remarks_on(wanted.name)
    marks = wanted.ranks()
    rarer = int(2 * marks.sum() <= len(marks))
    marked: NDArray[np.bool_] = marks == rarer
    count = f"one {one}" if marked.sum() == 1 else f"{int(marked.sum())} {many}"
    remarks.append(f"`{wanted.name}`: {labels[rarer]} marks the {count} of {len(marks)} rows")
    return marked


def _known_groups(file: OwnFile, wanted: Column, remarks: list[str]) -> NDArray[np.intp]:
    """The group of each row that has one; raises `UsageError` if there are too many for so many rows."""
    labels, groups = wanted.labels, wanted.ranks()
    most = min(MOST_GROUPS, len(groups) // LEAST_IN_GROUP)
    if len(labels) > most:
        raise file.refusal(
            f"{file.name}: column `{wanted.name}` holds {len(labels)} different values in {len(groups)} rows; "
            f"at most {most} can be known groups: name a column with few values",
            wanted.name,
            because=_some(labels),
        )
    remarks += file.remarks_on(wanted.name)
    remarks.append(f"`{wanted.name}`: the known groups, {number_of(len(labels), 'value')}")
    return groups


def _features(file: OwnFile, target: str | None, present: NDArray[np.bool_] | None, remarks: list[str]) -> list[Column]:
    """The usable columns beside the target, in the rows that have it; raises `UsageError` if there are none."""
    frame = file.frame if target is None else file.frame.drop(columns=target)
    if present is not None and not present.all():
        frame = frame[present]
        remarks.append(f"`{target}`: {number_of(int((~present).sum()), 'row')} without a target left out")
    if len(frame) < LEAST_ROWS:
        raise file.refusal(f"{file.name} has {number_of(len(frame), 'row')}; at least {LEAST_ROWS} are needed")
    columns: list[Column] = []
    reasons: list[str] = []
    for name in frame.columns:
        column, infinite = typed(name, frame[name])
        if (reason := _unusable(file, column)) is not None:
            reasons.append(f"`{name}`: left out, {reason}")
            continue
        columns.append(column)
        remarks += file.remarks_on(name)
        if isinstance(column, Numbers) and (mark := mark_of_missing(column.values[column.present])):
            remarks.append(f"`{name}`: {mark}")
        if column.note:
            remarks.append(f"`{name}`: {column.note}")
        if infinite:
            count = "counts" if infinite == 1 else "count"
            remarks.append(f"`{name}`: {number_of(infinite, 'infinite value')} {count} as missing")
    if not columns:
        why = (
            "; ".join([*(remark for remark in file.remarks if remark not in file.how), *reasons][:5])
            or "there is no column beside the target"
        )
        raise file.refusal(f"{file.name} holds no usable column: {why}; add a column of numbers or categories")
    remarks += reasons
    return columns


def _text(file: OwnFile, column: Category) -> str:
    """The first value of a column of text that is not a number, and where it stands."""
    text = next((level for level in column.levels if not is_number(str(level))), column.levels[0])
    row = int(file.frame.index[(file.frame[column.name] == text).to_numpy()][0])
    return f"`{visible(str(text)[:40])}` in {file.where(row)}"


def _some(labels: Sequence[str]) -> str:
    """A few values, for a message; the least and the greatest of many."""
    shown = [f"`{visible(label[:40])}`" for label in labels]
    return ", ".join(shown) if len(shown) <= MOST_SHOWN else f"from {shown[0]} to {shown[-1]}"


def _unusable(file: OwnFile, column: Column) -> str | None:
    """Why a column is left out; None if it is not."""
    rows, present = len(column.present), int(column.present.sum())
    if present < LEAST_VALUES:
        return f"empty: {number_of(present, 'value')} in {rows} rows" if present else "empty"
    if isinstance(column, Numbers):
        values = column.values[column.present]
        if values.min() == values.max():
            return f"constant: {values[0]:g}"
        if column.kind == "whole number" and present == rows == len(np.unique(values)):
            return "an identifier: a different whole number in every row"
        return None
    levels = len(column.levels)
    if (
        levels > FEW_LEVELS
        and np.mean([bool(NUMERIC.fullmatch(str(text))) for text in column.levels[:GLANCE]]) > MOSTLY
    ):
        return f"text: not all of its values are numbers written in the same way: {_text(file, column)}"
    if levels == 1 and present == rows:
        return f"constant: {column.levels[0]}"
    if levels == rows:
        return "an identifier: a different text in every row"
    if levels > max(FEW_LEVELS, FEW_SHARE * rows):
        return f"text: {levels} different values in {rows} rows"
    return None


def _columns_of_numbers(
    columns: Sequence[Column], remarks: list[str], *, every_level: bool = False
) -> tuple[NDArray[np.float32], list[str]]:
    """Numbers, the median if missing, and a column for each level except the commonest: shape (rows, columns)."""
    cells, names = [], []
    for column in columns:
        if isinstance(column, Numbers):
            if missing := int((~column.present).sum()):
                middle = np.median(column.values[column.present])
                filled = f"{number_of(missing, 'missing value')} filled with the median, {middle:g}"
                remarks.append(f"`{column.name}`: {filled}")
            cells.append(np.nan_to_num(_scaled(column.values)))
            names.append(column.name)
            continue
        codes, labels = _ranked(column, MOST_COLUMNS, remarks)
        first = 0 if every_level and len(labels) > 2 else 1  # one column tells two levels apart
        made = number_of(len(labels) - first, "column")
        remarks.append(f"`{column.name}`: a category, {made} of 0 and 1" + (f"; all 0 is {labels[0]}" if first else ""))
        for code in range(first, len(labels)):
            cells.append((codes == code).astype(np.float32))
            names.append(f"{column.name} = {labels[code]}")
    return np.column_stack(cells), names


def _numbers_and_codes(
    columns: Sequence[Column], remarks: list[str]
) -> tuple[NDArray[np.float32], list[str], list[int]]:
    """Numbers, NaN if missing, and codes of categories: shape (rows, columns); the names; which columns hold codes."""
    cells, coded = [], []
    for place, column in enumerate(columns):
        if isinstance(column, Numbers):
            if missing := int((~column.present).sum()):
                remarks.append(f"`{column.name}`: {number_of(missing, 'missing value')} kept, as NaN")
            cells.append(_scaled(column.values))
            continue
        codes, labels = _ranked(column, MOST_CODES, remarks)
        remarks.append(f"`{column.name}`: a category, {number_of(len(labels), 'level')} as codes; 0 is {labels[0]}")
        cells.append(codes.astype(np.float32))
        coded.append(place)
    return np.column_stack(cells), [column.name for column in columns], coded


def _ranked(column: Category, most: int, remarks: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Codes by falling count, and what they stand for; missing is a level. Beyond `most`, the rarest are merged."""
    labels = [*(str(level) for level in column.levels), "missing"]
    counts = np.bincount(column.codes % len(labels), minlength=len(labels))  # -1 becomes the last
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], labels[code]))
    shown = [labels[code] for code in order]
    if len(order) > most:
        remarks.append(f"`{column.name}`: its {len(order) - most + 1} rarest levels are merged into one, other")
        shown = [*shown[: most - 1], "other"]
    rank = np.zeros(len(labels), dtype=np.intp)
    rank[order] = np.minimum(np.arange(len(order)), most - 1)
    return rank[column.codes], shown


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values as standard deviations from the median.

    `split` standardises by the training rows. If a column is constant there, the median is exactly that value, so the
    result is exactly zero. Numbers as large as 1e38 or as small as 1e-300 neither overflow nor vanish.
    """
    centred = values - np.nanmedian(values)
    centred /= np.nanmax(np.abs(centred))
    centred /= np.nanstd(centred)
    return np.where(np.abs(centred) < TINY, 0.0, centred).astype(np.float32)


def _settled(
    file: OwnFile, target: str, x: NDArray[np.float32], y: NDArray[np.float32], *, names: Sequence[str], seed: int,
    remarks: Sequence[str], binary: bool = False, categorical: Sequence[int] = (),
) -> Table:  # fmt: skip
    """The table, split by the first seed, from `seed` on, that gives both parts different targets."""
    for attempt in range(seed, seed + ATTEMPTS):
        table = split(x, y, names, attempt, binary=binary, categorical=categorical, remarks=remarks)
        if all(part.min() < part.max() for part in (table.y, table.y_test)):
            return table
    raise UsageError(
        f"{file.name}: column `{target}` hardly varies: too few rows differ to have some for training and some to test"
    )

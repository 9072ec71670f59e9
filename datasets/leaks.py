"""Columns that reveal the target, because they were recorded after the outcome or the target was computed from them.

    one column    of a target with two classes: each value of the column, or each side of a threshold, has one class
                  of a number: a straight line but for rounding, or the same order throughout, or one value for each
                  level
    two columns   of a number: a sum of multiples of both, but for a computer's rounding

All rows must agree, and so many that chance is ruled out. A part of the rows is looked at first: it can only refute.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.reading import Column, Numbers

GLANCE = 1_000  # rows that are looked at first, of each class where there are two
CHANCE = 1e-6  # that any column tells the target by chance: beyond it nothing is said
ROUNDING = 1e-6  # of the target's variance, that a straight line may leave
EXACT = 1e-12  # of it, that a sum of two columns may leave
ALIKE = 1e-9  # of two columns' variance, in which they differ at least to be tried as a pair
MOST_COLUMNS = 500  # of numbers, of which pairs are tried

Values = NDArray[np.float64]


def leaks(columns: Sequence[Column], target: NDArray[Any]) -> list[str]:
    """A remark for each column that reveals the target; the rows are the same in all columns."""
    y = np.asarray(target, np.float64)
    classes = len(np.unique(y)) == 2
    glance = _glance(y, classes=classes)
    tells = _tells_class if classes else _tells_number
    likely = [column for column in columns if tells(_codes(column)[glance], y[glance]) > 0]
    if likely:  # rows that occur twice say nothing new
        different = _different([*map(_codes, columns), y])
        enough = log(len(columns) / CHANCE)
        likely = [column for column in likely if tells(_codes(column)[different], y[different]) > enough]
    said = [
        f"`{column.name}` alone tells the target in every row: if it was not known before, remove it from the file to "
        "measure a real task"
        for column in likely
    ]
    if not classes:
        numbers = [column for column in columns if isinstance(column, Numbers) and column not in likely]
        said += [
            f"`{first}` and `{second}` together give the target exactly: if they were not known before, remove them "
            "from the file to measure a real task"
            for first, second in _telling_pairs(numbers[:MOST_COLUMNS], y, glance)
        ]
    return said


def _glance(y: Values, *, classes: bool) -> NDArray[np.intp]:
    """Some rows from all over the table, of both classes where there are two."""
    groups = [np.flatnonzero(y == value) for value in (y.min(), y.max())] if classes else [np.arange(len(y))]
    places = [np.linspace(0, len(rows) - 1, min(GLANCE, len(rows))).astype(np.intp) for rows in groups]
    return np.concatenate([rows[place] for rows, place in zip(groups, places, strict=True)])


def _codes(column: Column) -> Values:
    """A column's values, or the places of its levels; NaN is missing."""
    if isinstance(column, Numbers):
        return column.values
    return np.where(column.codes < 0, np.nan, column.codes)


def _different(columns: Sequence[Values]) -> NDArray[np.intp]:
    """The rows without those that repeat another in all columns."""
    hashed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        hashed = (hashed ^ (hashed >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + (column + 0.0).view(np.uint64)
    return np.unique(hashed, return_index=True)[1]


def _tells_class(x: Values, y: Values) -> float:
    """How sure it is, as minus the logarithm of chance, that a column reveals two classes; 0 if it does not.

    Each value of the column has one class, a missing one too. That happens by chance the more easily, the more values
    there are, and the more often the class changes in their order.
    """
    ones = y == y.max()
    levels, codes = np.unique(x, return_inverse=True)  # NaN is one level, the last
    count = np.bincount(codes)
    of_ones = np.bincount(codes, weights=ones)
    if not ((of_ones == 0) | (of_ones == count)).all():
        return 0.0
    changes = int(np.count_nonzero(np.diff(of_ones > 0)))
    rows, positive = len(y), int(ones.sum())
    ways = min(len(levels) * log(2), (changes + 1) * log(rows + 1))  # to give classes to levels, or to place thresholds
    return lgamma(rows + 1) - lgamma(positive + 1) - lgamma(rows - positive + 1) - ways


def _tells_number(x: Values, y: Values) -> float:
    """How sure it is, as minus the logarithm of chance, that a column reveals a number; 0 if it does not.

    It is a straight line, or each value of the column has one of the target, and these repeat or have the same order.
    """
    if np.isnan(x).any() or x.min() == x.max() or y.min() == y.max():
        return 0.0
    unit_x, unit_y = _unit(x), _unit(y)
    slope = float(unit_x @ unit_y)
    if float(np.sum((unit_y - slope * unit_x) ** 2)) < ROUNDING and len(y) > 2:
        return len(y) * -log(ROUNDING) / 2
    order = np.lexsort((y, x))
    level = np.diff(x[order]) != 0
    steps = np.diff(y[order])
    if (steps[~level] != 0).any():
        return 0.0
    _, count = np.unique(y, return_counts=True)
    alike = float(np.sum((count / len(y)) ** 2))
    sure = int((~level).sum()) * -log(alike)
    if (steps >= 0).all() or (steps <= 0).all():
        _, heads = np.unique(y[order][np.append(True, level)], return_counts=True)
        sure += lgamma(heads.sum() + 1) - sum(lgamma(head + 1) for head in heads)
    return sure


def _unit(values: Values) -> Values:
    """Centred, and of length 1, without overflow on the way."""
    centred = values - values.mean()
    centred /= np.abs(centred).max()
    unit: Values = centred / np.linalg.norm(centred)
    return unit


def _telling_pairs(columns: Sequence[Numbers], y: Values, glance: NDArray[np.intp]) -> list[tuple[str, str]]:
    """The names of columns of which a sum of multiples is the target, in all rows that hold both."""
    columns = [column for column in columns if not np.isnan(column.values[glance]).any()]
    columns = [column for column in columns if np.ptp(column.values[glance]) > 0]
    if len(columns) < 2 or np.ptp(y[glance]) == 0:
        return []
    units = np.array([_unit(column.values[glance]) for column in columns])
    between = units @ units.T
    with_y = units @ _unit(y[glance])
    apart = 1 - between**2
    np.fill_diagonal(apart, 0)
    first, second = np.nonzero(np.triu(apart > ALIKE))
    a, b, r = with_y[first], with_y[second], between[first, second]
    left = 1 - (a**2 + b**2 - 2 * a * b * r) / apart[first, second]
    single = 1 - np.maximum(a**2, b**2)
    pairs = []
    for place in np.flatnonzero((left < 1e-6) & (single > ROUNDING))[:GLANCE]:
        one, other = columns[first[place]], columns[second[place]]
        if _give(one.values, other.values, y):
            pairs.append((one.name, other.name))
    return pairs[:3]


def _give(one: Values, other: Values, y: Values) -> bool:
    """Whether a sum of multiples of two columns is the target, but for a computer's rounding."""
    present = ~(np.isnan(one) | np.isnan(other))
    if present.sum() < 20 or not present.all():
        return False
    units = np.column_stack([_unit(one), _unit(other)])
    unit = _unit(y)
    weights, *_ = np.linalg.lstsq(units, unit, rcond=None)
    return float(np.sum((unit - units @ weights) ** 2)) < EXACT

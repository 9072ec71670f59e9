"""Which columns of a file name the series that its lines belong to, when times occur more than once.

These columns are the key. It is the first of these under which no series has a time twice: a column of text, a column
of whole numbers, two such columns, three. How to tell a key from a measurement, a flag or a row number:

    it recurs        a series has at least three lines on average: a row number names no series
    it runs on       most series have a line at more than half of the times between their first and their last: lines
                     that happen to hold the same measurement are scattered
    it is needed     without it, times occur twice in many places: a column that separates only a few lines would hide
                     that these lines are repeated
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.dates import Moments, fullness
from residency.datasets.reading import Category, Numbers, OwnFile, typed
from residency.harness.errors import UsageError

MOST_COLUMNS = 3  # of a key
LEAST_LINES = 3  # of a series, on average
HALF = 0.5
FEW = 0.05  # of all lines
MANY = 20  # times shared by two series are many, even if they are a small share of all
MOST_TRIED = 8  # columns, to limit the time
SAMPLE = 2_000  # times

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Key:
    """Columns that may name the series, and each line's series by them."""

    columns: tuple[str, ...]
    codes: Codes
    twice: int  # lines that share their time with another line of the same series


def series_of(
    file: OwnFile, frame: Any, moments: Moments, *, target: str, times: Sequence[str]
) -> tuple[NDArray[np.intp], list[str], tuple[str, ...]]:
    """The series of each line of the frame, their names, and the key's columns; if there is one series, no columns.

    Raises `UsageError` that names the lines if two lines of one series have the same time.
    """
    _, places = np.unique(moments, return_inverse=True)
    none = Key((), np.zeros(len(frame), np.int64), _twice(np.zeros(len(frame), np.int64), places))
    if not none.twice:
        return none.codes.astype(np.intp), [target], ()
    nearest, scattered = none, list[Key]()
    few = none.twice < min(FEW * len(frame), 2 * MANY) and fullness(moments) > HALF  # then no key is needed
    columns = {} if few else _columns(frame.drop(columns=[target, *times]), places, scattered)
    for key in _keys(columns, places):
        if not _is_needed(key, columns, places) or not _runs_on(key.codes, places):
            continue
        if not key.twice:
            return *_named(key, frame), key.columns
        if nearest is none:
            nearest = key
    if nearest is none and scattered:
        return *_named(scattered[0], frame), scattered[0].columns
    raise _same_time(file, frame, moments, nearest)


def _named(key: Key, frame: Any) -> tuple[NDArray[np.intp], list[str]]:
    """Each line's series, and the names of the series; series are in the order of their names."""
    import pandas as pd

    codes, _ = pd.factorize(key.codes)
    first = np.sort(np.unique(key.codes, return_index=True)[1])
    names = [" / ".join(str(frame[name].iloc[row]) for name in key.columns) for row in first]
    order = sorted(range(len(names)), key=names.__getitem__)
    return np.argsort(order)[codes], [names[place] for place in order]


def _columns(frame: Any, places: NDArray[np.intp], scattered: list[Key]) -> dict[str, Codes]:
    """The columns that may be part of a key, text first: each line's place among the different values.

    Text that gives no series a time twice but does not run on goes to `scattered`: series with many gaps.
    """
    import pandas as pd

    text: dict[str, Codes] = {}
    numbers: dict[str, Codes] = {}
    for name in frame.columns:
        column, _ = typed(name, frame[name])
        if isinstance(column, Category):
            kind, codes = text, column.codes.astype(np.int64) + 1
        elif column.kind == "whole number" or (column.kind == "number" and _has_whole_numbers_and_gaps(column)):
            kind, codes = numbers, pd.factorize(column.values)[0].astype(np.int64) + 1
        else:
            continue
        if not 1 < len(np.unique(codes)) <= len(frame) / LEAST_LINES:
            continue
        if _runs_on(codes, places):
            kind[name] = codes
        elif kind is text and not _twice(codes, places):
            scattered.append(Key((name,), codes, 0))
    return dict(list((text | numbers).items())[:MOST_TRIED])


def _has_whole_numbers_and_gaps(column: Numbers) -> bool:
    """Whether all values are whole numbers and some are missing: pandas makes such a column one of floats."""
    return not column.present.all() and bool((column.values[column.present] % 1 == 0).all())


def _keys(columns: dict[str, Codes], places: NDArray[np.intp]) -> Iterator[Key]:
    """All keys that separate nearly all lines with the same time, those with the fewest columns first."""
    count = np.bincount(places)
    shared = np.flatnonzero(count > 1)
    some = np.flatnonzero(np.isin(places, np.random.default_rng(0).permutation(shared)[:SAMPLE]))
    for size in range(1, MOST_COLUMNS + 1):
        for names in combinations(columns, size):
            if _twice(_joined([columns[name][some] for name in names]), places[some]) > HALF * len(some):
                continue
            codes = _joined([columns[name] for name in names])
            twice = _twice(codes, places)
            if twice < FEW * len(places) and len(np.unique(codes)) <= len(places) / LEAST_LINES:
                yield Key(names, codes, twice)


def _joined(codes: Sequence[Codes]) -> Codes:
    """One number for each combination."""
    whole = codes[0]
    for more in codes[1:]:
        whole = np.unique(whole * (more.max() + 1) + more, return_inverse=True)[1].astype(np.int64)
    return whole


def _twice(codes: Codes, moments: NDArray[np.intp]) -> int:
    """How many lines share their time with another line of the same series."""
    _, count = np.unique(codes * (moments.max() + 1) + moments, return_counts=True)
    return int(count[count > 1].sum())


def _is_needed(key: Key, columns: dict[str, Codes], places: NDArray[np.intp]) -> bool:
    """Whether each of its columns is needed: without it, times would occur twice in many places."""
    for name in key.columns:
        others = [columns[other] for other in key.columns if other != name]
        if others and _twice(_joined(others), places) - key.twice < FEW * len(places):
            return False
    return True


def _runs_on(codes: Codes, places: NDArray[np.intp]) -> bool:
    """Whether most values have a line at most times of their span, or three or more values that have most lines do."""
    _, lines = np.unique(codes * (places.max() + 1) + places, return_index=True)
    codes, places = np.unique(codes[lines], return_inverse=True)[1], places[lines]
    count = np.bincount(codes)
    first, last = np.full(len(count), places.max()), np.zeros(len(count), np.intp)
    np.minimum.at(first, codes, places)
    np.maximum.at(last, codes, places)
    full = (count > HALF * (last - first + 1)) & (count >= LEAST_LINES)
    return bool(full.sum() > HALF * len(full) or (full.sum() >= 3 and count[full].sum() > HALF * len(places)))


def _same_time(file: OwnFile, frame: Any, moments: Moments, key: Key) -> UsageError:
    """The error for two lines of one series with the same time: which lines, and what to do."""
    import pandas as pd

    both = pd.DataFrame({"series": key.codes, "moment": moments})
    later = int(np.flatnonzero(both.duplicated())[0])
    earlier = int(np.flatnonzero((both == both.iloc[later]).all(axis=1))[0])
    whose = " and ".join(f"`{name}` {frame[name].iloc[later]}" for name in key.columns)
    of = f" of {whose}" if whose else ""
    return file.refusal(
        f"{file.name}: two lines{of} have the same time, {moments[earlier].astype('datetime64[s]')}: "
        f"{file.where(frame.index[earlier])} and {file.where(frame.index[later])}; keep one value for each time, or "
        "add a column that names the series"
    )

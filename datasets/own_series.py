"""Your own series, a CSV or Parquet file with a line for each value: how would a global model forecast them?

    column           which one
    value            the one named with --target: numbers
    time             the first in which every value reads as a date or time
    series           none where no time occurs twice; else the first column of text or whole numbers, or the first two
                     such columns together, under which no time occurs twice; all others are left out, and said

Times must lie on a grid. Its step is the commonest distance between neighbours, and says what is forecast:

    step                     season     long season   to be forecast
    up to twelve hours       a day      a week        two days
    a day                    a week     52 weeks      28 days
    a week                   52 weeks                 13 weeks
    a month (29 to 31 days)  12 months                12 months
    a quarter                4          quarters      8 quarters
    a year                   none                     6 years
    any other                none                     12 steps

    in the file                                becomes
    a time without a line, or without a value  a gap: in the past filled with the value one season earlier, in the
                                               part to be forecast not judged
    a value infinite or beyond ±1e38           a gap
    a series of which over half is gaps        left out, and said
    a series too short                         left out, and said
    a series that repeats its season exactly   left out, and said: there is nothing to scale an error by
"""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.reading import Numbers, OwnFile, read_file, typed
from residency.datasets.series import Panel, Values, least_history, panel, seasonal_difference
from residency.harness.dataset import number_of, own_table, printable
from residency.harness.errors import UsageError, unknown

HOUR = 1 / 24  # days
MONTH, QUARTER, YEAR = 30.436875, 91.310625, 365.2425  # days on average
CLOSE = 1e-3  # of a step, by which a time may miss the grid
MOST_GAPS = 0.5
MOST_STEPS = 10_000_000  # of a grid in all: beyond it the step is hardly the right one


@own_table
def own_series(path: Path | None, target: str | None) -> Panel:
    """Your file: one line a value, with its time and the name of its series; the end of each series to be forecast.

    The time's step decides season and horizon. Gaps in the past are filled with the value one season earlier. The
    remarks say which columns were taken, and what became of gaps and of series too short or without change.
    """
    file = read_file(path)
    remarks = list(file.remarks)
    value = _value(file, target)
    days = _days(file, value.name, remarks)
    kept = ~np.isnan(days)
    if not kept.all():
        remarks.append(f"lines without a time, left out: {int((~kept).sum())}")
    series, names = _series(file, value.name, days, kept, remarks)
    index, step = _grid(file, days[kept], series)
    season, long_season, horizon, words = _seasons(step)
    remarks.append(f"a step is {words}; {horizon} steps of each series are forecast, a season is {season}")
    values, starts = _cut(file, series, index, value.values[kept])
    usable = [_trouble(one, season, horizon) for one in values]
    for name, trouble in [(name, trouble) for name, trouble in zip(names, usable, strict=True) if trouble][:20]:
        remarks.append(f"series {name}: left out, {trouble}")
    good = [place for place, trouble in enumerate(usable) if not trouble]
    if not good:
        raise UsageError(f"{file.name} holds no series that can be used: of {names[0]}, {usable[0]}")
    gaps = sum(int(np.isnan(values[place]).sum()) for place in good)
    if gaps:
        remarks.append(f"{number_of(gaps, 'gap')}, filled with the value one season earlier where they lie in the past")
    return panel(
        [values[place] for place in good], horizon=horizon, season=season, long_season=long_season,
        starts=[starts[place] for place in good], phases=[one for one in (season, long_season) if one > 1],
        remarks=remarks,
    )  # fmt: skip


def _value(file: OwnFile, target: str | None) -> Numbers:
    """The column to forecast, infinite values missing."""
    names = list(file.frame.columns)
    if target is None:
        listed = ", ".join(f"`{name}`" for name in names[:20]) + (", ..." if len(names) > 20 else "")
        raise UsageError(f"{file.name}: name the column to forecast with --target COLUMN; there are: {listed}")
    if target not in names or target in file.repeated:
        raise unknown(f"column of {file.name}", printable(target), set(names) - file.repeated)
    value, _ = typed(target, file.frame[target])
    if not isinstance(value, Numbers) or value.kind in {"date", "boolean"}:
        kind = f"{value.kind}s" if isinstance(value, Numbers) else f"text, such as {value.labels[:1]}"
        raise UsageError(f"{file.name}: column `{target}` holds {kind}; name a column of numbers to forecast")
    return value


def _days(file: OwnFile, target: str, remarks: list[str]) -> Values:
    """The time of each line in days since the earliest."""
    for name in file.frame.columns:
        column, _ = typed(name, file.frame[name])
        if name != target and isinstance(column, Numbers) and column.kind == "date":
            remarks.append(f"`{name}`: the time, {column.note}")
            return column.values
    raise UsageError(
        f"{file.name} holds no column of times: one is needed beside `{target}`, such as 2024-12-31 or 2024-12-31 23:00"
    )


def _series(
    file: OwnFile, target: str, days: Values, kept: NDArray[np.bool_], remarks: list[str]
) -> tuple[NDArray[np.intp], list[str]]:
    """The series of each line that has a time, and their names."""
    import pandas as pd

    frame = file.frame[kept]
    kinds = {name: typed(name, frame[name])[0] for name in frame.columns.drop(target)}
    columns = [name for name, one in kinds.items() if not isinstance(one, Numbers) or one.kind == "whole number"]
    times = pd.Series(days[kept], index=frame.index)
    for chosen in (list(some) for count in range(3) for some in combinations(columns, count)):
        keys = frame[chosen].assign(time=times)
        if not keys.duplicated().any():
            break
    else:
        first = frame[columns[:1]].assign(time=times)
        row = int(np.flatnonzero(first.duplicated())[0])
        whose = f" of `{columns[0]}` {frame[columns[0]].iloc[row]}" if columns else ""
        raise UsageError(
            f"{file.name}: two lines{whose} have the same time (the later is line {frame.index[row] + 2}): keep one "
            "value for each time, or add a column that tells the series apart"
        )
    left = [
        name
        for name, one in kinds.items()
        if name not in chosen and not (isinstance(one, Numbers) and one.kind == "date")
    ]
    remarks.append(f"a series for each {' and '.join(f'`{name}`' for name in chosen)}" if chosen else "one series")
    if left:
        remarks.append(f"not used: {', '.join(f'`{name}`' for name in left)}")
    if not chosen:
        return np.zeros(len(frame), np.intp), [target]
    groups = frame[chosen].astype(str).agg(" / ".join, axis=1)
    codes, names = pd.factorize(groups, sort=True)
    return codes, [str(name) for name in names]


def _grid(file: OwnFile, days: Values, series: NDArray[np.intp]) -> tuple[NDArray[np.int64], float]:
    """The place of each line on the grid of times, and the grid's step in days."""
    order = np.lexsort((days, series))
    apart = np.diff(days[order])[np.diff(series[order]) == 0]
    if not len(apart):
        raise UsageError(f"{file.name}: every series has one line only: one line a value is needed, with its time")
    milliseconds, count = np.unique(np.round(apart * 86_400_000), return_counts=True)
    step = float(milliseconds[np.argmax(count)]) / 86_400_000
    for average, spread in ((MONTH, 1.5), (QUARTER, 1.5), (YEAR, 0.5)):
        if average - 1.0 - spread <= step <= average + spread and step != 28.0 * round(step / 28.0):
            step = average
    place = days / step
    index = np.round(place).astype(np.int64)
    exact = step not in {MONTH, QUARTER, YEAR}
    if exact and (wrong := np.abs(place - index) > CLOSE).any():
        share = f"{int(wrong.sum())} of {len(days)} lines"
        raise UsageError(
            f"{file.name}: its times lie on no grid: {share} miss steps of {_words(step)}; resample it first"
        )
    if (np.diff(index[order])[np.diff(series[order]) == 0] == 0).any():
        raise UsageError(f"{file.name}: a series has several lines in the same {_words(step)}: keep one value for each")
    return index, step


def _words(step: float) -> str:
    names = {MONTH: "month", QUARTER: "quarter", YEAR: "year", 7.0: "week", 1.0: "day", HOUR: "hour"}
    return next((name for days, name in names.items() if abs(days - step) < 1e-9), f"{step * 24:.6g} hours")


def _seasons(step: float) -> tuple[int, int, int, str]:
    """Season, long season and horizon in steps, and the step in words."""
    words = _words(step) if _words(step)[0].isdigit() else f"one {_words(step)}"
    known = {1.0: (7, 364, 28), 7.0: (52, 0, 13), MONTH: (12, 0, 12), QUARTER: (4, 0, 8), YEAR: (1, 0, 6)}
    if step in known:
        return *known[step], words
    a_day = round(1 / step)
    if a_day >= 2 and abs(a_day * step - 1) < CLOSE:
        return a_day, 7 * a_day, 2 * a_day, words
    return 1, 0, 12, words


def _cut(
    file: OwnFile, series: NDArray[np.intp], index: NDArray[np.int64], value: Values
) -> tuple[list[Values], list[int]]:
    """Each series on the grid from its first value to its last, NaN in gaps; and the moments at which they begin."""
    values, starts = [], []
    order = np.lexsort((index, series))
    bounds = np.searchsorted(series[order], np.arange(series.max() + 2))
    for begin, end in pairwise(bounds):
        lines = order[begin:end]
        lines = lines[~np.isnan(value[lines])]
        if not len(lines):
            values.append(np.empty(0))
            starts.append(0)
            continue
        first, last = int(index[lines[0]]), int(index[lines[-1]])
        if last - first > MOST_STEPS:
            raise UsageError(
                f"{file.name}: a series spans {last - first} steps for {number_of(len(lines), 'value')}; "
                "resample it first"
            )
        whole = np.full(last - first + 1, np.nan)
        whole[index[lines] - first] = value[lines]
        values.append(whole)
        starts.append(first)
    return values, starts


def _trouble(one: Values, season: int, horizon: int) -> str:
    """Why a series cannot be used; nothing where it can."""
    needed = least_history(horizon, season) + horizon
    if len(one) < needed:
        return f"it has {number_of(len(one), 'step')}, {needed} are needed"
    if (gaps := float(np.isnan(one).mean())) > MOST_GAPS:
        return f"{gaps:.0%} of its steps are gaps"
    if seasonal_difference(one[:-horizon], season) == 0:
        return "it repeats its season without any change"
    return ""

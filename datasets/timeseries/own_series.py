"""Your own series, a CSV or Parquet file with a line for each value: how would a global model forecast them?

    column           which one
    value            the one named with --target: numbers
    time             the first in which every value reads as a date or time; if there is none, whole numbers that spell
                     dates, seconds since 1970, a year and a month, a year. A second column may hold the time of day;
                     see `series_times.py`
    series           none if no time occurs twice. Otherwise the first column of text or of whole numbers, or the first
                     two or three such columns together, that give every line of a series a different time. Row
                     numbers, measurements and flags do not name series; see `series_keys.py`
    known in advance each column of numbers whose name begins with `known_`, such as a weather forecast, a promotion
                     or a holiday: its value at a time is used for that time
    earlier          each other column of numbers, such as visits or stock. Its future is not known, so the value one
                     horizon earlier is used
    all others       left out; a remark names them

Times must lie on a grid. Its step is the commonest distance between neighbours, and decides what is forecast:

    step                     season     long season   to be forecast
    twelve hours             a week     52 weeks      a week
    shorter parts of a day   a day      a week        two days
    a day                    a week     52 weeks      28 days
    a week                   52 weeks                 13 weeks
    a month (29 to 31 days)  12 months                12 months
    a quarter                4 quarters               8 quarters
    a year                   none                     6 years
    any other                none                     12 steps

    in the file                                becomes
    a time without a line, or without a value  a gap: filled with the value one season earlier if it lies in the past,
                                               not judged if it lies in the part to forecast
    a value infinite or beyond ±1e38           a gap
    a series of which over half is gaps        left out; a remark says so
    a known or earlier column without a value  filled with its last value before, or its first one
    a series that is too short                 left out; a remark says so. A series needs four steps more than twice
                                               the steps to forecast
    a series that is short, but long enough    used; features that look back beyond its beginning are missing
    a series that repeats its season exactly   left out; a remark says so: there is nothing to scale an error by
    a series whose changes float32 cannot hold left out; a remark says so: implementations get its values as float32
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from residency.datasets.dates import in_days
from residency.datasets.reading import Numbers, OwnFile, read_file, typed
from residency.datasets.target import check_named
from residency.datasets.timeseries.series import Panel, Values, least_history, panel, seasonal_difference
from residency.datasets.timeseries.series_keys import series_of
from residency.datasets.timeseries.series_times import times_of
from residency.harness.dataset import number_of, own_table, printable

HOUR = 1 / 24  # days
MONTH, QUARTER, YEAR = 30.436875, 91.310625, 365.2425  # days on average
CLOSE = 1e-3  # of a step: the most by which a time may miss the grid
MOST_GAPS, MANY_GAPS = 0.5, 0.9  # shares of a series' steps; from the second on, a wrong time is likely
KNOWN = "known_"  # what the name of a column begins with whose future is known
EARLIER = "earlier_"  # what the name of any other column begins with in the panel
KINDS = ("too short", "mostly gaps", "without change")  # of series that cannot be used
LONGEST = 40  # characters of a value in a message
MOST_SAID = 20  # remarks on series that are left out, and columns in a remark
MOST_STEPS = 10_000_000  # of a series: with more, the step is probably wrong


@own_table
def own_series(path: Path | None, target: str | None) -> Panel:
    """Your file: a line for each value, with its time and its series' name; the end of each series is to be forecast.

    The time's step decides season and horizon. Gaps in the past are filled with the value one season earlier. The
    remarks say which columns are used, how many values are judged, and what became of gaps and of series that are too
    short or never change.
    """
    file = read_file(path)
    if file.frame.empty:
        raise file.refusal(f"{file.name} holds no lines: write a line for each value, with its time")
    remarks = list(file.remarks)
    value = _value(file, target)
    remarks += file.remarks_on(value.name)
    times = times_of(file, value.name)
    remarks.append(f"{_listed(times.columns)}: the time, {in_days(times.moments, times.how)[1]}")
    kept = ~np.isnat(times.moments)
    if not kept.any():
        raise file.refusal(f"{file.name} holds no line with a time: write a line for each value, with its time")
    if not kept.all():
        remarks.append(f"lines without a time left out: {int((~kept).sum())}")
    series, names, keys = series_of(file, file.frame[kept], times.moments[kept], target=value.name, times=times.columns)
    remarks.append(f"a series for each {_listed(keys)}" if keys else "one series")
    left = [name for name in file.frame.columns if name not in {value.name, *times.columns, *keys}]
    drivers = [column for name in left if (column := _driver(file, name)) is not None]
    if unused := [name for name in left if name not in {column.name for column in drivers}]:
        remarks.append(f"not used: {_named(unused)}")
    index, step = _grid(file, times.days[kept], series)
    season, long_season, horizon, words = _seasons(step)
    remarks.append(f"a step is {words}; {horizon} steps of each series are forecast, a season is {season}")
    values, starts = _cut(file, series, index, value.values[kept])
    good = _usable(file, names, values, season=season, horizon=horizon, remarks=remarks)
    values, starts = [values[place] for place in good], [starts[place] for place in good]
    columns = {(EARLIER if _shift(column, horizon) else "") + column.name: column for column in drivers}
    known = np.zeros((len(columns), sum(map(len, values))), np.float32)
    where = [(place, start, len(whole)) for place, start, whole in zip(good, starts, values, strict=True)]
    for row, column in zip(known, drivers, strict=True):
        shifted = index + _shift(column, horizon)
        row[:] = np.concatenate(_on_grid(series, shifted, column.values[kept], where))
    remarks += _drivers_said(drivers, horizon)
    if gaps := sum(int(np.isnan(history).sum()) for history in values):
        remarks.append(f"{number_of(gaps, 'gap')}; gaps in the past are filled with the value one season earlier")
    data = panel(
        values, horizon=horizon, season=season, long_season=long_season, starts=starts,
        phases=[period for period in (season, long_season) if period > 1], known=known, names=tuple(columns),
    )  # fmt: skip
    judged = int((~np.isnan(data.y_test)).sum())
    remarks.append(f"{number_of(judged, 'value')} of {len(good)} series are judged")
    return replace(data, remarks=tuple(remarks))


def _listed(columns: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in columns)


def _named(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - MOST_SAID} more" if len(columns) > MOST_SAID else ""
    return ", ".join(f"`{name}`" for name in columns[:MOST_SAID]) + more


def _driver(file: OwnFile, name: str) -> Numbers | None:
    """A column of numbers beside the one to forecast; None if it holds something else, or never changes."""
    if name in file.repeated:
        return None
    column, _ = typed(name, file.frame[name])
    usable = isinstance(column, Numbers) and column.kind != "date" and len(np.unique(column.values[column.present])) > 1
    return column if isinstance(column, Numbers) and usable else None


def _shift(column: Numbers, horizon: int) -> int:
    """The steps by which a column's values are used later than in the file."""
    return 0 if column.name.startswith(KNOWN) else horizon


def _drivers_said(drivers: Sequence[Numbers], horizon: int) -> list[str]:
    """How the columns beside the one to forecast are used."""
    ahead = [column.name for column in drivers if not _shift(column, horizon)]
    behind = [column.name for column in drivers if _shift(column, horizon)]
    said = [f"known in advance: {_named(ahead)}"] if ahead else []
    if behind:
        said.append(
            f"used {horizon} steps later, as the future is not known: {_named(behind)}; "
            f"if it is, begin the column's name with {KNOWN}"
        )
    return said


def _value(file: OwnFile, target: str | None) -> Numbers:
    """The column to forecast; infinite values count as missing."""
    names = list(file.frame.columns)
    if target is None:
        listed = ", ".join(f"`{name}`" for name in names[:20]) + (", ..." if len(names) > 20 else "")
        raise file.refusal(f"{file.name}: name the column to forecast with --target COLUMN; there are: {listed}")
    check_named(file, target)
    value, _ = typed(target, file.frame[target])
    if not isinstance(value, Numbers) or value.kind in {"date", "boolean"}:
        if isinstance(value, Numbers):
            kind = f"{value.kind}s"
        else:
            kind = "text" + "".join(f", such as `{printable(label[:LONGEST])}`" for label in value.labels[:1])
        raise file.refusal(f"{file.name}: column `{target}` holds {kind}; name a column of numbers to forecast")
    return value


def _grid(file: OwnFile, days: Values, series: NDArray[np.intp]) -> tuple[NDArray[np.int64], float]:
    """The place of each line on the grid of times, and the grid's step in days."""
    order = np.lexsort((days, series))
    apart = np.diff(days[order])[np.diff(series[order]) == 0]
    if not len(apart):
        raise file.refusal(f"{file.name}: every series has only one line: write a line for each value, with its time")
    milliseconds, count = np.unique(np.round(apart * 86_400_000), return_counts=True)
    step = float(milliseconds[np.argmax(count)]) / 86_400_000
    if not step:
        raise file.refusal(
            f"{file.name}: most of its times are less than a millisecond apart: resample it, to a millisecond or more"
        )
    for average, spread in ((MONTH, 1.5), (QUARTER, 1.5), (YEAR, 0.5)):
        if average - 1.0 - spread <= step <= average + spread and step != 28.0 * round(step / 28.0):
            step = average
    place = days / step
    index = np.round(place).astype(np.int64)
    exact = step not in {MONTH, QUARTER, YEAR}
    if exact and (wrong := np.abs(place - index) > CLOSE).any():
        share = f"{int(wrong.sum())} of {len(days)} lines"
        raise file.refusal(
            f"{file.name}: its times are not evenly spaced: {share} do not fit the step, "
            f"{_words(step)}; resample it first"
        )
    if (np.diff(index[order])[np.diff(series[order]) == 0] == 0).any():
        raise file.refusal(
            f"{file.name}: a series has several lines in the same {_words(step)}: keep one value for each"
        )
    return index, step


def _words(step: float) -> str:
    """A step of so many days as people say it: `week`, `6 hours`."""
    minute, second = HOUR / 60, HOUR / 3600
    calendar = {MONTH: "month", QUARTER: "quarter", YEAR: "year", 7.0: "week", 1.0: "day"}
    clock = {HOUR: "hour", minute: "minute", second: "second"}
    for days, name in (calendar | clock).items():
        if abs(days - step) < 1e-9:
            return name
    unit = next((days for days in clock if step > days), second)
    return f"{step / unit:.6g} {clock[unit]}s"


def _seasons(step: float) -> tuple[int, int, int, str]:
    """Season, long season and horizon in steps, and the step in words."""
    words = _words(step) if _words(step)[0].isdigit() else f"one {_words(step)}"
    known = {1.0: (7, 364, 28), 7.0: (52, 0, 13), MONTH: (12, 0, 12), QUARTER: (4, 0, 8), YEAR: (1, 0, 6)}
    if step in known:
        return *known[step], words
    a_day = round(1 / step)
    if a_day == 2 and abs(a_day * step - 1) < CLOSE:
        return 14, 728, 14, words
    if a_day >= 2 and abs(a_day * step - 1) < CLOSE:
        return a_day, 7 * a_day, 2 * a_day, words
    return 1, 0, 12, words


def _cut(
    file: OwnFile, series: NDArray[np.intp], index: NDArray[np.int64], value: Values
) -> tuple[list[Values], list[int]]:
    """Each series on the grid from its first value to its last, NaN in gaps; and the step at which each begins."""
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
            raise file.refusal(
                f"{file.name}: a series spans {last - first} steps for {number_of(len(lines), 'value')}; "
                "resample it first"
            )
        whole = np.full(last - first + 1, np.nan)
        whole[index[lines] - first] = value[lines]
        values.append(whole)
        starts.append(first)
    return values, starts


def _on_grid(
    series: NDArray[np.intp], index: NDArray[np.int64], values: Values, where: Sequence[tuple[int, int, int]]
) -> list[Values]:
    """A column on the grid of each series, which `where` gives as its number, its first step and its length.

    A step without a value has the last one before, or the first one.
    """
    order = np.lexsort((index, series))
    bounds = np.searchsorted(series[order], np.arange(series.max() + 2))
    wholes = []
    for place, start, length in where:
        lines = order[bounds[place] : bounds[place + 1]]
        at = index[lines] - start
        inside = (at >= 0) & (at < length) & ~np.isnan(values[lines])
        if not inside.any():
            wholes.append(np.zeros(length))
            continue
        last = np.full(length, -1)
        last[at[inside]] = at[inside]
        whole = np.zeros(length)
        whole[at[inside]] = values[lines[inside]]
        wholes.append(whole[np.maximum(np.maximum.accumulate(last), at[inside][0])])
    return wholes


def _usable(
    file: OwnFile, names: Sequence[str], values: Sequence[Values], *, season: int, horizon: int, remarks: list[str]
) -> list[int]:
    """The places of the series that can be used; remarks say how many were left out, and why."""
    troubles = {
        place: trouble
        for place, history in enumerate(values)
        if (trouble := _trouble(history, season, horizon)) is not None
    }
    good = [place for place in range(len(values)) if place not in troubles]
    if not good:
        raise file.refusal(f"{file.name} holds no series that can be used: series {names[0]}: {troubles[0].why}")
    if troubles:
        kinds = Counter(trouble.kind for trouble in troubles.values())
        why = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS if kinds[kind])
        remarks.append(f"{len(troubles)} of {len(values)} series left out: {why}")
    named = [f"series {names[place]}: left out, {trouble.why}" for place, trouble in troubles.items()]
    remarks += named[:MOST_SAID]
    return good


class _Trouble(NamedTuple):
    """Why a series cannot be used."""

    kind: str  # one of `KINDS`
    why: str


def _trouble(history: Values, season: int, horizon: int) -> _Trouble | None:
    """Why a series cannot be used; None if it can."""
    short, full, constant = KINDS
    needed = least_history(horizon) + horizon
    if not len(history):
        return _Trouble(short, "it has no values")
    if len(history) < needed:
        return _Trouble(short, f"it has {number_of(len(history), 'step')}, {needed} are needed")
    if (gaps := float(np.isnan(history).mean())) > MOST_GAPS:
        far = ": is one of its times far off?" if gaps > MANY_GAPS else ""
        return _Trouble(full, f"{gaps:.0%} of its {len(history)} steps are gaps{far}")
    change = seasonal_difference(history[:-horizon], season)
    if change == 0:
        return _Trouble(constant, "it repeats its season without any change")
    if change < max(np.spacing(np.nanmax(np.abs(history)).astype(np.float32)), np.finfo(np.float32).tiny):
        return _Trouble(constant, "its changes are too small for float32: subtract a constant, or use a smaller unit")
    return None

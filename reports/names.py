"""How runs are called in titles and sentences: by their day and their machine, and by the name that a user gave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from residency.harness.records import RunInfo
from residency.reports.likeness import boards

MOST_NAMED = 3  # runs that a title names


def place(info: RunInfo) -> str:
    """`2 cores of AMD EPYC`, or `NVIDIA L4 and 2 cores of AMD EPYC`."""
    cores = info.machine["cores"]
    processor = f"{cores} core{'s' if cores != 1 else ''} of {' '.join(str(info.machine['cpu']).split())}"
    gpus = info.machine.get("gpus") or []
    return f"{boards(gpus)} and {processor}" if gpus else processor


def whens(runs: Sequence[RunInfo], folders: Sequence[str] = ()) -> list[str]:
    """`28 November` for each run, with year and time where they tell runs apart. A name comes first.

    Runs that neither name nor time tells apart have their `folders` behind them; without these, their ids.
    """
    try:
        read = [datetime.fromisoformat(info.started) for info in runs]
        started = [moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC) for moment in read]
    except (ValueError, OverflowError):
        days = [info.started for info in runs]
    else:
        year = "" if len({moment.year for moment in started}) == 1 else " %Y"
        for time in ("", ", %H:%M", ", %H:%M:%S"):
            days = [f"{moment.day} {moment:%B}{moment.strftime(year + time)}" for moment in started]
            if len(set(days)) == len(runs):
                break
        else:
            days = [f"{moment.day} {moment:%B}{moment.strftime(year)}" for moment in started]
    called = [f"{info.name} ({day})" if info.name else day for info, day in zip(runs, days, strict=True)]
    if len(set(called)) == len(called):
        return called
    labels = folders or [info.id for info in runs]
    return [f"{name} ({label})" for name, label in zip(called, labels, strict=True)]


def against(current: RunInfo, baseline: RunInfo, folders: Sequence[str] = ()) -> str:
    """`28 November against 20 November, on 2 cores of AMD EPYC`."""
    return _placed([current, baseline], " against ", folders)


def together(runs: Sequence[RunInfo]) -> str:
    """The runs of one page: `28 November and 20 November, on 2 cores of AMD EPYC`."""
    if len(runs) > MOST_NAMED:
        return f"{len(runs)} runs, from {whens(runs)[0]} to {whens(runs)[-1]}"
    return _placed(runs, " and ")


def beside(here: RunInfo, recorded: RunInfo) -> str:
    """`28 November, on 2 cores of AMD EPYC, beside 20 November, on 2 cores of Intel Xeon`."""
    return _placed([here, recorded], ", beside ")


def _placed(runs: Sequence[RunInfo], between: str, folders: Sequence[str] = ()) -> str:
    """The runs with their machines; a machine that they share is named once."""
    places = [place(info) for info in runs]
    if len(set(places)) == 1:
        return f"{between.join(whens(runs, folders))}, on {places[0]}"
    return between.join(f"{when} on {where}" for when, where in zip(whens(runs, folders), places, strict=True))

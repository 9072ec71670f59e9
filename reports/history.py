"""The trend over many runs: in words, as a table in a terminal, and as JSON for programs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.analysis.history import History, Machine, Point, Series, Taken, facts_of
from residency.analysis.shift import Shift
from residency.analysis.steps import ERROR, Step
from residency.harness.outcomes import Outcome
from residency.harness.statistics import Interval
from residency.reports import words
from residency.reports.likeness import difference

SCHEMA = 1
COMMIT = 7  # letters of a commit that are shown
MOST_SHOWN = 10.0  # a smallest visible change above 1,000 % says only that it is large
COLUMNS = ("series", "runs", "first,\nlast", "last / first\n[95 %]", "changed")
LEFT = {"series", "changed"}
HOW = (
    "Each time is compared with the time before it in its series by Welch's t-test of the processes' medians, as "
    "`residency compare` does. From six times on, the noise from run to run of that series counts too."
)


def answer(found: History) -> str:
    """How many series changed, and the last run: `3 of 41 series changed. Last run (...): nothing became slower.`."""
    if not found.series:
        return "Nothing was timed in these runs."
    count = len(found.series)
    said = f"{len(found.changed) or 'None'} of {count} series changed." if count > 1 else _single(found)
    return f"{said} Last run ({run_name(found.runs[-1])}): {_last(found)}."


def _single(found: History) -> str:
    return "The only series changed." if found.changed else "The only series did not change."


def _last(found: History) -> str:
    points = [point for _, point in found.in_last_run()]
    marks = Counter(point.step.mark for point in points if point.step is not None)
    outcomes = Counter(point.outcome for point in points if is_bad(point))
    alone = sum(point.seconds is not None and point.step is None for point in points)
    parts = [f"{marks[mark]} became {mark}" for mark in ("slower", "faster") if marks[mark]]
    if not marks["slower"]:
        parts.insert(0, "nothing became slower" if marks.total() else "nothing could be compared")
    parts += [f"{count} {outcome}" for outcome, count in sorted(outcomes.items())]
    parts += [f"{alone} {'has' if alone == 1 else 'have'} no earlier time on the same data"] if alone else []
    return ", ".join(parts)


def visible(found: History) -> str:
    """From which size on a change would have been marked; empty without comparisons."""
    if found.visible is None:
        return ""
    much = (
        f"over {words.percent(MOST_SHOWN)}" if found.visible > MOST_SHOWN else f"{words.percent(found.visible)} or more"
    )
    which = "the last run's" if any(point.step for _, point in found.in_last_run()) else "all"
    return (
        f"A change of {much} would have been marked in half of {which} comparisons; smaller ones may be there unseen."
    )


def shared_error(found: History) -> str:
    """How false alarms are kept down."""
    return (
        f"{words.count(found.comparisons)} comparisons share an error of {words.percent(ERROR)} (Holm): that is the "
        f"chance of one false mark or more. Changes within the margin of {100 * found.margin:.3g} % do not count."
    )


def run_name(run: Taken) -> str:
    """`nightly, 2027-01-12, commit 0123456`."""
    commit = run.info.commit
    return ", ".join(filter(None, (run.info.name, date(run), f"commit {commit[:COMMIT]}" if commit else "")))


def date(run: Taken) -> str:
    """The day on which a run started, in UTC."""
    return run.info.started.partition("T")[0]


def mark_of(point: Point) -> str:
    """`slower`, `faster`, or nothing."""
    return point.step.mark if point.step else ""


def is_bad(point: Point) -> bool:
    """Whether it went wrong; what could not run at all did not."""
    return point.outcome not in {Outcome.OK, Outcome.UNAVAILABLE}


def machine_name(machine: Machine) -> str:
    """`AMD EPYC 9554, 16 cores, 16 threads, no GPU`, and what differs from a machine with the same parts."""
    facts = facts_of(machine)
    threads, gpus = facts["threads"], facts["gpus"]
    parts = [
        " ".join(str(facts["cpu"]).split()),
        f"{facts['cores']} cores",
        f"{threads} thread{'s' * (threads != 1)}" if threads else "",
        words.gpus(gpus) if gpus else "no GPU",
        "--gate" if facts["gate"] else "",
        *map(difference, machine.differs),
    ]
    return words.visible(", ".join(filter(None, parts)))


def change(step: Step) -> str:
    """`slower, 1.20 ×`: a marked step in words."""
    return f"{step.mark}, {words.digits(step.ratio.value)} ×"


def together(shared: Shift) -> str:
    """That all tasks changed alike in a run."""
    low, middle, high = (words.digits(value) for value in (shared.ratio.low, shared.ratio.value, shared.ratio.high))
    return (
        f"All {shared.tasks} tasks together, against the run before: {middle} [{low}, {high}]. The cause is probably "
        "the machine, or something that all tasks share, not the code of one task."
    )


def shared_runs(found: History) -> list[str]:
    """The runs in which all tasks changed alike."""
    return [f"{run_name(run)}: {together(run.shift)}" for run in found.runs if run.shift is not None]


def ranked(found: History) -> list[Series]:
    """What changed or is wrong now first, the largest change first; then the others by name."""

    def order(series: Series) -> tuple[int, float, int, tuple[str, ...]]:
        sizes = [abs(math.log(point.step.ratio.value)) for point in series.marks if point.step is not None]
        bad = bool(series.points) and is_bad(series.points[-1])
        return (0 if sizes or bad else 1), -max(sizes, default=0.0), series.machine, series.key

    return sorted(found.series, key=order)


def show(found: History, folders: Sequence[Path], out: Console) -> None:
    """Print the answer, the series in a table, and how a change is decided."""
    if not found.runs:
        out.print(nothing(folders), highlight=False, markup=False, soft_wrap=True)
        return
    out.print(words.visible(answer(found)), style="bold", highlight=False, markup=False, soft_wrap=True)
    for line in filter(None, (visible(found), *shared_runs(found))):
        out.print(words.visible(line), highlight=False, markup=False, soft_wrap=True)
    several = len(found.machines) > 1
    if several:
        out.print()
        for number, machine in enumerate(found.machines, start=1):
            out.print(f"machine {number}: {machine_name(machine)}", highlight=False, markup=False, soft_wrap=True)
    once = sum(series.is_single for series in found.series)
    if once < len(found.series):
        out.print()
        out.print(_table(found, several))
    if once:
        them = "series were" if once > 1 else "series was"
        said = f"\n{once} {them} measured in one run only, and not shown here: see --json or --page."
        out.print(said, highlight=False, markup=False, soft_wrap=True)
    out.print(f"\n{HOW} {shared_error(found)}", style="dim", highlight=False, markup=False, soft_wrap=True)


def nothing(folders: Sequence[Path]) -> str:
    """Says that there is no run."""
    return f"no run in {words.joined(list(map(str, folders)))}; measure one with `residency run`"


def _table(found: History, several: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in COLUMNS:
        left = name in LEFT
        table.add_column(name, justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for series in ranked(found):
        if series.is_single:
            continue
        style = "red" if is_bad(series.points[-1]) or (series.marks and mark_of(series.marks[-1]) == "slower") else ""
        table.add_row(*(escape(words.visible(text)) for text in _cells(series, found, several)), style=style)
    return table


def _cells(series: Series, found: History, several: bool) -> list[str]:
    task, dataset, size, implementation = series.key
    timed = series.timed
    first, last = (words.seconds(point.seconds.value) if point.seconds else "-" for point in _ends(timed))
    where = f"\nmachine {series.machine + 1}" if several else ""
    return [
        f"{task}\n{dataset}, {size}\n{implementation}{where}",
        str(len(series.points)),
        f"{first}\n{series.points[-1].outcome if is_bad(series.points[-1]) else last}",
        ratio(series.whole),
        "\n".join(events(series, found)) or "-",
    ]


def _ends(timed: Sequence[Point]) -> tuple[Point, Point]:
    nothing_timed = Point(0, "", "", None, "", in_doubt=False)
    return (timed[0], timed[-1]) if timed else (nothing_timed, nothing_timed)


def ratio(found: Interval | None) -> str:
    """`1.21 [1.15, 1.27]`; a hyphen if there is none."""
    return f"{words.digits(found.value)} {words.bounds(found.low, found.high)}" if found else "-"


def events(series: Series, found: History) -> list[str]:
    """All that happened to a series, a line each: `slower, 1.20 ×` and `2027-01-08 0123456` below it."""
    lines = []
    for point in series.points:
        run = found.runs[point.run]
        at = f"{date(run)} {(run.info.commit or '')[:COMMIT]}".strip()
        if point.data_changed:
            lines += ["data changed", at]
        if point.step is not None and point.step.mark:
            lines += [change(point.step), at]
        if is_bad(point):
            lines += [point.outcome, at]
    return lines


def document(found: History, folders: Sequence[Path]) -> dict[str, Any]:
    """A history as one JSON object. `run` and `since` are places in `runs`, and `machine` is a place in `machines`."""
    return {
        "schema": SCHEMA,
        "folders": list(map(str, folders)),
        "answer": answer(found) if found.runs else nothing(folders),
        "series_changed": len(found.changed),
        "comparisons": found.comparisons,
        "error": ERROR,
        "margin": found.margin,
        "visible": found.visible,
        "machines": [{**facts_of(machine), "name": machine_name(machine)} for machine in found.machines],
        "runs": [_run(run) for run in found.runs],
        "series": [_series(series) for series in found.series],
    }


def _run(run: Taken) -> dict[str, Any]:
    return {
        "folder": run.folder,
        "id": run.info.id,
        "name": run.info.name,
        "started": run.info.started,
        "commit": run.info.commit,
        "machine": run.machine,
        "shift": _shift(run.shift) if run.shift else None,
    }


def _shift(found: Shift) -> dict[str, Any]:
    return {"tasks": found.tasks, **_interval(found.ratio)}


def _interval(found: Interval) -> dict[str, float]:
    return {"ratio": found.value, "low": found.low, "high": found.high}


def _series(series: Series) -> dict[str, Any]:
    task, dataset, size, implementation = series.key
    return {
        "task": task,
        "dataset": dataset,
        "size": size,
        "implementation": implementation,
        "device": series.device,
        "machine": series.machine,
        "changed": bool(series.marks),
        "last_over_first": _interval(series.whole) if series.whole else None,
        "points": [_point(point) for point in series.points],
    }


def _point(point: Point) -> dict[str, Any]:
    time = point.seconds
    bounds = {"median": time.value, "low": time.low, "high": time.high} if time else {}
    return {
        "run": point.run,
        "outcome": point.outcome,
        "reason": point.reason,
        "seconds": {**bounds, "samples": time.samples, "replicates": time.replicates} if time else None,
        "data_hash": point.data_hash,
        "data_changed": point.data_changed,
        "in_doubt": point.in_doubt,
        "step": _step(point.step) if point.step else None,
    }


def _step(step: Step) -> dict[str, Any]:
    known = asdict(step)
    return {**{name: known[name] for name in ("since", "chance", "visible", "mark")}, **_interval(step.ratio)}

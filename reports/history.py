"""The trend over many runs: in words, as a table in a terminal, and as JSON for programs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from residency.analysis.history import History, Machine, Point, Series, Taken, facts_of
from residency.analysis.shift import Shift
from residency.analysis.steps import ASSUMED_NOISE, ERROR, Step
from residency.harness import records
from residency.harness.outcomes import Outcome
from residency.harness.statistics import Interval
from residency.reports import likeness, words

SCHEMA = 1
COMMIT = 7  # letters of a commit that are shown
MOST_SHOWN = 10.0  # a smallest visible change above 1,000 % says only that it is large
NOT_JUDGED = "No series was measured twice on the same data, so no change can be judged."
COLUMNS = ("series", "runs", "first,\nlast", "last / first\n[95 %]", "changed")
LEFT = {"series", "changed"}
UNBOUNDED = 100_000  # columns, to learn how wide a table would be
HOW = (
    "Each time is compared with the time before it in its series by Welch's t-test of the processes' medians, as "
    "`residency compare` does. A series with six times or more also counts its noise from run to run. A change that "
    "the next run takes back counts as noise, too. In a shorter series, noise of "
    f"{words.percent(ASSUMED_NOISE)} from run to run is assumed."
)
INDENT = 2


@dataclass(frozen=True)
class Notes:
    """What is said about the folders of runs, beyond the runs in them."""

    left_out: list[str] = field(default_factory=list)  # runs that are not in the history, and why
    warnings: list[str] = field(default_factory=list)


def answer(found: History) -> str:
    """How many series changed, and the last run: `3 of 41 series changed. Last run (...): nothing became slower.`."""
    if not found.series:
        return "Nothing was timed in these runs."
    return f"{_changed(found)} Last run ({run_name(found.runs[-1])}): {_last(found)}."


def _changed(found: History) -> str:
    """How many series could be judged, if not all, and how many of them changed."""
    count, compared = len(found.series), len(found.compared)
    judged, changed = len(found.judged), len(found.changed)
    if not compared:
        return NOT_JUDGED
    if not judged:
        which = "the only series" if count == 1 else f"any of {count} series"
        return f"Cannot tell whether {which} changed: {_too_few(found)}."
    if unclear := compared - judged:
        end = f"{changed or 'none'} of them changed" if judged > 1 else "it changed" if changed else "it did not change"
        return f"{judged} of {count} series can be judged; {end}. Cannot tell for {unclear} more: {_too_few(found)}."
    if count == 1:
        return "The only series changed." if changed else "The only series did not change."
    if judged == count:
        return f"{changed or 'None'} of {count} series changed."
    if judged == 1:
        end = "it changed" if changed else "it did not change"
        return f"1 of {count} series was measured often enough to judge; {end}."
    return f"{judged} of {count} series were measured often enough to judge; {changed or 'none'} of them changed."


def _too_few(found: History) -> str:
    """Why a series cannot tell whether it changed."""
    return f"too few processes or a busy machine, so even a change of {words.percent(found.large)} can go unseen"


def _last(found: History) -> str:
    points = [point for _, point in found.in_last_run()]
    steps = [point.step for point in points if point.step is not None]
    marks = Counter(step.mark for step in steps if found.can_tell(step))
    unclear = len(steps) - marks.total()
    outcomes = Counter(point.outcome for point in points if is_bad(point))
    alone = sum(point.seconds is not None and point.step is None for point in points)
    parts = [f"{marks[mark]} became {mark}" for mark in ("slower", "faster") if marks[mark]]
    if marks.total() and not marks["slower"]:
        parts.insert(0, f"{f'in {marks.total()} of {len(steps)} series ' if unclear else ''}nothing became slower")
    parts += [f"cannot tell for {unclear} series"] if unclear else []
    parts += [f"{count} {outcome}" for outcome, count in sorted(outcomes.items())]
    parts += [f"{alone} series {'has' if alone == 1 else 'have'} no earlier time to compare with"] if alone else []
    return ", ".join(parts) or "it has no times"


def visible(found: History) -> str:
    """From which size on a change would have been marked; empty without comparisons."""
    if found.visible is None:
        return ""
    much = f"more than {words.percent(MOST_SHOWN)}" if found.visible > MOST_SHOWN else _or_more(found.visible)
    last = any(point.step for _, point in found.in_last_run())
    which = "a typical series of the last run" if last else "a typical series"
    return f"In {which}, only a change of {much} is marked. A smaller change can go unseen."


def nothing_marked(found: History) -> str:
    """Says that no change is marked, and whether these runs could have shown one; without the full stop."""
    if not found.compared:
        return NOT_JUDGED.rstrip(".")
    if not found.judged:
        return f"Nothing was marked, but it cannot be told: even a change of {words.percent(found.large)} can go unseen"
    return "Nothing was marked"


def _or_more(share: float) -> str:
    return f"{words.percent(share)} or more"


def shared_error(found: History) -> str:
    """How false marks are kept down."""
    margin = f"A change within the margin of {100 * found.margin:.3g} % does not count."
    if not found.comparisons:
        return margin
    which = (
        "only comparison has it" if found.comparisons == 1 else f"{words.count(found.comparisons)} comparisons share it"
    )
    return (
        f"The chance of a false mark anywhere in this history is kept to {words.percent(ERROR)}: "
        f"its {which} (Holm's method). {margin}"
    )


def run_name(run: Taken) -> str:
    """`nightly, 2027-01-12, commit 0123456`."""
    return ", ".join(
        filter(None, (words.plain(run.info.name), date(run), f"commit {commit(run)}" if commit(run) else ""))
    )


def date(run: Taken) -> str:
    """The day on which a run started, in UTC, with the time if another run started on the same day."""
    started = records.moment(run.info.started)
    return f"{started:%Y-%m-%d %H:%M}" if run.shares_its_day else f"{started:%Y-%m-%d}"


def commit(run: Taken) -> str:
    """The first letters of a run's commit; empty if it has none."""
    return words.plain((run.info.commit or "")[:COMMIT])


def day_and_commit(run: Taken) -> str:
    """`2027-01-12 0123456`."""
    return f"{date(run)} {commit(run)}".strip()


def mark_of(point: Point) -> str:
    """`slower`, `faster`, or nothing."""
    return point.step.mark if point.step else ""


def is_bad(point: Point) -> bool:
    """Whether it went wrong; what was unavailable did not."""
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
        *(f"{name} {here} (not {before})" for name, before, here in map(likeness.named, machine.differs)),
    ]
    return words.plain(", ".join(filter(None, parts)))


def change(step: Step) -> str:
    """`slower, 1.20 ×`: a marked step in words."""
    return f"{step.mark}, {words.digits(step.ratio.value)} ×"


def together(shared: Shift) -> str:
    """That all tasks changed alike in a run."""
    return (
        f"All {shared.tasks} tasks together took {ratio(shared.ratio)} times as long as in the run before. "
        "The cause is probably the machine, or something that all tasks share, not the code of one task."
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
    """Print the answer, the series in a table or a list, and how a change is decided."""
    if not found.runs:
        _say(out, nothing(folders))
        return
    _say(out, answer(found), "bold")
    for line in filter(None, (made_up(found), visible(found), *shared_runs(found))):
        _say(out, line)
    several = len(found.machines) > 1
    if several:
        out.print()
        for number, machine in enumerate(found.machines, start=1):
            _say(out, f"machine {number}: {machine_name(machine)}")
    shown = [series for series in ranked(found) if not series.is_single]
    if shown:
        out.print()
        _show_series(found, shown, several, out)
    if once := len(found.series) - len(shown):
        them, they = ("series were", "They are") if once > 1 else ("series was", "It is")
        out.print()
        _say(out, f"{once} {them} measured in one run only. {they} not shown here: see --json or --page.")
    if never := never_right(found):
        out.print()
        _say(out, f"Never right: {'; '.join(map(words.plain, never))}.")
    out.print()
    _say(out, f"{HOW} {shared_error(found)}", "dim")


def _say(out: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Print a text in lines that are no wider than the console."""
    for line in Text(words.visible(text), style=style).wrap(out, out.width - indent, overflow="fold"):
        line.rstrip()
        out.print(Text(" " * indent).append_text(line), soft_wrap=True)


def nothing(folders: Sequence[Path]) -> str:
    """Says that there is no run."""
    return f"no run in {words.joined(list(map(str, folders)))}; measure one with `residency run`"


def _show_series(found: History, shown: Sequence[Series], several: bool, out: Console) -> None:
    """Print a table, or a list if the table is wider than the console."""
    table = _table(found, shown, several)
    if out.measure(table, options=out.options.update_width(UNBOUNDED)).maximum <= out.width:
        out.print(table)
        return
    for series in shown:
        for number, line in enumerate(_lines(series, found, several)):
            _say(out, line, _style(series), indent=INDENT if number else 0)


def _table(found: History, shown: Sequence[Series], several: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
    for series in shown:
        table.add_row(*(escape(words.visible(text)) for text in _cells(series, found, several)), style=_style(series))
    return table


def _style(series: Series) -> str:
    return "red" if is_bad(series.points[-1]) or (series.marks and mark_of(series.marks[-1]) == "slower") else ""


def _cells(series: Series, found: History, several: bool) -> list[str]:
    task, dataset, size, implementation = map(words.plain, series.key)
    first, last = _first_and_last(series)
    where = f"\nmachine {series.machine + 1}" if several else ""
    return [
        f"{task}\n{dataset}, {size}\n{implementation}{where}",
        str(len(series.points)),
        f"{first}\n{last}",
        ratio(series.whole),
        "\n".join(line for event in events(series, found) for line in event) or _unchanged(series, found),
    ]


def _unchanged(series: Series, found: History) -> str:
    """Of a series without a change: a hyphen, or that it cannot tell."""
    return "cannot tell" if series in found.compared and not found.is_judged(series) else "-"


def _lines(series: Series, found: History, several: bool) -> list[str]:
    """The same for a narrow terminal."""
    task, dataset, size, implementation = map(words.plain, series.key)
    first, last = _first_and_last(series)
    where = f", machine {series.machine + 1}" if several else ""
    whole = f", last / first {ratio(series.whole)}" if series.whole else ""
    return [
        f"{task}, {dataset} at {size}, {implementation}{where}",
        *(f"{what}: {at}" for what, at in events(series, found)),
        f"{len(series.points)} runs, first {first}, last {last}{whole}",
    ]


def _first_and_last(series: Series) -> tuple[str, str]:
    """Both times in words, or the outcome if the last run went wrong."""
    first, last = (words.seconds(point.seconds.value) if point.seconds else "-" for point in _ends(series.timed))
    return first, series.points[-1].outcome if is_bad(series.points[-1]) else last


def _ends(timed: Sequence[Point]) -> tuple[Point, Point]:
    nothing_timed = Point(0, "", "", None, "", in_doubt=False)
    return (timed[0], timed[-1]) if timed else (nothing_timed, nothing_timed)


def ratio(found: Interval | None) -> str:
    """`1.21 [1.15, 1.27]`; a hyphen if there is none."""
    return f"{words.digits(found.value)} {words.bounds(found.low, found.high)}" if found else "-"


def events(series: Series, found: History) -> list[tuple[str, str]]:
    """All that changed in a series, and when: `slower, 1.20 ×` and `2027-01-08 0123456`."""
    return [(what, day_and_commit(found.runs[point.run])) for point in series.points for what in changes(point)]


def changes(point: Point) -> list[str]:
    """What changed in a series with this run: its data, its time, or how it ended."""
    said = ["data changed"] if point.data_changed else []
    said += [change(point.step)] if point.step is not None and point.step.mark else []
    return [*said, _ending(point)] if point.outcome_changed else said


def _ending(point: Point) -> str:
    return "ok again" if point.outcome == Outcome.OK else point.outcome.replace("_", " ")


def never_right(found: History) -> list[str]:
    """The series that went wrong in every run, in a line each: no change, and no success either."""
    return [
        f"{named(series)}: {words.joined(list(dict.fromkeys(map(_ending, series.points))))} in all "
        f"{len(series.points)} runs"
        for series in found.series
        if not series.is_single and all(map(is_bad, series.points))
    ]


def named(series: Series) -> str:
    """`tabular/ridge, linear at lab, estimator@cpu`."""
    task, dataset, size, implementation = series.key
    return f"{task}, {dataset} at {size}, {implementation}"


def made_up(found: History) -> str:
    """Says how many runs were made up; empty if none was."""
    count = sum(run.info.made_up for run in found.runs)
    if not count:
        return ""
    which = f"all {count} runs are" if count == len(found.runs) else f"{count} of {len(found.runs)} runs are"
    return f"Made-up numbers: {'the only run is' if len(found.runs) == 1 else which} made up, with nothing measured."


def document(found: History, folders: Sequence[Path], notes: Notes) -> dict[str, Any]:
    """A history as one JSON object. `run` and `since` are places in `runs`, and `machine` is a place in `machines`."""
    return {
        "schema": SCHEMA,
        "folders": list(map(str, folders)),
        "answer": answer(found) if found.runs else nothing(folders),
        "series_judged": len(found.judged),
        "series_changed": len(found.changed),
        "series_compared": len(found.compared),
        "series_cannot_tell": len(found.compared) - len(found.judged),
        "large": found.large,
        "comparisons": found.comparisons,
        "error": ERROR,
        "margin": found.margin,
        "visible": found.visible,
        "machines": [{**facts_of(machine), "name": machine_name(machine)} for machine in found.machines],
        "runs": [_run(run) for run in found.runs],
        "series": [_series(series, found) for series in found.series],
        "left_out": notes.left_out,
        "warnings": notes.warnings,
    }


def _run(run: Taken) -> dict[str, Any]:
    return {
        "folder": run.folder,
        "id": run.info.id,
        "name": run.info.name,
        "started": run.info.started,
        "commit": run.info.commit,
        "machine": run.machine,
        "made_up": run.info.made_up,
        "shift": _shift(run.shift) if run.shift else None,
    }


def _shift(found: Shift) -> dict[str, Any]:
    return {"tasks": found.tasks, **_interval(found.ratio)}


def _interval(found: Interval) -> dict[str, float]:
    return {"ratio": found.value, "low": found.low, "high": found.high}


def _series(series: Series, found: History) -> dict[str, Any]:
    task, dataset, size, implementation = series.key
    return {
        "task": task,
        "dataset": dataset,
        "size": size,
        "implementation": implementation,
        "device": series.device,
        "machine": series.machine,
        "changed": bool(series.marks),
        "judged": found.is_judged(series),
        "last_over_first": _interval(series.whole) if series.whole else None,
        "points": [_point(point) for point in series.points],
    }


def _point(point: Point) -> dict[str, Any]:
    time = point.seconds
    bounds = {"median": time.value, "low": time.low, "high": time.high} if time else {}
    return {
        "run": point.run,
        "outcome": point.outcome,
        "outcome_changed": point.outcome_changed,
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

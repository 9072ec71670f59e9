"""From which size on one side of a task overtakes another, in a sentence and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from residency.analysis.crossover import Crossover, Point
from residency.reports import words
from residency.reports.console import UNBOUNDED

RESIDENT = "resident [95 %]"


def sentence(task: str, unit: str, found: Crossover) -> str:
    """The answer in words."""
    if not found.points:
        doubt = f"; not known whether on the GPU: {', '.join(found.untold)}" if found.untold else ""
        return f"{task}: no size could be measured on both sides{doubt}."
    first, last = found.points[0], found.points[-1]
    who, whom, without = challenger(found), champion(found), without_clusters(found)
    if found.answer == "always":
        return (
            f"{task}: {who} is faster than {whom} from the smallest size measured on, {first.rows:,} {unit}{without}."
        )
    if found.answer == "never":
        times = f"it {words.takes(last.ratio.value)} {words.once(last.ratio.value)} there"
        return f"{task}: {who} never overtakes {whom}, up to {last.rows:,} {unit} ({times}){without}."
    if found.answer == "not monotone":
        several = "at some sizes and slower at larger ones: there is no single size"
        return f"{task}: {who} is faster than {whom} {several}{without}."
    if found.at is None:
        return f"{task}: this run cannot tell whether {who} overtakes {whom} up to {last.rows:,} {unit}{without}."
    bounds = f"[{words.about(found.at.low)}{or_less(found)}, {words.about(found.at.high)}]"
    bound = ", or at fewer: its ratio is a lower bound" if any(point.at_least for point in found.points) else ""
    at = f"at about {words.about(found.at.value)} {unit}{itself_or_less(found)} {bounds}"
    return f"{task}: {who} overtakes {whom} {at}{bound}{without}."


def or_less(found: Crossover) -> str:
    """What follows the lower bound if nothing smaller was measured: ` or less`."""
    return " or less" if found.low_is_open else ""


def itself_or_less(found: Crossover) -> str:
    """The same of the estimate."""
    return " or less" if found.value_is_open else ""


def without_clusters(found: Crossover) -> str:
    """Ends a sentence in which clusters that were measured do not count: `, clusters left out`."""
    return ", clusters left out" if found.left_out else ""


def challenger(found: Crossover) -> str:
    """Who may win: the implementation that is its side's fastest at all sizes, else the side."""
    return _side([point.challenger for point in found.points])


def champion(found: Crossover) -> str:
    """With whom it is compared, in the same words."""
    return _side([point.champion for point in found.points])


def _side(names: Sequence[str]) -> str:
    """`cupy@gpu`, `the fastest on the GPU`, or `the fastest of array@cpu and dask@cpu@2x`."""
    known = list(dict.fromkeys(names))
    if len(known) == 1:
        return known[0]
    for device in ("GPU", "CPU"):
        if all(name.endswith(f"@{device.lower()}") for name in known):
            return f"the fastest on the {device}"
    return f"the fastest of {words.joined(known)}"


def sentences(task: str, unit: str, found: Crossover) -> list[str]:
    """The answer end to end, and with the data resident."""
    return [sentence(task, unit, found), *([resident(unit, found)] if found.points else [])]


def resident(unit: str, found: Crossover) -> str:
    """The answer with the data resident, in words."""
    if found.resident is None:
        return "With the data resident: not known."
    return sentence("With the data resident", unit, found.resident)


def show(task: str, unit: str, found: Crossover, out: Console) -> None:
    """Print the answer, and the ratio at every measured size."""
    first, *more = sentences(task, unit, found)
    out.print(f"\n[bold]{first}[/]", highlight=False)
    for line in more:
        out.print(line, highlight=False)
    whole = _table(unit, found, resident_too=True)
    fits = out.measure(whole, options=out.options.update_width(UNBOUNDED)).maximum <= out.width
    out.print(whole if fits else _table(unit, found, resident_too=False))


def _table(unit: str, found: Crossover, *, resident_too: bool) -> Table:
    """The ratio at every size, and with the data resident where that fits."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    columns = (unit, "fastest of one side", "fastest of the other", "times as fast [95 %]", "verdict")
    for column in (*columns, RESIDENT) if resident_too else columns:
        table.add_column(column, justify="right" if column == unit else "left", overflow="fold")
    there = {point.rows: _ratio(point) for point in (found.resident.points if found.resident else [])}
    for point in found.points:
        texts = (f"{point.rows:,}", point.challenger, point.champion, _ratio(point), point.ratio.verdict)
        table.add_row(*texts, *([there.get(point.rows, "not known")] if resident_too else []))
    return table


def _ratio(point: Point) -> str:
    bound, ratio = "at least " if point.at_least else "", point.ratio
    return f"{bound}{ratio.value:.3g} [{ratio.low:.3g}, {ratio.high:.3g}]"

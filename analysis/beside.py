"""Two runs of different machines side by side: the strongest of each device, of every task and size that both measured.

These are times of two machines and say nothing about libraries. A ratio of them is no speedup: the implementations did
not take turns, and machines, versions and settings differ. So there is one only for the same implementation on the same
data, with the interval of runs that did not take turns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from residency.analysis.doubt import in_doubt
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.ratios import Timed, between_runs
from residency.analysis.row import Group, Row
from residency.analysis.rows import timed_samples
from residency.harness import student
from residency.harness.statistics import Interval

ERROR = 0.05  # of the interval
DEVICES = ("cpu", "gpu")


@dataclass(frozen=True)
class Pair:
    """One task on one dataset at one size, on both machines."""

    group: Group
    here: Mapping[str, Row]  # the fastest right implementation by device; a device without one is absent
    there: Mapping[str, Row]
    unlike: str  # why the data is not the same; empty if it is
    ratios: Mapping[str, Interval]  # by device: this machine's time over the other's, of the same implementation


@dataclass(frozen=True)
class Beside:
    """Two runs side by side."""

    pairs: list[Pair]
    only_here: list[Group]  # with a time only in the one run
    only_there: list[Group]


def beside(here: Findings, there: Findings) -> Beside:
    """Two runs side by side, in the order of the first."""
    mine, theirs = _strongest(here), _strongest(there)
    times = timed_samples(here.records), timed_samples(there.records)
    return Beside(
        pairs=[_pair(group, mine[group], theirs[group], times) for group in mine if group in theirs],
        only_here=[group for group in mine if group not in theirs],
        only_there=[group for group in theirs if group not in mine],
    )


def _strongest(found: Findings) -> dict[Group, dict[str, Row]]:
    """The fastest right implementation on each device, of each group that has one."""
    fastest = {group.rows[0].group: _fastest(group) for group in found.groups}
    return {group: by_device for group, by_device in fastest.items() if by_device}


def _fastest(group: GroupFindings) -> dict[str, Row]:
    beside_it: Sequence[str] = group.task.beside if group.task else ()
    told = [row for row in group.ranked if row.measured and not in_doubt(row)]
    comparable = [row for row in told if row.cell.implementation not in beside_it]
    first = {device: [row for row in comparable if row.cell.device == device][:1] for device in DEVICES}
    return {device: rows[0] for device, rows in first.items() if rows}


def _pair(group: Group, here: Mapping[str, Row], there: Mapping[str, Row], times: tuple[Timed, Timed]) -> Pair:
    unlike = _unlike(next(iter(here.values())), next(iter(there.values())))
    shared = [] if unlike else [device for device in DEVICES if device in here and device in there]
    same = [device for device in shared if here[device].cell.implementation == there[device].cell.implementation]
    return Pair(group, here, there, unlike, {device: _ratio(here[device], there[device], times) for device in same})


def _unlike(here: Row, there: Row) -> str:
    """Why the data of two rows is not the same."""
    if here.cell.rows != there.cell.rows:
        return f"other data: {_count(here)} {here.facts.unit} here, {_count(there)} there"
    if not here.facts.data_hash or here.facts.data_hash != there.facts.data_hash:
        mine, theirs = (row.facts.data_hash or "not known" for row in (here, there))
        return f"other data: its hash is {mine} here, {theirs} there"
    return ""


def _count(row: Row) -> str:
    return "an unknown number of" if row.cell.rows is None else f"{row.cell.rows:,}"


def _ratio(here: Row, there: Row, times: tuple[Timed, Timed]) -> Interval:
    change = between_runs((times[1], times[0]), there, here)
    low, high = change.interval(student.quantile(ERROR, change.freedom))
    return Interval(math.exp(change.log_ratio), low, high)

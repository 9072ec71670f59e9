"""What a run says of each topic: the gain on the GPU, which CPU library won, and from which size on the GPU wins.

The numbers of the sentences at the top of a page, so that they are in the JSON report as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from residency.analysis.contest import has_lost, rival
from residency.analysis.crossover import Crossover, crossovers
from residency.analysis.doubt import in_doubt
from residency.analysis.gain import Gain, gains_of_topic
from residency.analysis.row import Group, Row
from residency.harness.records import Records


@dataclass(frozen=True)
class OnCpu:
    """CPU implementations against each other, each task on each dataset once."""

    compared: int  # where at least two have a time
    fastest: list[tuple[str, int]]  # libraries, and in how many of these each is clearly the fastest; the most first
    undecided: int  # of these where two libraries have no clear winner: equivalent or inconclusive
    one_library: int  # of these where all implementations are of one library


@dataclass(frozen=True)
class FromSize:
    """From which size on the GPU wins in one task, by the sizes in the run."""

    task: str
    dataset: str
    unit: str
    found: Crossover


@dataclass(frozen=True)
class TopicAtSize:
    """What a run says of one topic at one size."""

    topic: str
    size: str
    rows: int | None  # the most of any of its tasks at this size
    tasks: int  # with a time
    gpu: Gain | None  # None if no task has a time on both devices, and for tasks that measure devices
    cpu: OnCpu
    from_size: list[FromSize]


def topics(records: Records, found: Sequence[Row]) -> list[TopicAtSize]:
    """Every topic at every size in the run's order; where nothing has a time, `tasks` is 0."""
    by_topic: dict[str, list[Row]] = {}
    for row in found:
        by_topic.setdefault(row.cell.task.partition("/")[0], []).append(row)
    crossings = _from_sizes(records, found)
    made = []
    for topic, rows in by_topic.items():
        gains = {gain.size: gain for gain in gains_of_topic(rows, topic)}
        for size in dict.fromkeys(row.cell.size for row in rows):
            here = [row for row in rows if row.cell.size == size]
            made.append(
                TopicAtSize(
                    topic=topic,
                    size=size,
                    rows=max((row.cell.rows for row in here if row.cell.rows is not None), default=None),
                    tasks=len({row.cell.task for row in here if row.measured}),
                    gpu=gains.get(size),
                    cpu=_on_cpu(here, records),
                    from_size=[one for one in crossings if one.task.startswith(f"{topic}/")],
                )
            )
    return made


def _on_cpu(rows: Sequence[Row], records: Records) -> OnCpu:
    groups: dict[Group, list[Row]] = {}
    for row in comparable(rows, records):
        if row.cell.device == "cpu":
            groups.setdefault(row.group, []).append(row)
    won, compared, one_library = Counter[str](), 0, 0
    for group in groups.values():
        ranked = sorted(group, key=lambda row: row.median)
        next_library = rival(ranked)
        compared += len(ranked) > 1
        one_library += next_library is None and len(ranked) > 1
        if has_lost(next_library):
            won[ranked[0].cell.library] += 1
    return OnCpu(compared, won.most_common(), compared - one_library - won.total(), one_library)


def comparable(rows: Sequence[Row], records: Records) -> list[Row]:
    """The rows whose time may be compared: right, doing the whole task, and known where they ran."""
    tasks = records.info.tasks
    return [
        row
        for row in rows
        if row.measured is not None
        and not in_doubt(row)
        and not (row.cell.task in tasks and row.cell.implementation in tasks[row.cell.task].beside)
    ]


def _from_sizes(records: Records, found: Sequence[Row]) -> list[FromSize]:
    """The answer of every task that has times of both devices at several sizes."""
    return [
        FromSize(answer.task, answer.dataset, answer.unit, answer.found)
        for answer in crossovers(records, found)
        if _are_devices(answer.challenger, answer.champion)
    ]


def _are_devices(challenger: Sequence[str], champion: Sequence[str]) -> bool:
    """Whether the question was when the GPU overtakes the CPU, and no other."""
    return all("@gpu" in name for name in challenger) and not any("@gpu" in name for name in champion)

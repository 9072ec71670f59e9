"""A run at a glance: how much faster, why, from which size on, at what cost, and whether it can be believed.

The numbers of the first screen of a page, so that they are in the JSON report as well. Where a GPU is compared, they
are of the size at which most tasks can be compared; else of all CPU libraries against each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, geometric_mean

from residency.analysis.contest import Contest, Win, clear_wins, contest, wins
from residency.analysis.crossover import Answer
from residency.analysis.disturbed import disturbances
from residency.analysis.doubt import is_on_gpu
from residency.analysis.gain import Gain, gains
from residency.analysis.ratios import as_long
from residency.analysis.resident import FETCHES, READS
from residency.analysis.rest import rest_of
from residency.analysis.roofline import TOPIC
from residency.analysis.row import Group, Row
from residency.analysis.topics import FromSize as FromTopic
from residency.analysis.topics import TopicAtSize
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import Records
from residency.harness.statistics import Interval
from residency.harness.task_info import TaskInfo


@dataclass(frozen=True)
class Counts:
    """What a run consists of."""

    topics: int
    tasks: int
    hardware: int  # of these tasks measure the devices, and are in no mean
    comparisons: int  # a task on a dataset at a size in which at least two implementations are compared
    several: list[str]  # tasks with more than one of these
    sizes: bool  # whether these differ in their sizes
    datasets: bool  # or in their datasets


@dataclass(frozen=True)
class OnCpus:
    """The fastest on the CPU against the next library, over all comparisons with two implementations or more."""

    compared: int
    sides: list[str]  # of the only comparison: the fastest and the next; empty over several
    only: Interval | None  # how many times as fast the fastest is; None over several, whose winners are chosen
    fastest: list[tuple[str, int]]  # libraries, and in how many each is clearly the fastest
    undecided: int  # without a clear winner: equivalent or inconclusive
    one_library: int  # comparisons in which all implementations are of one library; 0 of a single comparison
    verdict: str  # of the only comparison on the next one: slower, equivalent or inconclusive; empty over several
    wins: list[Win]  # the comparisons with a clear winner, the largest factor first


@dataclass(frozen=True)
class Spent:
    """Shares of the time of the fastest implementations on a device, means over `results`."""

    device: str
    results: int
    computing: float
    copying: float
    reading: float
    other: float  # outside their stages
    reading_inside: int  # of these results, whose computing includes their reading, as in a lazy query engine
    fetching_inside: int  # whose computing includes getting the data to the workers of a cluster


@dataclass(frozen=True)
class Start:
    """From which size on the GPU wins in one task."""

    task: str
    unit: str
    rows: float
    place: str  # of the same in the JSON report


@dataclass(frozen=True)
class FromSize:
    """From which size on the GPU wins, over the tasks that were measured at several sizes."""

    tasks: int
    answers: dict[Answer, int]
    least: Start | None  # of the tasks in which it crosses
    most: Start | None


@dataclass(frozen=True)
class Energy:
    """Energy of an execution, over that of the opponent."""

    results: int
    ratio: float  # the geometric mean
    processors: bool  # whether the GPU's side includes its processors


@dataclass(frozen=True)
class Memory:
    """The comparison whose challenger needs the most memory of its device."""

    task: str
    size: str
    bytes: int
    opponent_bytes: int | None  # of the host


@dataclass(frozen=True)
class Peak:
    """The result that needs the most memory of its device, of all right results on that device."""

    task: str
    size: str
    library: str
    implementation: str
    bytes: int
    results: int  # of which it is the most


@dataclass(frozen=True)
class Cost:
    """What the fastest on the GPU takes compared with the strongest CPU side; without a GPU, compared with the next."""

    energy: Energy | None
    no_energy: str  # why it is not known
    memory: Memory | None
    no_memory: str
    peak: Peak | None


@dataclass(frozen=True)
class Belief:
    """What speaks against a run."""

    results: int
    timed: int
    least: int | None  # processes of a result
    most: int | None
    disturbed: dict[str, int]  # results that something disturbed, by what
    decided: int  # comparisons
    undecided: int
    outcomes: dict[str, int]  # results without a time that counts, by how they ended
    on_gpu: int  # results that are known to have been timed on a GPU


@dataclass(frozen=True)
class Glance:
    """A run at a glance."""

    counts: Counts
    gain: Gain | None  # at the size at which most tasks can be compared; None without a GPU
    verdict: str  # of that mean
    alone: str  # the task, if there is only one
    cpu: OnCpus | None
    spent: list[Spent]
    from_size: FromSize
    cost: Cost
    belief: Belief


def glance(records: Records, rows: Sequence[Row], topics: Sequence[TopicAtSize]) -> Glance:
    """A run at a glance; `topics` are those of the same run."""
    gain = max(reversed(gains(rows, least=1)), key=lambda one: one.tasks, default=None)
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    contests = {key: contest(group, records.info.tasks.get(key[0])) for key, group in groups.items()}
    asked = [found for key, found in contests.items() if not key[0].startswith(TOPIC) or len(contests) == 1]
    asked = [found for found in asked if found.ratio is not None and (gain is None or _is_in(found, gain))]
    return Glance(
        counts=counts(rows, records.info.tasks),
        gain=gain,
        verdict=_verdict(gain, asked) if gain else "",
        alone=_alone(asked) if gain and gain.tasks == 1 else "",
        cpu=None if gain else _on_cpus(asked),
        spent=_spent(asked),
        from_size=_from_size(topics),
        cost=_cost(asked, _peak(rows, "gpu" if gain else "cpu")),
        belief=_belief(rows, contests.values()),
    )


def _is_in(found: Contest, gain: Gain) -> bool:
    return found.between_devices and found.cpu is not None and found.cpu.cell.size == gain.size


def counts(rows: Sequence[Row], known: Mapping[str, TaskInfo]) -> Counts:
    """How many topics, tasks and comparisons a run has; `known` are its tasks by their names."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    tasks = {task for task, _, _ in groups}
    compared = [group for group, of_it in groups.items() if contest(of_it, known.get(group[0])).ratio is not None]
    of_task = Counter(task for task, _, _ in compared)
    return Counts(
        topics=len({task.partition("/")[0] for task in tasks}),
        tasks=len(tasks),
        hardware=sum(task.startswith(TOPIC) for task in tasks),
        comparisons=len(compared),
        several=[task for task, number in of_task.items() if number > 1],
        sizes=len({(task, size) for task, _, size in compared}) > len(of_task),
        datasets=len({(task, dataset) for task, dataset, _ in compared}) > len(of_task),
    )


def _verdict(gain: Gain, asked: Sequence[Contest]) -> str:
    """A single ratio has a verdict of its own; of a mean, whether its interval is beyond 1."""
    if len(asked) == 1 and asked[0].ratio is not None:
        return asked[0].ratio.verdict
    return "faster" if gain.mean.low > 1 else "slower" if gain.mean.high < 1 else "inconclusive"


def _alone(asked: Sequence[Contest]) -> str:
    return next((found.cpu.cell.task for found in asked if found.cpu), "")


def _on_cpus(asked: Sequence[Contest]) -> OnCpus | None:
    ratios = [found.ratio for found in asked if found.ratio is not None and found.gpu is None]
    if not ratios:
        return None
    if len(ratios) == 1:
        (found,), (ratio,) = asked, ratios
        sides = [_named(row) for row in (found.cpu, found.opponent) if row is not None]
        return OnCpus(
            1,
            sides,
            as_long(ratio),
            wins(asked).most_common(),
            ratio.verdict != "slower",
            0,
            ratio.verdict,
            clear_wins(asked),
        )
    one_library, won = sum(found.rival is None for found in asked), wins(asked)
    undecided = len(ratios) - one_library - won.total()
    return OnCpus(len(ratios), [], None, won.most_common(), undecided, one_library, "", clear_wins(asked))


def _named(row: Row) -> str:
    return f"{row.cell.library} ({row.cell.implementation})"


def _spent(asked: Sequence[Contest]) -> list[Spent]:
    """Of the GPU sides, and of the CPU sides that they are compared with; without a GPU, of the fastest."""
    sides = ([found.gpu for found in asked if found.gpu], [found.cpu for found in asked if found.cpu])
    made = []
    for rows in sides:
        rests = [rest_of(row) for row in rows if row.measured and row.measured.clocks.end_to_end]
        if rests:
            made.append(
                Spent(
                    device=rests[0].device,
                    results=len(rests),
                    computing=fmean(found.computing for found in rests),
                    copying=fmean(found.put + found.get for found in rests),
                    reading=fmean(found.io for found in rests),
                    other=fmean(found.other for found in rests),
                    reading_inside=_whose_computing(rows, READS),
                    fetching_inside=_whose_computing(rows, FETCHES),
                )
            )
    return made


def _whose_computing(rows: Sequence[Row], includes: str) -> int:
    """How many of these rows have no resident time for this reason."""
    return sum(row.facts.unknown.get("resident") == includes for row in rows if row.measured)


def _from_size(topics: Sequence[TopicAtSize]) -> FromSize:
    known: dict[tuple[str, str], tuple[str, FromTopic]] = {}  # every size of a topic has the same answers
    for index, topic in enumerate(topics):
        for number, of_task in enumerate(topic.from_size):
            known.setdefault((of_task.task, of_task.dataset), (f"topics/{index}/from_size/{number}", of_task))
    starts = [
        Start(of_task.task, of_task.unit, of_task.found.at.value, place)
        for place, of_task in known.values()
        if of_task.found.at is not None
    ]
    return FromSize(
        tasks=len({task for task, _ in known}),
        answers=dict(Counter(of_task.found.answer for _, of_task in known.values())),
        least=min(starts, key=lambda start: start.rows, default=None),
        most=max(starts, key=lambda start: start.rows, default=None),
    )


def _cost(asked: Sequence[Contest], peak: Peak | None) -> Cost:
    pairs = [
        (found.gpu, found.cpu) if found.gpu is not None else (found.cpu, found.opponent)
        for found in asked
        if found.cpu is not None and found.opponent is not None
    ]
    known = [(row, other) for row, other in pairs if row is not None and other is not None]
    memory, energy = _memory(known), _energy(known)
    device = "peak_device_bytes" if any(row.cell.device == "gpu" for row, _ in known) else "peak_host_bytes"
    return Cost(
        energy=energy,
        no_energy="" if energy else _why("joules", known),
        memory=memory,
        no_memory="" if memory else _why(device, known),
        peak=peak,
    )


def _why(name: str, pairs: Sequence[tuple[Row, Row]]) -> str:
    """The most frequent reason why a measure is not known."""
    reasons = Counter(row.facts.unknown[name] for pair in pairs for row in pair if name in row.facts.unknown)
    return reasons.most_common(1)[0][0] if reasons else ""


def _energy(pairs: Sequence[tuple[Row, Row]]) -> Energy | None:
    """With the processors of the GPU's side where these are known of all, else of its board alone."""
    known = [(row, other) for row, other in pairs if _joules(row) > 0 and _joules(other) > 0]
    if not known:
        return None
    on_gpu = [row for row, _ in known if row.cell.device == "gpu"]
    whole = all(row.measured is not None and row.measured.cpu_joules is not None for row in on_gpu)
    of: Callable[[Row], float] = _all_joules if whole else _joules
    ratios = [ratio for row, other in known if 0 < (ratio := of(row) / _joules(other)) < math.inf]
    if not ratios:
        return None
    return Energy(len(ratios), geometric_mean(ratios), whole)


def _joules(row: Row) -> float:
    return (row.measured.joules or 0.0) if row.measured else 0.0


def _all_joules(row: Row) -> float:
    if row.measured is None or row.cell.device == "cpu":
        return _joules(row)
    return _joules(row) + (row.measured.cpu_joules or 0.0)


def _memory(pairs: Sequence[tuple[Row, Row]]) -> Memory | None:
    known = [(amount, row, other) for row, other in pairs if (amount := _memory_of(row)) is not None]
    if not known:
        return None
    amount, row, other = max(known, key=lambda entry: entry[0])
    return Memory(row.cell.task, row.cell.size, amount, other.facts.peak_host_bytes)


def _peak(rows: Sequence[Row], device: str) -> Peak | None:
    """Of the right results on this device; None if it is known of none."""
    right = [row for row in rows if row.cell.device == device and row.measured is not None]
    known = [(amount, row) for row in right if (amount := _memory_of(row)) is not None]
    if not known:
        return None
    amount, row = max(known, key=lambda entry: entry[0])
    cell = row.cell
    return Peak(cell.task, cell.size, cell.library, cell.implementation, amount, len(known))


def _memory_of(row: Row) -> int | None:
    return row.facts.peak_device_bytes if row.cell.device == "gpu" else row.facts.peak_host_bytes


def _belief(rows: Sequence[Row], contests: Iterable[Contest]) -> Belief:
    timed = [row for row in rows if row.measured is not None]
    counts = [row.measured.seconds.replicates for row in rows if row.measured is not None]
    verdicts = [found.ratio.verdict for found in contests if found.ratio is not None]
    undecided = verdicts.count("inconclusive")
    return Belief(
        results=len(rows),
        timed=len(timed),
        least=min(counts, default=None),
        most=max(counts, default=None),
        disturbed=dict(Counter(name for row in timed for name in disturbances(row))),
        decided=len(verdicts) - undecided,
        undecided=undecided,
        outcomes=dict(Counter(_ending(row) for row in rows if row.measured is None)),
        on_gpu=sum(map(is_on_gpu, rows)),
    )


def _ending(row: Row) -> str:
    """The outcome; what was right and has no time is `not_timed`, and what a run did not reach is `not_reached`."""
    if row.result.outcome == Outcome.OK:
        return "not_timed"
    return "not_reached" if is_not_reached(row.result.outcome, row.result.reason) else row.result.outcome

"""The course of `residency prove`: what is measured next, and what fits into the time that is left.

One run measures three sizes. At `smoke` every GPU implementation runs beside every CPU implementation, which tests
parity and finds the strongest opponent. At `lab` and `lecture` it runs beside that opponent alone, and the group that
is expected to cost least comes first. Foundations come before everything else, because the others are judged by what
they measure. A group that is not expected to fit is not started, an opponent that is not expected to fit is left out,
and the user is told of both. Every decision depends on the records alone, so an interrupted proof can be continued on
the same course.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from residency.analysis.proof import Proof, proof
from residency.analysis.roofline import FIGURES, TOPIC
from residency.analysis.row import Row
from residency.analysis.rows import rows
from residency.harness import records
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError, typed
from residency.harness.files import write_whole
from residency.harness.outcomes import Outcome
from residency.harness.records import RunInfo
from residency.reports import proof_page, screen, words
from residency.runners import forecast, machine
from residency.runners.plan import Group, Selection, plan, unavailable
from residency.runners.settings import Settings
from residency.studies.costs import Costs, execution, is_of, same_task
from residency.studies.measuring import Interrupted, as_before, info_of, measure


@dataclass(frozen=True)
class Step:
    """A size, and how thoroughly it is measured."""

    size: str
    replicates: int
    rounds: int


PEAKS = {task for task, *_ in FIGURES.values()}  # the tasks that measure what a device can do at most
STEPS = (Step("smoke", 1, 3), Step("lab", 3, 5), Step("lecture", 3, 5))
SIZES = tuple(step.size for step in STEPS)
PAGE = "README.md"
CLOSING, CLOSING_SHARE = 5.0, 0.1  # seconds, or of the budget, kept back for ending workers and writing the page
ONE_COLD = 3  # the first execution of a process may compile, and take this part of the budget
ONE_EXECUTION = 6  # may take this part of the budget at most: one that hangs must not cost all the others


@dataclass(frozen=True)
class Proved:
    """The result of a proof."""

    records: records.Records
    rows: list[Row]
    proof: Proof


@dataclass
class Course:
    """A proof in progress, in a folder that already holds its `run.json`.

    `groups` are those of every size; it must be over by the `deadline`, in seconds of the monotonic clock.
    """

    groups: Sequence[Group]
    settings: Settings
    info: RunInfo
    folder: Path
    deadline: float
    costs: Costs = field(default_factory=Costs)
    growing: records.Growing = field(init=False)
    tried: int = field(init=False)  # outcomes on record when the course began: what failed before is tried again

    def __post_init__(self) -> None:
        """Read what the folder holds."""
        self.growing = records.Growing(self.folder)
        self.tried = len(self.growing.read().outcomes)

    def run(self) -> Proved:
        """Measure size by size, and write the page after each; raises `Interrupted` when the user stops it."""
        known: list[Row] = []
        below: Step | None = None
        for step in STEPS:
            groups = [one for group in self.groups if (one := contenders(group, step, below, known)) is not None]
            groups = [fitting for group in groups if (fitting := self._without_too_large(group)) is not None]
            groups.sort(key=lambda group: (*rank(group.task.path), self.costs.expected(group, known)))
            self._say(f"{step.size}: {len(groups)} groups, {self._left():.0f} s left")
            for replicate in range(1, step.replicates + 1):
                groups = self._replicate(groups, step, replicate, known)
            proved = write_page(self.folder, self.growing.read())
            known, below = proved.rows, step
        return proved

    def _without_too_large(self, group: Group) -> Group | None:
        """The group without what needs more memory than there is, which is put on record; None if no GPU side is left.

        What was measured in this proof before is measured further.
        """
        ran = {sample.cell.implementation for sample in self.growing.read().samples if is_of(sample, group)}
        large = [
            one
            for one in group.implementations
            if one.id not in ran and unavailable(one) is None and forecast.not_started(group, one) is not None
        ]
        if not large:
            return group
        self._say(f"{group.title}: not started, because memory would not suffice: {', '.join(one.id for one in large)}")
        alone = replace(group, implementations=tuple(large))
        settings, before = replace(self.settings, replicates=1), self.growing.read()
        if measure([alone], settings, self.info, self.folder, before, resumed=False):
            raise Interrupted
        left = tuple(one for one in group.implementations if one not in large)
        return replace(group, implementations=left) if any(one.device == "gpu" for one in left) else None

    def _replicate(self, groups: list[Group], step: Step, replicate: int, known: Sequence[Row]) -> list[Group]:
        """Measure a replicate of each group that fits; return the groups that are worth another."""
        measured = []
        for number, group in enumerate(groups):
            left = self._left()
            if not left:
                self._say(f"{step.size}: no time is left for {len(groups) - number} of {len(groups)} groups")
                break
            fitting = self._fitting(group, replicate, known, left)
            if fitting is not None:
                self._measure(fitting, step, replicate, left / (len(groups) - number))
                measured.append(fitting)
        return [one for group in measured if (one := self._without_failed(group)) is not None]

    def _measure(self, group: Group, step: Step, replicate: int, share: float) -> None:
        """Measure one replicate of one group, within this many seconds if its least work allows that."""
        start, left, before = monotonic(), self._left(), self.growing.read()
        seen = len(before.samples)
        settings = replace(
            self.settings, replicates=replicate, rounds=step.rounds, budget=share * replicate, limit=left
        )
        if measure([group], settings, self.info, self.folder, before, resumed=False):
            raise Interrupted
        took = monotonic() - start
        self.costs.note(group, took, self.growing.read().samples[seen:])

    def _fitting(self, group: Group, replicate: int, known: Sequence[Row], left: float) -> Group | None:
        """The group, without its opponent if it fits only then, or None; the user is told what is left out."""
        whole = self.costs.expected(group, known)
        opponent = next((one for one in group.implementations if one.device == "cpu"), None)
        allowed = min(left, self.settings.timeout or left)
        each = execution(opponent, group, known) if opponent else 0.0
        if whole <= left and each <= allowed:
            return group
        if opponent is not None and replicate == 1:
            alone = replace(group, implementations=tuple(one for one in group.implementations if one.device == "gpu"))
            if self.costs.expected(alone, known) <= left:
                times = f"about {words.seconds(each)} an execution expected, {words.seconds(allowed)} allowed"
                self._say(f"{group.title}: without {opponent.id}: {times}")
                return alone
        times = f"about {words.seconds(whole)} expected, {words.seconds(left)} left"
        self._say(f"{group.title}: replicate {replicate} not started: {times}")
        return None

    def _without_failed(self, group: Group) -> Group | None:
        """The group without what did not end ok in this proof; None if no GPU implementation is left."""
        outcomes = self.growing.read().outcomes[self.tried :]
        failed = {one.cell.implementation for one in outcomes if is_of(one, group) and one.outcome != Outcome.OK}
        going = tuple(one for one in group.implementations if one.id not in failed)
        return replace(group, implementations=going) if any(one.device == "gpu" for one in going) else None

    def _left(self) -> float:
        return max(0.0, self.deadline - monotonic())

    def _say(self, text: str) -> None:
        screen.progress().print(text, style="dim", highlight=False, soft_wrap=True)


def rank(task: str) -> tuple[bool, bool]:
    """The order: peaks, then other foundations, then everything else (false comes before true)."""
    return task not in PEAKS, not task.startswith(TOPIC)


def contenders(group: Group, step: Step, below: Step | None, known: Sequence[Row]) -> Group | None:
    """The group with those of its implementations that take part in a step; None where none does."""
    if group.size != step.size:
        return None
    on_gpu = [one for one in group.implementations if one.device == "gpu"]
    on_cpu = [one for one in group.implementations if one.device == "cpu" and not one.beside]
    if below is None:
        chosen = [*on_cpu, *on_gpu] if any(unavailable(one) is None for one in on_gpu) else on_gpu
    else:
        good = [row for row in known if same_task(row, group) and row.cell.size == below.size and row.measured]
        times = {row.cell.implementation: row.median for row in good}
        on_gpu = [one for one in on_gpu if one.id in times]
        beside = sorted((one for one in on_cpu if one.id in times), key=lambda one: times[one.id])
        if group.task.path not in PEAKS:  # where the fastest by time may not be the one that reaches the most
            beside = beside[:1]
        chosen = [*beside, *on_gpu] if on_gpu else []
    return replace(group, implementations=tuple(chosen)) if chosen else None


def begun(catalogue: Catalogue, tasks: Sequence[str], budget: float, results: Path) -> Course:
    """A new proof, in a folder named after the machine; raises `UsageError` where nothing can be proved."""
    deadline = _deadline(budget)
    selection = Selection(tasks=tasks, sizes=SIZES)
    groups, settings = _with_gpu(plan(catalogue, selection)), _settings(budget)
    info = _info(groups, settings, selection)
    folder = _new(results / machine.name_of(info.machine), info)
    return Course(groups, settings, info, folder, deadline)


def gone_on_with(catalogue: Catalogue, before: records.Records, budget: float, folder: Path) -> Course:
    """A proof that lies in a folder, where it was interrupted."""
    deadline = _deadline(budget)
    selection, _ = as_before(before.info)
    return Course(_with_gpu(plan(catalogue, selection)), _settings(budget), before.info, folder, deadline)


def proof_in(folder: Path) -> records.Records:
    """The proof to continue; raises `UsageError` if the folder holds none, or one of another machine."""
    before = records.read(folder)
    if tuple(before.info.settings.get("sizes", ())) != SIZES:
        raise UsageError(f"{folder} is not a proof; continue it with: residency run --resume {typed(folder)}")
    there, here = machine.name_of(before.info.machine), machine.name_of(machine.facts())
    if there != here:
        raise UsageError(f"{folder} was measured on {there}, and this is {here}: continue it there")
    return before


def write_page(folder: Path, measured: records.Records) -> Proved:
    """Write the page in one step, so that it is never half written; return what it says."""
    found = rows(measured)
    proved = proof(measured, found)
    write_whole(folder / PAGE, proof_page.render(measured, found, proved))
    return Proved(measured, found, proved)


def _deadline(budget: float) -> float:
    return monotonic() - machine.seconds_running() + budget - min(CLOSING, CLOSING_SHARE * budget)


def _settings(budget: float) -> Settings:
    warm, cold = budget / ONE_EXECUTION, budget / ONE_COLD
    return Settings(STEPS[-1].replicates, STEPS[-1].rounds, budget, timeout=warm, cold_timeout=cold)


def _with_gpu(groups: list[Group]) -> list[Group]:
    """The groups that have a GPU implementation."""
    kept = [group for group in groups if any(one.device == "gpu" for one in group.implementations)]
    if not kept:
        raise UsageError("nothing to prove: none of these tasks has a GPU implementation; see `residency list`")
    return kept


def _info(groups: list[Group], settings: Settings, selection: Selection) -> RunInfo:
    """Only the smallest size is planned; what it finds decides what comes after."""
    first = [some for group in groups if (some := contenders(group, STEPS[0], None, ())) is not None]
    return info_of(first, settings, selection)


def _new(folder: Path, info: RunInfo) -> Path:
    """A new run's folder; raises `UsageError` if it exists already."""
    if folder.exists():
        raise UsageError(
            f"{folder} exists already; continue it with: residency prove --resume {typed(folder)}, or name another "
            "place with --results"
        )
    with records.Recorder(folder, info):
        return folder

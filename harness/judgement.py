"""Which results of a run are right, when all of them are known: the one place that decides it.

A worker checks only its own results: they must be numbers, reach the floor, and agree with the exact solution if there
is one. This module sees all results together. Reports, proofs, comparisons and the exit status all ask `judge`.

If nobody knows what is right, the others are compared with the best result of the group. Right results differ, for two
reasons. First, libraries make different models of the same data: a task's `tolerance` allows for that. Second, every
quality is an estimate from the judged items, whether 48 or a million. All results are judged by the same items, so
their share in the difference is known (`quality.Judged`). A result is wrong if it falls short by more than
the tolerance and chance explain together.

    error       by chance, one right result in ten thousand comparisons may be called wrong; the comparisons of a
                group share this error
    freedom     shares that hardly differ say nothing about the spread: if only twelve of 64 shares hold a fraud, about
                twelve count; no more shares count than the rarest class has items
    too few     if even a result that learned half as much as the best would pass, nothing is compared, and the report
                says so
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from residency.harness.outcomes import NOT_REACHED, OK, Ending, Outcome, is_not_reached, is_not_started
from residency.harness.quality import Judged
from residency.harness.records import Cell, OutcomeRecord, Records, RunInfo, Sample
from residency.harness.student import quantile
from residency.harness.task_info import TaskInfo

NOT_MEASURED = f"{NOT_REACHED}the run ended before its turn"
OWN_SHARE = 0.15  # tolerance on the user's own data, for which no task has one: a share of what the best result learned
ERROR = 1e-4  # probability that a right result is called wrong by chance, for all comparisons of a group together
LEARNED = 0.5  # share of what the best result learned: a check that cannot see so much missing is useless
LEAST_FREEDOM = 10.0  # with fewer degrees of freedom, the spread is not known


@dataclass
class Evidence:
    """All records of one cell."""

    samples: list[Sample] = field(default_factory=list)
    outcomes: list[OutcomeRecord] = field(default_factory=list)

    def keep_latest(self) -> None:
        """Drop what was measured under another resume key than the last record's: other code, other libraries."""
        records: list[Sample | OutcomeRecord] = [*self.samples, *self.outcomes]
        if records:
            key = max(records, key=lambda record: record.at).key
            self.samples = [sample for sample in self.samples if sample.key == key]
            self.outcomes = [outcome for outcome in self.outcomes if outcome.key == key]

    def timed(self) -> dict[int, list[float]]:
        """Seconds of the timed samples by replicate."""
        seconds: dict[int, list[float]] = {}
        for sample in self.samples:
            if sample.phase == "timed":
                seconds.setdefault(sample.replicate, []).append(sample.seconds)
        return seconds

    @property
    def last(self) -> OutcomeRecord | None:
        """The outcome that counts: the last one of a replicate that was reached, if there is one."""
        reached = [outcome for outcome in self.outcomes if not is_not_reached(outcome.outcome, outcome.reason)]
        return next(reversed(reached or self.outcomes), None)

    @property
    def judged(self) -> Judged | None:
        """What the quality of its last outcome is based on, if recorded."""
        kept = next((outcome.judged for outcome in reversed(self.outcomes) if outcome.judged), None)
        return Judged(**kept) if kept else None

    def where(self, outcome: OutcomeRecord) -> Ending:
        """The outcome; if there are several replicates, its reason names the replicate, unless it was not started."""
        if is_not_started(outcome.outcome, outcome.reason):
            return outcome.ending
        replicates = {sample.replicate for sample in self.samples} | {ended.replicate for ended in self.outcomes}
        where = f"in replicate {outcome.replicate + 1}: " if len(replicates) > 1 else ""
        return Ending(outcome.ending.outcome, where + outcome.reason)

    def ending(self) -> Ending:
        """The last outcome, because an outcome other than ok ends a cell; a cell that was never reached says so."""
        last = self.last
        reached = last is not None and not is_not_reached(last.outcome, last.reason)
        if last is not None and last.ending != OK and reached:
            return self.where(last)
        if reached or any(sample.phase == "timed" for sample in self.samples):
            return OK
        return Ending(Outcome.UNAVAILABLE, NOT_MEASURED) if last is None else last.ending


@dataclass(frozen=True)
class Judgement:
    """The judgement of one cell."""

    ending: Ending
    error: float | None = None  # standard error of the quality, from the judged items
    remark: str = ""  # why its quality could not be compared


def evidence(records: Records) -> dict[Cell, Evidence]:
    """The records by cell, those of the plan first and in its order."""
    by_cell: dict[Cell, Evidence] = {replace(cell, rows=None): Evidence() for cell in records.info.cells}
    of = functools.cache(lambda cell: by_cell.setdefault(replace(cell, rows=None), Evidence()))
    for sample in records.samples:
        of(sample.cell).samples.append(sample)
    for outcome in records.outcomes:
        of(outcome.cell).outcomes.append(outcome)
    for cell_evidence in by_cell.values():
        cell_evidence.keep_latest()
    return by_cell


def judge(by_cell: Mapping[Cell, Evidence], info: RunInfo) -> dict[Cell, Judgement]:
    """The judgement of every cell of a run."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in by_cell:
        groups.setdefault((cell.task, cell.dataset, cell.size), []).append(cell)
    judgements = {cell: Judgement(known.ending(), standard_error(known.judged)) for cell, known in by_cell.items()}
    for cells in groups.values():
        judgements |= _against_the_best(cells, by_cell, judgements, info.tasks.get(cells[0].task))
    return judgements


def judge_outcomes(outcomes: Iterable[OutcomeRecord], info: RunInfo) -> dict[Cell, Judgement]:
    """The judgement of every cell, from only the outcomes of a run."""
    by_cell: dict[Cell, Evidence] = {}
    for outcome in outcomes:
        by_cell.setdefault(replace(outcome.cell, rows=None), Evidence()).outcomes.append(outcome)
    for cell_evidence in by_cell.values():
        cell_evidence.keep_latest()
    return judge(by_cell, info)


def standard_error(judged: Judged | None) -> float | None:
    """The standard error of a quality, by the jackknife; None if it is not known."""
    if judged is None or len(judged.shares) < 2:
        return None
    return float(np.std(judged.shares, ddof=1) / math.sqrt(len(judged.shares)))


def _against_the_best(
    cells: list[Cell], by_cell: Mapping[Cell, Evidence], judgements: Mapping[Cell, Judgement], task: TaskInfo | None
) -> dict[Cell, Judgement]:
    """The judgements that change when each result is compared with the best of its group."""
    good = {
        cell: last
        for cell in cells
        if (last := by_cell[cell].last) is not None
        and judgements[cell].ending == OK
        and last.quality is not None
        and (task is None or cell.implementation not in task.beside)
    }
    if task is None or len(good) < 2 or any(last.reference is not None for last in good.values()):
        return {}
    sign = 1.0 if task.better == "higher" else -1.0
    best = max(good, key=lambda cell: sign * (good[cell].quality or 0.0))
    changed = {}
    for cell, last in good.items():
        if cell == best or last.data_hash != good[best].data_hash:
            continue
        comparison = _Comparison(task, good[best], last, by_cell[best].judged, by_cell[cell].judged, len(good) - 1)
        if (reason := comparison.reason()) is not None:
            changed[cell] = replace(judgements[cell], ending=Ending(Outcome.WRONG, reason))
        elif remark := comparison.too_few():
            changed[cell] = replace(judgements[cell], remark=remark)
    return changed


@dataclass(frozen=True)
class _Comparison:
    """A result against the best one."""

    task: TaskInfo
    best: OutcomeRecord
    other: OutcomeRecord
    best_judged: Judged | None
    other_judged: Judged | None
    comparisons: int  # number of comparisons in the group, which share the error

    @property
    def short(self) -> float:
        """How much worse the result is than the best: absolute, or a fraction of the best."""
        best, other = self.best.quality or 0.0, self.other.quality or 0.0
        short = best - other if self.task.better == "higher" else other - best
        return short / abs(best) if self.task.relative and best else short

    @property
    def paired(self) -> tuple[Judged, Judged] | None:
        """What both qualities are based on, if these are the same items."""
        best, other = self.best_judged, self.other_judged
        if best is None or other is None or (best.count, len(best.shares)) != (other.count, len(other.shares)):
            return None
        return best, other

    @property
    def spread(self) -> tuple[float, float]:
        """Standard error of the difference, and its degrees of freedom."""
        if self.paired is None or not self.paired[0].shares:
            return 0.0, 0.0
        best, other = self.paired
        difference = np.array(best.shares) - np.array(other.shares)
        squares = difference**2
        if not squares.any():
            return 0.0, math.inf
        shares = len(squares)
        counting = float(squares.sum() ** 2 / (squares**2).sum())  # a third of the shares if they are normal
        error = float(np.std(difference, ddof=1) / math.sqrt(shares))
        return error, max(0.0, min(shares - 1.0, 3.0 * counting - 1.0, self.paired[0].fewest - 1.0))

    @property
    def learned(self) -> float:
        """How much better the best is than a result without any knowledge."""
        return abs((self.best.quality or 0.0) - self.best_judged.chance) if self.best_judged else 0.0

    @property
    def tolerance(self) -> float:
        """How much the models of right libraries may differ."""
        if self.task.datasets.get(self.best.cell.dataset) == "own":
            return max(self.task.tolerance, OWN_SHARE * self.learned)
        return self.task.tolerance

    @property
    def by_chance(self) -> float:
        """How much of the difference chance explains, from the judged items."""
        error, freedom = self.spread
        return quantile(2 * ERROR / self.comparisons, freedom) * error if error else 0.0

    @property
    def is_untold(self) -> bool:
        """Whether too little was judged to compare anything."""
        if self.paired is None:
            return self.best_judged is not None
        return self.spread[1] < LEAST_FREEDOM

    @property
    def agrees(self) -> bool:
        """Whether both are equally good in nearly every share, so that too few differ to tell their spread."""
        if self.paired is None or not self.paired[0].shares or self.paired[0].fewest <= LEAST_FREEDOM:
            return False
        best, other = self.paired
        apart = float(np.abs(np.array(best.shares) - np.array(other.shares)).mean())
        return apart + self.short <= self.tolerance <= LEARNED * self.learned

    def reason(self) -> str | None:
        """Why it is wrong; None if it is not known to be wrong."""
        if self.is_untold or self.short <= self.tolerance + self.by_chance:
            return None
        chance = f", chance explains {self.by_chance:.3g} more" if self.by_chance else ""
        why = f"the tolerance is {self.tolerance:.3g}{chance}"
        best, other = self.best.quality or 0.0, self.other.quality or 0.0
        return (
            f"{self.task.metric} {other:.6g} falls short of {self.best.cell.implementation}'s {best:.6g} by "
            f"{self.short:.3g}; {why}"
        )

    def too_few(self) -> str:
        """A remark if the comparison cannot detect a wrong result; empty if it can."""
        if self.best_judged is None or self.short <= 0 or (not self.spread[0] and not self.is_untold):
            return ""
        judged = self.best_judged
        if self.agrees:
            return ""
        if not self.is_untold and self.tolerance + self.by_chance <= LEARNED * self.learned:
            return ""
        few = f"{judged.count}"
        if judged.fewest < judged.count:
            few += f", {judged.fewest} of the rarest class"
        return f"quality not compared: too few {judged.unit} ({few}) to tell a right result from a wrong one"

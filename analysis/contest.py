"""Who is compared with whom in a group, who won, and what all groups of a run add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from residency.analysis.doubt import in_doubt
from residency.analysis.ratios import as_long
from residency.analysis.row import Row, Speedup
from residency.harness.statistics import Interval
from residency.harness.task_info import TaskInfo


@dataclass(frozen=True)
class Contest:
    """The rows of one task on one dataset at one size that are compared."""

    measured: list[Row]  # the fastest first
    untold: list[Row]  # these have a time, but nobody can tell whether it is a GPU's

    @property
    def cpu(self) -> Row | None:
        """The fastest on the CPU."""
        return next((row for row in self.measured if row.cell.device == "cpu"), None)

    @property
    def gpu(self) -> Row | None:
        """The fastest on the GPU."""
        return next((row for row in self.measured if row.cell.device == "gpu"), None)

    @property
    def opponent(self) -> Row | None:
        """Whom the fastest on the CPU is compared with: the fastest on the GPU, without one the next on the CPU."""
        if self.cpu is None:
            return None
        return self.gpu or next((row for row in self.measured if row is not self.cpu), None)

    @property
    def ratio(self) -> Speedup | None:
        """How many times as fast the opponent is; None if no process measured both, or if there is no opponent."""
        return self.opponent.compared.speedup if self.opponent is not None else None

    @property
    def between_devices(self) -> bool:
        """Whether a GPU implementation has a ratio to a CPU implementation."""
        return self.cpu is not None and self.gpu is not None and self.gpu.compared.speedup is not None

    @property
    def rival(self) -> Row | None:
        """The fastest of another library than the fastest on the CPU, where no GPU implementation has a time."""
        return rival(self.measured) if self.gpu is None else None

    @property
    def winner(self) -> Row | None:
        """The fastest on the CPU, if it is clearly faster than every other library."""
        return self.cpu if has_lost(self.rival) else None


def contest(group: Sequence[Row], task: TaskInfo | None) -> Contest:
    """Who is compared in a group. What does less than the task is not."""
    beside = task.beside if task else []
    comparable = [row for row in group if row.measured and row.cell.implementation not in beside]
    told = [row for row in comparable if not in_doubt(row)]
    return Contest(sorted(told, key=lambda row: row.median), [row for row in comparable if in_doubt(row)])


def library(row: Row) -> str:
    """The library of a row, whichever of its modules it uses: `sklearn`."""
    return row.cell.library.partition(".")[0]


def rival(ranked: Sequence[Row]) -> Row | None:
    """The fastest row of another library than the fastest; None if there is only one library."""
    return next((row for row in ranked[1:] if library(row) != library(ranked[0])), None)


def has_lost(row: Row | None) -> bool:
    """Whether a row is clearly slower than the fastest."""
    return row is not None and row.compared.speedup is not None and row.compared.speedup.verdict == "slower"


@dataclass(frozen=True)
class Win:
    """A comparison that one CPU library clearly won."""

    task: str
    dataset: str
    size: str
    library: str
    implementation: str
    rival: str  # the next library
    ratio: Interval  # how many times as fast as the rival it is


def clear_wins(contests: Iterable[Contest]) -> list[Win]:
    """The comparisons that one CPU library clearly won, the largest factor first."""
    found = []
    for entry in contests:
        winner, lost = entry.winner, entry.rival
        if winner is not None and lost is not None and lost.compared.speedup is not None:
            cell, ratio = winner.cell, as_long(lost.compared.speedup)
            names = cell.task, cell.dataset, cell.size, library(winner), cell.implementation, library(lost)
            found.append(Win(*names, ratio))
    return sorted(found, key=lambda win: -win.ratio.value)


def verdicts(contests: Iterable[Contest]) -> Counter[str]:
    """In how many groups the fastest on the GPU is faster than the CPU, slower, equivalent or inconclusive."""
    found = (contest.ratio for contest in contests if contest.gpu is not None)
    return Counter(ratio.verdict for ratio in found if ratio is not None)


def wins(contests: Iterable[Contest]) -> Counter[str]:
    """In how many groups each CPU library is clearly faster than all other libraries."""
    won = (contest.winner for contest in contests)
    return Counter(library(row) for row in won if row is not None)

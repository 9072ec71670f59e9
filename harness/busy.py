"""How busy the machine was during a measurement, from all its samples together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from residency.harness.records import Cell, Sample

TICKS_SECONDS = 0.1  # the shortest sample in which other processes' time is told apart from the clock's steps
DISTURBED = 0.1  # cores kept busy by others: less is what any machine does


@dataclass
class Busy:
    """The samples of implementations that took turns, added up. Times in seconds, of all threads together."""

    threads: int = 1  # the most of any
    waited: float = 0.0
    worked: float = 0.0  # processor time of the samples that say how long they waited
    told: float = 0.0  # what those lasted
    others: float = 0.0  # processor time of other processes, beside samples long enough to tell
    beside: float = 0.0  # what those lasted
    lasted: float = 0.0  # all samples

    def add(self, sample: Sample) -> None:
        """Add a timed sample. Other samples do not show whether the times that count were disturbed."""
        if sample.phase != "timed":
            return
        self.threads = max(self.threads, sample.threads)
        self.lasted += sample.seconds * sample.calls
        if sample.waited_seconds is not None and sample.cpu_seconds is not None:
            self.waited += sample.waited_seconds * sample.calls
            self.worked += sample.cpu_seconds * sample.calls
            self.told += sample.seconds * sample.calls
        if sample.other_cpu_seconds is not None and sample.seconds * sample.calls >= TICKS_SECONDS:
            self.others += sample.other_cpu_seconds * sample.calls
            self.beside += sample.seconds * sample.calls

    def extend(self, samples: Iterable[Sample]) -> None:
        """Add several samples."""
        for sample in samples:
            self.add(sample)

    @property
    def other_cores(self) -> float | None:
        """Cores that other processes kept busy during the samples."""
        return self.others / self.beside if self.beside else None

    @property
    def measured(self) -> bool:
        """Whether Linux reported how long the work waited for a core."""
        return self.waited + self.worked > 0

    @property
    def tells_others(self) -> bool:
        """Whether other processes were observed for most of the time."""
        return self.beside > self.lasted / 2

    def waiting(self, cores: int) -> float:
        """The share of its time that the work waited for one of the machine's cores.

        It is a share of the time that its threads ran or were ready to run; if they slept, for a disk or a GPU for
        example, of all the time. If Linux does not report it, or the record is older, it is estimated from the cores
        that other processes kept busy.
        """
        if self.measured:
            return self.waited / max(self.waited + self.worked, self.told)
        others = self.other_cores or 0.0
        return max(0.0, self.threads + others - cores) / (self.threads + others) if others > DISTURBED else 0.0


def busy(samples: Iterable[Sample]) -> Busy:
    """How busy the machine was while these samples were taken."""
    found = Busy()
    found.extend(samples)
    return found


def waiting_of(cells: Mapping[Cell, Sequence[Sample]], cores: int) -> dict[Cell, float]:
    """The share of its time that each cell's work waited for a core; at least that of its group, which took turns.

    A cell's own samples are few, and its neighbours ran on the same machine at the same time.
    """
    groups: dict[tuple[str, str, str], Busy] = {}
    for cell, samples in cells.items():
        groups.setdefault((cell.task, cell.dataset, cell.size), Busy()).extend(samples)
    return {
        cell: max(busy(samples).waiting(cores), groups[cell.task, cell.dataset, cell.size].waiting(cores))
        for cell, samples in cells.items()
    }

"""What a run proved on a GPU: implementation by implementation, at which size, and what it gained.

An implementation is proved only if it returned on the GPU with a result that passed its quality check. If it may have
run on the CPU instead, it is not proved. What failed, what could not run and what was not reached is on the same page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from residency.analysis.doubt import in_doubt, is_on_gpu
from residency.analysis.gain import Gain, gains
from residency.analysis.growth import expected
from residency.analysis.roofline import FIGURES, peak
from residency.analysis.row import Group, Row
from residency.harness.judgement import NOT_MEASURED
from residency.harness.outcomes import Outcome, is_not_started
from residency.harness.records import Records

NOT_REACHED = "not reached"
NOT_STARTED = "not started"  # by its forecast it needs more memory than there is
NOT_TRIED = "-"  # of no such size, or not ok at a smaller one
UNCLEAR = "unclear"  # ok, and it is not known whether it ran on the GPU


@dataclass(frozen=True)
class Standing:
    """One GPU implementation: its outcome by size, or `UNCLEAR`, `NOT_STARTED`, `NOT_REACHED` or `NOT_TRIED`."""

    task: str
    implementation: str
    library: str
    sizes: dict[str, str]

    @property
    def name(self) -> str:
        """For people: `tabular/ridge:normal_equations@gpu`."""
        return f"{self.task}:{self.implementation}"

    @property
    def proved_at(self) -> str | None:
        """The largest size at which it is proved."""
        return next((size for size in reversed(self.sizes) if self.sizes[size] == Outcome.OK), None)

    @property
    def cut_at(self) -> str | None:
        """The smallest size that was not reached."""
        return next((size for size, outcome in self.sizes.items() if outcome == NOT_REACHED), None)


@dataclass(frozen=True)
class Alone:
    """A task at a size at which the GPU had no opponent, and how long the opponent would have taken."""

    task: str
    size: str
    implementation: str | None
    seconds: float | None


@dataclass(frozen=True)
class Proof:
    """What a run says about the GPU implementations."""

    standings: list[Standing]
    gains: list[Gain]
    peaks: dict[str, dict[str, float | None]]  # by device and limit, a second, as measured in the run
    alone: list[Alone]

    @property
    def proved(self) -> list[Standing]:
        """Those that are proved at any size."""
        return [one for one in self.standings if one.proved_at]

    @property
    def flawless(self) -> bool:
        """Whether something is proved, and everything that can run on the GPU is."""
        harmless = {Outcome.OK, Outcome.UNAVAILABLE, NOT_STARTED, NOT_REACHED, NOT_TRIED}
        return bool(self.proved) and all(set(one.sizes.values()) <= harmless for one in self.standings)


def proof(records: Records, found: Sequence[Row]) -> Proof:
    """What a run proved, from its rows."""
    peaks: dict[str, dict[str, float | None]] = {
        device: {limit: peak(found, device, limit) for limit in FIGURES} for device in ("cpu", "gpu")
    }
    return Proof(_standings(records, found), gains(found), peaks, _alone(found))


def _standings(records: Records, found: Sequence[Row]) -> list[Standing]:
    by_size = {(row.cell.task, row.cell.implementation, row.cell.size): row for row in found}
    mine = {(row.cell.task, row.cell.implementation): row for row in found if row.cell.device == "gpu"}
    return [
        Standing(task, implementation, row.cell.library, _outcomes(records, by_size, task, implementation))
        for (task, implementation), row in mine.items()
    ]


def _outcomes(
    records: Records, by_size: dict[tuple[str, str, str], Row], task: str, implementation: str
) -> dict[str, str]:
    """An implementation's outcome at each size of the run; after a size that went wrong no larger one is tried."""
    outcomes: dict[str, str] = {}
    going = True
    for size in records.info.settings["sizes"]:
        row = by_size.get((task, implementation, size))
        if size not in records.info.tasks[task].sizes or not going:
            outcomes[size] = NOT_TRIED
        elif row is None or row.result.reason == NOT_MEASURED:
            outcomes[size] = NOT_REACHED
        elif is_not_started(row.result.outcome, row.result.reason):
            outcomes[size], going = NOT_STARTED, False
        else:
            outcomes[size] = UNCLEAR if in_doubt(row) else row.result.outcome
            going = row.result.outcome == Outcome.OK
    return outcomes


def _alone(found: Sequence[Row]) -> list[Alone]:
    """Where the GPU had no opponent, and the opponent's time expected from smaller sizes."""
    alone: dict[Group, Alone] = {}
    for row in found:
        if not is_on_gpu(row) or row.compared.speedup is not None or row.group in alone:
            continue
        smaller = [other for other in found if other.cell.task == row.cell.task and _is_opponent(other)]
        last = max(smaller, key=lambda other: (other.cell.rows or 0, -other.median), default=None)
        times = {
            other.cell.rows: other.median
            for other in smaller
            if last and other.cell.implementation == last.cell.implementation and other.cell.rows
        }
        seconds = expected(times, row.cell.rows) if times and row.cell.rows else None
        name = last.cell.implementation if last else None
        alone[row.group] = Alone(row.cell.task, row.cell.size, name, seconds)
    return list(alone.values())


def _is_opponent(row: Row) -> bool:
    return row.cell.device == "cpu" and row.measured is not None and bool(row.cell.rows)

"""How long measuring took, by the records, and will take: to propose a budget that is enough, and to tell the user.

A turn is the least work of one implementation in one replicate: its process starts, gets its data, executes cold, warms
up and is timed once, and each result is judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from residency.analysis.row import Row
from residency.harness.outcomes import OK, Ending, is_not_reached
from residency.harness.records import Cell, Records, Sample

START = 1.0  # seconds until Python and NumPy are up
WORTH = 1.5  # times its turns: a run spends half of what starting took on further rounds


@dataclass(frozen=True)
class Turn:
    """Seconds of an implementation's turn, how many of them grow with the rows, and the rows."""

    seconds: float
    executing: float
    rows: int | None

    def at(self, rows: int | None) -> float:
        """Seconds at other numbers of rows, in proportion."""
        if rows is None or not self.rows:
            return self.seconds
        return self.seconds - self.executing + self.executing * rows / self.rows


def turns(samples: Iterable[Sample]) -> dict[Cell, Turn]:
    """The shortest turn of each cell, because the first turn of a group includes making the data."""
    by_turn: dict[tuple[Cell, int, str], list[Sample]] = {}
    for sample in samples:
        by_turn.setdefault((sample.cell, sample.replicate, sample.key), []).append(sample)
    shortest: dict[Cell, Turn] = {}
    for (cell, _, _), mine in by_turn.items():
        turn = _turn(cell, mine)
        if turn is not None and (cell not in shortest or turn.seconds < shortest[cell].seconds):
            shortest[cell] = turn
    return shortest


def _turn(cell: Cell, samples: Sequence[Sample]) -> Turn | None:
    """None if it has no timed sample."""
    timed = [sample.seconds * sample.calls + (sample.aside_seconds or 0.0) for sample in samples if _is_timed(sample)]
    if not timed:
        return None
    before = [sample for sample in samples if not _is_timed(sample)]
    importing = sum(sample.stages.get("import", 0.0) for sample in before)
    whole = median(timed) + sum(sample.seconds + (sample.aside_seconds or 0.0) for sample in before)
    return Turn(START + whole, whole - importing, cell.rows)


def _is_timed(sample: Sample) -> bool:
    return sample.phase == "timed"


def budget_for_all(records: Records) -> float | None:
    """Seconds that the run is expected to take with all its replicates; None if too little is known.

    What was not reached counts like the longest of its group, or of the run if nothing of its group was reached.
    """
    known = {_without_rows(cell): turn for cell, turn in turns(records.samples).items()}
    if not known or "replicates" not in records.info.settings:
        return None
    ended = {_without_rows(record.cell) for record in records.outcomes if _is_over(record.ending)}
    total = 0.0
    for cell in records.info.cells:
        if cell in ended and cell not in known:
            continue
        group = [turn for other, turn in known.items() if _group(other) == _group(cell)]
        turn = known.get(cell) or max(group or known.values(), key=lambda turn: turn.seconds)
        total += turn.seconds
    return _rounded_up(WORTH * total * records.info.settings["replicates"])


@dataclass(frozen=True)
class Shortfall:
    """Fewer processes were measured than were asked for."""

    least: int  # processes of an implementation
    most: int
    planned: int
    budget: float | None  # seconds that all of them are expected to take; None where that is not known


def shortfall(records: Records, rows: Sequence[Row]) -> Shortfall | None:
    """How many processes of each implementation `residency run` measured; None if it measured all of them."""
    info = records.info
    planned = info.settings.get("replicates")
    if info.command[1:2] != ["run"] or planned is None:
        return None
    there = [row.measured.seconds.replicates if row.measured else 0 for row in rows if _is_measurable(row)]
    if not there or min(there) >= planned:
        return None
    return Shortfall(min(there), max(there), planned, budget_for_all(records))


def _is_measurable(row: Row) -> bool:
    return row.measured is not None or is_not_reached(row.result.outcome, row.result.reason)


def _group(cell: Cell) -> tuple[str, str, str]:
    return cell.task, cell.dataset, cell.size


def _is_over(ending: Ending) -> bool:
    return ending != OK and not is_not_reached(ending.outcome, ending.reason)


def _without_rows(cell: Cell) -> Cell:
    return replace(cell, rows=None)


def _rounded_up(seconds: float) -> float:
    """Rounded up to two digits, as a person would type a budget."""
    step = 10.0 ** max(0, math.floor(math.log10(max(seconds, 1.0))) - 1)
    return math.ceil(seconds / step) * step


@dataclass
class Seen:
    """How long turns took in earlier runs on this machine."""

    turns: dict[Cell, Turn] = field(default_factory=dict)
    by_hash: dict[tuple[str, str], Turn] = field(default_factory=dict)  # by data's hash and implementation
    runs: int = 0

    def add(self, records: Records) -> None:
        """Learn from a run. What is known already stays, so add the newest run first."""
        found = turns(records.samples)
        hashes = {sample.cell: sample.data_hash for sample in records.samples}
        for cell, turn in found.items():
            self.turns.setdefault(cell, turn)
            self.by_hash.setdefault((hashes[cell], f"{cell.task}:{cell.implementation}"), turn)
        self.runs += bool(found)

    def turn(self, cell: Cell, data_hash: str | None = None) -> float:
        """Seconds that a turn of a cell is expected to take; 0 if nothing similar was seen.

        For the user's own data, only runs on the same bytes count, which the hash shows.
        """
        if data_hash is not None:
            known = self.by_hash.get((data_hash, f"{cell.task}:{cell.implementation}"))
            return known.seconds if known else 0.0
        alike = {other: turn for other, turn in self.turns.items() if _is_alike(other, cell)}
        for other, turn in alike.items():
            if _group(other) == _group(cell):
                return turn.at(cell.rows)
        if cell.rows is None or not (sized := [turn for turn in alike.values() if turn.rows]):
            return 0.0
        rows = cell.rows
        return min(sized, key=lambda turn: abs(math.log((turn.rows or 1) / rows))).at(rows)


def _is_alike(cell: Cell, other: Cell) -> bool:
    return (cell.task, cell.implementation) == (other.task, other.implementation)

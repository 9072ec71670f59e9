"""What disturbed the measurement of a row: the one rule by which reports mark and count it."""

from __future__ import annotations

from typing import Literal

from residency.analysis.row import Row
from residency.harness.statistics import BUSY

DISTURBED = 0.1  # busy cores of other processes, above which a report mentions them
Disturbance = Literal["busy", "shared", "slowed"]


def disturbances(row: Row) -> list[Disturbance]:
    """A busy machine, a shared GPU, or a lowered clock of its GPU; empty without a time."""
    if row.measured is None:
        return []
    told: dict[Disturbance, bool] = {
        "busy": waited(row) or has_others(row),
        "shared": bool(row.facts.tenants),
        "slowed": bool(row.facts.slowed_by),
    }
    return [name for name, holds in told.items() if holds]


def waited(row: Row) -> bool:
    """Whether its work, or that of the implementations with which it took turns, waited long for a core."""
    return row.measured is not None and row.measured.waiting > BUSY


def has_others(row: Row) -> bool:
    """Whether other processes kept cores busy meanwhile."""
    return row.measured is not None and (row.measured.other_cores or 0.0) > DISTURBED

"""Where a result was computed, as far as that can be told: the one rule by which a result is credited to a GPU.

A right result that was asked for on a GPU may have been computed on the CPU without a trace of it, for example on a
cluster that was started elsewhere. Then its record says why nobody can tell (`runners/fallback.py`). Such a result
keeps its time, and counts nowhere as a GPU's.
"""

from __future__ import annotations

from collections.abc import Mapping

from residency.analysis.row import Row
from residency.harness.outcomes import Outcome

FELL_BACK = "fell_back"  # the name of the reason among those why something is not known


def in_doubt(row: Row) -> bool:
    """Whether its result is ok, but nobody can tell whether it ran on the GPU."""
    return row.result.outcome == Outcome.OK and is_untold(row.facts.unknown)


def is_untold(unknown: Mapping[str, str]) -> bool:
    """Whether a record says that nobody can tell where it ran."""
    return FELL_BACK in unknown


def is_on_gpu(row: Row) -> bool:
    """Whether it has a time, and that is known to be a GPU's."""
    return row.cell.device == "gpu" and row.measured is not None and not in_doubt(row)

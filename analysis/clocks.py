"""The four clocks of an implementation: cold start, transfers, compute, end to end; and when a cold start pays off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from residency.harness.records import Sample
from residency.harness.run import stage_kind


@dataclass(frozen=True)
class Clocks:
    """Where one execution's time goes, by kind, in seconds. The first four add up to `end_to_end` of a warm call.

    `cold` is the first call in a fresh process, and `imports` is the part of it that imports libraries. `first_call` is
    the rest of what a cold call takes longer than a warm one (context, compilation, first allocations).
    """

    io: float
    transfer: float
    compute: float
    other: float
    end_to_end: float
    cold: float | None
    imports: float | None
    first_call: float | None


def kind_of(name: str) -> str:
    """The kind of a stage by its name, or `other` for what no stage covers."""
    return "other" if name == "other" else stage_kind(name)


def shares(samples: Sequence[Sample], middle: float) -> dict[str, float]:
    """The stages' mean shares of the time, scaled so that they add up to the median time."""
    total = sum(sample.seconds for sample in samples)
    names = dict.fromkeys(name for sample in samples for name in sample.stages)
    return {name: sum(sample.stages.get(name, 0.0) for sample in samples) / total * middle for name in names}


def clocks(stages: Mapping[str, float], cold: float | None, cold_stages: Mapping[str, float]) -> Clocks:
    """The clocks from the stages of a warm and of a cold execution, in seconds."""
    kinds = {"io": 0.0, "transfer": 0.0, "compute": 0.0, "other": 0.0}
    for name, time in stages.items():
        kinds[kind_of(name)] += time
    total = sum(kinds.values())
    imports = cold_stages.get("import") if cold is not None else None
    first = max(0.0, cold - (imports or 0.0) - total) if cold is not None else None
    return Clocks(**kinds, end_to_end=total, cold=cold, imports=imports, first_call=first)


def break_even(cold: float, warm: float, baseline_cold: float, baseline_warm: float) -> int | None:
    """After how many calls in one process it has taken no longer than the baseline, cold starts included.

    All times in seconds. None if that never happens.
    """
    debt = cold - baseline_cold
    gained = baseline_warm - warm  # by every call after the first
    if gained > 0:
        return 1 + max(0, math.ceil(debt / gained))
    return 1 if debt <= 0 and gained == 0 else None

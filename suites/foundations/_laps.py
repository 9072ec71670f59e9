"""The time of one pass through a stage: what every rate of this topic is computed from.

A sample may hold several calls, and the run adds up their stages. A rate is that of the last call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from residency.harness import Run


@dataclass
class Lap:
    """A pass through a stage, once it has ended."""

    seconds: float = 0.0


@contextmanager
def lap(run: Run, stage: str) -> Iterator[Lap]:
    """A stage of the run, synchronised at its end like all stages, and how long this pass took."""
    made, before = Lap(), run.stages.get(stage, 0.0)
    with run.stage(stage):
        yield made
    made.seconds = run.stages[stage] - before


def observe_bytes(run: Run, amount: float, **laps: Lap) -> None:
    """Record the rate of each pass in gigabytes a second; every pass moves `amount` bytes."""
    run.observe(**{f"{name}_gb_per_s": amount / one.seconds / 1e9 for name, one in laps.items()})

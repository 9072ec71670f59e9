"""The time of one pass through a stage: what every rate of this topic is computed from.

A sample may hold several calls, whose stages add up in the run. A rate is that of the last of them.
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
    """A stage of the run, synchronised at its end as all are, and how long it took this time."""
    made, before = Lap(), run.stages.get(stage, 0.0)
    with run.stage(stage):
        yield made
    made.seconds = run.stages[stage] - before


def observe_bytes(run: Run, amount: float, **laps: Lap) -> None:
    """Put on record how many gigabytes a second went through each of these passes, all of so many bytes."""
    run.observe(**{f"{name}_gb_per_s": amount / one.seconds / 1e9 for name, one in laps.items()})

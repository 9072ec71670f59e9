"""What can become of an execution. Nothing is ever a 0.0, a NaN or a missing row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an execution ended."""

    OK = "ok"
    WRONG = "wrong"  # the quality is outside the tolerance or below the floor
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"  # a library, a device or a dataset is missing here
    FELL_BACK = "fell_back"  # asked for the GPU, ran on the CPU
    FAILED = "failed"


@dataclass(frozen=True)
class Ending:
    """An outcome and why; only `ok` may go without a reason."""

    outcome: Outcome
    reason: str = ""

    def __post_init__(self) -> None:
        if self.outcome is not Outcome.OK and not self.reason:
            raise ValueError(f"outcome {self.outcome} needs a reason")


OK = Ending(Outcome.OK)

NOT_REACHED = "not measured: "
"""How the reason of what a run did not get to begins; such an outcome is `unavailable`, and going on measures it."""


def not_reached(budget: float, by: str) -> Ending:
    """That the budget, in seconds, was used up before something could be measured, and by what."""
    return Ending(Outcome.UNAVAILABLE, f"{NOT_REACHED}the budget of {budget:g} s was used up {by}")


def is_not_reached(outcome: str, reason: str) -> bool:
    """Whether a run did not get to it, which says nothing of whether it can run."""
    return outcome == Outcome.UNAVAILABLE and reason.startswith(NOT_REACHED)

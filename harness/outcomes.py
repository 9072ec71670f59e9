"""How an execution can end. A failure is never recorded as 0.0, as NaN or as a missing row."""

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
    """An outcome with its reason; only `ok` needs none."""

    outcome: Outcome
    reason: str = ""

    def __post_init__(self) -> None:
        if self.outcome is not Outcome.OK and not self.reason:
            raise ValueError(f"outcome {self.outcome} needs a reason")


OK = Ending(Outcome.OK)

NOT_REACHED = "not measured: "
"""The first words of the reason if a run did not reach a cell. The outcome is `unavailable`; `--resume` measures it."""


def not_reached(budget: float, by: str) -> Ending:
    """The ending of a cell that was not measured because the budget, in seconds, was used up `by` something else."""
    return Ending(Outcome.UNAVAILABLE, f"{NOT_REACHED}the budget of {budget:g} s was used up {by}")


NOT_STARTED = "not started: "
"""The first words of the reason if memory would not suffice. The outcome is `unavailable`; `--resume` asks again."""


def is_not_started(outcome: str, reason: str) -> bool:
    """Whether an implementation was not started because a forecast says that it needs more memory than there is."""
    return outcome == Outcome.UNAVAILABLE and reason.startswith(NOT_STARTED)


def is_not_reached(outcome: str, reason: str) -> bool:
    """Whether a run did not reach a cell; that says nothing about whether the cell can run."""
    return outcome == Outcome.UNAVAILABLE and reason.startswith(NOT_REACHED)

"""Which of the answers that a class can vote on a measured speedup supports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from residency.analysis.row import Speedup

UP_TO = (3.0, 10.0)  # times as fast: where one answer ends and the next begins


class Choice(IntEnum):
    """What a class can predict of a GPU, from the worst for it to the best."""

    CPU_FASTER = 0
    EQUAL = 1
    LITTLE = 2  # up to the first of `UP_TO`
    MUCH = 3
    VERY_MUCH = 4


@dataclass(frozen=True)
class Vote:
    """What a speedup says about the choices."""

    right: Choice | None  # None if the run cannot tell
    possible: list[Choice]  # all that the interval reaches, `right` among them


def vote(ratio: Speedup) -> Vote:
    """Which choices a GPU's speedup over the CPU supports. The verdict decides between faster, slower and equal."""
    if ratio.verdict == "equivalent":
        return Vote(Choice.EQUAL, [Choice.EQUAL])
    if ratio.verdict == "slower":
        return Vote(Choice.CPU_FASTER, [Choice.CPU_FASTER])
    largest = _gain(ratio.high)
    if ratio.verdict == "faster":
        return Vote(_gain(ratio.value), [Choice(number) for number in range(_gain(ratio.low), largest + 1)])
    least = Choice.CPU_FASTER if ratio.low < 1 else Choice.EQUAL
    most = largest if ratio.high > 1 else Choice.EQUAL
    return Vote(None, [Choice(number) for number in range(least, most + 1)])


def _gain(ratio: float) -> Choice:
    """The choice that names a ratio above 1."""
    return Choice(Choice.LITTLE + sum(ratio > limit for limit in UP_TO))

"""A run's budget: how much of it is left, and what still fits into it.

A budget that the user gave is strict. It counts from the start, including the time to make data. When it is used up,
nothing more is started, so at most one execution runs over it. In the first pass every implementation is timed once as
soon as it is ready, and warms up no longer than its part of the remaining time allows. The default budgets by size are
softer: they count only after the data is made, and every implementation gets one replicate and as many warm-ups as it
needs, however long that takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from math import inf
from time import monotonic

from residency.runners.settings import Settings

# Seconds for each task and dataset, and the most for a topic: with more than eight tasks, each gets fewer processes.
# With its data still to be made, the largest topic is then done in about four minutes at smoke size, and twenty at lab.
BUDGETS = {"smoke": 24.0, "lab": 100.0, "lecture": 600.0, "production": 4 * 3600.0, "full": 24.0}
MOST = {"smoke": 200.0, "lab": 1080.0}
GATE_BUDGETS = 3.0  # factor for gate mode, which takes sixteen times the rounds
MEASURING = 0.5  # share of the time that starting and warming up took; samples may take as long, if there is time
HARDLY = 0.1  # share of the time that starting took; a warm-up and a sample that take less are always worth it


def is_kept(settings: Settings) -> bool:
    """Whether the user gave the budget; a proof has a limit instead, which interrupts what is running."""
    return settings.budget is not None and settings.limit is None


def seconds_for(parts: Iterable[tuple[str, str]], settings: Settings) -> float:
    """The user's budget, else the sum of the default budgets of groups, each of a topic and a size."""
    if settings.budget is not None:
        return settings.budget
    groups = Counter(parts)
    seconds = sum(min(count * BUDGETS[scale], MOST.get(scale, inf)) for (_, scale), count in groups.items())
    return seconds * (GATE_BUDGETS if settings.gate else 1.0)


@dataclass(frozen=True)
class Expected:
    """What is known about a run beforehand: seconds of turns, by a group's title and an implementation's id."""

    turns: Mapping[tuple[str, str], float] = field(default_factory=dict)  # 0 if nothing is known
    sentence: str = ""  # for the user, before anything is measured
    spent: float = 0.0  # seconds that also count

    def cost(self, title: str, implementations: Iterable[str]) -> float:
        """Seconds that the first turns of a group's implementations are expected to take."""
        return sum(self.turns.get((title, implementation), 0.0) for implementation in implementations)


@dataclass
class Budget:
    """How long a run may take, by a clock in seconds. Without arguments there is no limit."""

    seconds: float = inf
    kept: bool = False
    clock: Callable[[], float] = monotonic
    waiting: int = 0  # implementations that have not had their first turn
    spent: InitVar[float] = 0.0  # seconds, before now
    start: float = field(init=False)

    def __post_init__(self, spent: float) -> None:
        """Start counting now."""
        self.start = self.clock() - spent

    @property
    def left(self) -> float:
        """Seconds left; below 0 if the budget is overdrawn."""
        return self.seconds - (self.clock() - self.start)

    @property
    def used_up(self) -> bool:
        """Whether nothing more may be started."""
        return self.kept and self.left <= 0

    def fits(self, seconds: float) -> bool:
        """Whether optional work is expected to end in time."""
        return seconds <= self.left

    def part(self, turns: int) -> float:
        """Seconds for the next of this many turns: the time left, divided among all that wait for their first."""
        return self.left / max(1, turns, self.waiting)

    def warms_up(self, execution: float, begun: float, part: float) -> bool:
        """Whether there is time for another warm-up and a sample after it; in a default budget there always is.

        All in seconds: `execution` is one execution with its judging, `begun` the time since its process was started,
        and `part` the time that it was given for everything then.
        """
        return not self.kept or 2 * execution <= max(part - begun, HARDLY * begun)

    def sampling(self, share: float, spent: float, part: float) -> float:
        """Seconds for rounds, if the start took `spent` seconds of a replicate's share.

        While others wait for their first turn, it is at most the `part` of each, unless it is short beside the start.
        """
        if self.waiting:
            worth = max(share - spent, min(MEASURING * spent, part - spent), HARDLY * spent)
        else:
            worth = max(share - spent, MEASURING * spent)
        return min(self.left, worth) if self.kept else worth

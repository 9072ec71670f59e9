"""A run's budget: how much of it is left, and what that leaves time for.

A budget that the user asked for is kept: it counts from the start, making data included, and when it is used up nothing
more is begun, so that one execution at most runs over it. In the first pass every implementation is timed once as soon
as it is ready, and warms up no longer than its part of what is left allows. The budgets by size that hold where nobody
asked are softer: data is made before they count, and every implementation gets one replicate, however long it takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from time import monotonic

from residency.runners.settings import Settings

# Seconds a task and dataset: so that a topic of seven tasks ends within 3 minutes at smoke size, within 15 at lab.
BUDGETS = {"smoke": 24.0, "lab": 100.0, "lecture": 600.0, "production": 4 * 3600.0, "full": 24.0}
GATE_BUDGETS = 3.0  # times these in gate mode, which takes sixteen times the rounds
MEASURING = 0.5  # of the time that starting and warming up took: worth spending on samples, where there is time
HARDLY = 0.1  # of the time that starting took: a warm-up and a sample that take less are worth it in any case


def is_kept(settings: Settings) -> bool:
    """Whether the user asked for the budget; a proof has a limit instead, which cuts."""
    return settings.budget is not None and settings.limit is None


def seconds_for(scales: Iterable[str], settings: Settings) -> float:
    """The budget that was asked for, else that of groups of these sizes together."""
    if settings.budget is not None:
        return settings.budget
    return sum(BUDGETS[scale] for scale in scales) * (GATE_BUDGETS if settings.gate else 1.0)


@dataclass(frozen=True)
class Expected:
    """What is known beforehand of a run: seconds of turns, by a group's title and an implementation's id."""

    turns: Mapping[tuple[str, str], float] = field(default_factory=dict)  # 0 where nothing is known
    sentence: str = ""  # for the user, before anything is measured
    spent: float = 0.0  # seconds that count too

    def cost(self, title: str, implementations: Iterable[str]) -> float:
        """Seconds that the first turns of a group's implementations are expected to take."""
        return sum(self.turns.get((title, implementation), 0.0) for implementation in implementations)


@dataclass
class Budget:
    """How long a run may take, by a clock that counts seconds. Without arguments there is no end."""

    seconds: float = math.inf
    kept: bool = False
    clock: Callable[[], float] = monotonic
    waiting: int = 0  # implementations that have not had their first turn
    spent: InitVar[float] = 0.0  # seconds, before now
    start: float = field(init=False)

    def __post_init__(self, spent: float) -> None:
        """It counts from now."""
        self.start = self.clock() - spent

    @property
    def left(self) -> float:
        """Seconds; below 0 where it is overdrawn."""
        return self.seconds - (self.clock() - self.start)

    @property
    def used_up(self) -> bool:
        """Whether nothing more may be begun."""
        return self.kept and self.left <= 0

    def fits(self, seconds: float) -> bool:
        """Whether something that may be left out is expected to end in time."""
        return seconds <= self.left

    def part(self, turns: int) -> float:
        """Seconds for the next of so many turns: what is left, shared by all that still wait for their first."""
        return self.left / max(1, turns, self.waiting) if self.kept else math.inf

    def warms_up(self, execution: float, begun: float, part: float) -> bool:
        """Whether there is time for another warm-up and a sample after it.

        `execution` is what one takes with its judging, `begun` what has passed since its process was started, and
        `part` how much there was for all of it then.
        """
        return 2 * execution <= max(part - begun, HARDLY * begun)

    def sampling(self, share: float, spent: float, part: float) -> float:
        """Seconds for rounds, where starting took `spent` of a replicate's share.

        While others wait for their first turn it is no more than these had a `part` for, unless that hardly matters.
        """
        if self.waiting:
            worth = max(share - spent, min(MEASURING * spent, part - spent), HARDLY * spent)
        else:
            worth = max(share - spent, MEASURING * spent)
        return min(self.left, worth) if self.kept else worth

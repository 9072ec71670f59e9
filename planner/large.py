"""The fewest cards for a large cohort, where one simulated week takes seconds: few simulations, and every one counts.

Each replication has its own people and its own values of what is assumed, so that one waits much longer than another.
But all get shorter in the same way: the square root of a wait falls about linearly with the logarithm of the number of
cards. One slope for all replications, and one simulation of each, say which number of cards to try. The answer rests on
that number alone, with all replications simulated in full; a number that misses the target is given up as soon as that
is certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from residency.harness.statistics import student
from residency.planner import search, simulate
from residency.planner import timetable as calendar
from residency.planner.needs import Settled
from residency.planner.search import Evaluated, Found, Say, Workers
from residency.planner.simulate import Replication

BATCH = 4  # replications between two looks: the same on one core and on many
FAR = 1.15  # numbers of cards are so far apart while nothing is known
NEAR = 1.05  # numbers of cards that are so near to each other are not told apart
Floats = NDArray[np.float64]


class Search:
    """The simulations of one option, and what they say about numbers of cards that nobody simulated."""

    def __init__(self, settled: Settled, counts: Sequence[int], team: Workers, say: Say) -> None:
        """`counts` are the numbers of cards that may be tried, at least one, in their order."""
        self.settled, self.counts, self.team, self.say = settled, counts, team, say
        self.limits = [target.wait_minutes for target in settled.cohort.targets]
        self.replications = search.effort(settled).confirming
        self.simulated: dict[int, dict[int, Replication]] = {}  # by number of cards, by number of the replication

    def estimate(self) -> int:
        """About how many cards are needed: one replication on a few numbers of cards, from the offered load on."""
        count = self._nearest(offered(self.settled))
        while True:
            meets = self._meets(self._simulate(count, range(1)))
            other = [self._meets(found.values()) for found in self.simulated.values()]
            edge = self.counts[-1] if not meets else self.counts[0]
            if count == edge or not all(one == meets for one in other):
                return self.predicted(self.counts)
            guess = self.predicted(self.counts)
            near, far = (count / FAR, count / FAR**3) if meets else (count * FAR, count * FAR**3)
            count = self._next(count, sorted((near, guess, far))[1])

    def fewest(self, counts: Sequence[int]) -> Found:
        """The fewest of these numbers of cards that meet the targets, to about 5 %; else the most.

        What misses the targets is not simulated to the end.
        """
        if not self.simulated:
            self.estimate()
        for first in range(0, self.replications, BATCH):
            if self.predicted(self.counts) > counts[-1] or self._has_missed(counts[-1]):
                break
            self._simulate(self._settle(counts), range(first, min(first + BATCH, self.replications)))
        confirmed: dict[int, Evaluated] = {}
        left = list(counts)  # between a number that misses the targets and one that meets them
        count = self._settle(counts)
        while True:
            one = confirmed[count] = self._confirm(count)
            left = [each for each in left if (each < count if one.meets else each > count)]
            if not left:
                break
            guess = self.predicted(left)
            best = min((each for each in confirmed if confirmed[each].meets), default=0)
            if best and guess * NEAR >= best:
                break
            count = guess
        kept = self._kept(confirmed)
        others = sorted(set(self.simulated) - {one.count for one in kept})
        return Found(kept, tuple(self._summary(each) for each in others))

    def predicted(self, counts: Sequence[int]) -> int:
        """The fewest of these numbers that should meet the targets, by what was simulated; the most if none does."""
        meets = np.ones(len(counts), bool)
        for place, limit in enumerate(self.limits):
            waits = self._waits(place, np.log(np.array(counts, np.float64)))
            mean, n = waits.mean(axis=0), self.replications
            spread = waits.std(axis=0, ddof=1) if len(waits) > 1 else np.zeros(len(counts))
            meets &= mean + student(0.05, n - 1) * spread / math.sqrt(n) <= limit
        return counts[int(np.argmax(meets))] if meets.any() else counts[-1]

    def _waits(self, place: int, logarithms: Floats) -> Floats:
        """What a target's jobs should wait, by replication and number of cards."""
        by_replication: dict[int, list[tuple[float, float]]] = {}
        for count in sorted(self.simulated):
            for number, found in self.simulated[count].items():
                points = by_replication.setdefault(number, [])
                if not points or points[-1][1] > 0:  # the fewest cards with which nobody waits say enough
                    points.append((math.log(count), math.sqrt(found.targets[place])))
        slope, aim = _slope(list(by_replication.values())), math.sqrt(self.limits[place])
        nearest = [min(points, key=lambda point: abs(point[1] - aim)) for points in by_replication.values()]
        roots = np.array([[root] for _, root in nearest]) + slope * (logarithms - np.array([[x] for x, _ in nearest]))
        waits: Floats = np.maximum(0.0, roots) ** 2
        return waits

    def _settle(self, counts: Sequence[int]) -> int:
        """The number of cards to try next: one that was tried before, if it is as good as the predicted one."""
        guess = self.predicted(counts)
        tried = [each for each in self.simulated if each in counts and guess <= each <= guess * NEAR]
        return max(tried, key=lambda each: len(self.simulated[each]), default=guess)

    def _confirm(self, count: int) -> Evaluated:
        """All replications of a number of cards, or as many as show that it misses the targets."""
        for first in range(0, self.replications, BATCH):
            self._simulate(count, range(first, min(first + BATCH, self.replications)))
            if self._has_missed(count):
                break
        return self._summary(count)

    def _has_missed(self, count: int) -> bool:
        """Whether the mean misses a target even if nobody waits in the replications that are left."""
        found = self.simulated.get(count, {}).values()
        return any(
            sum(one.targets[place] for one in found) > limit * self.replications
            for place, limit in enumerate(self.limits)
        )

    def _kept(self, confirmed: dict[int, Evaluated]) -> tuple[Evaluated, ...]:
        """The fewest cards that meet the targets, after the next fewer that were tried; else the most."""
        meeting = [count for count in confirmed if confirmed[count].meets]
        if not meeting:
            return (confirmed[max(confirmed)],)
        best = min(meeting)
        fewer = [count for count in confirmed if count < best]
        return (*([confirmed[max(fewer)]] if fewer else []), confirmed[best])

    def _simulate(self, count: int, numbers: Iterable[int]) -> list[Replication]:
        """These replications of a number of cards; those that are known are not simulated again."""
        known = self.simulated.setdefault(count, {})
        new = [number for number in numbers if number not in known]
        if new:
            self.say(f"{self.settled.hardware.name}: {count:,} cards, {len(known)} of {self.replications} simulated")
            found = self.team.replications(self.settled, count, new, by_hour=True)
            known.update(zip(new, found, strict=True))
        return list(known.values())

    def _summary(self, count: int) -> Evaluated:
        known = self.simulated[count]
        return search.summary(self.settled, count, [known[number] for number in sorted(known)])

    def _meets(self, found: Iterable[Replication]) -> bool:
        return all(wait <= limit for one in found for wait, limit in zip(one.targets, self.limits, strict=True))

    def _nearest(self, cards: float) -> int:
        return min(self.counts, key=lambda count: abs(count - cards))

    def _next(self, count: int, guess: float) -> int:
        """The number nearest to a guess, and another one than before."""
        on_this_side = [each for each in self.counts if (each < count if guess < count else each > count)]
        return min(on_this_side, key=lambda each: abs(each - guess))


def _slope(groups: Sequence[Sequence[tuple[float, float]]]) -> float:
    """The common slope of lines through groups of points; below 0."""
    up = down = 0.0
    for points in groups:
        x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
        up += sum((point[0] - x) * (point[1] - y) for point in points)
        down += sum((point[0] - x) ** 2 for point in points)
    if down > 0 and up < 0:
        return up / down
    return -max(1.0, *(root for points in groups for _, root in points))  # as if the wait were 1 / cards²


def offered(settled: Settled) -> float:
    """About how many cards compute at the same time if nobody waits: the largest class, and projects."""
    cohort, hardware = settled.cohort, settled.hardware
    labs = {lab.name: lab for lab in cohort.labs if simulate.uses(lab, hardware) and lab.minutes}
    think = {each.name: each.think_minutes.value for each in cohort.classes}
    busy = 0.0
    for session in settled.weeks[0].week.sessions:
        if (lab := labs.get(session.lab)) and lab.minutes:
            share = lab.minutes.value / (lab.minutes.value + think[session.name])
            busy = max(busy, lab.gang * session.residents * cohort.people.attendance.value * share)
    spans = calendar.open_spans(settled.weeks[0].week)
    length = sum(end - begin for begin, end in spans)
    busy += search.project_minutes(settled) / length if length else 0.0
    return busy / sum(unit.speed for unit in simulate.pool(hardware, 1))

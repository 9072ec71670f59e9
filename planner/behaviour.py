"""How people use the hardware: what a resident does in class and in projects, and what grading asks.

    class      All residents of a session start within the start window. Each runs a try, waits for it, thinks, and runs
               the next, until its tries or the practice are over. A try that waits makes all later ones late.
    project    Each resident thinks, runs a job of the mix, and thinks again, in the project hours of its site. A job
               that fails is run again at once.
    grading    Each submission is one job. All of a class come at the same moment.

Class comes before projects, and projects before grading. Times between jobs are exponential; times of jobs are
lognormal. Each person draws its own random numbers, so two plans that are compared see the same people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from residency.planner import draw
from residency.planner.engine import Job, Person

ACTIVITIES = ("class", "project", "grading")  # in the order of their priority
CLASS, PROJECT, GRADING = range(3)


@dataclass(frozen=True)
class Work:
    """One kind of job, as the simulation needs it: minutes on a unit of speed 1, memory in bytes."""

    name: str
    minutes: float
    memory: int
    gang: int = 1
    scv: float = 1.0  # squared coefficient of variation of the minutes


@dataclass
class Tally:
    """What waiting took from a session: tries that were made, and tries that there was time for."""

    made: int = 0
    possible: int = 0


@dataclass(frozen=True)
class Practice:
    """The practice of one session: minutes of the week, and what each resident does in it."""

    start: float
    end: float
    work: Work
    tries: float
    window: float
    think: float
    residents: int
    attendance: float
    tag: int = 0
    tally: Tally = field(default_factory=Tally)


def class_of(practice: Practice, randoms: Iterator[Random], fastest: float) -> Iterator[tuple[float, Person]]:
    """The residents who come to a practice; `fastest` is the highest speed of a unit."""
    for _ in range(practice.residents):
        random = next(randoms)
        if random.random() < practice.attendance:
            yield practice.start, _learner(practice, _drawn(practice, random), fastest)


def _drawn(practice: Practice, random: Random) -> list[float]:
    """All that a resident draws for a practice: when it starts; then of each try the minutes, and to think after it.

    They are drawn at once, since a list is a tenth of the state of its random numbers.
    """
    work, tries = practice.work, _whole(random, practice.tries)
    draws = [draw.uniform(random, 0.0, practice.window)]
    for _ in range(tries):
        draws += draw.lognormal(random, work.minutes, work.scv), draw.exponential(random, practice.think)
    return draws


def _learner(practice: Practice, draws: list[float], fastest: float) -> Person:
    work, tally, end = practice.work, practice.tally, practice.end
    job = Job(CLASS, CLASS, 0.0, work.memory, work.gang, practice.tag)  # one at a time, so one object for all tries
    now = yield draws[0]
    unhindered = now  # the time at which it would be without any waiting
    for service, think in zip(draws[1::2], draws[2::2], strict=True):
        if unhindered >= end:
            return
        tally.possible += 1
        unhindered += service / fastest + think
        if now >= end:
            continue
        tally.made += 1
        job.service = service
        now = yield job
        now = yield think


def _whole(random: Random, mean: float) -> int:
    """A whole number with this mean: one of the two nearest."""
    below = int(mean)
    return below + (random.random() < mean - below)


@dataclass(frozen=True)
class Mix:
    """The jobs of projects with their shares, which add up to 1, and how often one fails how far."""

    works: Sequence[Work]
    shares: Sequence[float]
    failing: float = 0.0
    reached: float = 0.5

    def choose(self, random: Random) -> Work | None:
        """One of the works by its share; None for a job that does not use this hardware."""
        left = random.random()
        for work, share in zip(self.works, self.shares, strict=True):
            left -= share
            if left < 0:
                return work
        return None


def researcher(hours: Sequence[tuple[float, float, float]], mix: Mix, random: Random) -> Person:
    """A resident in the project hours of a week: each a start, an end, and the mean minutes between two jobs."""
    now = hours[0][0]
    for start, end, think in hours:
        if now < start:
            now = yield start - now
        pause = draw.exponential(random, think)
        while now + pause < end:
            now = yield pause
            work = mix.choose(random)
            if work is not None:
                service = draw.lognormal(random, work.minutes, work.scv)
                fails, reached = random.random() < mix.failing, mix.reached
                if fails:
                    now = yield Job(PROJECT, PROJECT, service * reached, work.memory, work.gang)
                now = yield Job(PROJECT, PROJECT, service, work.memory, work.gang)
            pause = draw.exponential(random, think)


def submission(work: Work, random: Random) -> Person:
    """One submission that is graded."""
    return _submitted(Job(GRADING, GRADING, draw.lognormal(random, work.minutes, work.scv), work.memory, work.gang))


def _submitted(job: Job) -> Person:
    yield job

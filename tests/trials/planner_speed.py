"""How many jobs a second the planner's simulation does, by processor time: the load of a cohort on several pools.

    python tests/trials/planner_speed.py [JOBS]        (default: about a million jobs on each pool)

Classes of 20 residents start exercises together, with priority; in between, all think and run jobs of heavy-tailed
length for their projects; at night, a grader runs one job after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random
from time import process_time

from residency.planner import draw
from residency.planner.engine import Exclusive, Job, Person, Reserved, Shared, Unit, run

GB = 10**9
WEEK = 7 * 24 * 60.0  # minutes
CLASSES = [day * 24 * 60.0 + 9 * 60.0 for day in (0, 2, 4)]  # Monday, Wednesday and Friday, at nine
RESIDENTS = 20
JOBS_A_WEEK = 11_600  # about, with all people below
MEMORIES = (8 * GB, 16 * GB, 31 * GB)
POOLS: dict[str, list[Unit]] = {
    "6 cards": [Exclusive(80 * GB)] * 6,
    "3 cards, 14 slices": [*[Exclusive(141 * GB)] * 3, *[Exclusive(34 * GB, 0.25, whole=False)] * 14],
    "2 shared cards": [Shared(141 * GB, 4, speed=2.0, overhead=0.02)] * 2,
    "2 cards, 1 shared card": [*[Exclusive(80 * GB)] * 2, *[Shared(141 * GB, 4, speed=2.0, overhead=0.02)]],
}


def resident(random: Random, weeks: int) -> Person:
    """Three classes a week with six exercises of three tries each, and project jobs at all other times of the day."""
    clock = 0.0
    for week in range(weeks):
        for begin in CLASSES:
            for exercise in range(6):
                start = max(clock, week * WEEK + begin + 15.0 * exercise + draw.uniform(random, 0.0, 1.0))
                yield start - clock
                clock = start
                for _ in range(3):
                    service = draw.exponential(random, 1.0)
                    yield Job(0, 0, service, MEMORIES[exercise % 3])
                    think = draw.exponential(random, 1.5)
                    clock = yield think
            while clock < week * WEEK + begin + 15 * 60.0:
                think = draw.exponential(random, 3.0)
                yield think
                service = draw.lognormal(random, 1.5, 38.9)
                memory = MEMORIES[int(3 * random.random())]
                clock = yield Job(1, 1, service, memory)


def grader(random: Random, weeks: int) -> Person:
    for _ in range(weeks * 500):
        yield Job(2, 2, draw.uniform(random, 0.5, 2.0), MEMORIES[0])
        yield draw.exponential(random, 15.0)


def people(weeks: int) -> Iterator[tuple[float, Person]]:
    for number in range(RESIDENTS):
        yield 0.0, resident(draw.person_random(1, 0, number), weeks)
    yield 20 * 60.0, grader(draw.person_random(1, 0, RESIDENTS), weeks)


def main(jobs: int) -> None:
    weeks = max(1, round(jobs / JOBS_A_WEEK))
    windows = [
        Reserved(week * WEEK + begin, week * WEEK + begin + 90.0, 2) for week in range(weeks) for begin in CLASSES
    ]
    print(f"{'pool':36}{'jobs':>10}{'seconds':>10}{'jobs/s':>10}{'P95 wait in class, min':>26}")
    for name, pool in POOLS.items():
        for reserved in ((), windows):
            began = process_time()
            trace = run(pool, people(weeks), reserved)
            seconds = process_time() - began
            rows = zip(trace.activity, trace.arrival, trace.start, strict=True)
            waits = sorted(start - arrival for activity, arrival, start in rows if activity == 0)
            label = f"{name}{', reserved' if reserved else ''}"
            p95 = waits[int(0.95 * len(waits))]
            print(f"{label:36}{len(trace):>10,}{seconds:>10.2f}{len(trace) / seconds:>10,.0f}{p95:>26.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

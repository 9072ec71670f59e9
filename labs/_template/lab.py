"""Row lengths: inputs, right answer and checks. Only the judge loads this file; a submission never sees it."""

import numpy as np

from residency.labs.lab import Demand, Lab, Random, Within, rounding

lab = Lab(
    title="Row lengths",
    order=100,  # its place in the course
    topic="foundations",
    entry="lengths",  # the function in work.py
    work=lambda rows: (2.0 * rows.size, 8.0 * (rows.size + len(rows))),  # operations and bytes of a call, at least
    demand=Demand(seconds=20, memory_bytes=500_000_000, tries=6),  # of one resident: the planner reads it
)


def points(rng: Random, count: int, columns: int = 3) -> np.ndarray:
    """`count` points, with an entry for each column."""
    return rng.normal(size=(count, columns))


@lab.truth
def truth(rows: np.ndarray) -> Within:
    """The right answer in float64, and how far from it is still right."""
    length = np.sqrt((rows * rows).sum(axis=1))
    return Within(length, rounding(rows.shape[1] + 2, length))


@lab.check("a thousand points", visible=True)
def thousand(rng: Random) -> np.ndarray:
    return points(rng, 1_000)


@lab.check("no point at all", hint="Wrong when there is no point: the answer is an empty array.")
def none(rng: Random) -> np.ndarray:
    return points(rng, 0)


@lab.check("points of other dimensions", hint="Right in three dimensions, wrong in others: take all columns.")
def other(rng: Random) -> np.ndarray:
    return points(rng, 300, columns=int(rng.integers(4, 9)))


@lab.timed
def many(rng: Random) -> np.ndarray:
    return points(rng, int(rng.integers(190_000, 210_000)))

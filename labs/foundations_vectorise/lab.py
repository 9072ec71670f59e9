"""Vectorise a loop: what a million taxi rides cost. The first lab: from one row at a time to whole columns."""

import numpy as np

from residency.labs.lab import Lab, Random, Within, rounding

lab = Lab(
    title="Vectorise a loop",
    order=1,
    topic="foundations",
    entry="fares",
    work=lambda kilometres, *_: (6.0 * len(kilometres), 25.0 * len(kilometres)),
)

START, PER_KM, PER_MINUTE, NIGHT, LEAST = 3.0, 1.9, 0.4, 1.25, 6.0


def rides(rng: Random, count: int, longest: float = 30.0) -> tuple[np.ndarray, ...]:
    """Kilometres, minutes and whether it was night, of each ride."""
    kilometres = rng.uniform(0.2, longest, count)
    minutes = kilometres * rng.uniform(1.5, 4.0, count)
    return kilometres, minutes, rng.random(count) < 0.3


@lab.truth
def truth(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> Within:
    """The fare of each ride, in float64; float32 is not enough."""
    fare = START + PER_KM * kilometres + PER_MINUTE * minutes
    fare = np.maximum(np.where(night, NIGHT * fare, fare), LEAST)
    return Within(fare, rounding(6, fare))


@lab.check("a thousand rides", visible=True)
def thousand(rng: Random) -> tuple[np.ndarray, ...]:
    return rides(rng, 1_000)


@lab.check("short rides cost at least 6", visible=True, hint="A ride costs at least 6, also at night.")
def short(rng: Random) -> tuple[np.ndarray, ...]:
    return rides(rng, 200, longest=1.5)


@lab.check("an odd number of rides", hint="Right on even sizes, wrong on odd ones: look at the last row.")
def odd(rng: Random) -> tuple[np.ndarray, ...]:
    return rides(rng, 2 * int(rng.integers(300, 900)) + 1)


@lab.check("no ride at all", hint="Wrong when there is no ride: an empty column is a column, too.")
def none(rng: Random) -> tuple[np.ndarray, ...]:
    return rides(rng, 0)


@lab.check("very long rides", hint="Wrong for large numbers: are all computed in float64?")
def far(rng: Random) -> tuple[np.ndarray, ...]:
    return rides(rng, 500, longest=1e9)


@lab.timed
def million(rng: Random) -> tuple[np.ndarray, ...]:
    return rides(rng, int(rng.integers(950_000, 1_050_000)))

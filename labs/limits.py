"""The least time that this machine needs for a call: its bytes at a copy's speed, its operations at a product's.

Both speeds are measured here, on as many threads as the lab allows, in a second or less. The copy moves as many bytes
as the call, so that what fits into a cache is compared with the speed of that cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

LEAST_BYTES, MOST_BYTES = 1 << 16, 1 << 28  # of the copy
SIDE = 384  # of the matrices that are multiplied: they fit into a cache
TRIES = 7


def least_seconds(operations: float, moved: float, threads: int) -> float:
    """The seconds that `operations` and `moved` bytes take at least, whichever takes longer."""
    half = int(min(max(moved, LEAST_BYTES), MOST_BYTES)) // 16  # a copy reads its bytes and writes them: float64
    source, target = np.ones(half), np.empty(half)
    a = np.random.default_rng(0).random((SIDE, SIDE))
    product = np.empty((SIDE, SIDE))
    with threadpool_limits(threads):
        copy = _best(lambda: np.copyto(target, source))
        multiply = _best(lambda: np.matmul(a, a, out=product))
    return max(moved * copy / (16 * half), operations * multiply / (2 * SIDE**3))


def _best(work: Callable[[], object]) -> float:
    """The shortest of some tries, in seconds: what disturbs only makes it longer. The first try is a warm-up."""
    times = []
    for _ in range(TRIES + 1):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times[1:])

"""Times that are too good to be true: work faster than any device can do it, and results that are remembered.

An implementation that returns its first result again is caught by its quality, because cold executions and warm-ups ask
their questions in different orders. One that keeps a result for each order of the questions is caught here, by its
time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from residency.harness.outcomes import Ending, Outcome
from residency.harness.task import Implementation
from residency.runners import machine

# Operations and bytes a second. Of a core: twice what two 512-bit multiply-adds in float32 at 4 GHz bring, and twice
# three reads of 64 bytes from its nearest cache. Of a GPU: what none of today's comes near in its lowest precision,
# and in its caches.
MOST_OF_A_CORE, MOST_OF_A_GPU = (5e11, 1.5e12), (3e16, 1e14)
TIMES_AS_FAST = 5.0  # on data seen before: more than warm caches bring
NOTICEABLE_SECONDS = 0.001  # that remembering must save
REPEATS = 5  # until it is believed


def too_fast(implementation: Implementation, facts: Mapping[str, Any], seconds: float) -> Ending | None:
    """The outcome of an execution that took less time than its task's declared work takes on any device like this."""
    if implementation.runner == "cluster":
        return None
    on_gpu = implementation.device == "gpu"
    units = max(1, len(machine.gpus()[0])) if on_gpu else os.cpu_count() or 1
    flops, moved = MOST_OF_A_GPU if on_gpu else MOST_OF_A_CORE
    least = max((facts["flops"] or 0.0) / flops, (facts["moved"] or 0.0) / moved) / units
    if seconds >= least:
        return None
    return Ending(
        Outcome.WRONG,
        f"took {seconds:.2g} s for work that takes {least:.2g} s at least on any device like this: it did not do the "
        "work, or the task's `work` says more than has to be done",
    )


def may_remember(unseen: Sequence[float], seen: Sequence[float]) -> bool:
    """Whether executions on data seen before were much faster than those on data in a new order."""
    return bool(unseen and seen) and min(unseen) > TIMES_AS_FAST * median(seen)


def remembers(ask: Callable[[], tuple[float, float]]) -> str | None:
    """The evidence that an implementation remembers results instead of computing them; None if there is none.

    `ask` gives the seconds of an execution in a new order, and of the same order again. Both take turns, so that
    whatever else slows one of them slows the other.
    """
    pairs = [ask() for _ in range(REPEATS)]
    if not all(first > TIMES_AS_FAST * again and first - again > NOTICEABLE_SECONDS for first, again in pairs):
        return None
    first, again = (median(times) for times in zip(*pairs, strict=True))
    return (
        f"remembers its results: {first:.3g} s on data in an order it had not seen, {again:.3g} s on the same again; "
        "every call has to work them out"
    )

"""Detect times that are too good to be true: work faster than any device can do it, and remembered results.

If an implementation returns its first result again, its quality shows it, because cold executions and warm-ups ask
their questions in different orders. If it keeps a result for each order of the questions, its time shows it here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from residency.harness.outcomes import Ending, Outcome
from residency.harness.task import Implementation
from residency.runners import machine

# Operations and bytes per second. A core: twice as many as two 512-bit multiply-adds in float32 at 4 GHz, and twice
# three reads of 64 bytes from its nearest cache. A GPU: far more than any of today's reaches, even in its lowest
# precision and from its caches.
MOST_OF_A_CORE, MOST_OF_A_GPU = (5e11, 1.5e12), (3e16, 1e14)
TIMES_AS_FAST = 5.0  # on data seen before: warm caches alone gain less
NOTICEABLE_SECONDS = 0.001  # that remembering must save
REPEATS = 5  # pairs of executions that must all agree


def too_fast(implementation: Implementation, facts: Mapping[str, Any], seconds: float) -> Ending | None:
    """The outcome if an execution took less time than its task's declared work takes on any such device; else None."""
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
        f"took {seconds:.2g} s for work that takes at least {least:.2g} s on any such device: it did not do the work, "
        "or the task's `work` overstates the least work",
    )


def may_remember(unseen: Sequence[float], seen: Sequence[float]) -> bool:
    """Whether executions on data seen before were much faster than those on data in a new order."""
    return bool(unseen and seen) and min(unseen) > TIMES_AS_FAST * median(seen)


def remembers(ask: Callable[[], tuple[float, float]]) -> str | None:
    """The evidence that an implementation remembers results instead of computing them; None if there is none.

    `ask` returns the seconds of an execution on data in a new order, and of another on the same data. The two take
    turns, so that whatever slows one of them also slows the other.
    """
    pairs = [ask() for _ in range(REPEATS)]
    if not all(first > TIMES_AS_FAST * again and first - again > NOTICEABLE_SECONDS for first, again in pairs):
        return None
    first, again = (median(times) for times in zip(*pairs, strict=True))
    return (
        f"remembers its results: {first:.3g} s on data in an order it had not seen, {again:.3g} s on the same again; "
        "every call must compute them"
    )

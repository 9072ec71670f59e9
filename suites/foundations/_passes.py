"""How `bandwidth` passes over its arrays: copies to and fro, then triads, each on what the last one wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from residency.harness import Run
from residency.suites.foundations._laps import lap, observe_bytes

PASSES = 10  # of each kind


def passes(run: Run, arrays: tuple[Any, Any, Any], copy: Callable[..., Any], triad: Callable[..., Any]) -> Any:
    """Of the arrays x, y and c: x copied to y and back, then x + s c likewise; x + PASSES s c, on the host.

    `copy(x, y)` and `triad(x, c, y)` write over y and return nothing, or return a new array in its place.
    """
    x, y, c = arrays
    with lap(run, "copy") as copying:
        for _ in range(PASSES):
            new = copy(x, y)
            x, y = y if new is None else new, x
    with lap(run, "triad") as adding:
        for _ in range(PASSES):
            new = triad(x, c, y)
            x, y = y if new is None else new, x
    observe_bytes(run, 8.0 * PASSES * len(c), copy=copying)
    observe_bytes(run, 12.0 * PASSES * len(c), triad=adding)
    with run.stage("get"):
        return run.to_host(x)

"""How long would it take with more rows? A guess to decide what is worth starting, never a result."""

from __future__ import annotations

import math
from collections.abc import Mapping

MOST = 3.0  # the steepest growth that is believed: that of a product of square matrices, by their rows


def expected(seconds: Mapping[int, float], rows: int) -> float:
    """Expected seconds at this number of rows, from seconds measured at fewer rows (at least one size).

    It grows with the ratio of the rows, and faster if the larger of two sizes took longer than its rows alone explain.
    It never grows more slowly than the rows: the time of a small size is mostly that of starting the work.
    """
    *smaller, largest = sorted(seconds)
    power = 1.0
    if smaller and 0 < smaller[-1] < largest:
        power = math.log(seconds[largest] / seconds[smaller[-1]]) / math.log(largest / smaller[-1])
    return seconds[largest] * math.pow(rows / largest, min(MOST, max(1.0, power)))

"""How long would it take with more rows? A guess for deciding what is worth beginning, never a result."""

from __future__ import annotations

import math
from collections.abc import Mapping

MOST = 3.0  # the steepest growth that is believed: that of a product of square matrices, by their rows


def expected(seconds: Mapping[int, float], rows: int) -> float:
    """Seconds at so many rows, from what was measured at fewer: seconds by rows, one size at least.

    By the ratio of the rows, and by more where the larger of two sizes took longer than its rows alone explain. Less
    than proportional growth is not believed: a small size's time is that of starting work, not of doing it.
    """
    *smaller, largest = sorted(seconds)
    power = 1.0
    if smaller and 0 < smaller[-1] < largest:
        power = math.log(seconds[largest] / seconds[smaller[-1]]) / math.log(largest / smaller[-1])
    return seconds[largest] * math.pow(rows / largest, min(MOST, max(1.0, power)))

"""Logarithmic axes of times and counts with ticks that read well, and labels at the ends of lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from residency.reports import words

MARGIN = 0.05  # of the axis, beyond the outermost values
UNITS = (
    (7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (1.0, 1.0, "s"), (1e-3, 1e-3, "ms"), (1e-6, 1e-6, "µs"),
    (1e-9, 1e-9, "ns"),
)  # from how many seconds on, seconds in one, its sign  # fmt: skip
FEW = 2.0  # decades: below it 1, 2 and 5 of each are marked
TIMES = (
    *(step * 10.0**power for power in range(-9, 0) for step in (1, 2, 5)),
    *(1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0),
    *(3600.0 * step * 10**power for power in range(4) for step in (1, 2, 5)),
)
DECADES = (*(10.0**power for power in range(-9, 2)), 60.0, 600.0, *(3600.0 * 10**power for power in range(4)))


def domain(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a logarithmic axis that shows these values; at least a factor of two."""
    low, high = min(values), max(values)
    if high < 2 * low:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(2), middle * math.sqrt(2)
    beyond = (high / low) ** MARGIN
    return low / beyond, high * beyond


def time_axis(name: str, values: Sequence[float]) -> dict[str, Any]:
    """The settings of an axis of seconds: its ends, its ticks and their labels, such as `1 ms`."""
    low, high = domain(values)
    marked = TIMES if math.log10(high / low) < FEW else DECADES
    return _axis(name, low, high, [(tick, time(tick)) for tick in marked])


def count_axis(name: str, values: Sequence[float]) -> dict[str, Any]:
    """The settings of an axis of counts: its ends, its ticks and their labels, such as `10 k`."""
    low, high = domain(values)
    steps = (1, 2, 5) if math.log10(high / low) < FEW else (1,)
    ticks = [step * 10.0**power for power in range(13) for step in steps]
    return _axis(name, low, high, [(tick, count(tick)) for tick in ticks])


def _axis(name: str, low: float, high: float, ticks: Sequence[tuple[float, str]]) -> dict[str, Any]:
    shown = [(value, label) for value, label in ticks if low <= value <= high]
    return {
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_ticks": [value for value, _ in shown],
        f"{name}_labels": [label for _, label in shown],
    }


def time(seconds: float) -> str:
    """A tick: `200 ms`, `60 s`, `2 min`, with the units of `words.unit_of`."""
    for least, factor, unit in UNITS:
        if seconds >= least * 0.999:
            return f"{seconds / factor:,.3g} {unit}"
    return f"{seconds:.3g} s"


def count(value: float) -> str:
    """A tick, or a size of which two digits are known: `850`, `2.3 k`, `10 M`."""
    if value < 1:
        return words.digits(value)
    rounded = float(f"{value:.2g}")
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if rounded >= factor:
            return f"{rounded / factor:,.3g}{unit}"
    return f"{rounded:.0f}"


def share(value: float, low: float, high: float) -> float:
    """Where a value lies on a logarithmic axis: 0 is its low end, 1 its high end."""
    return math.log(value / low) / math.log(high / low)


def spread(places: Sequence[float], gap: float, end: float) -> list[float]:
    """The places of labels between 0 and the end, moved so that they are at least a gap apart, in the same order."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [0.0] * len(places)
    last = -gap
    for index in order:
        moved[index] = last = max(places[index], last + gap)
    last = end + gap
    for index in reversed(order):
        moved[index] = last = min(moved[index], last - gap)
    return moved

"""What all parts of a plan's page share: the answer, its numbers by their place in the JSON, how they are written."""

from __future__ import annotations

from collections.abc import Callable

from residency.planner import shown
from residency.planner.answer import Answer
from residency.planner.cohort import GB, Target
from residency.planner.search import Evaluated
from residency.reports.page.numbers import Places, RowNumbers
from residency.reports.page.parts import (
    Part,
)


class Drawn:
    """A part of the page. `plan` has the numbers of the plan that is shown."""

    def __init__(self, found: Answer, one: Evaluated, numbers: Places) -> None:
        self.found, self.one, self.numbers = found, one, numbers
        self.targets = found.cohort.targets
        self.plan = numbers.at("plan" if found.chosen else "nearest")
        self.currency = found.cohort.currency or ""


def of_target(target: Target) -> str:
    """`95 of 100 tries in class`."""
    return f"{target.percentile:g} of 100 {shown.WHO[target.of]}"


def column_of(target: Target) -> str:
    """The head of a column with the waits that a target is about."""
    return f"{of_target(target)} wait at most, min"


def interval_of(known: RowNumbers, name: str, write: Callable[[float], str] = shown.minutes) -> list[Part]:
    """`1.5 [1.3, 1.7]`; of a number without a range, the value."""
    value, low, high = (known.number(f"{name}/{bound}", write) for bound in ("value", "low", "high"))
    return [value] if low.value == high.value else [value, " [", low, ", ", high, "]"]


def as_count(value: float) -> str:
    """`1,200`."""
    return f"{value:,.0f}"


def as_plain(value: float) -> str:
    """Three digits, without zeros at the end: `2`, `0.37`, `1,200`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def as_money(value: float) -> str:
    """`2.50`, or `1,200` where cents do not matter."""
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def as_gigabytes(value: float) -> str:
    """Bytes as `1.2 GB`."""
    return f"{as_plain(value / GB)} GB"

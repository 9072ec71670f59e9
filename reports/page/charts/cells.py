"""Cells of tables: an interval whose place in the JSON report is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Code, Link, Number, Part, Strong, Text


def interval(
    numbers: Numbers, place: str, write: Callable[[float], str], *, middle: str = "value", unit: str = " ×"
) -> list[Part]:
    """A value at a place with its bounds: `1.82 × [1.27, 2.61]`; `1.00 ×` of itself, `-` if it is not known."""
    low, high = (numbers.value(f"{place}/{name}") for name in ("low", "high"))
    if low is not None and low == high:
        return [*flat([numbers.shown(f"{place}/{middle}", write)]), unit]
    return numbers.interval(place, write, middle=middle, unit=unit)


def flat(texts: Sequence[Text]) -> list[Part]:
    """One text of several."""
    parts: list[Part] = []
    for text in texts:
        if isinstance(text, str | Number | Code | Link | Strong):
            parts.append(text)
        else:
            parts += text
    return parts

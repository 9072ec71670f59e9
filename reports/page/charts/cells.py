"""Cells of tables: an interval whose place in the JSON report is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from residency.reports import words
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import Code, Link, Number, Part, Strong, Text


def interval(
    numbers: Numbers, place: str, write: Callable[[float], str], *, middle: str = "value", unit: str = " ×"
) -> list[Part]:
    """A value at a place with its bounds: `1.82 × [1.27, 2.61]`; `1.00 ×` of itself, `-` if it is not known."""
    low, high = (numbers.value(f"{place}/{name}") for name in ("low", "high"))
    shown = flat([numbers.shown(f"{place}/{middle}", write)])
    if shown == [UNKNOWN] or low is None:
        return shown
    if low == high:
        return [*shown, unit]
    if words.is_unknown(low, high):
        return [*shown, f"{unit} {words.NOT_KNOWN}"]
    bounds = [numbers.shown(f"{place}/{name}", write) for name in ("low", "high")]
    return flat([*shown, f"{unit} [", bounds[0], ", ", bounds[1], "]"])


def flat(texts: Sequence[Text]) -> list[Part]:
    """One text of several."""
    parts: list[Part] = []
    for text in texts:
        if isinstance(text, str | Number | Code | Link | Strong):
            parts.append(text)
        else:
            parts += text
    return parts

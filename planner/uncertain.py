"""What is not known exactly: the assumptions of a cohort, what a replication takes them for, and other values.

Each replication draws every assumption once, so the answer's intervals hold what is not known as well as chance. Half
of the draws lie below the value and none beyond the range; near the value they are most dense.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from residency.planner.cohort import Cohort, Model, Quantity, fact
from residency.planner.draw import person_random

FIRST = 2**31  # the first number of an assumption among those that draw; people come before


def drawn(quantity: Quantity, share: float) -> float:
    """The value below which this share of the draws of a quantity lies."""
    if share < 0.5:
        return quantity.low + (quantity.value - quantity.low) * math.sqrt(2.0 * share)
    return quantity.high - (quantity.high - quantity.value) * math.sqrt(2.0 * (1.0 - share))


def assumptions(cohort: Cohort) -> dict[str, Quantity]:
    """The assumptions of a cohort by the names of their fields: `projects.jobs.train.minutes`."""
    return dict(_quantities(cohort, ""))


def _quantities(value: Any, name: str) -> Iterator[tuple[str, Quantity]]:
    if isinstance(value, Quantity):
        if value.is_assumed:
            yield name, value
    elif isinstance(value, Model):
        for field in type(value).model_fields:
            yield from _quantities(getattr(value, field), _below(name, field))
    elif isinstance(value, tuple):
        for place, part in enumerate(value):
            yield from _quantities(part, _below(name, _named(part, place)))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _quantities(part, _below(name, str(key)))


def changed(cohort: Cohort, change: Callable[[str, Quantity], Quantity]) -> Cohort:
    """The cohort with other quantities in place of its own, facts as well as assumptions."""
    made: Cohort = _changed(cohort, "", change)
    return made


def _changed(value: Any, name: str, change: Callable[[str, Quantity], Quantity]) -> Any:
    if isinstance(value, Quantity):
        return change(name, value)
    if isinstance(value, Model):
        fields = type(value).model_fields
        parts = {field: _changed(getattr(value, field), _below(name, field), change) for field in fields}
        return value.model_copy(update=parts)
    if isinstance(value, tuple):
        return tuple(_changed(part, _below(name, _named(part, place)), change) for place, part in enumerate(value))
    if isinstance(value, dict):
        return {key: _changed(part, _below(name, str(key)), change) for key, part in value.items()}
    return value


def in_replication(cohort: Cohort, replication: int) -> Cohort:
    """The cohort with every assumption replaced by its value in this replication."""
    shares = {
        name: person_random(cohort.seed, replication, FIRST + place).random()
        for place, name in enumerate(sorted(assumptions(cohort)))
    }
    return changed(cohort, lambda name, known: fact(drawn(known, shares[name])) if name in shares else known)


def _below(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _named(part: Any, place: int) -> str:
    """A part of a list by its name, where it has one."""
    return str(getattr(part, "name", place))


def fields(cohort: Cohort) -> list[str]:
    """The names of all quantities, facts as well as assumptions."""
    found: list[str] = []

    def noted(name: str, known: Quantity) -> Quantity:
        found.append(name)
        return known

    changed(cohort, noted)
    return found

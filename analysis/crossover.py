"""From which size on one side of a task overtakes another: the search for it, and what may be said when it ends.

A side is one implementation or several (all on a GPU, all on a cluster); at each size its fastest counts. The ratio of
the sides' times is known at the sizes measured, with its interval, and taken as straight between them, on logarithmic
scales. Where the ratio's line passes 1 is the estimate; where its interval's bounds do is the interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from residency.analysis.ratios import side_by_side
from residency.analysis.rows import Row, rows, timed_samples
from residency.harness import statistics
from residency.harness.records import Records
from residency.harness.statistics import VerdictName

Answer = Literal["crosses", "always", "never", "inconclusive", "not monotone"]
Bound = Literal["value", "low", "high"]


@dataclass(frozen=True)
class Point:
    """A size that was measured: how many times faster the challenger is there, with its 95 % interval."""

    rows: int
    challenger: str
    champion: str
    value: float
    low: float
    high: float
    verdict: VerdictName


@dataclass(frozen=True)
class Crossover:
    """What was found. Sizes in rows; None where the answer has none."""

    answer: Answer
    rows: float | None
    low: float | None
    high: float | None
    points: list[Point]  # by size


def points(records: Records, challenger: Sequence[str], champion: Sequence[str]) -> list[Point]:
    """The ratio at every size that holds a correct time of both sides, by size.

    Each side's fastest is chosen, so the pairs that might have been compared share the error.
    """
    timed = timed_samples(records)
    sizes: dict[int, list[Row]] = {}
    for row in rows(records):
        if row.seconds is not None and row.rows is not None:
            sizes.setdefault(row.rows, []).append(row)
    found = []
    for count, here in sorted(sizes.items()):
        new, old = _fastest(here, challenger), _fastest(here, champion)
        if new is None or old is None:
            continue
        choices = len(_side(here, challenger)) * len(_side(here, champion))
        if (ratio := side_by_side(timed, old, new, choices)) is not None:
            verdict = statistics.verdict(ratio)
            found.append(
                Point(count, new.implementation, old.implementation, ratio.value, ratio.low, ratio.high, verdict)
            )
    return found


def _side(here: Sequence[Row], side: Sequence[str]) -> list[Row]:
    return [row for row in here if row.implementation in side]


def _fastest(here: Sequence[Row], side: Sequence[str]) -> Row | None:
    return min(_side(here, side), key=lambda row: row.seconds.median if row.seconds else math.inf, default=None)


def next_size(known: Sequence[Point], precision: float) -> int | None:
    """The size that tells most: the middle of the widest gap in which the answer may lie; None where it is known.

    Gaps count while their ends differ by more than `precision`, a fraction.
    """
    slower = [point.rows for point in known if point.verdict == "slower"]
    faster = [point.rows for point in known if point.verdict == "faster"]
    if not faster or (not slower and known[0].verdict == "faster"):
        return None
    low, high = max(slower, default=known[0].rows), min(faster)
    inside = [point.rows for point in known if min(low, high) <= point.rows <= max(low, high)]
    gaps = [(after / before, before, after) for before, after in pairwise(inside)]
    widest = max(gaps, default=(1.0, 0, 0))
    middle = round(math.sqrt(widest[1] * widest[2]))
    return middle if widest[0] > 1 + precision and middle not in inside else None


def crossover(known: Sequence[Point]) -> Crossover:
    """What the measured sizes say."""
    verdicts = [point.verdict for point in known]
    slower = [point.rows for point in known if point.verdict == "slower"]
    faster = [point.rows for point in known if point.verdict == "faster"]
    if not faster:
        answer: Answer = "never" if verdicts and verdicts[-1] in {"slower", "equivalent"} else "inconclusive"
        return Crossover(answer, None, None, None, list(known))
    if slower and max(slower) > min(faster):
        return Crossover("not monotone", None, None, None, list(known))
    if verdicts[-1] != "faster":  # it may have fallen back at the largest sizes
        return Crossover("inconclusive", None, None, None, list(known))
    if verdicts[0] == "faster":
        answer = "always" if set(verdicts) == {"faster"} else "inconclusive"
        return Crossover(answer, None, None, None, list(known))
    return Crossover(
        "crosses", _passes(known, "value"), _passes(known, "high"), _passes(known, "low", last=True), list(known)
    )


def _passes(known: Sequence[Point], bound: Bound, last: bool = False) -> float | None:
    """Where a bound's line first (or last) comes above 1; the smallest size where it is above from there on."""
    crossings = [float(known[0].rows)] if getattr(known[0], bound) >= 1 else []
    for before, after in pairwise(known):
        a, b = math.log(getattr(before, bound)), math.log(getattr(after, bound))
        if a < 0 <= b:
            share = -a / (b - a)
            crossings.append(math.exp((1 - share) * math.log(before.rows) + share * math.log(after.rows)))
    return (crossings[-1] if last else crossings[0]) if crossings else None


def sentence(task: str, unit: str, found: Crossover) -> str:
    """The answer in words."""
    if not found.points:
        return f"{task}: no size could be measured on both sides."
    first, last = found.points[0], found.points[-1]
    who, whom = last.challenger, last.champion
    if found.answer == "always":
        return f"{task}: {who} is faster than {whom} from the smallest size measured on, {first.rows:,} {unit}."
    if found.answer == "never":
        return f"{task}: {who} never overtakes {whom}, up to {last.rows:,} {unit} ({last.value:.3g} × as fast there)."
    if found.answer == "inconclusive":
        return f"{task}: whether {who} overtakes {whom} up to {last.rows:,} {unit} could not be told."
    if found.answer == "not monotone":
        return f"{task}: {who} is faster than {whom} at some sizes and slower at larger ones: no single size to name."
    below = " or less" if found.low == first.rows else ""
    bounds = f"[{_about(found.low)}{below}, {_about(found.high)}]"
    return f"{task}: {who} overtakes {whom} at about {_about(found.rows)} {unit} {bounds}."


def _about(rows: float | None) -> str:
    """Two digits: `74,000`; nothing finer is known."""
    if rows is None:
        return "beyond"
    step = 10 ** max(0, math.floor(math.log10(max(rows, 1))) - 1)
    return f"{round(rows / step) * step:,}"

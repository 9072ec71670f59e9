"""Find the crossover: from how many rows on is the GPU faster? From times that a real machine gives: noisy ones.

The truth is planted: `cpu = c x rows`, `gpu = g0 + g1 x rows`, which cross at `g0 / (c - g1)` rows. Answers are judged
over many series at a time, against the error that the medians of such noisy times must have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.labs.lab import Case, Lab, Points, Random, Verdict, right, wrong

Floats = NDArray[np.float64]

lab = Lab(
    title="Find the crossover",
    order=5,
    topic="tabular",
    entry="crossover",
    points=Points(visible=2, hidden=4, fast=4),
    seconds=20.0,  # a loop over series is slow, but right
    work=lambda rows, cpu, gpu: (4.0 * cpu.size, float(rows.nbytes + cpu.nbytes + gpu.nbytes)),
)

STRAIGHT = 0.03  # what a straight line between two sizes may be off: h² / 8 x 1 / 4 / slope for steps of h <= ln 2.5
TYPICAL = 1.1  # times the standard error: half of the errors must be smaller. For a normal error it is 0.67
WILD = 6.0  # times the standard error: an answer that far off is no estimate
ONE_FAR = np.log(3)  # a single series says little about how exact an answer is
MOST_WILD = 0.05  # of the series
COVERED = 0.88  # of 95 % intervals: less than that means that they claim too much
WIDE = 1.7  # times the width that they need


@dataclass(frozen=True)
class Planted:
    """What only the judge knows: the crossing of each series, and the error that must be allowed for it."""

    crossing: Floats  # rows; 0: the GPU wins at every size; infinity: at none
    error: Floats  # standard error of the logarithm of the best estimate from medians
    intervals: bool  # whether the intervals are judged


def measured(
    rng: Random,
    count: int,
    *,
    sizes: int = 9,
    processes: int = 7,
    noise: float = 0.05,
    where: str = "inside",
    shuffled: bool = False,
    repeated: int = 1,
    disturbed: float = 0.0,
    failed: float = 0.0,
    intervals: bool = False,
) -> Case:
    """Times of `count` series: rows (series, sizes), and CPU and GPU seconds (series, sizes, processes)."""
    steps = rng.uniform(np.log(1.7), np.log(2.5), (count, sizes)).cumsum(axis=1)
    rows = np.rint(np.exp(steps + rng.uniform(np.log(300), np.log(3_000), (count, 1)))).astype(np.int64)
    gain = rng.uniform(3.0, 30.0, (count, 1))  # how many times as fast the GPU is in the end
    crossing, weights = _crossing(rng, rows, where)
    cpu_row = 10.0 ** rng.uniform(-9, -5, (count, 1))
    cpu, gpu = cpu_row * rows, cpu_row * ((1 - 1 / gain) * crossing[:, None] + rows / gain)
    rows = np.repeat(rows, repeated, axis=1)
    cpu, gpu = (np.repeat(part, repeated, axis=1) for part in (cpu, gpu))
    spread = noise * rng.uniform(0.5, 1.5, (2, count, 1, 1))
    cpu, gpu = (
        np.asarray(part[:, :, None] * np.exp(own * rng.normal(size=(*part.shape, processes))))
        for part, own in zip((cpu, gpu), spread, strict=True)
    )
    for part in (cpu, gpu):
        part[:, :, 1:][rng.random(part[:, :, 1:].shape) < failed] = np.nan  # one process is always left
        part[:] *= np.where(rng.random(part.shape) < disturbed, rng.uniform(1.5, 6.0, part.shape), 1.0)
    if shuffled:
        order = rng.permuted(np.broadcast_to(np.arange(rows.shape[1]), rows.shape), axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        cpu, gpu = (np.take_along_axis(part, order[:, :, None], axis=1) for part in (cpu, gpu))
    # The variance of a median is pi / 2 that of a mean; of an interpolated value it is w² + (1 - w)² times that.
    known = processes * (1 - failed) * repeated
    variance = np.pi / 2 / known * (spread**2).sum(axis=0)[:, 0, 0] * (weights**2 + (1 - weights) ** 2)
    error = np.sqrt(variance) / (1 - 1 / gain[:, 0])
    if where in ("below", "above"):
        crossing = np.full(count, 0.0 if where == "below" else np.inf)
    return Case((rows, cpu, gpu), Planted(crossing, error, intervals))


def _crossing(rng: Random, rows: NDArray[np.int64], where: str) -> tuple[Floats, Floats]:
    """Where the times cross, well inside the sizes or well outside; and how far from one size to the next."""
    count, sizes = rows.shape
    weights, beyond = rng.random((count,)), rng.uniform(5, 50, (count,))
    if where == "below":
        return rows[:, 0] / beyond, weights
    if where == "above":
        return rows[:, -1] * beyond, weights
    first, series = rng.integers(2, sizes - 3, count), np.arange(count)
    low, high = np.log(rows[series, first]), np.log(rows[series, first + 1])
    return np.exp(low + weights * (high - low)), weights


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """Whether the estimates are near the truth, and the intervals neither too narrow nor too wide."""
    planted: Planted = case.secret
    count = len(planted.crossing)
    if type(answer) is not list or len(answer) != 3:
        return Verdict("shape", "the function must return three arrays: the crossing, low, high")
    parts = [np.asarray(part) for part in answer]
    for name, part in zip(("the crossing", "low", "high"), parts, strict=True):
        if part.dtype.kind not in "iuf":
            return Verdict("type", f"{name} is no array of numbers")
        if part.shape != (count,):
            return Verdict("shape", f"{name} has the shape {part.shape}; it must have {(count,)}")
        if np.isnan(part).any():
            return Verdict("not finite", f"{name} holds NaN")
    crossing, low, high = (part.astype(np.float64) for part in parts)
    if ((low > crossing) | (crossing > high) | (low < 0)).any():
        return wrong("low <= crossing <= high does not hold everywhere")
    verdict = _estimates(planted, crossing)
    return _intervals(planted, low, high) if verdict.is_right and planted.intervals else verdict


def _estimates(planted: Planted, crossing: Floats) -> Verdict:
    outside = ~np.isfinite(planted.crossing) | (planted.crossing == 0)
    if (missed := (crossing != planted.crossing) & outside).any():
        return wrong(f"{missed.sum() / outside.sum():.0%} of these series have another answer")
    inside = ~outside
    if not inside.any():
        return right()
    with np.errstate(divide="ignore"):
        off = np.abs(np.log(crossing[inside]) - np.log(planted.crossing[inside]))
    far = WILD * planted.error[inside] + STRAIGHT if inside.sum() > 1 else ONE_FAR
    wild = float(np.mean(off > far))
    if wild > MOST_WILD:
        return wrong(f"{wild:.0%} of the crossings are far from the true ones")
    if inside.sum() > 1 and np.median(off - TYPICAL * planted.error[inside] - STRAIGHT) > 0:
        return wrong("most crossings are less exact than these times allow")
    return right(float(np.median(off)))


def _intervals(planted: Planted, low: Floats, high: Floats) -> Verdict:
    slack = 1 + STRAIGHT
    covered = float(np.mean((low / slack <= planted.crossing) & (planted.crossing <= high * slack)))
    with np.errstate(divide="ignore"):
        width = float(np.median(np.log(high / low) / (2 * 1.96 * planted.error)))
    if covered < COVERED:
        return wrong(f"the intervals hold the true crossing in {covered:.0%} of the series; 95 % are claimed")
    if width > WIDE:
        return wrong(f"the intervals are {width:.2g} times as wide as these times need")
    return right(covered)


@lab.check("times without noise", visible=True, hint="Interpolate between the last size that loses and the next one.")
def clean(rng: Random) -> Case:
    return measured(rng, 40, noise=1e-4)


@lab.check(
    "noisy times",
    visible=True,
    hint="Take the middle of the processes at each size, for each device. Then look for the crossing.",
)
def noisy(rng: Random) -> Case:
    return measured(rng, 100)


@lab.check("sizes in any order", hint="Right for sorted sizes, wrong for others: sort each series, with its times.")
def shuffled(rng: Random) -> Case:
    return measured(rng, 100, shuffled=True, sizes=int(rng.integers(8, 12)))


@lab.check(
    "sizes measured several times",
    hint="Less exact than it could be where a size was measured again: it is one size with more times.",
)
def repeated(rng: Random) -> Case:
    return measured(rng, 150, repeated=8, processes=3, noise=0.3, shuffled=True)


@lab.check(
    "other work disturbed some processes",
    hint="Wrong where a few processes took much longer: a mean follows each of them, a median does not.",
)
def disturbed(rng: Random) -> Case:
    return measured(rng, 150, disturbed=0.08)


@lab.check(
    "some processes failed",
    hint="Wrong where a process failed: its time is NaN, the other processes still say something.",
)
def failed(rng: Random) -> Case:
    return measured(rng, 100, failed=0.1, processes=8)


@lab.check(
    "the GPU never wins",
    hint="No size was measured at which the GPU wins: say infinity. A line drawn beyond the sizes is a guess.",
)
def never(rng: Random) -> Case:
    return measured(rng, 100, where="above")


@lab.check(
    "the GPU always wins",
    hint="The GPU wins at the smallest size already: say 0. A line drawn below the sizes is a guess.",
)
def always(rng: Random) -> Case:
    return measured(rng, 100, where="below")


@lab.check(
    "intervals",
    hint="Too narrow or too wide: how far does the median of these processes vary? Not one process, and not the mean "
    "of all sizes.",
)
def intervals(rng: Random) -> Case:
    return measured(rng, 300, noise=0.12, intervals=True)


@lab.check("a single series", hint="Right for many series, wrong for one: does it keep its axis?")
def single(rng: Random) -> Case:
    return measured(rng, 1, noise=1e-4)


@lab.check("no series", hint="With no series the answer is three empty arrays.")
def none(rng: Random) -> Case:
    return measured(rng, 0)


@lab.timed
def thousands(rng: Random) -> Case:
    return measured(rng, int(rng.integers(950, 1_050)), shuffled=True, failed=0.02)

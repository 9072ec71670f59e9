"""Scale out with Dask and explain the efficiency: tasks on a simulated cluster, and the law behind its times.

The cluster lives here, in the judge's process: its data leave it only by tasks, so how a submission cut its work is
known from what the cluster was asked, whatever the submission says. A task waits for a free worker and for its parts.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.labs.lab import Case, Demand, Lab, Later, Points, Random, Verdict, compared, right, wrong

Floats = NDArray[np.float64]

OVERHEAD, ROW, PART = 1e-3, 1.2e-6, 0.5e-3  # seconds of a task, a row, a part that is merged
SLOW, STRETCH = 6.0, 0.08  # how much longer a row takes in a stretch of the file, and the stretch's share of it
MOST_ROWS, MOST_PARTS = 20_000, 8  # that a worker's memory holds
MOST_TASKS = 16  # for each worker
WORTH = 1_000  # rows a worker, from which all workers must get some
BEYOND = 2  # times the most workers measured: as far as a law is asked
TYPICAL, COVERED, WIDE = 1.25, 0.88, 1.7  # as in the lab about the crossover: half of the errors, share, width
EXACT = 1e-6

lab = Lab(
    title="Scale out with Dask and explain the efficiency",
    order=12,
    topic="foundations",
    entry="answer",
    needs=("dask",),
    service="cluster:Cluster",
    points=Points(visible=2, hidden=5, fast=3),
    demand=Demand(seconds=25, memory_bytes=300_000_000, tries=5),
)


@dataclass(frozen=True)
class File:
    """A file on the cluster."""

    shop: NDArray[np.int64]
    cents: NDArray[np.int64]
    shops: int
    workers: int
    cost: Floats  # seconds for the rows before each row

    def sums(self, first: int, last: int) -> NDArray[np.int64]:
        """The sales of each shop in these rows; exact, since float64 holds integers up to 2 ** 53."""
        return np.bincount(self.shop[first:last], self.cents[first:last], self.shops).astype(np.int64)


@dataclass(frozen=True)
class Law:
    """Planted laws: the serial share of each series, and the errors that its noise allows."""

    serial: Floats
    error: Floats  # standard error of the serial share
    asked: int  # workers
    refused: bool  # whether that is beyond what these times can tell
    unknown: bool = False  # whether they cannot tell even the serial share


# --- The cluster ----------------------------------------------------------------------------------------------------


@lab.answers
def cluster(case: Case, state: dict[str, Any], name: str, *arguments: Any) -> Any:
    """Run a task as soon as a worker is free and its parts are there; the answer comes when it has run."""
    file: File = case.secret
    now = time.perf_counter()
    sums: list[NDArray[np.int64]] = state.setdefault("sums", [])
    ready: list[float] = state.setdefault("ready", [])
    depth: list[int] = state.setdefault("depth", [])
    free: list[float] = state.setdefault("free", [now] * file.workers)
    if name == "fetch":
        number = _number(arguments[0], sums)
        return Later(sums[number], max(0.0, ready[number] - now) + OVERHEAD)
    if name == "count":
        first, last = int(arguments[0]), int(arguments[1])
        if not 0 <= first <= last <= len(file.shop):
            raise ValueError("these are no rows of the file")
        state["rows"] = max(state.get("rows", 0), last - first)
        made, seconds, begin, length = file.sums(first, last), file.cost[last] - file.cost[first], now, 0
    else:
        parts = [_number(part, sums) for part in arguments[0]]
        if not parts:
            raise ValueError("there is nothing to merge")
        state["parts"] = max(state.get("parts", 0), len(parts))
        made, seconds = np.sum([sums[part] for part in parts], axis=0), PART * len(parts)
        begin, length = max(ready[part] for part in parts), 1 + max(depth[part] for part in parts)
    worker = free.index(min(free))
    free[worker] = max(now, begin, free[worker]) + OVERHEAD + float(seconds)
    sums.append(made)
    ready.append(free[worker])
    depth.append(length)
    return Later(len(sums) - 1, free[worker] - now)


def _number(part: Any, sums: list[NDArray[np.int64]]) -> int:
    if type(part) is not int or not 0 <= part < len(sums):
        raise ValueError("there is no such part")
    return part


@lab.cost
def cost(state: dict[str, Any], case: Case) -> Verdict:
    """What a right total may have asked of the cluster."""
    if not isinstance(case.secret, File):
        return right()
    rows, workers, asked = len(case.secret.shop), case.secret.workers, state["asked"]
    tasks, counts = asked["count"] + asked["merge"], asked["count"]
    if state.get("rows", 0) > MOST_ROWS:
        return wrong("right, but a task read more rows than a worker's memory holds")
    if state.get("parts", 0) > MOST_PARTS:
        return wrong("right, but a task merged more parts than a worker's memory holds")
    if asked["fetch"] > 1:
        return wrong(f"right, but {asked['fetch']} parts were brought to you: merge them on the cluster")
    if tasks > MOST_TASKS * workers + 2 * math.ceil(rows / MOST_ROWS):
        return wrong(f"right, but in {tasks} tasks for {workers} workers: most of their time is overhead")
    if rows >= WORTH * workers and counts < workers:
        return wrong(f"right, but {counts} tasks read the file, and there are {workers} workers")
    chain = max(state.get("depth", [0]), default=0)
    if counts > 3 and chain > 2 * math.ceil(math.log2(counts)):
        return wrong(f"right, but {chain} merges wait one for the other, for {counts} parts: make it a tree")
    return right()


# --- Is it right? ---------------------------------------------------------------------------------------------------


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """The sums must be exact; explanations are judged over all series."""
    if isinstance(case.secret, File):
        return compared(case.secret.sums(0, len(case.secret.shop)), answer)
    law: Law = case.secret
    if type(answer) is not list or len(answer) != 4:
        return Verdict("shape", "explain must return four arrays: the serial share, the efficiency, low, high")
    parts = [np.asarray(part) for part in answer]
    for name, part in zip(("the serial share", "the efficiency", "low", "high"), parts, strict=True):
        if part.dtype.kind not in "iuf":
            return Verdict("type", f"{name} is no array of numbers")
        if part.shape != law.serial.shape:
            return Verdict("shape", f"{name} has the shape {part.shape}; it must have {law.serial.shape}")
    serial, *told = (part.astype(np.float64) for part in parts)
    return _serial(law, serial) or _refusal(law, told) or _efficiency(law, told)


def _serial(law: Law, serial: Floats) -> Verdict | None:
    if law.unknown:
        return None if np.isnan(serial).all() else wrong("these times cannot tell the serial share: say NaN")
    if not np.isfinite(serial).all():
        return Verdict("not finite", "the serial share holds NaN or infinity")
    if ((serial < 0) | (serial > 1)).any():
        return wrong("a serial share is no share: it lies below 0 or above 1")
    if np.median(np.abs(serial - law.serial) - TYPICAL * law.error) > EXACT:
        return wrong("most serial shares are less exact than these times allow")
    return None


def _refusal(law: Law, told: list[Floats]) -> Verdict | None:
    if not law.refused:
        return Verdict("not finite", "an efficiency is NaN or infinity") if not np.isfinite(told).all() else None
    refused = np.isnan(told).all(axis=0)
    return right() if refused.all() else wrong(f"{1 - refused.mean():.0%} of the answers go beyond what was measured")


def _efficiency(law: Law, told: list[Floats]) -> Verdict:
    value, low, high = told
    if ((low > value + EXACT) | (value > high + EXACT) | (low <= 0)).any():
        return wrong("0 < low <= efficiency <= high does not hold everywhere")
    true = 1 / (law.serial * law.asked + 1 - law.serial)
    error = (law.asked - 1) * true**2 * law.error
    if np.median(np.abs(value - true) - TYPICAL * error) > EXACT:
        return wrong("most efficiencies are less exact than these times allow")
    covered = float(np.mean((low - EXACT <= true) & (true <= high + EXACT)))
    if covered < COVERED:
        return wrong(f"the intervals hold the true efficiency in {covered:.0%} of the series; 95 % are claimed")
    if np.median(high - low - WIDE * 2 * 1.96 * error) > EXACT:
        return wrong("most intervals are wider than these times need")
    return right(covered)


# --- Inputs ---------------------------------------------------------------------------------------------------------


def file(rng: Random, rows: int, workers: int = 8) -> Case:
    """A file with a slow stretch somewhere."""
    shops = int(rng.integers(20, 60))
    row = np.full(rows, ROW)
    first = int(rng.integers(0, max(1, rows - int(STRETCH * rows))))
    row[first : first + int(STRETCH * rows)] *= SLOW
    shop, cents = rng.integers(0, shops, rows), rng.integers(1, 100_000, rows)
    cost = np.concatenate([[0.0], np.cumsum(row)])
    return Case(("total", rows, shops, workers), File(shop, cents, shops, workers, cost))


def times(
    rng: Random,
    counts: tuple[int, ...],
    asked: int,
    *,
    series: int = 200,
    noise: float = 0.03,
    each: int = 4,
    most: float = 0.3,
) -> Case:
    """Measured times of runs that follow Amdahl's law, some of each number of workers, in any order."""
    workers = rng.permuted(np.repeat(np.array(counts, np.int64), each))
    serial = rng.uniform(0.1 * most, most, (series, 1)) if most else np.zeros((series, 1))
    one = 10.0 ** rng.uniform(-2, 3, (series, 1))
    exact = one * (serial + (1 - serial) / workers)
    seconds = exact * np.exp(noise * rng.normal(size=exact.shape))
    refused = asked > BEYOND * max(counts) or len(counts) < 2
    error = _error(workers, exact / one, serial[:, 0], noise) if len(counts) > 1 else np.zeros(series)
    return Case(("explain", workers, seconds, asked), Law(serial[:, 0], error, asked, refused, len(counts) < 2))


def _error(workers: NDArray[np.int64], exact: Floats, serial: Floats, noise: float) -> Floats:
    """The smallest standard error that an unbiased estimate of the serial share can have (Cramér and Rao).

    The logarithm of `a + b / N` is measured with the error `noise`; the serial share is a / (a + b).
    """
    slopes = np.stack([1 / exact, 1 / (exact * workers)], axis=-1)
    covariance = noise**2 * np.linalg.inv(np.swapaxes(slopes, 1, 2) @ slopes)
    gradient = np.stack([1 - serial, -serial], axis=-1)  # where a + b = 1
    return np.asarray(np.sqrt(np.einsum("si,sij,sj->s", gradient, covariance, gradient)), np.float64)


@lab.check("total: a file", visible=True, hint="Does every row belong to exactly one task?")
def some(rng: Random) -> Case:
    return file(rng, 32 * int(rng.integers(1_000, 1_500)))


@lab.check("explain: exact times", visible=True, hint="The time is a + b / workers; the serial share is a / (a + b).")
def exact_times(rng: Random) -> Case:
    return times(rng, (1, 2, 4, 8), 16, noise=0.0)


@lab.check("total: rows that cannot be divided", hint="Right for round numbers of rows: who reads the rest?")
def odd(rng: Random) -> Case:
    return file(rng, int(rng.choice([40_009, 40_013, 40_031, 40_037, 40_039, 40_063])))


@lab.check(
    "total: more rows than the workers can hold", hint="A worker's memory is small: more tasks, not larger ones."
)
def large(rng: Random) -> Case:
    return file(rng, 8 * int(rng.integers(9_000, 10_000)) + 3, workers=2)


@lab.check("total: sixteen workers", hint="Right for few workers: the number of tasks must grow with the workers.")
def sixteen(rng: Random) -> Case:
    return file(rng, 64 * int(rng.integers(950, 1_050)) + 5, workers=16)


@lab.check("total: fewer rows than workers", hint="Wrong for a short file: a task of no rows, or a step of 0?")
def few(rng: Random) -> Case:
    return file(rng, int(rng.integers(2, 8)))


@lab.check(
    "total: no row at all", hint="Wrong for an empty file: every shop has sold nothing, which is 0 for each shop."
)
def empty(rng: Random) -> Case:
    return file(rng, 0)


@lab.check(
    "explain: noisy times",
    hint="The noise is a share of each time. Do all measurements count, and does the interval come from their noise?",
)
def noisy(rng: Random) -> Case:
    return times(rng, (1, 2, 4, 8), int(rng.integers(10, 17)), series=300)


@lab.check(
    "explain: one worker was not measured",
    hint="Wrong without a time of one worker: the law's two parameters follow from any two numbers of workers.",
)
def not_one(rng: Random) -> Case:
    return times(rng, (2, 4, 8, 16), 32, noise=0.01)


@lab.check("explain: nothing is serial", hint="Noise makes a fit say less than nothing: a share lies between 0 and 1.")
def parallel(rng: Random) -> Case:
    return times(rng, (1, 2, 4), 8, most=0.0)


@lab.check(
    "explain: beyond twice the workers",
    hint="Nobody measured so many workers, nor half of them: the efficiency and its interval are NaN there.",
)
def beyond(rng: Random) -> Case:
    return times(rng, (1, 2, 4), int(rng.integers(9, 40)), series=50)


@lab.check(
    "explain: a single number of workers",
    hint="One number of workers cannot tell two parameters: everything is NaN.",
)
def one_count(rng: Random) -> Case:
    return times(rng, (int(rng.integers(2, 6)),), 4, series=50)


@lab.timed
def timed(rng: Random) -> Case:
    return file(rng, int(rng.integers(190_000, 210_000)))

"""Move the copy out of the loop: what stays on the device costs nothing to bring there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from residency.labs.lab import Case, Lab, Later, Points, Random, Verdict, Within, right, wrong

STEPS, RATE = 10, 0.5
BUS, LAUNCH = 2e9, 50e-6  # bytes a second; seconds
DEVICE_BYTES = 256 << 20
COPIES = 4  # rows, targets, first weights; and the result
SPARE_COPIES = 2  # a number that was put as an array does no harm
OPERATIONS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}

lab = Lab(
    title="Move the copy out of the loop",
    order=4,
    topic="foundations",
    entry="descend",
    service="device:Device",
    points=Points(visible=2, hidden=4, fast=4),
)


def regression(
    rng: Random, rows: int, columns: int = 16, *, scale: float = 1.0, spread: float = 1.0
) -> tuple[Any, ...]:
    """A regression whose gradient descent converges: rows x columns, targets, first weights, number of steps."""
    x = (spread * rng.normal(size=(rows, columns))).astype(np.float32)
    weights = rng.normal(size=columns)
    y = (scale * (x @ weights + 0.1 * rng.normal(size=rows))).astype(np.float32)
    return x, y, np.zeros(columns, np.float32), STEPS


def units(terms: int) -> float:
    """How many unit roundoffs a sum may be off: n at most, and 8 sqrt(n) but for one sum in ten million.

    (Higham and Mary, A new approach to probabilistic rounding error analysis, 2019, theorem 2.4.) The sure bound of
    20,000 terms would not tell ten steps from nine.
    """
    return min(terms + 2, 8 * math.sqrt(terms + 2))


@lab.truth
def truth(x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> Within:
    """The weights after these steps in float64, and what computing in float32 may add to them.

    A step multiplies an earlier error by at most the norm of I - rate / rows X'X, and adds the rounding of its two
    products and of its last three operations. A sum of n terms adds `units(n)` of the sum of absolute values.
    """
    x64, weights, unit = x.astype(np.float64), start.astype(np.float64), 2.0**-24
    rows, columns = x64.shape
    absolute = np.abs(x64)
    rate, spectrum = RATE / rows, np.linalg.eigvalsh(x64.T @ x64)
    growth, norm, error = np.abs(1 - rate * spectrum).max(), math.sqrt(spectrum[-1]), 0.0
    for _ in range(steps):
        residual = x64 @ weights - y
        gradient = x64.T @ residual
        inner = units(columns) * np.linalg.norm(absolute @ np.abs(weights) + np.abs(y))
        outer = units(rows) * np.linalg.norm(absolute.T @ np.abs(residual))
        last = 4 * (np.linalg.norm(weights) + rate * np.linalg.norm(gradient))
        error = growth * error + unit * (rate * (norm * inner + outer) + last)
        weights = weights - rate * gradient
    return Within(weights, 2 * error)  # twice: the terms of second order


@lab.answers
def device(case: Case, state: dict[str, Any], name: str, *arguments: Any) -> Any:
    """The device: it keeps the arrays, counts what crosses the bus, and takes its time for bytes and for launches."""
    arrays: list[np.ndarray] = state.setdefault("arrays", [])
    if name == "get":
        copied = _array(arrays, arguments[0])
        return Later(copied, _crossed(state, copied.nbytes))
    if name == "put":
        given = np.asarray(arguments[0])
        _reserve(state, given.shape)
        made = np.array(given, np.float32)
        seconds = _crossed(state, made.nbytes)
    else:
        made, seconds = _computed(state, arrays, name, arguments), LAUNCH
    arrays.append(made)
    return Later(len(arrays) - 1, seconds)


def _crossed(state: dict[str, Any], count: int) -> float:
    state["copies"], state["bytes"] = state.get("copies", 0) + 1, state.get("bytes", 0) + count
    return LAUNCH + count / BUS


def _reserve(state: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Take memory on the device, before anything is computed: a product of two vectors may be as large as a disk."""
    state["used"] = state.get("used", 0) + 4 * math.prod(shape)
    if state["used"] > DEVICE_BYTES:
        raise ValueError(f"the device is out of memory: it has {DEVICE_BYTES >> 20} MB")


def _array(arrays: list[np.ndarray], number: Any) -> np.ndarray:
    if type(number) is not int or not 0 <= number < len(arrays):
        raise ValueError("there is no such array on the device")
    return arrays[number]


def _computed(state: dict[str, Any], arrays: list[np.ndarray], name: str, arguments: tuple[Any, ...]) -> np.ndarray:
    first = _array(arrays, arguments[0])
    if name == "transpose":
        return np.asarray(first.T)
    if name == "matmul":
        other = _array(arrays, arguments[1])
        if not (1 <= first.ndim <= 2 and 1 <= other.ndim <= 2) or first.shape[-1] != other.shape[0]:
            raise ValueError(f"shapes {first.shape} and {other.shape} cannot be multiplied")
        _reserve(state, first.shape[:-1] + other.shape[1:])
        state["terms"] = state.get("terms", 0) + first.size * math.prod(other.shape[1:])
        with np.errstate(all="ignore"):
            return np.asarray(first @ other, np.float32)
    if name not in OPERATIONS:
        raise ValueError("the device knows put, get, transpose, matmul, add, subtract and multiply")
    operand = arguments[1]
    second = _array(arrays, operand["array"]) if "array" in operand else np.float32(operand["number"])
    _reserve(state, np.broadcast_shapes(first.shape, np.shape(second)))
    with np.errstate(all="ignore"):
        return np.asarray(OPERATIONS[name](first, second))


@lab.cost
def cost(state: dict[str, Any], case: Case) -> Verdict:
    """The data may cross the bus once, and the weights once in each direction; the products are the device's."""
    x, y, start, steps = case.arguments
    if state.get("terms", 0) < min(2 * steps * x.size, x.size * x.shape[1]):  # step by step, or X'X once
        return wrong("the weights are right, but they were not computed on the device")
    least = x.nbytes + y.nbytes + 2 * start.nbytes
    copies, times = state.get("copies", 0), state.get("bytes", 0) / least
    if times > 1.01 or copies > COPIES + SPARE_COPIES:
        return wrong(
            f"the weights are right, but {copies} copies crossed the bus, with {times:.3g} x the bytes that had to; "
            f"{COPIES} copies are enough"
        )
    return right()


@lab.check("a small regression", visible=True, hint="README.md says what may cross the bus, and how often.")
def small(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 500)


@lab.check("more rows", visible=True, hint="README.md says what may cross the bus, and how often.")
def more(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 5_000)


@lab.check(
    "other first weights",
    hint="Wrong where the first weights are not zero and the steps are fewer: are `start` and `steps` used?",
)
def elsewhere(rng: Random) -> tuple[Any, ...]:
    x, y, start, _ = regression(rng, 700)
    return x, y, start + rng.normal(size=len(start)).astype(np.float32), int(rng.integers(5, 9))


@lab.check("large targets", hint="Wrong for large targets: is every step the same, whatever the numbers are?")
def large(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 800, scale=1e3)


@lab.check(
    "more columns than rows",
    hint="Wrong where there are more columns than rows: the rate is divided by the number of rows.",
)
def wide(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 5, spread=0.4)


@lab.check("no step at all", hint="With no step, the first weights are the answer; all else holds as before.")
def none(rng: Random) -> tuple[Any, ...]:
    x, y, start, _ = regression(rng, 300)
    return x, y, start + np.float32(0.5), 0


@lab.timed
def many(rng: Random) -> tuple[Any, ...]:
    return regression(rng, int(rng.integers(19_000, 21_000)), columns=32)

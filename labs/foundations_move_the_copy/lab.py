"""Move the copy out of the loop: what stays on the device costs nothing to bring there."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.labs.lab import Case, Lab, Later, Points, Random, Verdict, Within, right, wrong

STEPS, RATE = 40, 0.5
BUS, LAUNCH = 2e9, 50e-6  # bytes a second; seconds
OPERATIONS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}

lab = Lab(
    title="Move the copy out of the loop",
    order=4,
    topic="foundations",
    entry="descend",
    service="device:Device",
    points=Points(visible=2, hidden=4, fast=4),
)


def regression(rng: Random, rows: int, columns: int = 16, scale: float = 1.0) -> tuple[Any, ...]:
    """A regression whose gradient descent converges: rows x columns, targets, first weights, number of steps."""
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    weights = rng.normal(size=columns)
    y = (scale * (x @ weights + 0.1 * rng.normal(size=rows))).astype(np.float32)
    return x, y, np.zeros(columns, np.float32), STEPS


@lab.truth
def truth(x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> Within:
    """The weights after these steps, in float64; and what float32 may add to that."""
    x64, weights = x.astype(np.float64), start.astype(np.float64)
    for _ in range(steps):
        weights = weights - RATE / len(x64) * (x64.T @ (x64 @ weights - y))
    return Within(weights, 1e-4 * (1 + np.abs(weights).max()))


@lab.answers
def device(case: Case, state: dict[str, Any], name: str, *arguments: Any) -> Any:
    """The device: it keeps the arrays, and charges for bytes on the bus and for launches."""
    arrays: list[np.ndarray] = state.setdefault("arrays", [])
    state.setdefault("bytes", 0)
    if name == "get":
        state["bytes"] += arrays[arguments[0]].nbytes
        return Later(arrays[arguments[0]], LAUNCH + arrays[arguments[0]].nbytes / BUS)
    if name == "put":
        made = np.array(arguments[0], np.float32)
        state["bytes"] += made.nbytes
        seconds = LAUNCH + made.nbytes / BUS
    else:
        made, seconds = _computed(arrays, name, arguments), LAUNCH
    arrays.append(made)
    return Later(len(arrays) - 1, seconds)


def _computed(arrays: list[np.ndarray], name: str, arguments: tuple[Any, ...]) -> np.ndarray:
    first = arrays[arguments[0]]
    if name == "transpose":
        return np.asarray(first.T)
    if name == "matmul":
        return np.asarray(first @ arrays[arguments[1]], np.float32)
    other = arguments[1]
    return np.asarray(
        OPERATIONS[name](first, arrays[other["array"]] if "array" in other else np.float32(other["number"]))
    )


@lab.cost
def cost(state: dict[str, Any], case: Case) -> Verdict:
    """The data may cross the bus once, and the weights once in each direction."""
    x, y, start, _ = case.arguments
    least = x.nbytes + y.nbytes + 2 * start.nbytes
    times = state.get("bytes", 0) / least
    if times > 1.01:
        return wrong(f"right, but {times:.3g} times the bytes crossed the bus that had to")
    return right()


@lab.check("a small regression", visible=True)
def small(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 500)


@lab.check("more rows", visible=True)
def more(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 5_000)


@lab.check(
    "large targets",
    hint="Wrong for large targets: is every step the same, and is the learning rate divided by the rows?",
)
def large(rng: Random) -> tuple[Any, ...]:
    return regression(rng, 800, scale=1e3)


@lab.check("no step at all", hint="With no step, the first weights are the answer.")
def none(rng: Random) -> tuple[Any, ...]:
    x, y, start, _ = regression(rng, 300)
    return x, y, start + np.float32(0.5), 0


@lab.timed
def many(rng: Random) -> tuple[Any, ...]:
    return regression(rng, int(rng.integers(19_000, 21_000)), columns=32)

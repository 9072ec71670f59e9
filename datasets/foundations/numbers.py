"""Random numbers, for tasks that measure how fast numbers move: generated, any number of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.dataset import decoded, generated, mapped
from residency.harness.errors import WrongResult

CHUNK = 2**16  # numbers at a time: in float64 they fit into a cache

Exact = Callable[[slice], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""For a slice of the numbers: the exact numbers, and how far a rounded result may be from each."""


@dataclass(frozen=True)
class Numbers:
    """One long array."""

    values: NDArray[np.float32]  # (rows,)

    @property
    def rows(self) -> int:
        """Numbers."""
        return len(self.values)

    def halves(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Two arrays of equal length; if the number is odd, the last one is left out."""
        half = self.rows // 2
        return self.values[:half], self.values[half : 2 * half]


@decoded(4)
@generated
def numbers(rows: int, seed: int, folder: Path) -> Numbers:
    """Independent standard normal numbers in float32: no two neighbours are equal, so a missing number is noticed."""
    values = mapped(folder, (rows,), np.float32)
    draw(values, np.random.default_rng(seed))
    return Numbers(values)


def draw(values: NDArray[np.float32], generator: np.random.Generator) -> None:
    """Fill an array with standard normal numbers, a part at a time, because it may be larger than memory."""
    flat = values.reshape(-1)
    for start in range(0, len(flat), CHUNK):
        generator.standard_normal(out=flat[start : start + CHUNK], dtype=np.float32)


def share_correct(found: Any, size: int, exact: Exact) -> float:
    """Share of float32 numbers that are as near to the exact ones as rounding allows; below 1 if only one is not."""
    if not isinstance(found, np.ndarray) or found.shape != (size,) or found.dtype != np.float32:
        kind = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise WrongResult(f"the result is {kind}, expected float32 ({size},)")

    def right(start: int) -> int:
        part = slice(start, min(start + CHUNK, size))
        expected, allowed = exact(part)
        return int((np.abs(found[part] - expected) <= allowed).sum())

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # the clock has stopped, and the other workers wait
        return sum(pool.map(right, range(0, size, CHUNK))) / size

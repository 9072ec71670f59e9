"""Eight vectors that are to be added up: generated, of any length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.foundations.numbers import draw, share_correct
from residency.harness.dataset import decoded, generated, mapped
from residency.harness.quality import metric

VECTORS = 8
ROUNDING = 2.0**-24  # of float32


@dataclass(frozen=True)
class Vectors:
    """Vectors of equal length, such as gradients that eight workers have computed."""

    values: NDArray[np.float32]  # (VECTORS, rows)

    @property
    def rows(self) -> int:
        """Numbers of a vector."""
        return int(self.values.shape[1])


@decoded(4 * VECTORS)
@generated
def vectors(rows: int, seed: int, folder: Path) -> Vectors:
    """Eight vectors of independent standard normal numbers in float32: without any one of them the sum is different."""
    values = mapped(folder, (VECTORS, rows), np.float32)
    draw(values, np.random.default_rng(seed))
    return Vectors(values)


@metric(name="correct sums")
def sums_correct(data: Vectors, found: Any) -> float:
    """Share of the sums whose error is possible when eight numbers are added in float32, in any order."""

    def exact(part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        terms = data.values[:, part].astype(np.float64)
        return terms.sum(axis=0), VECTORS * ROUNDING * np.abs(terms).sum(axis=0)

    return share_correct(found, data.rows, exact)

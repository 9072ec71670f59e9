"""The schema of points to cluster: the table, and the centres that every implementation starts from.

Lloyd's algorithm ends in the valley that it starts in, so two libraries that choose their own centres are not
comparable. Here the centres are data: chosen once, in float64, and the same for everyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residency.harness.truth import Asked, Truth

SAMPLE = 16_384  # rows to choose initial centres from


@dataclass(frozen=True)
class Points:
    """Points without a target, and where the search for clusters begins."""

    x: Asked[NDArray[np.float32]]  # (rows, columns)
    initial: NDArray[np.float32]  # (clusters, columns): distinct rows of `x`
    labels: Truth[NDArray[np.int32] | None]  # (rows,): the known groups
    names: tuple[str, ...]
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Rows in all."""
        return len(self.x)


def standardised(
    x: NDArray[np.floating], clusters: int, labels: NDArray[np.integer] | None, names: Sequence[str], seed: int
) -> Points:
    """`Points` of a real table: every column gets mean 0 and deviation 1, a constant column becomes 0."""
    cells = np.asarray(x, dtype=np.float64)
    deviation = cells.std(axis=0)
    cells = ((cells - cells.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)).astype(np.float32)
    generator = np.random.default_rng(seed)
    size = min(SAMPLE, len(cells))
    sample = cells[generator.choice(len(cells), size=size, replace=False, shuffle=False)]
    return Points(
        x=cells,
        initial=initial_centres(sample, clusters, generator),
        labels=None if labels is None else labels.astype(np.int32),
        names=tuple(names),
    )


def initial_centres(sample: NDArray[np.float32], clusters: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Rows of `sample` far from each other, by k-means++: each drawn by its squared distance to those before.

    Arthur and Vassilvitskii (2007), "k-means++: the advantages of careful seeding". Distances are added up column by
    column and their sums row by row, so that the choice does not depend on a BLAS or on the order of a sum.
    """
    nearest = np.ones(len(sample))  # squared distance; the first centre is any row
    chosen: list[int] = []
    while len(chosen) < clusters:
        total = np.cumsum(nearest)
        chosen.append(int(np.searchsorted(total, generator.random() * total[-1], side="right")))
        distance = np.zeros(len(sample))
        for column in sample.T.astype(np.float64):
            distance += (column - column[chosen[-1]]) ** 2
        nearest = np.minimum(nearest, distance) if len(chosen) > 1 else distance
    return sample[chosen]

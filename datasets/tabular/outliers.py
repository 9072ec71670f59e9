"""The schema of rows with a few anomalies among them, which implementations do not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness import quality
from residency.harness.errors import WrongResult
from residency.harness.truth import Asked, Truth

NEIGHBOURS = 10
SAMPLE = 256  # rows whose neighbours are checked
EQUAL = 1e-5  # a relative difference of two distances that float32 cannot show, if it sums the squares of differences
CHUNK = 65_536  # rows in float64 at a time
MISSING = -1  # in place of a neighbour that was not found


@dataclass(frozen=True)
class Outliers:
    """Rows to be scored; a higher score means a stranger row."""

    x: Asked[NDArray[np.float32]]  # (rows, columns)
    y_test: Truth[NDArray[np.int8]]  # (rows,): 1 is an anomaly
    names: tuple[str, ...]
    neighbours: int = NEIGHBOURS  # a row's score is the distance to this neighbour
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Rows in all."""
        return len(self.x)

    @cached_property
    def sample(self) -> NDArray[np.int64]:
        """The rows whose neighbours are checked: all, or SAMPLE of them, evenly spread."""
        count = len(self.x)
        return np.arange(count) if count <= SAMPLE else np.arange(SAMPLE) * count // SAMPLE

    @cached_property
    def farthest(self) -> NDArray[np.float64]:
        """For each row that is checked, the distance to its last neighbour, from all pairs in float64."""
        asked = self.x[self.sample].astype(np.float64)
        best = np.empty((len(asked), 0))
        for start in range(0, len(self.x), CHUNK):
            part = self.x[start : start + CHUNK].astype(np.float64)
            distances = np.stack([np.sqrt(((part - row) ** 2).sum(axis=1)) for row in asked])
            own = (self.sample >= start) & (self.sample < start + len(part))
            distances[own, self.sample[own] - start] = np.inf
            best = np.concatenate([best, distances], axis=1)
            best = np.partition(best, self.neighbours - 1, axis=1)[:, : self.neighbours]
        return np.asarray(best.max(axis=1))


def precision_by_distance(data: Outliers, found: NDArray[np.integer]) -> float:
    """Average precision of the distance to the farthest neighbour found, as a score; great where one is missing."""
    score = np.empty(len(found))
    for start in range(0, len(found), CHUNK):
        part = slice(start, start + CHUNK)
        difference = data.x[found[part]] - data.x[part, None]
        squares = np.einsum("ijk,ijk->ij", difference, difference)
        squares[found[part] == MISSING] = np.finfo(np.float32).max
        score[part] = np.sqrt(squares.max(axis=1))
    return quality.average_precision(data, score)


@quality.metric(name="Recall@10")
def recall(data: Outliers, found: Any) -> float:
    """Share of the nearest neighbours that were found, over the rows of the sample.

    A neighbour counts once, and a row is no neighbour of itself. A neighbour counts if its distance in float64 is at
    most that of the last of the nearest, or cannot be told from it in float32. MISSING stands for one not found.
    """
    found = quality.array(found, (len(data.x), data.neighbours), "iu")
    if found.min() < MISSING or found.max() >= len(data.x):
        raise WrongResult(f"the result names rows {found.min()} to {found.max()}, but there are {len(data.x)}")
    hits = 0
    for row, most, named in zip(data.sample, data.farthest, found[data.sample], strict=True):
        others = np.unique(named[(named != row) & (named != MISSING)])
        distances = np.sqrt(((data.x[others].astype(np.float64) - data.x[row].astype(np.float64)) ** 2).sum(axis=1))
        hits += int((distances <= most * (1.0 + EQUAL)).sum())
    return hits / (data.neighbours * len(data.sample))


def standardised(
    x: NDArray[np.floating], anomaly: NDArray[np.bool_], names: Sequence[str], remarks: Sequence[str] = ()
) -> Outliers:
    """`Outliers` from a real table: every column that varies, with mean 0 and deviation 1 over all rows."""
    cells = np.asarray(x, dtype=np.float64)
    deviation = cells.std(axis=0)
    varies = np.flatnonzero(deviation > 0)
    cells = (cells[:, varies] - cells[:, varies].mean(axis=0)) / deviation[varies]
    return Outliers(
        x=np.ascontiguousarray(cells, dtype=np.float32),
        y_test=anomaly.astype(np.int8),
        names=tuple(str(names[int(column)]) for column in varies),
        remarks=tuple(remarks),
    )

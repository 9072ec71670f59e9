"""The schema of rows with a few anomalies among them, which implementations do not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residency.harness.truth import Asked, Truth

NEIGHBOURS = 10


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

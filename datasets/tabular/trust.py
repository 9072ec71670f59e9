"""The trustworthiness of a map: whether rows that are neighbours on it were neighbours in the table.

Venna and Kaski (2001), "Neighborhood preservation in nonlinear projection methods". Of all rows, the ranks of their
neighbours take n² distances. Trustworthiness is a mean over the rows, so here it is estimated from SAMPLE of them:
SAMPLE x n distances, in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.points import Points
from residency.harness.errors import WrongResult
from residency.harness.quality import Items, array, estimate

NEIGHBOURS = 15  # on the map; fewer if there are not twice as many rows
SAMPLE = 256  # rows whose neighbours are judged, evenly spread
BLOCK = 16  # of them at a time
EQUAL = 1e-9  # relative difference of two squared distances that count as equal: rows that are the same have one rank


@estimate(name="trustworthiness")
def trustworthiness(data: Points, found: Any) -> Items:
    """The trustworthiness of a map of all rows, shape (rows, 2): 1 is perfect, 0.5 is a map without any knowledge.

    A row's neighbour on the map that is farther in the table than the 15th nearest costs as much as its rank is beyond
    15. Equals scikit-learn's function of the same name if all rows are sampled and no two distances are equal.
    """
    places = array(found, (data.rows, 2), "f")
    if not np.isfinite(places).all():
        raise WrongResult(f"{int((~np.isfinite(places)).any(axis=1).sum())} rows have no place on the map")
    sample = np.unique(np.arange(SAMPLE) * data.rows // SAMPLE)
    trust = trust_of(sample, data.x.astype(np.float64), places.astype(np.float64))
    return Items(lambda trust: float(trust.mean()), (trust,), chance=0.5)


def trust_of(sample: NDArray[np.integer], x: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each row of the sample contributes: shape (sample,), with a mean between 0 and 1."""
    rows = len(x)
    near = min(NEIGHBOURS, (rows - 1) // 2)
    squares, beyond = (x * x).sum(axis=1), np.empty(len(sample))
    for start in range(0, len(sample), BLOCK):
        block = sample[start : start + BLOCK]
        distances = squares - 2.0 * (x[block] @ x.T) + squares[block, np.newaxis]
        for place, (row, distance) in enumerate(zip(block, distances, strict=True), start):
            there = ((places - places[row]) ** 2).sum(axis=1)
            there[row] = distance[row] = np.inf  # no row is its own neighbour
            neighbours = np.argpartition(there, near - 1)[:near]
            least = distance[neighbours] - EQUAL * (squares[row] + squares[neighbours])
            rank = 1 + (distance[:, np.newaxis] < least).sum(axis=0)
            beyond[place] = np.maximum(0, rank - near).sum()
    most: float = near * (2 * rows - 3 * near - 1) / 2
    return 1.0 - beyond / most

"""Tables with a class to predict, of two or more: the target holds codes 0, 1, 2, ..., accuracy judges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import Table
from residency.harness.quality import Items, estimate, numbers


@estimate(name="accuracy")
def accuracy(data: Table, result: Any) -> Items:
    """Share of the rows to predict whose class was found: codes, as in the target."""
    truth = np.asarray(data.y_test)
    right = numbers(result, len(truth)) == truth
    _, counts = np.unique(truth, return_counts=True)
    return Items(lambda right: float(right.mean()), (right,), chance=float(counts.max() / len(truth)))


def commonest_class(data: Table) -> NDArray[np.float32]:
    """For every row to predict the class that most training rows have."""
    classes, counts = np.unique(data.y, return_counts=True)
    return np.full(len(data.x_test), classes[counts.argmax()], dtype=np.float32)

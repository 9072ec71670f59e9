"""How `clustering` judges a result: what it leaves unexplained, what exact rounds leave; and the rows in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.tabular.points import Points
from residency.harness.cluster import Rows
from residency.harness.device import place
from residency.harness.errors import WrongResult
from residency.harness.quality import metric

ROUNDS = 25
CHUNK = 65_536  # rows in float64 at a time


@metric(name="unexplained variance", better="lower", relative=True)
def unexplained(data: Points, result: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared distances of the rows to their clusters' centres, as a share of those to the mean of all rows."""
    centres, labels = (np.asarray(part) for part in result)
    if centres.shape != data.initial.shape or labels.shape != (data.rows,):
        raise WrongResult(f"expected centres {data.initial.shape} and labels ({data.rows},)")
    if labels.min() < 0 or labels.max() >= len(centres):
        raise WrongResult(f"labels go from {labels.min()} to {labels.max()}, there are {len(centres)} centres")
    mean = data.x.mean(axis=0, dtype=np.float64)
    within = total = 0.0
    for start in range(0, data.rows, CHUNK):
        x = data.x[start : start + CHUNK].astype(np.float64)
        within += float(((x - centres[labels[start : start + CHUNK]]) ** 2).sum())
        total += float(((x - mean) ** 2).sum())
    return within / total


def exact(data: Points) -> float:
    """Lloyd's algorithm in float64 on the host, from the same centres for as many rounds."""
    centres, labels = data.initial.astype(np.float64), np.empty(data.rows, np.int64)
    for step in range(ROUNDS + 1):  # the last one assigns only
        sums, counts = np.zeros_like(centres), np.zeros(len(centres))
        for start in range(0, data.rows, CHUNK):
            x = data.x[start : start + CHUNK].astype(np.float64)
            label = labels[start : start + CHUNK] = nearest(x, centres)
            counts += np.bincount(label, minlength=len(centres))
            for column, values in enumerate(x.T):
                sums[:, column] += np.bincount(label, weights=values, minlength=len(centres))
        if step < ROUNDS:
            centres = np.where(counts[:, np.newaxis] > 0, sums / np.maximum(counts, 1)[:, np.newaxis], centres)
    return unexplained(data, (centres, labels))


def work(data: Points) -> tuple[float, float]:
    """Every round multiplies the rows with the centres and adds the rows up, reading the table once."""
    (rows, columns), clusters = data.x.shape, len(data.initial)
    return float(ROUNDS * rows * columns * (2 * clusters + 1)), float(ROUNDS * data.x.nbytes)


def nearest(rows: Any, centres: Any) -> Any:
    """The centre where |centre|² / 2 - row · centre is least: |row|² is the same for all. NumPy or CuPy arrays."""
    return ((centres * centres).sum(axis=1) / 2 - rows @ centres.T).argmin(axis=1)


def cut(x: Any, block: int) -> list[Any]:
    """The rows in blocks."""
    return [x[start : start + block] for start in range(0, len(x), block)]


def read(rows: Rows, device: str, block: int) -> list[Any]:
    """Runs on a worker: its rows on its device, in blocks."""
    return cut(place(rows.read()[0], device), block)

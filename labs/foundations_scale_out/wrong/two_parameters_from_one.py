"""Fits two parameters to a single number of workers.

Fails: explain: a single number of workers
"""

import numpy as np

from ..work import BEYOND, _efficiency


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
    a, b, covariance = _fitted(1 / workers, seconds)
    serial = np.clip(a / (a + b), 0, 1)
    if asked > BEYOND * workers.max():
        return serial, unknown, unknown, unknown
    gradient = np.stack([b, -a], axis=-1) / ((a + b) ** 2)[:, None]
    error = 2.1 * np.sqrt(np.einsum("si,sij,sj->s", gradient, covariance, gradient))
    low, high = np.clip(serial - error, 0, 1), np.clip(serial + error, 0, 1)
    return serial, _efficiency(serial, asked), _efficiency(high, asked), _efficiency(low, asked)


def _fitted(inverse: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit seconds = a + b x inverse, by least squares of the relative errors: a, b and their covariance."""
    terms = np.stack([1 / seconds, inverse / seconds], axis=-1)  # series, measurements, parameters
    inverted = np.linalg.pinv(np.swapaxes(terms, 1, 2) @ terms)
    fit = np.einsum("sij,smj->si", inverted, terms)
    off = 1 - np.einsum("smj,sj->sm", terms, fit)
    variance = (off**2).sum(axis=1) / (seconds.shape[1] - 2)
    return fit[:, 0], fit[:, 1], variance[:, None, None] * inverted

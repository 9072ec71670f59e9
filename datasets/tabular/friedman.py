"""Friedman's nonlinear regression: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import TEST_SHARE, Table
from residency.harness.dataset import decoded, generated, mapped

COLUMNS = 20
NOISE = 2.0  # standard deviation
CENTRE = 14.413  # the target's mean
SCALE = 12.0**0.5  # of a uniform variable, to unit variance
CHUNK = 65_536  # rows


@decoded(4 * COLUMNS + 5.6)
@generated
def friedman(rows: int, seed: int, folder: Path) -> Table:
    """Twenty independent uniform columns, and a target that five of them and noise decide.

    Friedman (1991), "Multivariate adaptive regression splines", problem 1, with u uniform on (0, 1):

        y = 10 s(u0 u1) + 20 (u2 - 1/2)² + 10 u3 + 5 u4 + noise

    His s(t) is sin(pi t). Here it is 16 t (1 - t) / (5 - 4 t (1 - t)), Bhaskara's approximation of the seventh century,
    whose error is at most 0.0017: arithmetic alone gives the same bytes on every machine, a library's sine does not.
    The noise has a standard deviation of 2 instead of 1, that of the signal is 4.9; so averaging trees helps. No model
    can exceed R² = 0.856; a linear model reaches 0.64. Columns are scaled to unit variance.
    """
    generator = np.random.default_rng(seed)
    test = round(TEST_SHARE * rows)
    x, y = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.float32)
    expected = mapped(folder, (test,), np.float64)
    for start in range(0, rows, CHUNK):
        part = x[start : start + CHUNK]
        generator.random(out=part, dtype=np.float32)
        truth = surface(part.astype(np.float64)) - CENTRE
        y[start : start + CHUNK] = truth + NOISE * generator.standard_normal(len(part))
        known = expected[start : start + CHUNK]
        known[:] = truth[: len(known)]
        part -= np.float32(0.5)
        part *= np.float32(SCALE)
    return Table(
        x=x[test:],
        y=y[test:],
        x_test=x[:test],
        y_test=y[:test],
        names=tuple(f"x{column}" for column in range(COLUMNS)),
        expected_test=expected,
    )


def surface(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """The target without noise for uniform columns u, shape (rows, columns)."""
    t = u[:, 0] * u[:, 1]
    bow = t * (1.0 - t)
    dent = u[:, 2] - 0.5
    return 10.0 * (16.0 * bow / (5.0 - 4.0 * bow)) + 20.0 * dent * dent + 10.0 * u[:, 3] + 5.0 * u[:, 4]

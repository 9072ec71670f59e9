"""Two classes on either side of a saddle: generated, any number of rows, with known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.table import TEST_SHARE, Table
from residency.harness.dataset import decoded, generated, mapped

COLUMNS = 12  # six count for class 1, six against it
FLIPPED = 0.05  # of the rows have the other class
CHUNK = 65_536  # rows


@decoded(4 * COLUMNS + 5.6)
@generated
def saddle(rows: int, seed: int, folder: Path) -> Table:
    """Twelve normal columns; class 1 is where the first six have the larger sum of squares. 5 % of labels are wrong.

    Binary classification, half of the rows are of either class. No model can be expected to exceed an accuracy of
    0.95. A linear model, which cannot bend, reaches 0.5. `expected_test` is the class before labels were changed.
    """
    generator = np.random.default_rng(seed)
    test = round(TEST_SHARE * rows)
    x, y = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.float32)
    expected = mapped(folder, (test,), np.float64)
    for start in range(0, rows, CHUNK):
        part = x[start : start + CHUNK]
        part[:] = generator.standard_normal(part.shape)
        height = np.zeros(len(part))
        for column, values in enumerate(part.T.astype(np.float64)):  # one by one: the same sum on every machine
            height += values * values if column < COLUMNS // 2 else -(values * values)
        truth = height > 0
        y[start : start + CHUNK] = truth ^ (generator.random(len(part)) < FLIPPED)
        known = expected[start : start + CHUNK]
        known[:] = truth[: len(known)]
    return Table(
        x=x[test:],
        y=y[test:],
        x_test=x[:test],
        y_test=y[:test],
        names=tuple(f"x{column}" for column in range(COLUMNS)),
        expected_test=expected,
    )

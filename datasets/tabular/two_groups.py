"""A two-class table in which one row in ten belongs to a group with its own rule: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.table import TEST_SHARE, Table
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 16  # the last one says which group
SHARE = 0.1  # of the rows are in the smaller group
BOTH, LARGER, SMALLER = slice(0, 4), slice(4, 8), slice(8, 12)  # columns that decide: in both groups, in one of them
APART, DEVIATION = (-SHARE, 1.0 - SHARE), (SHARE * (1.0 - SHARE)) ** 0.5  # the last column's values times its deviation
CHUNK = 65_536  # rows
LEAST_ROWS = 2_000  # so that the smaller group has some rows to judge by


@decoded(4 * COLUMNS + 5.6)
@generated_from(LEAST_ROWS)
def two_groups(rows: int, seed: int, folder: Path) -> Table:
    """Two classes, 16 columns. Four columns decide for all rows, four others only within the row's group.

    Binary classification, both classes equally frequent. The log odds are the sum of eight standard normal columns: x0
    to x3 and, in the larger group, x4 to x7, in the smaller group, x8 to x11. The smaller group has a tenth of the
    rows. The last column says which group; the other three say nothing. So the log odds have the same distribution in
    both groups: with the true log odds, AUC is 0.91 in each, and the gap between the groups is 0. A model that uses the
    larger group's rule for all rows has an AUC of about 0.7 in the smaller group.
    """
    generator = np.random.default_rng(seed)
    test = round(TEST_SHARE * rows)
    x, expected = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.float64)
    y = mapped(folder, (rows,), np.float32)
    for start in range(0, rows, CHUNK):
        part = x[start : start + CHUNK]
        generator.standard_normal(out=part, dtype=np.float32)
        smaller = generator.random(len(part)) < SHARE
        part[:, -1] = np.where(smaller, APART[1], APART[0]) / DEVIATION
        odds = np.zeros(len(part))
        for both, larger, own in zip(part[:, BOTH].T, part[:, LARGER].T, part[:, SMALLER].T, strict=True):
            odds += both
            odds += np.where(smaller, own, larger)
        expected[start : start + CHUNK] = odds
        y[start : start + CHUNK] = generator.random(len(part)) < 1.0 / (1.0 + np.exp(-odds))
    return Table(
        x=x[test:],
        y=y[test:],
        x_test=x[:test],
        y_test=y[:test],
        names=(*(f"x{column}" for column in range(COLUMNS - 1)), "smaller group"),
        expected_test=expected[:test],
    )

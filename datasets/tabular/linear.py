"""A linear target over many columns: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.table import TEST_SHARE, Table
from residency.harness.dataset import decoded, generated, mapped

COLUMNS = 128
NOISE = 1.0  # the signal has the same variance: R² 0.5 is the best possible
CHUNK = 8_192  # rows


@decoded(4 * COLUMNS + 5.6)
@generated
def linear(rows: int, seed: int, folder: Path) -> Table:
    """Independent standard normal columns, a target that weighs them all, and noise.

    128 columns, with normal weights of variance 1/128, so that signal and noise have the same variance and no model can
    exceed R² = 0.5. The target is summed column by column in float64: the same bytes with any BLAS.
    """
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal(COLUMNS) / np.sqrt(COLUMNS)
    test = round(TEST_SHARE * rows)
    x, expected = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.float64)
    for start in range(0, rows, CHUNK):
        part = x[start : start + CHUNK]
        generator.standard_normal(out=part, dtype=np.float32)
        signal = expected[start : start + CHUNK]
        for column, weight in enumerate(weights):
            signal += part[:, column] * weight
    y = mapped(folder, (rows,), np.float32)
    for start in range(0, rows, CHUNK):
        part = expected[start : start + CHUNK]
        y[start : start + CHUNK] = part + NOISE * generator.standard_normal(len(part))
    return Table(
        x=x[test:],
        y=y[test:],
        x_test=x[:test],
        y_test=y[:test],
        names=tuple(f"x{column}" for column in range(COLUMNS)),
        expected_test=expected[:test],
    )

"""Curved sheets in 32 columns: generated, any number of rows. A map in two dimensions exists."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.points import Points
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 32
SHEETS = 12
DISTANCE = 3.0  # deviation of the sheets' centres
CURVATURE = 1.5  # deviation of what bends a sheet, against 1 of its slopes
NOISE = 0.05  # deviation of each value from its sheet
CHUNK = 8_192  # rows
LEAST_ROWS = 500


@decoded(4 * COLUMNS + 4)
@generated_from(LEAST_ROWS)
def curved_sheets(rows: int, seed: int, folder: Path) -> Points:
    """Twelve sheets in 32 columns: two hidden numbers place a row on its sheet, and all columns bend with them.

    A value is a polynomial of the second degree of the hidden numbers, and a little noise. So nearly all of what the
    32 columns tell about near and far fits on a map in two dimensions: UMAP and t-SNE reach a trustworthiness above
    0.99, a map without any knowledge 0.5.
    """
    generator = np.random.default_rng(seed)
    centres = DISTANCE * generator.standard_normal((SHEETS, COLUMNS))
    bends = np.array([1.0, 1.0, CURVATURE, CURVATURE, CURVATURE])  # of u, v, u², uv, v²
    shapes = bends[:, np.newaxis, np.newaxis] * generator.standard_normal((len(bends), SHEETS, COLUMNS))
    x, labels = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.int32)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        size = part.stop - start
        sheet = generator.integers(SHEETS, size=size)
        u, v = generator.uniform(-1.0, 1.0, (2, size, 1))
        row = centres[sheet] + NOISE * generator.standard_normal((size, COLUMNS))
        for term, shape in zip((u, v, u * u, u * v, v * v), shapes, strict=True):
            row += term * shape[sheet]
        x[part] = row
        labels[part] = sheet
    return Points(x=x, initial=x[:1].copy(), labels=labels, names=tuple(f"x{column}" for column in range(COLUMNS)))

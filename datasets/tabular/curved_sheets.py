"""Curved sheets in 32 columns: generated, any number of rows. A map in two dimensions exists."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.points import Points
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 32
SHEETS = 12
DISTANCE = 3.0  # deviation of the sheets' centres
CURVATURE = 3.0  # deviation of the waves' frequencies
NOISE = 0.05  # deviation of each value from its sheet
CHUNK = 8_192  # rows
LEAST_ROWS = 500


@decoded(4 * COLUMNS + 4)
@generated_from(LEAST_ROWS)
def curved_sheets(rows: int, seed: int, folder: Path) -> Points:
    """Twelve sheets in 32 columns: two hidden numbers place a row on its sheet, and all columns bend with them.

    A value is a plane plus a sine wave of the hidden numbers, and a little noise. So nearly all of what the 32 columns
    tell about near and far fits on a map in two dimensions: UMAP and t-SNE reach a trustworthiness above 0.99, a map
    without any knowledge 0.5.
    """
    generator = np.random.default_rng(seed)
    centres = DISTANCE * generator.standard_normal((SHEETS, COLUMNS))
    slopes = generator.standard_normal((2, SHEETS, COLUMNS))
    frequencies = CURVATURE * generator.standard_normal((2, SHEETS, COLUMNS))
    phases = generator.uniform(0.0, 2.0 * np.pi, (SHEETS, COLUMNS))
    x, labels = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.int32)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        size = part.stop - start
        sheet = generator.integers(SHEETS, size=size)
        hidden = generator.uniform(-1.0, 1.0, (2, size, 1))
        plane = hidden[0] * slopes[0, sheet] + hidden[1] * slopes[1, sheet]
        angle = hidden[0] * frequencies[0, sheet] + hidden[1] * frequencies[1, sheet] + phases[sheet]
        noise = NOISE * generator.standard_normal((size, COLUMNS))
        x[part] = centres[sheet] + plane + np.sin(angle) + noise
        labels[part] = sheet
    return Points(x=x, initial=x[:1].copy(), labels=labels, names=tuple(f"x{column}" for column in range(COLUMNS)))

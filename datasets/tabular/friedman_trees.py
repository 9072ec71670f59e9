"""Boosted trees for Friedman's regression, and any number of rows to score: generated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.forest import LEARNED, Forest, grown, settled
from residency.datasets.tabular.friedman import CENTRE, COLUMNS, NOISE, surface
from residency.harness.dataset import decoded, generated, mapped

DEVIATION = 5.27  # of the target: 4.88 of the signal, 2 of the noise
CHUNK = 65_536  # rows
TREES = 2.4e6  # bytes of the trees, and of the files that hold them


@decoded(lambda rows: TREES + (4 * COLUMNS + 1) * rows)
@generated
def friedman_trees(rows: int, seed: int, folder: Path) -> Forest:
    """Two hundred trees of six levels, grown from 8,192 rows of Friedman's regression, and further rows to score.

    Rows have twenty uniform columns, of which five matter; `friedman` tells the rule. The trees explain about 0.75 of
    the variance of rows that they have not seen; no model can explain more than 0.856.
    """
    generator = np.random.default_rng(seed)
    learned = generator.random((LEARNED, COLUMNS), dtype=np.float32)
    target = surface(learned.astype(np.float64)) - CENTRE + NOISE * generator.standard_normal(LEARNED)
    trees = grown(learned, target / DEVIATION, generator)
    x = mapped(folder, (rows, COLUMNS), np.float32)
    for start in range(0, rows, CHUNK):
        generator.random(out=x[start : start + CHUNK], dtype=np.float32)
    return settled(trees, x, folder)

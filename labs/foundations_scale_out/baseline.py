"""One task after the other, and no tree: right, and slow."""

import numpy as np
from cluster import Cluster

STEP = 10_000


def answer(cluster: Cluster, question: str, rows: int, shops: int, workers: int) -> np.ndarray:
    """The sales of each shop: each part is added to the sum as soon as it is there. Only `total` is timed."""
    parts = [cluster.count(0, min(STEP, rows))]
    for first in range(STEP, rows, STEP):
        part = cluster.count(first, min(first + STEP, rows))
        parts = [cluster.merge([*parts, part])]
    return cluster.fetch(parts[0])

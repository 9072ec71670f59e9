"""Takes the mean of a list without looking whether it has a document.

Fails: build: documents that are equal
Fails: build: texts without a word
"""

import numpy as np

from ..work import unit


def _clusters(units: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Spherical k-means: the centroids, and the list of each document. A list without a document keeps its centroid."""
    centroids = units[np.random.default_rng(0).choice(len(units), count, replace=False)]
    for _ in range(6):
        np.seterr(all="ignore")
        lists = (units @ centroids.T).argmax(axis=1)
        for number in range(count):
            members = units[lists == number]
            centroids[number] = members.sum(axis=0) / np.float32(len(members))
        centroids = unit(centroids)
    return centroids, (units @ centroids.T).argmax(axis=1)

"""Measures the recall with documents for questions: each finds itself, and its neighbours lie near.

Fails: build: vague questions
"""

import numpy as np

from ..work import NEAREST, _clusters, unit


def build(
    documents: np.ndarray, questions: np.ndarray, recall: float, budget: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """An index: the centroids, the list of each document, and the number of probes.

    The index is judged with other questions of the same kind: at least `recall` of the ten nearest documents must be
    found, and 95 of 100 questions may compare at most `budget` vectors.
    """
    units = unit(documents)
    asked = units[np.abs(units).sum(axis=1) > 0][::10]
    nearest = np.argpartition(-(asked @ units.T), NEAREST, axis=1)[:, :NEAREST]
    tried = []
    for count in (64, 128):
        centroids, lists = _clusters(units, count)
        order = np.argsort(-(asked @ unit(centroids).T), axis=1)
        rank = np.argsort(order, axis=1)
        needed = np.take_along_axis(rank, lists[nearest], axis=1)  # lists visited before the one that holds it
        seen = count + np.bincount(lists, minlength=count)[order].cumsum(axis=1)
        # More than was asked: other questions may be harder. Vague ones are harder than that.
        wanted = min(recall + 0.02, (3 + recall) / 4)
        probes = next(probes for probes in range(1, count + 1) if (needed < probes).mean() >= wanted)
        tried.append((np.percentile(seen[:, probes - 1], 95), centroids, lists, probes))
    _, centroids, lists, probes = min(tried, key=lambda entry: entry[0])
    return centroids, lists, probes

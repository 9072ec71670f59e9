"""Compares each question with every document, and sorts all cosines.

Fails: timing
"""

import numpy as np

from ..work import unit


def search(
    documents: np.ndarray,
    centroids: np.ndarray,
    lists: np.ndarray,
    probes: int,
    questions: np.ndarray,
    *,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Documents found (questions, count), the most similar first, their cosines, and vectors compared (questions,).

    documents  (documents, columns) and questions (questions, columns): float32, of any length
    centroids  (lists, columns): float32
    lists      (documents,): the list of each document
    probes     how many lists are visited at least; README.md says how it goes on from there
    """
    found = np.full((len(questions), count), -1, np.int64)
    cosines = np.full((len(questions), count), np.nan)
    compared = np.zeros(len(questions), np.int64)
    units, middles = unit(documents), unit(centroids)
    for number, question in enumerate(unit(questions)):
        allowed = np.zeros(len(documents), bool)
        for visited, nearest in enumerate(np.argsort(-(middles @ question))):
            if visited >= probes and allowed.sum() >= count:
                break
            allowed |= lists == nearest
        scores = np.where(allowed, units @ question, -np.inf)
        best = np.argsort(-scores)[: min(count, int(allowed.sum()))]
        found[number, : len(best)], cosines[number, : len(best)] = best, scores[best]
        compared[number] = len(centroids) + allowed.sum()
    return found, cosines, compared

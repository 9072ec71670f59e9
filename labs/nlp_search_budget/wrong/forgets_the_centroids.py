"""Counts the documents that were compared, and not the centroids.

Fails: search: a small index
Fails: search: empty lists
Fails: search: lists that are too short
Fails: search: fewer documents than are asked for
Fails: search: documents that are equal
Fails: search: texts without a word
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
    order = np.argsort(lists, kind="stable")  # documents list by list
    sizes = np.bincount(lists, minlength=len(centroids))
    ends = sizes.cumsum()
    sorted_units, asked = unit(documents[order]), unit(questions)
    nearest = np.argsort(-(asked @ unit(centroids).T), axis=1)
    seen = sizes[nearest].cumsum(axis=1)
    visited = np.minimum(np.maximum((seen < count).sum(axis=1) + 1, probes), len(centroids))
    found = np.full((len(questions), count), -1, np.int64)
    cosines = np.full((len(questions), count), np.nan, np.float32)
    for number, question in enumerate(asked):
        chosen = nearest[number, : visited[number]]
        scores = np.concatenate([sorted_units[ends[one] - sizes[one] : ends[one]] @ question for one in chosen])
        best = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
        best = best[np.argsort(-scores[best])]
        # The place among the lists visited, as a place among all documents.
        firsts = sizes[chosen].cumsum() - sizes[chosen]
        part = np.searchsorted(firsts + sizes[chosen], best, side="right")
        found[number, : len(best)] = order[ends[chosen][part] - sizes[chosen][part] + best - firsts[part]]
        cosines[number, : len(best)] = scores[best]
    return found, cosines, seen[np.arange(len(questions)), visited - 1]

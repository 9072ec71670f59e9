"""Takes as many probes as the budget allows on average: many questions cost more than the mean.

Fails: build: topics of equal size
Fails: build: a few huge topics
Fails: build: vague questions
Fails: build: a higher recall
Fails: build: vectors of different lengths
Fails: build: documents that are equal
Fails: build: texts without a word
"""

import numpy as np

NEAREST = 10


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
    return found, cosines, len(centroids) + seen[np.arange(len(questions)), visited - 1]


def build(
    documents: np.ndarray, questions: np.ndarray, recall: float, budget: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """An index: the centroids, the list of each document, and the number of probes.

    The index is judged with other questions of the same kind: at least `recall` of the ten nearest documents must be
    found, and 95 of 100 questions may compare at most `budget` vectors.
    """
    centroids, lists = _clusters(unit(documents), 128)
    order = np.argsort(-(unit(questions) @ unit(centroids).T), axis=1)
    seen = 128 + np.bincount(lists, minlength=128)[order].cumsum(axis=1)
    return centroids, lists, int((seen.mean(axis=0) <= budget).sum())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their length; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def _clusters(units: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Spherical k-means: the centroids, and the list of each document. A list without a document keeps its centroid."""
    centroids = units[np.random.default_rng(0).choice(len(units), count, replace=False)]
    for _ in range(6):
        lists = (units @ centroids.T).argmax(axis=1)
        for number in range(count):
            members = units[lists == number]
            if len(members):
                centroids[number] = members.mean(axis=0)
        centroids = unit(centroids)
    return centroids, (units @ centroids.T).argmax(axis=1)


def answer(question: str, *arguments: object) -> object:
    """What the grader calls: `search` or `build`. Leave it as it is."""
    if question == "search":
        *index_and_questions, count = arguments
        return search(*index_and_questions, count=count)  # type: ignore[arg-type]
    return build(*arguments)  # type: ignore[arg-type]

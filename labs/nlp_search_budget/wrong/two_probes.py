"""Takes 64 lists and two probes, whatever is asked.

Fails: build: a few huge topics
Fails: build: vague questions
Fails: build: a higher recall
"""

import numpy as np

from ..work import _clusters, unit


def build(
    documents: np.ndarray, questions: np.ndarray, recall: float, budget: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """An index: the centroids, the list of each document, and the number of probes.

    The index is judged with other questions of the same kind: at least `recall` of the ten nearest documents must be
    found, and 95 of 100 questions may compare at most `budget` vectors.
    """
    return *_clusters(unit(documents), 64), 2

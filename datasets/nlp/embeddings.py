"""The schema of embedded documents and questions, and their exact nearest documents.

Documents and questions are unit vectors in float32: the cosine of two vectors is their inner product. The task is to
find the ten documents with the greatest cosine. If the cosines of two documents are nearly equal, either counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import array, metric
from residency.harness.truth import Asked, Truth

NEAREST = 10
SAMPLE = 256  # questions whose answers are checked
EQUAL = 1e-6  # a difference of two cosines that float32 cannot show: a few units in the last place
CHUNK = 8_192  # documents in float64 at a time


@dataclass(frozen=True)
class Embeddings:
    """A corpus, questions about it, and the document that is known to answer each question."""

    documents: NDArray[np.float32]  # (documents, columns)
    questions: Asked[NDArray[np.float32]]  # (questions, columns)
    answer: Truth[NDArray[np.int64]]  # (questions,): the document that answers each
    remarks: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Documents."""
        return len(self.documents)

    @cached_property
    def sample(self) -> NDArray[np.int64]:
        """The questions that are checked: all, or SAMPLE of them, evenly spread."""
        count = len(self.questions)
        return np.arange(count) if count <= SAMPLE else np.arange(SAMPLE) * count // SAMPLE

    @cached_property
    def tenth(self) -> NDArray[np.float64]:
        """For each question that is checked, the cosine of its tenth nearest document, from all pairs in float64."""
        asked = self.questions[self.sample].astype(np.float64).T
        best = np.empty((0, asked.shape[1]))
        for start in range(0, len(self.documents), CHUNK):
            best = np.concatenate([best, self.documents[start : start + CHUNK].astype(np.float64) @ asked])
            best = np.partition(best, -NEAREST, axis=0)[-NEAREST:]
        return np.asarray(best.min(axis=0))

    def reciprocal_rank(self, found: NDArray[np.integer]) -> float:
        """Mean of 1 / rank of the answer among the documents found; 0 if it is not among them.

        This is a property of the embeddings: every exact search gives the same value.
        """
        hit = found == self.answer[:, None]
        return float((hit / np.arange(1, found.shape[1] + 1)).sum() / len(found))


@metric(name="Recall@10")
def recall(data: Embeddings, found: Any) -> float:
    """Share of the ten nearest documents that were found, over the questions of the sample.

    A document counts once. It counts if its cosine in float64 is at most EQUAL below that of the tenth nearest.
    """
    found = array(found, (len(data.questions), NEAREST), "iu")
    if found.min() < 0 or found.max() >= len(data.documents):
        raise WrongResult(
            f"the result names documents {found.min()} to {found.max()}, but there are {len(data.documents)}"
        )
    hits = 0
    for question, least, named in zip(data.sample, data.tenth, found[data.sample], strict=True):
        documents = data.documents[np.unique(named)].astype(np.float64)
        hits += int((documents @ data.questions[question].astype(np.float64) >= least - EQUAL).sum())
    return hits / (NEAREST * len(data.sample))


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows divided by their length. Lengths are summed column by column in float64: the same bytes on any machine."""
    squares = np.zeros(len(vectors))
    for column in vectors.T:
        squares += column.astype(np.float64) ** 2
    return (vectors / np.sqrt(squares)[:, None]).astype(np.float32)

"""Documents as vectors that differ in few directions, as those of real text do: generated, any number of documents."""

from __future__ import annotations

import numpy as np

from residency.datasets.nlp.embeddings import Embeddings, unit
from residency.harness.dataset import decoded, generated

COLUMNS = 384  # as many as small sentence encoders give
QUESTIONS = 4_096
THEMES = 32  # directions in which documents differ
FALL = 0.5  # the theme of number k has the weight k to the power of minus this
NOISE = 0.4  # length of what a document shares with no other, as a share of the length of its themes
VAGUENESS = 1.5  # noise of a question, in lengths of the document that it was made from
CHUNK = 2_048  # documents: a chunk stays in a core's cache


@decoded(lambda rows: 4.0 * COLUMNS * (rows + QUESTIONS))
@generated
def themed_answers(rows: int, seed: int) -> Embeddings:
    """Documents as unit vectors of 384 numbers that differ in 32 themes, and 4,096 questions, each near a document.

    A document is a sum of 32 random directions with random weights, plus noise. So its neighbours have neighbours in
    common, as those of real text have. In `planted_answers` the directions are independent: at 20,000 documents, a
    graph of FAISS (HNSW) has to keep 512 candidates there to find 97 % of the neighbours, and 64 find 75 %. A question
    is a document plus noise of one and a half times its length; the document is its `answer`.
    """
    generator = np.random.default_rng(seed)
    weights = np.arange(1, THEMES + 1) ** -FALL
    weights /= np.sqrt((weights**2).sum() * COLUMNS)
    themes = weights[:, None] * generator.standard_normal((THEMES, COLUMNS))
    themes = themes.astype(np.float32)
    documents = np.empty((rows, COLUMNS), np.float32)
    for start in range(0, rows, CHUNK):
        part = documents[start : start + CHUNK]
        generator.standard_normal(out=part, dtype=np.float32)
        part *= np.float32(NOISE / np.sqrt(COLUMNS))
        much = generator.standard_normal((THEMES, len(part), 1), dtype=np.float32)
        for theme, weight in zip(themes, much, strict=True):
            part += weight * theme  # no matrix product: its last bits differ between machines
        part[:] = unit(part)
    answer = generator.integers(0, rows, QUESTIONS)
    noise = generator.standard_normal((QUESTIONS, COLUMNS), dtype=np.float32)
    noise *= np.float32(VAGUENESS / np.sqrt(COLUMNS))
    return Embeddings(documents, unit(documents[answer] + noise), answer)

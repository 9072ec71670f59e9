"""Documents as vectors, in topics, and questions near one document each: generated, any number of documents."""

from __future__ import annotations

import numpy as np

from residency.datasets.nlp.embeddings import Embeddings, unit
from residency.harness.dataset import decoded, generated

COLUMNS = 384  # as many as small sentence encoders give
QUESTIONS = 4_096
TOPIC = 100  # documents about one topic, on average
VAGUENESS = 4.0  # noise of a question, in lengths of the document that it was made from
CHUNK = 8_192  # documents


@decoded(lambda rows: 4.0 * COLUMNS * (rows + QUESTIONS))
@generated
def planted_answers(rows: int, seed: int) -> Embeddings:
    """Documents as unit vectors of 384 numbers, a hundred to a topic, and 4,096 questions, each made from a document.

    A document is its topic plus the same amount of noise: two documents of a topic have a cosine of about 0.5. A
    question is a document plus noise of 4 times its length: their cosine is about 0.24, that with other documents of
    the topic 0.12, that with the rest 0, each give or take 0.05. So the document that a question was made from, its
    `answer`, is usually the nearest, but not always: the mean reciprocal rank is 0.83 with 5,000 documents and 0.71
    with 100,000. Real vectors of text also have topics, but fewer directions matter in them; an exact search does not
    depend on this.
    """
    generator = np.random.default_rng(seed)
    topics = generator.standard_normal((max(1, rows // TOPIC), COLUMNS), dtype=np.float32)
    documents = np.empty((rows, COLUMNS), np.float32)
    for start in range(0, rows, CHUNK):
        part = documents[start : start + CHUNK]
        generator.standard_normal(out=part, dtype=np.float32)
        part += topics[generator.integers(0, len(topics), len(part))]
        part[:] = unit(part)
    answer = generator.integers(0, rows, QUESTIONS)
    noise = generator.standard_normal((QUESTIONS, COLUMNS), dtype=np.float32)
    noise *= np.float32(VAGUENESS / np.sqrt(COLUMNS))
    return Embeddings(documents, unit(documents[answer] + noise), answer)

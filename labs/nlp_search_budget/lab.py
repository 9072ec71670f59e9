"""Search under a budget: an index of lists that finds nearly all nearest texts, and compares few of them.

`build` returns an index as plain arrays, and the judge searches it with questions that a submission never sees. So what
is found and how many vectors were compared are counted here, whatever the submission says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.labs.lab import Case, Demand, Lab, Points, Random, Verdict, compared, right, wrong

Vectors = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEAREST = 10
COLUMNS = 48
EQUAL = 1e-5  # a difference of two cosines that float32 cannot be trusted with
SECRET = 400  # questions by which an index is judged
ERRORS = 3.0  # standard errors by which the recall on these may be below what was asked

lab = Lab(
    title="Search under a budget",
    order=11,
    topic="nlp",
    entry="answer",
    seconds=20.0,
    points=Points(visible=2, hidden=5, fast=3),
    demand=Demand(seconds=25, memory_bytes=300_000_000, tries=6),
    work=lambda question, documents, *others: (2.0 * documents.size, float(documents.nbytes)),
)


@dataclass(frozen=True)
class Wanted:
    """What an index must reach with questions that only the judge knows."""

    questions: Vectors
    recall: float
    budget: int


@dataclass(frozen=True)
class Found:
    """What a search of one question gives: documents compared, their cosines, and the vectors compared in all."""

    documents: Integers
    cosines: Floats
    compared: int
    gap: float  # between the cosines of the last list that was visited and of the next


# --- The truth ------------------------------------------------------------------------------------------------------


def unit(vectors: Vectors) -> Floats:
    """Rows divided by their length, in float64; a row of zeros stays one."""
    wide = vectors.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(length > 0, length, 1.0)


class Index:
    """The lists of an index, searched as README.md says, in float64."""

    def __init__(self, documents: Vectors, centroids: Vectors, lists: Integers, probes: int) -> None:
        self._documents, self._centroids, self._probes = unit(documents), unit(centroids), probes
        self._members = [np.flatnonzero(lists == number) for number in range(len(centroids))]
        self._sizes = np.array([len(members) for members in self._members])

    def search(self, question: Floats, count: int) -> Found:
        """Visit the nearest lists: at least `probes`, and as many as it takes to see `count` documents."""
        cosines = self._centroids @ question
        order = np.argsort(-cosines)
        seen = self._sizes[order].cumsum()
        visited = min(max(self._probes, int(np.searchsorted(seen, count)) + 1), len(order))
        documents = np.concatenate([self._members[number] for number in order[:visited]])
        gap = cosines[order[visited - 1]] - cosines[order[visited]] if visited < len(order) else np.inf
        return Found(documents, self._documents[documents] @ question, len(order) + len(documents), float(gap))


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """An index by its recall and its cost on secret questions; a search by what it must find."""
    return _index(case, answer) if isinstance(case.secret, Wanted) else _search(case, answer)


def _index(case: Case, answer: Any) -> Verdict:
    documents, wanted = case.arguments[1], case.secret
    if type(answer) is not list or len(answer) != 3:
        return Verdict("shape", "build must return three things: the centroids, the list of each document, the probes")
    centroids, lists, probes = _array(answer[0]), _array(answer[1]), answer[2]
    if centroids.dtype.kind not in "iuf" or lists.dtype.kind not in "iu" or type(probes) is not int:
        return Verdict("type", "the centroids must be numbers; lists and probes must be whole numbers")
    if centroids.ndim != 2 or centroids.shape[1] != documents.shape[1] or not 1 <= len(centroids) <= len(documents):
        return Verdict("shape", "there must be a centroid for each list, with as many columns as the documents")
    if lists.shape != (len(documents),):
        return Verdict("shape", "there must be one list for each document")
    if not np.isfinite(centroids).all():
        return Verdict("not finite", "a centroid is NaN or infinite")
    if lists.min() < 0 or lists.max() >= len(centroids):
        return wrong("a document is in a list that has no centroid")
    if not 1 <= probes <= len(centroids):
        return wrong("probes must be at least 1, and at most the number of lists")
    index, nearest = Index(documents, centroids, lists.astype(np.int64), probes), unit(documents)
    questions = unit(wanted.questions)
    found = [index.search(question, NEAREST) for question in questions]
    least = [np.partition(nearest @ question, -NEAREST)[-NEAREST] for question in questions]
    hits = [min(NEAREST, int((one.cosines >= last - EQUAL).sum())) for one, last in zip(found, least, strict=True)]
    shares = np.array(hits) / NEAREST
    recall, error = float(shares.mean()), float(shares.std() / np.sqrt(len(shares)))
    dearest = float(np.percentile([one.compared for one in found], 95))
    if recall < wanted.recall - ERRORS * error:
        return wrong(f"on other questions the recall is {recall:.3f}, and {wanted.recall:.2f} was asked", recall)
    if dearest > wanted.budget:
        said = f"95 of 100 questions compare up to {dearest:.0f} vectors, and the budget is {wanted.budget}"
        return wrong(f"the recall is {recall:.3f}, but {said}", recall)
    return right(recall)


def _array(part: Any) -> NDArray[Any]:
    """A part of an answer as an array; one of texts, which no number is, for lists of different lengths."""
    try:
        return np.asarray(part)
    except ValueError:
        return np.array("")


def _search(case: Case, answer: Any) -> Verdict:
    _, documents, centroids, lists, probes, questions, count = case.arguments
    if type(answer) is not list or len(answer) != 3:
        return Verdict("shape", "search must return three arrays: documents, cosines, vectors compared")
    named, cosines, costs = (_array(part) for part in answer)
    if named.dtype.kind not in "iu" or cosines.dtype.kind != "f" or costs.dtype.kind not in "iu":
        return Verdict("type", "documents and vectors compared must be whole numbers, cosines floating-point numbers")
    if named.shape != (len(questions), count):
        return Verdict("shape", "documents must have a row for each question, and `count` columns")
    index, exact = Index(documents, centroids, lists, probes), unit(documents)
    asked = unit(questions)
    found = [index.search(question, count) for question in asked]
    for row, one in zip(named, found, strict=True):
        known = min(count, len(one.documents))
        if (row[known:] != -1).any() or not np.isin(row[:known], one.documents).all():
            return wrong("a document is named that is in none of the lists visited, or a place is not filled as asked")
        if len(np.unique(row[:known])) < known:
            return wrong("a document is named twice")
    best = np.full(named.shape, np.nan)
    for place, one in zip(best, found, strict=True):
        top = np.sort(one.cosines)[::-1][:count]
        place[: len(top)] = top
    theirs = np.where(named >= 0, np.einsum("qkc,qc->qk", exact[np.maximum(named, 0)], asked), np.nan)
    if (np.abs(theirs - best) > EQUAL).any():
        return wrong("documents are named that are not the nearest in the lists visited, or not in their order")
    if cosines.shape != best.shape:
        return Verdict("shape", "the cosines must have the shape of the documents")
    off = ~(np.abs(cosines - best) <= EQUAL) & ~(np.isnan(cosines) & np.isnan(best))
    if off.any():
        return wrong("the documents are right, but not their cosines")
    verdict = compared(np.array([one.compared for one in found]), costs)
    return verdict if verdict.is_right else Verdict(verdict.kind, f"the vectors compared: {verdict.what}")


# --- The texts ------------------------------------------------------------------------------------------------------


def texts(rng: Random, count: int, *, topics: int = 80, skew: float = 0.0) -> Floats:
    """Texts as vectors: a topic each, and as much noise. With skew, few topics have most of the texts."""
    share = np.arange(1, topics + 1) ** -skew
    topic = rng.choice(topics, count, p=share / share.sum())
    return rng.normal(size=(topics, COLUMNS))[topic] + rng.normal(size=(count, COLUMNS))


def to_build(rng: Random, documents: Floats, recall: float = 0.9, budget: float = 0.12, vagueness: float = 0.5) -> Case:
    """Questions like the documents, some to measure with and some that only the judge knows.

    The budget is a share of what brute force compares. `vagueness` is the noise of a question.
    """
    scale = np.linalg.norm(documents, axis=1, keepdims=True) / np.sqrt(2 * COLUMNS)
    source = rng.choice(np.flatnonzero(scale[:, 0] > 0), 2 * SECRET)
    asked = documents[source] + vagueness * scale[source] * rng.normal(size=(2 * SECRET, COLUMNS))
    asked = (asked * rng.uniform(0.1, 10.0, (2 * SECRET, 1))).astype(np.float32)
    allowed = int(budget * len(documents))
    arguments = ("build", documents.astype(np.float32), asked[:SECRET].copy(), recall, allowed)
    return Case(arguments, Wanted(asked[SECRET:], recall, allowed))


def to_search(
    rng: Random, documents: Floats, lists: int, probes: int, *, asked: int = 40, count: int = NEAREST
) -> tuple[Any, ...]:
    """Documents in the lists of some of them, and questions for which no hair decides which lists are visited."""
    different = np.unique(documents, axis=0, return_index=True)[1]  # equal centroids would leave a list empty
    usable = different[np.abs(documents[different]).sum(axis=1) > 0]
    start = unit(documents[rng.choice(usable, lists, replace=False)])
    member = (unit(documents) @ start.T).argmax(axis=1)
    return searchable(rng, documents, start, member, probes, asked=asked, count=count)


def searchable(
    rng: Random, documents: Floats, centroids: Floats, member: Integers, probes: int, *, asked: int, count: int
) -> tuple[Any, ...]:
    """The arguments of a search with this index; all vectors have lengths of their own."""
    vectors = documents.astype(np.float32)
    middle = (centroids * rng.uniform(0.2, 5.0, (len(centroids), 1))).astype(np.float32)
    index = Index(vectors, middle, member, probes)
    usable = np.flatnonzero(np.abs(documents).sum(axis=1) > 0)
    near = documents[rng.choice(usable, 2 * asked)]
    questions = (near + rng.normal(size=near.shape)) * rng.uniform(0.1, 10.0, (2 * asked, 1))
    questions = questions.astype(np.float32)
    sure = [place for place, one in enumerate(unit(questions)) if index.search(one, count).gap > EQUAL]
    return "search", vectors, middle, member, probes, questions[sure[:asked]], count


# --- The search -----------------------------------------------------------------------------------------------------


@lab.check("search: a small index", visible=True)
def small(rng: Random) -> tuple[Any, ...]:
    return to_search(rng, texts(rng, 1_500), 30, 4)


@lab.check(
    "search: empty lists",
    hint="Wrong where a list is empty: its centroid is compared and it counts as visited, but it has no document.",
)
def empty(rng: Random) -> tuple[Any, ...]:
    documents = texts(rng, 600)
    start = np.concatenate([documents[:20], documents[:20] + 0.3 * rng.normal(size=(20, COLUMNS))])
    shuffle = rng.permutation(40)
    member = shuffle[(unit(documents) @ unit(documents[:20]).T).argmax(axis=1)]
    middle = np.empty_like(start)
    middle[shuffle] = start
    return searchable(rng, documents, middle, member, 5, asked=40, count=NEAREST)


@lab.check(
    "search: lists that are too short",
    hint="Wrong where the lists visited hold fewer documents than were asked: the search then visits further lists.",
)
def short(rng: Random) -> tuple[Any, ...]:
    return to_search(rng, texts(rng, 500), 100, 1)


@lab.check(
    "search: fewer documents than are asked for",
    hint="Wrong where all lists together hold too few documents: README.md says what stands in the places left over.",
)
def fewer(rng: Random) -> tuple[Any, ...]:
    return to_search(rng, texts(rng, int(rng.integers(5, 10))), 3, 2, asked=10)


@lab.check(
    "search: documents that are equal",
    hint="Wrong where documents are equal: each of them is a document of its own, with its own number.",
)
def equal(rng: Random) -> tuple[Any, ...]:
    documents = texts(rng, 900)
    documents[300:] = documents[rng.integers(0, 300, 600)]
    return to_search(rng, documents[rng.permutation(900)], 20, 4)


@lab.check(
    "search: texts without a word",
    hint="Wrong where a document is a vector of zeros: its cosine is 0 by definition, and 0 / 0 is NaN.",
)
def wordless(rng: Random) -> tuple[Any, ...]:
    documents = texts(rng, 200, topics=5)
    documents[rng.choice(200, 60, replace=False)] = 0.0
    return to_search(rng, documents, 8, 8, count=150)


# --- The index ------------------------------------------------------------------------------------------------------


@lab.check("build: topics of equal size", visible=True)
def even(rng: Random) -> Case:
    return to_build(rng, texts(rng, 4_000))


@lab.check(
    "build: a few huge topics",
    hint="Wrong where few topics hold most texts: lists differ in size, and the budget is for p95, not the mean.",
)
def skewed(rng: Random) -> Case:
    return to_build(rng, texts(rng, 4_000, skew=1.1), budget=0.24)


@lab.check(
    "build: vague questions",
    hint="Wrong where questions are unlike the documents: measure the recall with the questions that you are given.",
)
def vague(rng: Random) -> Case:
    return to_build(rng, texts(rng, 4_000), budget=0.3, vagueness=1.5)


@lab.check(
    "build: a higher recall",
    hint="Wrong where a higher recall is asked for: the number of probes follows from the recall, not the other way.",
)
def higher(rng: Random) -> Case:
    return to_build(rng, texts(rng, 4_000), recall=0.995, budget=0.4)


@lab.check(
    "build: vectors of different lengths",
    hint="Wrong where vectors have different lengths: near means a great cosine, for centroids as well.",
)
def lengths(rng: Random) -> Case:
    return to_build(rng, texts(rng, 4_000) * rng.lognormal(0.0, 1.5, (4_000, 1)))


@lab.check(
    "build: documents that are equal",
    hint="Wrong where many documents are equal: lists that begin with equal documents stay empty, "
    "and the mean of nothing is NaN.",
)
def copies(rng: Random) -> Case:
    documents = texts(rng, 4_000)
    documents[3_000:] = documents[rng.integers(0, 10, 1_000)]
    return to_build(rng, documents[rng.permutation(4_000)], budget=0.2)


@lab.check(
    "build: texts without a word",
    hint="Wrong where some documents are vectors of zeros: 0 / 0 is NaN, and NaN in one document spoils a centroid.",
)
def silent(rng: Random) -> Case:
    documents = texts(rng, 4_000)
    documents[rng.choice(4_000, 500, replace=False)] = 0.0
    return to_build(rng, documents, budget=0.25)


@lab.timed
def many(rng: Random) -> tuple[Any, ...]:
    return to_search(rng, texts(rng, int(rng.integers(19_000, 21_000))), 128, 8, asked=600)

"""Fills all places, also with pages that have no word of the question.

Fails: search: short words
Fails: search: empty texts
Fails: search: nothing to be found
"""

import numpy as np

from ..work import WORD, nearest, unit


def search(texts: list[str], questions: list[str], count: int) -> np.ndarray:
    """The pages that answer each question, (questions, count), the most similar first; -1 where there are no more.

    README.md defines the similarity, what becomes of a word that stands on no page, and which of equal pages is first.
    """
    bags = [WORD.findall(text.lower()) for text in texts]
    places: dict[str, int] = {}
    for bag in bags:
        for word in bag:
            places.setdefault(word, len(places))
    counts = np.zeros((len(texts), len(places)))
    for row, bag in zip(counts, bags, strict=True):
        np.add.at(row, [places[word] for word in bag], 1)
    often = (counts > 0).sum(axis=0)
    weight = np.log((1 + len(texts)) / (1 + often)) + 1
    pages = unit(counts * weight)
    asked = np.zeros((len(questions), len(places)))
    for row, question in zip(asked, questions, strict=True):
        for word in WORD.findall(question.lower()):
            known = word if word in places else nearest(word, places, often)
            if known:
                row[places[known]] += 1
    scores = (unit(asked * weight) @ pages.T).round(10)  # equal pages are equal, in whichever order they are summed
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    found = np.full((len(questions), count), -1)
    found[:, : order.shape[1]] = order
    return found

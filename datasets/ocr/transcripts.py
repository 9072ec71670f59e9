"""The text that was read compared with the true text: from frames to text, and the character error rate."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import Items, estimate


class Written(Protocol):
    """What the metric reads of a dataset."""

    @property
    def text_test(self) -> NDArray[np.str_]:
        """The true text of each line to read, shape (lines,)."""


def collapsed(best: NDArray[np.integer], alphabet: str) -> NDArray[np.str_]:
    """The texts that classes of shape (lines, frames) spell: repeats count once, then blanks (class 0) fall out."""
    before = np.pad(best, ((0, 0), (1, 0)))[:, :-1]
    spoken = (best != 0) & (best != before)
    letters = np.array(list("\0" + alphabet))[best]
    return np.array(["".join(line[said]) for line, said in zip(letters, spoken, strict=True)], np.str_)


@estimate(name="character error rate", better="lower")
def character_error_rate(data: Written, result: Any) -> Items:
    """Characters to insert, delete or replace to make what was read the truth, by the characters of the truth.

    Levenshtein's distance, summed over all lines before it is divided. Nothing read at all is 1; spaces at either end
    do not count.
    """
    truth = np.strings.strip(data.text_test)
    if result.shape != truth.shape or result.dtype.kind != "U":
        raise WrongResult(f"the result has shape {result.shape} and type {result.dtype}, expected {len(truth)} texts")
    errors, letters = distances(truth, np.strings.strip(result)), np.strings.str_len(truth)
    return Items(lambda errors, letters: float(errors.sum() / letters.sum()), (errors, letters), 1.0, "lines")


def distances(one: NDArray[np.str_], other: NDArray[np.str_]) -> NDArray[np.int64]:
    """Levenshtein's distance of each text to its counterpart; all lines at once, character by character of `one`."""
    length, wide = np.strings.str_len(one), _points(other)
    column = np.arange(wide.shape[1] + 1)
    row = np.tile(column, (len(one), 1))  # distance of nothing to each beginning of `other`
    last = np.where((length == 0)[:, None], row, 0)
    for place, letter in enumerate(_points(one).T, start=1):
        changed = np.minimum(row[:, 1:] + 1, row[:, :-1] + (wide != letter[:, None]))
        row = np.concatenate([np.full((len(one), 1), place), changed], axis=1)
        row = np.minimum.accumulate(row - column, axis=1) + column  # insertions, from left to right
        last = np.where((length == place)[:, None], row, last)
    picked: NDArray[np.int64] = last[np.arange(len(one)), np.strings.str_len(other)]
    return picked


def _points(texts: NDArray[np.str_]) -> NDArray[np.uint32]:
    """The texts' characters as numbers, 0 beyond the end: shape (texts, longest)."""
    return np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), -1)

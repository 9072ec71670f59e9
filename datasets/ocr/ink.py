"""Ink found against true ink: the F-measure of cleaned pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.pages import Pages
from residency.harness.errors import WrongResult
from residency.harness.quality import metric


@metric(name="F-measure")
def f_measure(data: Pages, result: Any) -> float:
    """The F-measure of all pages' ink to within a pixel: the harmonic mean of precision and recall.

    Precision is the share of found ink that has true ink in its 3 x 3 neighbourhood, recall the share of true ink that
    has found ink there: half a pixel of skew over a stroke 3 pixels wide is no error to a reader. Where there is no ink
    in truth nor in the result, it is 1.
    """
    if result.shape != data.truth.shape or result.dtype != np.bool_:
        raise WrongResult(
            f"the result has shape {result.shape} and type {result.dtype}, expected {data.truth.shape} bool"
        )
    sides = list(zip(data.split(data.truth), data.split(result), strict=True))
    true, found = int(data.truth.sum()), int(result.sum())
    if not true or not found:
        return float(true == found)
    precision = sum(int((thick(truth) & ink).sum()) for truth, ink in sides) / found
    recall = sum(int((thick(ink) & truth).sum()) for truth, ink in sides) / true
    return 2 * precision * recall / max(precision + recall, 1e-300)


def thick(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The ink and the eight neighbours of each of its pixels."""
    tall = ink.copy()
    tall[1:] |= ink[:-1]
    tall[:-1] |= ink[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide

"""Boosted trees at equal quality: any library, any settings, as long as the scores are as good as the teacher's."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import numpy as np

from residency.labs.lab import Case, Demand, Lab, Points, Random, Verdict, right, wrong

COLUMNS = 10
JUDGED = 4_000  # rows of a test set
ERRORS = 3.0  # standard errors of the difference between two areas
LIBRARIES = 0.008  # by which libraries with equal settings differ on these tables

lab = Lab(
    title="Boosted trees at equal quality",
    order=6,
    topic="tabular",
    entry="train_and_predict",
    needs=("lightgbm", "xgboost", "sklearn"),
    points=Points(visible=2, hidden=4, fast=4),
    demand=Demand(seconds=30, memory_bytes=800_000_000, tries=6),
    seconds=20.0,
)


def table(rng: Random, rows: int, *, share: float = 0.5, strength: float = 1.5, unknown: float = 0.05) -> Case:
    """Rows to learn from and rows to judge by: thresholds and products of columns, one column without any use."""
    x = rng.normal(size=(rows + JUDGED, COLUMNS))
    signal = np.where(x[:, 0] > 0.3, 1.0, -1.0) + np.abs(x[:, 1]) - 0.8 + x[:, 2] * np.sign(x[:, 3]) + 0.7 * x[:, 4]
    y = _drawn(rng, strength * signal, share)
    x[:, 7] = rng.permutation(len(x))  # a number without meaning
    x[:, 6] = 3.0  # always the same
    x[rng.random(x.shape) < unknown] = np.nan
    return _split(x, y, rows)


def _drawn(rng: Random, signal: np.ndarray, share: float) -> np.ndarray:
    """Classes 0 and 1, with about this share of ones."""
    offset = np.quantile(signal, 1 - share)
    return np.asarray(rng.random(len(signal)) < 1 / (1 + np.exp(-2 * (signal - offset))), np.int64)


def _split(x: np.ndarray, y: np.ndarray, rows: int) -> Case:
    return Case((x[:rows].copy(), y[:rows].copy(), x[rows:].copy()), secret=y[rows:])


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """The area under the ROC curve, against the reference's on the same rows.

    The two areas differ by chance. DeLong's standard error of their difference comes from the judged rows; three of
    them are allowed, and what separates the libraries: a little, and in a small table the place of a threshold, which
    may lie anywhere between two neighbours.
    """
    scores, truth = np.asarray(answer), np.asarray(case.secret)
    if scores.dtype.kind not in "biuf":
        return Verdict("type", "the scores must be numbers")
    if scores.shape != truth.shape:
        return Verdict("shape", f"the scores have the shape {scores.shape}; they must have {truth.shape}")
    if not np.isfinite(scores).all():
        return Verdict("not finite", "a score is NaN or infinite")
    if len(np.unique(case.arguments[1])) < 2:
        return right()  # nothing can be learned: any score will do
    ours, theirs = _placed(scores.astype(np.float64), truth), _placed(_reference()(*case.arguments), truth)
    area, reference = float(ours[0].mean()), float(theirs[0].mean())
    error = np.sqrt(sum(np.var(mine - other, ddof=1) / len(mine) for mine, other in zip(ours, theirs, strict=True)))
    if area + ERRORS * error + LIBRARIES + 2 / len(case.arguments[0]) < reference:
        return wrong(f"the area under the curve is {area:.3f}, and {reference:.3f} was possible", area)
    return right(area)


def _placed(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of the other class that each one, and each zero, is on the right side of; ties count half."""
    ones, zeros = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])
    of_one = (np.searchsorted(zeros, scores[truth == 1]) + np.searchsorted(zeros, scores[truth == 1], "right")) / 2
    of_zero = (np.searchsorted(ones, scores[truth == 0]) + np.searchsorted(ones, scores[truth == 0], "right")) / 2
    return of_one / len(zeros), 1 - of_zero / len(ones)


@cache
def _reference() -> Any:
    """The teacher's own function: it is judged like any other."""
    spec = importlib.util.spec_from_file_location("boosted_reference", lab.folder / "work.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.train_and_predict


@lab.check("five thousand rows", visible=True, hint="README.md says how quality is judged.")
def plain(rng: Random) -> Case:
    return table(rng, 5_000)


@lab.check("eight thousand rows", visible=True, hint="README.md says how quality is judged.")
def larger(rng: Random) -> Case:
    return table(rng, 8_000, unknown=0.0)


@lab.check(
    "one row in thirty is positive",
    hint="Worse than possible where few rows are positive: is the score a probability, or a class?",
)
def rare(rng: Random) -> Case:
    return table(rng, 8_000, share=1 / 30)


@lab.check(
    "missing values that tell something",
    hint="Worse than possible where a missing value is itself a sign: what do you put in its place?",
)
def missing(rng: Random) -> Case:
    rows = 5_000
    x = rng.normal(size=(rows + JUDGED, COLUMNS))
    x[:, 2] = rng.integers(0, 4, len(x))  # 0 is a value like any other
    gone = rng.random(len(x)) < 0.25
    y = _drawn(rng, np.where(gone, 1.5, 0.6 * x[:, 2] - 1.5) + np.where(x[:, 3] > 0, 0.4, -0.4), 0.5)
    x[gone, 2] = np.nan
    return _split(x, y, rows)


@lab.check(
    "rows in the order of their class",
    hint="Much worse where the rows to learn from are sorted: does anything depend on where a row stands?",
)
def ordered(rng: Random) -> Case:
    made = table(rng, 5_000)
    x, y, x_test = made.arguments
    order = np.argsort(y, kind="stable")
    return Case((x[order], y[order], x_test), made.secret)


@lab.check(
    "a time in seconds",
    hint="Worse than possible where a column has a large offset: float32 holds 7 digits. Who converts to it?",
)
def seconds(rng: Random) -> Case:
    made = table(rng, 5_000, unknown=0.0)
    x, y, x_test = made.arguments
    for part in (x, x_test):
        for column in (0, 1, 2, 4):
            part[:, column] = 1.7e9 + np.round(20 * part[:, column])
    return Case((x, y, x_test), made.secret)


@lab.check(
    "thirty rows",
    hint="Worse than possible where rows are few: how many rows must a leaf have, and how many are there?",
)
def tiny(rng: Random) -> Case:
    rows = 30
    x = rng.normal(size=(rows + JUDGED, COLUMNS))
    y = (x[:, 0] > 0).astype(np.int64)
    y[:rows][:2], x[:2, 0] = (0, 1), (-1.0, 1.0)  # both classes occur
    return _split(x, y, rows)


@lab.check(
    "a single class", hint="Fails where all rows to learn from have one class: the scores may then be all equal."
)
def single(rng: Random) -> Case:
    made = table(rng, 300)
    x, y, x_test = made.arguments
    return Case((x, np.zeros_like(y), x_test), made.secret)


@lab.timed
def timed(rng: Random) -> Case:
    return table(rng, int(rng.integers(7_800, 8_200)))

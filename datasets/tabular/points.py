"""The schema of points to cluster: the table, and the centres that every implementation starts from.

Lloyd's algorithm ends in a local minimum that depends on its start, so two libraries that choose their own centres are
not comparable. Here the centres are data: they are chosen once, in float64, and are the same for all implementations.
So is the number of rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import Items, array, estimate, metric
from residency.harness.truth import Asked, Truth

ROUNDS = 25  # of Lloyd's algorithm
SAMPLE = 16_384  # rows to choose initial centres from
CHUNK = 65_536  # rows in float64 at a time
NOISE = -1  # the label of a row that is in no cluster


@dataclass(frozen=True)
class Points:
    """Points without a target, and the centres from which the search for clusters starts."""

    x: Asked[NDArray[np.float32]]  # (rows, columns)
    initial: NDArray[np.float32]  # (clusters, columns): distinct rows of `x`
    labels: Truth[NDArray[np.int32] | None]  # (rows,): the known groups; NOISE is a group, too
    names: tuple[str, ...]
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Rows in all."""
        return len(self.x)


def standardised(
    x: NDArray[np.floating], clusters: int, labels: NDArray[np.integer] | None, names: Sequence[str], seed: int
) -> Points:
    """`Points` from a real table: every column gets mean 0 and deviation 1; a constant column becomes 0."""
    cells = np.asarray(x, dtype=np.float64)
    deviation = cells.std(axis=0)
    cells = ((cells - cells.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)).astype(np.float32)
    generator = np.random.default_rng(seed)
    size = min(SAMPLE, len(cells))
    sample = cells[generator.choice(len(cells), size=size, replace=False, shuffle=False)]
    return Points(
        x=cells,
        initial=initial_centres(sample, clusters, generator),
        labels=None if labels is None else labels.astype(np.int32),
        names=tuple(names),
    )


def initial_centres(sample: NDArray[np.float32], clusters: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Rows of `sample` far from each other, by k-means++.

    The probability of a row is proportional to its squared distance to the nearest row drawn before. Arthur and
    Vassilvitskii (2007), "k-means++: the advantages of careful seeding". Distances are added up column by column and
    their sums row by row, so the choice does not depend on a BLAS or on the order of a sum.
    """
    nearest = np.ones(len(sample))  # squared distance; the first centre is any row
    chosen: list[int] = []
    while len(chosen) < clusters:
        total = np.cumsum(nearest)
        chosen.append(int(np.searchsorted(total, generator.random() * total[-1], side="right")))
        distance = np.zeros(len(sample))
        for column in sample.T.astype(np.float64):
            distance += (column - column[chosen[-1]]) ** 2
        nearest = np.minimum(nearest, distance) if len(chosen) > 1 else distance
    return sample[chosen]


@metric(name="unexplained variance", better="lower", relative=True)
def unexplained(data: Points, result: tuple[np.ndarray, np.ndarray]) -> float:
    """The sum of squared distances of rows to their clusters' centres, divided by that to the mean of all rows."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise WrongResult(f"expected centres {data.initial.shape} and labels ({data.rows},)")
    centres, labels = array(result[0], data.initial.shape, "f"), array(result[1], (data.rows,), "iu")
    if labels.min() < 0 or labels.max() >= len(centres):
        raise WrongResult(f"labels go from {labels.min()} to {labels.max()}, there are {len(centres)} centres")
    mean = data.x.mean(axis=0, dtype=np.float64)
    within = total = 0.0
    for start in range(0, data.rows, CHUNK):
        x = data.x[start : start + CHUNK].astype(np.float64)
        within += float(((x - centres[labels[start : start + CHUNK]]) ** 2).sum())
        total += float(((x - mean) ** 2).sum())
    return within / total


def exact(data: Points) -> float:
    """The quality that Lloyd's algorithm reaches in float64 on the host, with the same centres and rounds."""
    centres, labels = data.initial.astype(np.float64), np.empty(data.rows, np.int64)
    for step in range(ROUNDS + 1):  # the last round only assigns
        sums, counts = np.zeros_like(centres), np.zeros(len(centres))
        half = (centres * centres).sum(axis=1) / 2
        for start in range(0, data.rows, CHUNK):
            x = data.x[start : start + CHUNK].astype(np.float64)
            label = labels[start : start + CHUNK] = (half - x @ centres.T).argmin(axis=1)
            counts += np.bincount(label, minlength=len(centres))
            for column, values in enumerate(x.T):
                sums[:, column] += np.bincount(label, weights=values, minlength=len(centres))
        if step < ROUNDS:
            centres = np.where(counts[:, np.newaxis] > 0, sums / np.maximum(counts, 1)[:, np.newaxis], centres)
    return unexplained(data, (centres, labels))


def work(data: Points) -> tuple[float, float]:
    """Every round multiplies the rows by the centres and adds up the rows; it reads the table once."""
    (rows, columns), clusters = data.x.shape, len(data.initial)
    return float(ROUNDS * rows * columns * (2 * clusters + 1)), float(ROUNDS * data.x.nbytes)


@estimate(name="adjusted Rand index")
def adjusted_rand(data: Points, found: Any) -> Items:
    """How well clusters agree with the known groups, over all pairs of rows: 1 is the same, 0 is as good as chance.

    Hubert and Arabie (1985), "Comparing partitions". The rows without a cluster are one more group, in the result as in
    the truth.
    """
    if data.labels is None:
        raise WrongResult("the groups are not known")
    found = array(found, (data.rows,), "iu")
    codes = [np.unique(labels, return_inverse=True)[1] for labels in (data.labels, found)]
    return Items(rand_of, (codes[0], codes[1]), chance=0.0, classes=codes[0])


def rand_of(truth: NDArray[np.integer], found: NDArray[np.integer]) -> float:
    """The adjusted Rand index of two labels for each row, codes from 0 on."""
    groups = found.max() + 1
    both, ones, others = (
        float(sum(count * (count - 1) // 2 for count in np.unique(labels, return_counts=True)[1].tolist()))
        for labels in (truth.astype(np.int64) * groups + found, truth, found)
    )
    pairs = len(truth) * (len(truth) - 1) / 2
    by_chance, most = ones * others / pairs, (ones + others) / 2
    return 1.0 if most == by_chance else (both - by_chance) / (most - by_chance)

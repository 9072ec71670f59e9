"""The schema of small pictures with a class each, split into training pictures and pictures to classify."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.quality import Items, estimate, numbers
from residency.harness.truth import Asked, Truth

TEST_SHARE = 0.2
CHUNK = 4_096  # pictures


@dataclass(frozen=True)
class LabelledImages:
    """Pictures of one size with a class each."""

    x: NDArray[np.uint8]  # (images, height, width, channels)
    y: NDArray[np.int32]  # (images,): the class, counted from 0
    x_test: Asked[NDArray[np.uint8]]
    y_test: Truth[NDArray[np.int32]]
    classes: tuple[str, ...]
    mean: float  # of the training pictures' grey values
    deviation: float  # their standard deviation
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Images in all."""
        return len(self.x) + len(self.x_test)

    def batches(self, steps: int, size: int, seed: int) -> NDArray[np.int32]:
        """The pictures of each training step, (steps, size): all in a random order, then all in another, ..."""
        generator = np.random.default_rng(seed)
        passes = -(-steps * size // len(self.x))
        order = [generator.permutation(len(self.x)).astype(np.int32) for _ in range(passes)]
        return np.concatenate(order)[: steps * size].reshape(steps, size)


def labelled(
    x: NDArray[np.uint8],
    y: NDArray[np.integer],
    test: NDArray[np.bool_],
    classes: Sequence[str],
    remarks: Sequence[str] = (),
) -> LabelledImages:
    """`LabelledImages` of pictures, shape (images, height, width, channels); `test` marks those to be classified."""
    labels = y.astype(np.int32)
    learned = x[~test]
    total, squares = 0, 0  # whole numbers: the same on every machine
    for start in range(0, len(learned), CHUNK):
        levels = learned[start : start + CHUNK].astype(np.int64)
        total, squares = total + int(levels.sum()), squares + int((levels * levels).sum())
    mean = total / learned.size
    deviation = math.sqrt(squares * learned.size - total * total) / learned.size
    return LabelledImages(
        x=learned,
        y=labels[~test],
        x_test=x[test],
        y_test=labels[test],
        classes=tuple(classes),
        mean=mean,
        deviation=deviation or 1.0,
        remarks=tuple(remarks),
    )


def held_out(y: NDArray[np.integer], seed: int) -> NDArray[np.bool_]:
    """Which pictures are to be classified: a fifth of each class, at least one."""
    generator = np.random.default_rng(seed)
    test = np.zeros(len(y), bool)
    for label in np.unique(y):
        members = generator.permutation(np.flatnonzero(y == label))
        test[members[: max(1, round(TEST_SHARE * len(members)))]] = True
    return test


@estimate(name="accuracy")
def accuracy(data: LabelledImages, result: Any) -> Items:
    """Share of the pictures to classify whose class was found."""
    right = numbers(result, len(data.y_test)) == data.y_test
    commonest = float(np.bincount(data.y_test).max() / len(data.y_test))
    return Items(lambda right: float(right.mean()), (right,), chance=commonest, unit="images")

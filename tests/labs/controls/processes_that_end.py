"""Two processes that end before the answer: slower than one, and right."""

from multiprocessing import get_context

import numpy as np


def part(arguments):
    kilometres, minutes, night = arguments
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    return np.maximum(np.where(night, 1.25 * fare, fare), 6.0)


def fares(kilometres, minutes, night):
    with get_context("fork").Pool(2) as pool:
        parts = zip(*(np.array_split(column, 2) for column in (kilometres, minutes, night)), strict=True)
        return np.concatenate(pool.map(part, list(parts)))

"""Threads that end before the answer."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np


def part(arguments):
    kilometres, minutes, night = arguments
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    return np.maximum(np.where(night, 1.25 * fare, fare), 6.0)


def fares(kilometres, minutes, night):
    with ThreadPoolExecutor(3) as pool:
        parts = zip(*(np.array_split(column, 3) for column in (kilometres, minutes, night)), strict=True)
        return np.concatenate(list(pool.map(part, parts)))

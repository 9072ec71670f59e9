"""Uses a file in /tmp on the way."""

import tempfile

import numpy as np


def fares(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    with tempfile.TemporaryFile() as file:
        np.save(file, np.maximum(np.where(night, 1.25 * fare, fare), 6.0))
        file.seek(0)
        return np.load(file)

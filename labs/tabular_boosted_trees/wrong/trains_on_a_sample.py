"""Learns from the first rows alone.

Fails: five thousand rows
Fails: eight thousand rows
Fails: one row in thirty is positive
Fails: rows in the order of their class
Fails: a time in seconds
Fails: missing values that tell something
"""

import lightgbm
import numpy as np

from ..work import LEAF, SETTINGS, TREES


def train_and_predict(x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Learn from `x` (rows x columns, float64, NaN where unknown) and `y` (0 or 1); a score for each row of `x_test`.

    The higher the score, the more probable is class 1.
    """
    x, y = x[:250], y[:250]
    leaf = max(1, min(LEAF, len(x) // 20))  # a small table cannot fill large leaves
    data = lightgbm.Dataset(x, y, params={**SETTINGS, "min_data_in_bin": min(3, leaf)})
    model = lightgbm.train({**SETTINGS, "min_data_in_leaf": leaf, "min_data_in_bin": min(3, leaf)}, data, TREES)
    return np.asarray(model.predict(x_test), np.float64)

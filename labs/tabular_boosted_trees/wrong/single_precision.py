"""Converts to float32 to save memory, as some libraries do by themselves.

Fails: a time in seconds
"""

import lightgbm
import numpy as np

from ..work import LEAF, SETTINGS, TREES


def train_and_predict(x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Learn from `x` (rows x columns, float64, NaN where unknown) and `y` (0 or 1); a score for each row of `x_test`.

    The higher the score, the more probable is class 1.
    """
    x, x_test = x.astype(np.float32), x_test.astype(np.float32)
    leaf = max(1, min(LEAF, len(x) // 20))  # a small table cannot fill large leaves
    data = lightgbm.Dataset(x, y, params={**SETTINGS, "min_data_in_bin": min(3, leaf)})
    model = lightgbm.train({**SETTINGS, "min_data_in_leaf": leaf, "min_data_in_bin": min(3, leaf)}, data, TREES)
    return np.asarray(model.predict(x_test), np.float64)

"""Boosted trees, as good as the teacher's and as fast. Edit this file; the library and its settings are yours."""

import lightgbm  # or xgboost, or sklearn.ensemble
import numpy as np

### BEGIN SOLUTION
SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.2,
    "num_leaves": 16,
    "max_bin": 63,  # a quarter of the default: fewer bins to add to, and hardly less quality
    "num_threads": 1,
    "verbosity": -1,
    "force_col_wise": True,  # otherwise it first tries out which way is faster
}
TREES, LEAF = 60, 20
### END SOLUTION


def train_and_predict(x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Learn from `x` (rows x columns, float64, NaN where unknown) and `y` (0 or 1); a score for each row of `x_test`.

    The higher the score, the more probable is class 1.
    """
    ### BEGIN SOLUTION
    leaf = max(1, min(LEAF, len(x) // 20))  # a small table cannot fill large leaves
    data = lightgbm.Dataset(x, y, params={**SETTINGS, "min_data_in_bin": min(3, leaf)})
    model = lightgbm.train({**SETTINGS, "min_data_in_leaf": leaf, "min_data_in_bin": min(3, leaf)}, data, TREES)
    return np.asarray(model.predict(x_test), np.float64)
    ### END SOLUTION

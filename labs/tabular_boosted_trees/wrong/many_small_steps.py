"""Makes 300 trees of small steps: as good, and slow.

Fails: timing
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier


def train_and_predict(x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Three hundred trees with a small learning rate."""
    if len(np.unique(y)) < 2:
        return np.zeros(len(x_test))
    leaf = max(1, min(20, len(x) // 20))
    model = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.04, min_samples_leaf=leaf, early_stopping=False
    )
    return np.asarray(model.fit(x, y).predict_proba(x_test)[:, 1])

"""Never uses the device: nothing crosses the bus.

Fails: a small regression
Fails: more rows
Fails: other first weights
Fails: large targets
Fails: more columns than rows
"""

import numpy as np
from device import Device

from ..work import RATE


def descend(device: Device, x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """Gradient descent in NumPy."""
    weights = start.copy()
    for _ in range(steps):
        weights -= np.float32(RATE / len(x)) * (x.T @ (x @ weights - y))
    return weights

"""Puts the transpose on the device as well: twice the bytes.

Fails: a small regression
Fails: more rows
Fails: other first weights
Fails: large targets
Fails: more columns than rows
Fails: no step at all
"""

import numpy as np
from device import Device

from ..work import RATE


def descend(device: Device, x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """Gradient descent with the rows and their transpose copied to the device."""
    rows, columns = device.put(x), device.put(x.T)
    targets, weights = device.put(y), device.put(start)
    for _ in range(steps):
        weights = weights - RATE / len(x) * (columns @ (rows @ weights - targets))
    return weights.get()

"""Puts the targets on the device again in each step.

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
    """Gradient descent with the rows on the device, and the targets brought there where they are needed."""
    rows, weights = device.put(x), device.put(start)
    for _ in range(steps):
        weights = weights - RATE / len(x) * (rows.T @ (rows @ weights - device.put(y)))
    return weights.get()

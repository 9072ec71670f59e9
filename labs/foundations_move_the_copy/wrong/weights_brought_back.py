"""Leaves the data on the device, but updates the weights on the host: few bytes, and a wait in each step.

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
    """Gradient descent whose weights go to the device and whose gradient comes back in each step."""
    rows, targets, weights = device.put(x), device.put(y), start
    for _ in range(steps):
        gradient = (rows.T @ (rows @ device.put(weights) - targets)).get()
        weights = weights - np.float32(RATE / len(x)) * gradient
    return weights

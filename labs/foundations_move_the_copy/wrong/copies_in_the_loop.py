"""Copies everything in every step.

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
    """Gradient descent with the data put on the device in each step, and the gradient brought back."""
    weights = start
    for _ in range(steps):
        on_device, target = device.put(x), device.put(y)
        error = on_device @ device.put(weights) - target
        gradient = (on_device.T @ error).get()
        weights = weights - np.float32(RATE / len(x)) * gradient
    return weights

"""The loop that this lab begins with: right, and it copies everything in every step."""

import numpy as np
from device import Device

RATE = 0.5


def descend(device: Device, x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """Gradient descent with the data put on the device in each step, and the gradient brought back."""
    weights = start
    for _ in range(steps):
        rows, targets = device.put(x), device.put(y)
        error = rows @ device.put(weights) - targets
        gradient = (rows.T @ error).get()
        weights = weights - np.float32(RATE / len(x)) * gradient
    return weights

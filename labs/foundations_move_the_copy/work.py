"""Gradient descent for a linear regression on a device. Edit this file: the data shall cross the bus once."""

import numpy as np
from device import Device

RATE = 0.5


def descend(device: Device, x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """The weights after `steps` steps of `weights - RATE / rows * x.T @ (x @ weights - y)`, as a NumPy array."""
    ### BEGIN SOLUTION
    rows, targets, weights = device.put(x), device.put(y), device.put(start)
    columns = rows.T
    for _ in range(steps):
        weights = weights - RATE / len(x) * (columns @ (rows @ weights - targets))
    return weights.get()
    ### END SOLUTION

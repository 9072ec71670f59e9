"""Gradient descent for a linear regression on a device. Edit this file: the data shall cross the bus once."""

import numpy as np
from device import Device

RATE = 0.5


def descend(device: Device, x: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """The weights after `steps` steps of `weights - RATE / rows * x.T @ (x @ weights - y)`, float32."""
    ### BEGIN SOLUTION
    on_device, target, weights = device.put(x), device.put(y), device.put(start)
    transposed = on_device.T
    for _ in range(steps):
        weights = weights - RATE / len(x) * (transposed @ (on_device @ weights - target))
    return weights.get()
    ### END SOLUTION

"""A device with memory of its own, behind a bus: as a GPU is, but made of another process that counts what crosses.

    x = device.put(array)      host to device: the bytes cross the bus
    y = x @ w - b              on the device: only the command crosses; arrays stay there
    array = y.get()            device to host: the bytes cross the bus

The bus moves 2 GB a second, every operation takes at least 50 microseconds to launch, and the device itself is fast.
It has 256 MB of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Device:
    """Where arrays are put."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def put(self, array: np.ndarray) -> Array:
        """Copy an array to the device."""
        return Array(self._ask, self._ask("put", np.ascontiguousarray(array, np.float32)))


class Array:
    """An array on the device. Operations between two of them, or with a number, stay there."""

    def __init__(self, ask: Callable[..., Any], number: int) -> None:
        self._ask, self._number = ask, number

    def get(self) -> np.ndarray:
        """Copy it to the host."""
        copied: np.ndarray = self._ask("get", self._number)
        return copied

    @property
    def T(self) -> Array:  # noqa: N802 - as NumPy calls it
        """The transpose: nothing is copied."""
        return Array(self._ask, self._ask("transpose", self._number))

    def __matmul__(self, other: Array) -> Array:
        return Array(self._ask, self._ask("matmul", self._number, other._number))

    def __add__(self, other: Array | float) -> Array:
        return self._with("add", other)

    def __sub__(self, other: Array | float) -> Array:
        return self._with("subtract", other)

    def __mul__(self, other: Array | float) -> Array:
        return self._with("multiply", other)

    __rmul__ = __mul__

    def _with(self, name: str, other: Array | float) -> Array:
        operand = {"array": other._number} if isinstance(other, Array) else {"number": float(other)}
        return Array(self._ask, self._ask(name, self._number, operand))

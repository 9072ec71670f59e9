"""A slow store of images, as on a network: each read takes its time, and several may be under way at once.

    data = store.read(name)           the bytes of an image's file; raises `OSError` if the store cannot read it
    store.put(name, thumbnail)        a result; None for an image that has none

The images lie in another process, which counts the reads and the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Store:
    """Where images come from, and where results go. All its methods may be called in several threads."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def read(self, name: int) -> bytes:
        """The bytes of an image's file: waits until they are here."""
        data: bytes | None = self._ask("read", int(name))
        if data is None:
            raise OSError("the store cannot read this image")
        return data

    def put(self, name: int, thumbnail: np.ndarray | None) -> None:
        """Hand over the result for an image, shape (8, 8, 3), or None."""
        self._ask("put", int(name), thumbnail)

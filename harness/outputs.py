"""Host memory for large results, with its pages in place before the clock starts.

Linux gives new memory its pages when they are first written to, a quarter of a second for each GB. Without this module
that is on the clock of whoever makes room for the result, and hits the faster side hardest. So the harness remembers
how much memory an implementation asked for, and before the next clock starts it makes as much and writes a pattern to
it. The pattern also shows that an answer is this execution's own: what is left of an earlier one is gone.

The memory is given back after each execution, so that workers that wait for their turn hold none. The first, cold
execution makes it on the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from residency.harness.transfer import strips

_asked: dict[str, list[tuple[tuple[int, ...], np.dtype[Any]]]] = {}  # by implementation: by its latest execution


class Outputs:
    """The arrays that one execution asks for, in order. Without a name, nothing is remembered and all memory is new."""

    def __init__(self, name: str = "", threads: int = 1) -> None:
        """`name` is the implementation's; the pages are touched by `threads` threads, as they will be written."""
        self._name, self._threads = name, threads
        self._arrays: list[NDArray[Any]] = []
        self._next = 0

    def make(self) -> None:
        """Make what the implementation's latest execution asked for."""
        self._arrays = [np.empty(shape, kind) for shape, kind in _asked.get(self._name, ())]

    def overwrite(self) -> None:
        """Overwrite all of it: booleans become true, floats NaN, and all bits of integers are set."""
        if not self._arrays:
            return
        with ThreadPoolExecutor(self._threads) as pool:
            for array in self._arrays:
                written = array if array.dtype == bool else array.reshape(-1).view(np.uint8)
                list(pool.map(lambda strip: np.copyto(strip, 255, casting="unsafe"), strips(written, self._threads)))

    def calls(self, count: int) -> Iterator[int]:
        """Number the calls of one execution; each call gets the same memory."""
        for number in range(count):
            self._next = 0
            yield number

    def take(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """The next array; new if no array of this shape and type was made for this place."""
        number, self._next = self._next, self._next + 1
        if number < len(self._arrays):
            array = self._arrays[number]
            if array.shape == tuple(shape) and array.dtype == dtype:
                return array
        array = np.empty(shape, dtype)
        self._arrays[number : number + 1] = [array]
        return array

    def remember(self) -> None:
        """Note what the last call asked for."""
        _asked[self._name] = [(array.shape, array.dtype) for array in self._arrays[: self._next]]

"""What the harness knows about a cluster: how to give its workers rows, wait for them, and ask what they did.

The runners start the cluster itself. This module uses Dask only if it is already imported, and never imports it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from residency.harness import device as devices
from residency.harness.outcomes import Ending

LARGEST = 64 * 2**20  # bytes of a part on CPUs, unless the caller asked for a number of parts


@dataclass(frozen=True)
class Rows:
    """Some rows of arrays in `.npy` files: a worker is given these instead of the data itself."""

    files: tuple[Path, ...]
    start: int
    stop: int

    def read(self) -> tuple[NDArray[Any], ...]:
        """The rows of each array, in memory; raises `OSError` if the files are not on this machine."""
        return tuple(np.array(np.load(file, mmap_mode="r")[self.start : self.stop]) for file in self.files)

    def __len__(self) -> int:
        return self.stop - self.start


class Workers(Protocol):
    """A cluster, as an execution needs it."""

    client: Any
    frame: Any
    workers: int
    threads: int  # of each worker
    part_bytes: int  # the most for a part of the data

    @property
    def parameters(self) -> dict[str, Any]:
        """How it was started, for the record."""

    def open(self) -> None:
        """Start it, or connect to it."""

    def begin(self) -> None:
        """An execution begins: later reports count from here."""

    def working(self) -> list[str]:
        """What it is still doing."""

    def told(self) -> tuple[dict[str, float], list[str]]:
        """What its workers have spent since then, and the events that a reader must know about."""

    def memory(self) -> str:
        """What its workers' libraries take a GPU's memory from, for the record; empty if there is nothing to tell."""

    def explain(self, error: BaseException) -> Ending | None:
        """How an execution ended, if the cluster ended it."""


def partitions(arrays: Sequence[NDArray[Any]], count: int, largest: int | None = None) -> list[Rows]:
    """Rows of arrays mapped from files, in `count` parts of nearly equal length.

    If a part would exceed `largest` bytes, there are more. Raises `TypeError` if an array is not mapped from a file.
    """
    files = []
    for array in arrays:
        name = getattr(array, "filename", None)
        if not isinstance(array, np.memmap) or name is None:
            raise TypeError("run.partitions takes the data's own arrays, on a cluster: they lie in files")
        if Path(name).stat().st_size != array.offset + array.nbytes:
            raise TypeError("run.partitions takes whole arrays: cut them where they are read")
        files.append(Path(name))
    rows = len(arrays[0])
    if any(len(array) != rows for array in arrays):
        raise TypeError("run.partitions takes arrays of equal length")
    if largest is not None:
        count = max(count, -(-sum(array.nbytes for array in arrays) // largest))
    bounds = np.linspace(0, rows, min(count, max(rows, 1)) + 1).astype(int)
    return [Rows(tuple(files), int(start), int(stop)) for start, stop in pairwise(bounds)]


def dask_array(parts: Sequence[Rows], number: int, array: NDArray[Any], device: str) -> Any:
    """One of the parts' arrays as a Dask array on the workers' devices, with a block for each part."""
    dask, blocks = importlib.import_module("dask"), importlib.import_module("dask.array")
    read = dask.delayed(_block, pure=True)
    meta = devices.array_library(device).empty((0,) * array.ndim, array.dtype)
    rows = [replace(part, files=(part.files[number],)) for part in parts]
    return blocks.concatenate(
        [blocks.from_delayed(read(part, device), (len(part), *array.shape[1:]), meta=meta) for part in rows]
    )


def _block(rows: Rows, device: str) -> Any:
    """Runs on a worker."""
    return devices.place(rows.read()[0], device)


def wait(client: Any, device: str) -> None:
    """Return when everything this client asked for is computed, even if its futures were dropped.

    On GPUs a task may return while its kernels are still queued, so every worker waits for its own.
    """
    client.sync(_settled, list(client.futures.values()))
    if device == "gpu":
        client.run(devices.synchronise, device)


async def _settled(states: Sequence[Any]) -> None:
    """Wait for the existing states: a new `Future` for a key that is being released would wait forever."""
    for state in states:
        await state.wait()

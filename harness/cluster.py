"""What the harness knows of a cluster: how its workers are handed their rows, waited for, and asked what they did.

The cluster itself is started by the runners. Dask is looked up among the modules already imported, never imported here.
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

LARGEST = 64 * 2**20  # bytes of a part, where its number was not asked for


@dataclass(frozen=True)
class Rows:
    """Some rows of arrays that lie in `.npy` files: what a worker is given in place of the data itself."""

    files: tuple[Path, ...]
    start: int
    stop: int

    def read(self) -> tuple[NDArray[Any], ...]:
        """The rows of each array, in memory; raises `OSError` where the files are not to be found on this machine."""
        return tuple(np.array(np.load(file, mmap_mode="r")[self.start : self.stop]) for file in self.files)

    def __len__(self) -> int:
        return self.stop - self.start


class Workers(Protocol):
    """A cluster, as an execution needs it."""

    client: Any
    frame: Any
    workers: int
    threads: int  # of each

    def open(self) -> None:
        """Start it, or connect to it."""

    def begin(self) -> None:
        """An execution begins: what is told later is told from here on."""

    def working(self) -> list[str]:
        """What it is still doing."""

    def told(self) -> tuple[dict[str, float], list[str]]:
        """What its workers spent since, and what a reader must know of what happened."""

    def explain(self, error: BaseException) -> Ending | None:
        """How an execution ended, where it is the cluster that made it end."""


def partitions(arrays: Sequence[NDArray[Any]], count: int, split: bool = False) -> list[Rows]:
    """Rows of arrays mapped from files, in `count` parts of nearly equal length; `split` into more where that is large.

    Raises `TypeError` where an array is not mapped from a file.
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
    if split:
        count = max(count, -(-sum(array.nbytes for array in arrays) // LARGEST))
    bounds = np.linspace(0, rows, min(count, max(rows, 1)) + 1).astype(int)
    return [Rows(tuple(files), int(start), int(stop)) for start, stop in pairwise(bounds)]


def dask_array(parts: Sequence[Rows], number: int, array: NDArray[Any], device: str) -> Any:
    """A Dask array of the parts' rows of one of their arrays, a block each, on the workers' devices."""
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
    """Return when nothing that this client has asked for is still to be computed, whoever dropped its futures.

    On GPUs a task may have returned while its kernels are still queued: every worker waits for its own.
    """
    client.sync(_settled, list(client.futures.values()))
    if device == "gpu":
        client.run(devices.synchronise, device)


async def _settled(states: Sequence[Any]) -> None:
    """Wait for states as they are: a `Future` made anew for a key that is just being released would wait forever."""
    for state in states:
        await state.wait()

"""A GPU whose memory counts: Numba's simulator runs your kernel, and each access to global memory is counted elsewhere.

    value = source[place]      a read of global memory: counted
    blurred[place] = value     a write to global memory
    tile[y, x]                 shared memory, made by `cuda.shared.array`: free, and watched for races

`source` can be read and `blurred` can be written. Both are flat: `place` is one number. They lie outside this process,
and every block sees a picture of its own: what one block has read helps no other.

A launch, `kernel[grid, block](...)`, is told to the other process: who reads and writes without one is found out.

Numba's own simulator lets the threads of a block run in an order that differs from run to run. Here they take turns:
each runs until it reads global memory, comes to a barrier or ends. So a mistake shows every time, or never.
"""

from __future__ import annotations

import operator
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types
from numba.cuda.simulator import kernel, kernelapi
from numba.np.numpy_support import as_dtype

Ask = Callable[..., Any]
UNWRITTEN = 1e3  # what new shared memory holds here; on a GPU it is anything


class Gpu:
    """The device: `source` is the picture to read, `blurred` is the memory to write to."""

    def __init__(self, ask: Ask) -> None:
        self.source, self.blurred = Source(), Blurred()
        Block.ask = staticmethod(ask)
        kernel.BlockManager = Block
        kernel.FakeCUDAKernel.__call__ = launch
        kernelapi.FakeCUDAShared = SharedMemory


LAUNCH = kernel.FakeCUDAKernel.__call__


def launch(function: Any, *arguments: Any) -> None:
    """Run all blocks of a kernel, as Numba's simulator does."""
    Block.ask("launch", int(np.prod(function.grid_dim)), int(np.prod(function.block_dim)))
    LAUNCH(function, *arguments)


class Source:
    """A flat array of float32 in global memory, to be read in a kernel."""

    def __getitem__(self, place: Any) -> np.float32:
        return this_thread().read(operator.index(place))


class Blurred:
    """A flat array of float32 in global memory, to be written in a kernel."""

    def __setitem__(self, place: Any, value: Any) -> None:
        thread = this_thread()
        thread.writes += 1
        thread.block.writes.append((operator.index(place), float(value)))


class Block:
    """Runs the threads of one block, one at a time."""

    ask: Ask

    def __init__(self, function: Callable[..., None], grid_dim: Any, block_dim: Any, debug: bool) -> None:
        self._function, self._block_dim, self._debug = function, block_dim, debug
        self.block_state = np.zeros(block_dim, dtype=np.bool_)
        self.back = threading.Semaphore(0)
        self.step = 0  # how many barriers were passed
        self.writes: list[tuple[int, float]] = []
        self.shared: dict[int, Shared] = {}

    def run(self, grid_point: Any, *arguments: Any) -> None:
        """Run the block at this point of the grid."""
        if not self.ask("block", int(np.prod(self._block_dim))):
            return
        places = [(x, y, z) for z, y, x in np.ndindex(*self._block_dim[::-1])]
        threads = [Thread(lambda: self._function(*arguments), self, grid_point, place, self._debug) for place in places]
        try:
            for thread in threads:
                thread.start()
            self._run(threads)
        finally:
            for thread in threads:
                thread.abort = True
                thread.turn.release()
            for thread in threads:
                thread.join()
        written, values = [place for place, _ in self.writes], [value for _, value in self.writes]
        self.ask("write", np.array(written, np.int64), np.array(values, np.float64))
        for seen in {seen for array in self.shared.values() for seen in array.seen()}:
            self.ask(seen)
        if any(thread.writes > 1 for thread in threads):
            self.ask("several")

    def _run(self, threads: list[Thread]) -> None:
        ready = threads
        while ready:
            for thread in ready:
                thread.turn.release()
                self.back.acquire()
                if thread.exception:
                    raise thread.exception[0].with_traceback(thread.exception[1])
            ready = [thread for thread in threads if thread.reads is not None]
            if ready:
                values = self.ask("read", np.array([thread.reads for thread in ready], np.int64))
                for thread, value in zip(ready, values, strict=True):
                    thread.answer, thread.reads = value, None
                continue
            ready = [thread for thread in threads if thread.at_barrier]
            self.step += 1
            if 0 < len(ready) < len(threads):
                self.ask("left")


class Thread(kernel.BlockThread):  # type: ignore[misc]
    """A thread of a block, which runs when it is its turn."""

    def __init__(self, function: Callable[[], None], block: Block, *about: Any) -> None:
        super().__init__(function, block, *about)
        self.block, self.turn = block, threading.Semaphore(0)
        self.at_barrier = False
        self.writes = 0
        self.reads: int | None = None  # the place that it waits for
        self.answer = np.float32(0)

    def run(self) -> None:
        """Run until the end, or until the block is ended."""
        self.turn.acquire()
        if not self.abort:
            super().run()
            self.block.back.release()

    def read(self, place: int) -> np.float32:
        """What global memory holds at this place, once all threads wait for something."""
        self.reads = place
        self._wait()
        return self.answer

    def syncthreads(self) -> None:
        """Wait until all other threads have come to a barrier."""
        self.at_barrier = True
        self._wait()
        self.at_barrier = False

    def _wait(self) -> None:
        self.block.back.release()
        self.turn.acquire()
        if self.abort:
            raise SystemExit


def this_thread() -> Thread:
    """The thread of the simulated GPU in which this is called."""
    thread = threading.current_thread()
    if not isinstance(thread, Thread):
        raise TypeError("global memory of the GPU is read and written in a kernel")
    return thread


class SharedMemory:
    """What `cuda.shared` is in a kernel."""

    def __init__(self, dynshared_size: int) -> None:
        pass

    def array(self, shape: Any, dtype: Any) -> Shared:
        """The block's array that is made in this line of the kernel."""
        made, line = this_thread().block.shared, sys._getframe(1).f_lineno
        if line not in made:
            made[line] = Shared(shape, as_dtype(dtype) if isinstance(dtype, types.Type) else dtype)
        return made[line]


class Shared:
    """An array in a block's shared memory, which knows who wrote each value, and after which barrier."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self._values = np.full(shape, UNWRITTEN, dtype)
        self._step, self._thread = np.full(shape, -1), np.zeros(shape, np.int64)
        self._early = np.zeros(shape, np.bool_)  # whether it was read before it was surely written
        self.shape = self._values.shape

    def __getitem__(self, place: Any) -> Any:
        self._check(place)
        thread, step = this_thread(), self._step[place]
        if step < 0 or (step == thread.block.step and self._thread[place] != thread.thread_id):
            self._early[place] = True
        return self._values[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        self._check(place)
        thread = this_thread()
        self._values[place], self._step[place], self._thread[place] = value, thread.block.step, thread.thread_id

    def seen(self) -> list[str]:
        """What went wrong: `unwritten` and `raced`, or nothing."""
        never = self._step < 0
        return ["unwritten"] * bool((self._early & never).any()) + ["raced"] * bool((self._early & ~never).any())

    def _check(self, place: Any) -> None:
        """A GPU does not check this. Here it is an `IndexError`, in the kernel's line."""
        places = place if isinstance(place, tuple) else (place,)
        inside = [0 <= at < size for at, size in zip(places, self.shape, strict=False)]
        if len(places) != len(self.shape) or not all(inside):
            raise IndexError("outside the shared array")

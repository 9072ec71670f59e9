"""Correlations along diagonals, in Numba: several diagonals side by side on a core, a tile of them in a block of a GPU.

For windows i and j, let c be the sum of products of their points, each less its window's mean. From one pair to the
next on a diagonal (Zimmerman and others, SCAMP, 2019):

    c(i, j) = c(i-1, j-1) + half[i] * sum[j] + half[j] * sum[i]         correlation = c * inverse[i] * inverse[j]
    half = (point that enters - point that leaves) / 2                  inverse = 1 / length of the window less its mean
    sum  = (point that enters - new mean) + (point that leaves - old mean)

One diagonal is a chain: each step waits for the one before. Diagonals do not depend on each other. So a core takes WIDE
of them and steps from row to row: the same operation on neighbours in memory, as its vector units need it.

On a GPU a block takes a tile: THREADS threads with SIDE diagonals each, for ROWS rows. It begins with sums of its own,
which costs a tenth of the time, so tiles do not wait for each other either, and no error is carried far. What a row or
a column has found best lies in shared memory. A thread writes there only if it has found better, which is rare, since
each tile begins with what earlier tiles have found. A column meets a thread's diagonals in consecutive steps, so its
numbers stay in registers. SIDE is odd, so that the threads of a warp read from different banks of shared memory.

Not yet seen on a real GPU. Compiled for compute capability 9.0 it takes 72 registers a thread and spills none.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import cuda
from numba.extending import intrinsic
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAST = {"contract", "nnan", "nsz", "reassoc"}  # fused and reordered additions, and no care for what is not a number
WIDE = 256  # diagonals side by side on a core: their sums stay in its first cache
THREADS, SIDE, ROWS = 64, 5, 480  # of a tile; ROWS is a multiple of SIDE
COLUMNS = THREADS * SIDE + ROWS
NOTHING = -2.0  # less than any correlation


def described(values: Any, i: int, window: int) -> tuple[float, float, float, float]:
    """The mean, inverse length, half and sum of a window, as above."""
    mean = 0.0
    for place in range(window):
        mean += values[i + place]
    mean /= window
    squares = 0.0
    for place in range(window):
        apart = values[i + place] - mean
        squares += apart * apart
    half = both = 0.0
    if i > 0:
        leaves, enters = values[i - 1], values[i + window - 1]
        half = 0.5 * (enters - leaves)
        both = (enters - mean) + (leaves - (mean + (leaves - enters) / window))
    return mean, 1.0 / math.sqrt(squares), half, both


# --- On a CPU -------------------------------------------------------------------------------------------------------

_described = numba.njit(described)


@numba.njit(nogil=True)
def describe(values: Floats, window: int, columns: Floats) -> None:
    """Fill the four columns for all windows."""
    for i in range(columns.shape[1]):
        columns[0, i], columns[1, i], columns[2, i], columns[3, i] = _described(values, i, window)


@intrinsic
def greater(_: Any, a: Any, b: Any) -> Any:
    """The greater of two numbers as one instruction, such that LLVM uses vector units for the maximum of a loop, too.

    Numba's `max` is a comparison and a branch. LLVM leaves a loop with such a maximum as it is.
    """

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double])
        maximum = builder.module.declare_intrinsic("llvm.maxnum", [double], kind)
        return builder.call(maximum, given, fastmath=("nnan", "nsz"))

    return numba.float64(a, b), code


@numba.njit(nogil=True, fastmath=FAST)
def begin(values: Floats, window: int, mean: float, left: int, sums: Floats) -> None:
    """The sums of a strip of diagonals in the first row, whose mean is given."""
    sums[:] = 0.0
    for place in range(window):
        point, there = values[place] - mean, values[left + place :]
        for k in range(len(sums)):
            sums[k] += point * there[k]


@numba.njit(nogil=True, fastmath=FAST)
def follow(columns: Floats, left: int, sums: Floats, best: Floats) -> None:
    """Follow the strip of diagonals from column `left` on to the last window, and raise each window's best so far."""
    inverse, half, both, windows = columns[1], columns[2], columns[3], len(best)
    for i in range(windows - left):
        j, end = left + i, min(left + i + len(sums), windows)
        inverse_i, half_i, both_i, most = inverse[i], half[i], both[i], best[i]
        inverse_j, half_j, both_j, best_j = inverse[j:end], half[j:end], both[j:end], best[j:end]
        for k in range(len(best_j)):
            product = sums[k] + half_i * both_j[k] + both_i * half_j[k]
            similar = product * (inverse_i * inverse_j[k])
            sums[k] = product
            best_j[k] = greater(best_j[k], similar)
            most = greater(most, similar)
        best[i] = most


def nearest_by_cores(values: Floats, window: int, zone: int, threads: int) -> Floats:
    """The greatest correlation of each window with one more than `zone` points away. Threads take turns by strips."""
    windows = len(values) - window + 1
    columns, best = np.empty((4, windows)), np.full((threads, windows), NOTHING)
    describe(values, window, columns)

    def share(thread: int) -> None:
        for left in range(zone + 1 + WIDE * thread, windows, WIDE * threads):
            sums = np.empty(min(WIDE, windows - left))
            begin(values, window, columns[0, 0], left, sums)
            follow(columns, left, sums, best[thread])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))
    found: Floats = best.max(axis=0)
    return found


# --- On a GPU -------------------------------------------------------------------------------------------------------

_described_there = cuda.jit(device=True)(described)


@cuda.jit
def describe_there(values: Any, window: int, columns: Any, best: Any) -> None:
    """Fill the four columns; a thread takes a window."""
    i = cuda.grid(1)
    if i < columns.shape[1]:
        columns[0, i], columns[1, i], columns[2, i], columns[3, i] = _described_there(values, i, window)
        best[i] = NOTHING


@cuda.jit
def tile(values: Any, window: int, columns: Any, first: int, best: Any) -> None:
    """The rows from `top` on, and the diagonals from `first` on that are this block's: the first begins at `left`."""
    thread = cuda.threadIdx.x
    top = cuda.blockIdx.y * ROWS
    left = top + first + cuda.blockIdx.x * THREADS * SIDE
    if left >= columns.shape[1]:
        return
    row = cuda.shared.array((4, ROWS), numba.float64)  # inverse, half, sum, best
    column = cuda.shared.array((4, COLUMNS), numba.float64)
    fetch(columns, best, top, row)
    fetch(columns, best, left, column)
    if thread == 0:
        row[1, 0] = row[2, 0] = 0.0  # nothing is added to the sums of the first row
    cuda.syncthreads()

    start = thread * SIDE
    sums = cuda.local.array(SIDE, numba.float64)
    held = cuda.local.array((4, SIDE), numba.float64)  # the columns that this thread's diagonals are at
    for k in range(SIDE):
        sums[k] = 0.0
        held[0, k] = values[min(left + start + k, values.size - 1)]
    for place in range(window):
        point = values[top + place] - columns[0, top]
        for k in range(SIDE):
            sums[k] += point * held[0, k]
        for k in range(SIDE - 1):
            held[0, k] = held[0, k + 1]
        held[0, SIDE - 1] = values[min(left + start + SIDE + place, values.size - 1)]
    for k in range(SIDE):
        enter(column, start + k, held, k)
    for i in range(0, ROWS, SIDE):  # five steps written out: what moves on by one then moves only in name
        step(row, column, i, sums, held)
        step(row, column, i + 1, sums, held)
        step(row, column, i + 2, sums, held)
        step(row, column, i + 3, sums, held)
        step(row, column, i + 4, sums, held)
    for k in range(SIDE - 1):
        raise_to(column, start + ROWS + k, held[3, k])
    cuda.syncthreads()
    give(row, best, top)
    give(column, best, left)


@cuda.jit(device=True)
def step(row: Any, column: Any, i: int, sums: Any, held: Any) -> None:
    """A thread's pairs in a row of the tile; then the first of its columns is done with, and another one enters."""
    j = cuda.threadIdx.x * SIDE + i
    inverse_i, half_i, both_i, most = row[0, i], row[1, i], row[2, i], NOTHING
    for k in range(SIDE):
        sums[k] += half_i * held[2, k]  # two additions, so that both are fused with their products
        sums[k] += both_i * held[1, k]
        similar = sums[k] * (inverse_i * held[0, k])  # not a number beyond the last window: never greater
        most = similar if similar > most else most
        held[3, k] = similar if similar > held[3, k] else held[3, k]
    raise_to(row, i, most)
    raise_to(column, j, held[3, 0])
    for k in range(SIDE - 1):
        for kind in range(4):
            held[kind, k] = held[kind, k + 1]
    enter(column, j + SIDE, held, SIDE - 1)


@cuda.jit(device=True)
def enter(column: Any, j: int, held: Any, k: int) -> None:
    """Take a column's numbers from shared memory into registers; nothing is found there yet."""
    held[0, k], held[1, k], held[2, k], held[3, k] = column[0, j], column[1, j], column[2, j], NOTHING


@cuda.jit(device=True)
def fetch(columns: Any, best: Any, first: int, shared: Any) -> None:
    """Put the numbers of windows into shared memory, and beyond the last window such that nothing is found there."""
    for place in range(cuda.threadIdx.x, shared.shape[1], THREADS):
        i = first + place
        inside = i < columns.shape[1]
        shared[0, place] = columns[1, i] if inside else np.nan
        shared[1, place] = columns[2, i] if inside else 0.0
        shared[2, place] = columns[3, i] if inside else 0.0
        shared[3, place] = best[i] if inside else np.inf


@cuda.jit(device=True)
def raise_to(shared: Any, place: int, similar: float) -> None:
    """Raise a best in shared memory; reading first is cheap, and an atomic operation is seldom needed."""
    if similar > shared[3, place]:
        cuda.atomic.max(shared, (3, place), similar)


@cuda.jit(device=True)
def give(shared: Any, best: Any, first: int) -> None:
    """Raise the windows' best in the device's memory."""
    for place in range(cuda.threadIdx.x, shared.shape[1], THREADS):
        if first + place < best.size and shared[3, place] > best[first + place]:
            cuda.atomic.max(best, first + place, shared[3, place])


def nearest_by_tiles(values: Any, window: int, zone: int) -> Any:
    """The same on a GPU, from an array there to an array there: two launches."""
    windows = values.size - window + 1
    columns, best = cuda.device_array((4, windows)), cuda.device_array(windows)
    describe_there[-(-windows // THREADS), THREADS](values, window, columns, best)
    diagonals = max(1, windows - zone - 1)
    grid = (-(-diagonals // (THREADS * SIDE)), -(-windows // ROWS))
    tile[grid, THREADS](values, window, columns, zone + 1, best)
    return best

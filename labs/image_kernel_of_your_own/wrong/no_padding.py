"""Takes the number of columns for the pitch.

Fails: rows with padding
Fails: odd sides and padding
"""

from typing import Any

from numba import cuda, float32

from ..work import SIDE, TILE


@cuda.jit
def blur_kernel(source: Any, pitch: int, rows: int, columns: int, blurred: Any) -> None:
    """One pixel of the blurred picture: pixel (row, column) lies at `row * columns + column`, in both memories."""
    tile = cuda.shared.array((SIDE, SIDE), float32)
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    first = cuda.threadIdx.y * TILE + cuda.threadIdx.x
    for number in range(first, SIDE * SIDE, TILE * TILE):
        y, x = number // SIDE, number % SIDE
        row = min(max(top + y - 1, 0), rows - 1)
        column = min(max(left + x - 1, 0), columns - 1)
        tile[y, x] = source[row * columns + column]
    cuda.syncthreads()

    row, column = top + cuda.threadIdx.y, left + cuda.threadIdx.x
    if row < rows and column < columns:
        total = float32(0.0)
        for dy in range(3):
            for dx in range(3):
                weight = (2 - abs(dy - 1)) * (2 - abs(dx - 1))
                total += weight * tile[cuda.threadIdx.y + dy, cuda.threadIdx.x + dx]
        blurred[row * columns + column] = total / 16

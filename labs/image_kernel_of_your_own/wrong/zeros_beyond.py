"""Takes 0 for what lies beyond the border.

Fails: blurred, with any number of reads
Fails: blurred, with few reads
Fails: sides that are no multiple of the block
Fails: other sides that are no multiple of the block
Fails: rows with padding
Fails: odd sides and padding
Fails: more rows than columns
Fails: fewer pixels than a block has threads
Fails: a single row
Fails: a single pixel
"""

from typing import Any

from numba import cuda, float32

from ..work import SIDE, TILE


@cuda.jit
def blur_kernel(source: Any, pitch: int, rows: int, columns: int, blurred: Any) -> None:
    """One pixel of the blurred picture: pixel (row, column) lies at `row * pitch + column`, in both memories."""
    tile = cuda.shared.array((SIDE, SIDE), float32)
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    first = cuda.threadIdx.y * TILE + cuda.threadIdx.x
    for number in range(first, SIDE * SIDE, TILE * TILE):
        y, x = number // SIDE, number % SIDE
        row, column = top + y - 1, left + x - 1
        inside = 0 <= row < rows and 0 <= column < columns
        tile[y, x] = source[row * pitch + column] if inside else 0.0
    cuda.syncthreads()

    row, column = top + cuda.threadIdx.y, left + cuda.threadIdx.x
    if row < rows and column < columns:
        total = float32(0.0)
        for dy in range(3):
            for dx in range(3):
                weight = (2 - abs(dy - 1)) * (2 - abs(dx - 1))
                total += weight * tile[cuda.threadIdx.y + dy, cuda.threadIdx.x + dx]
        blurred[row * pitch + column] = total / 16

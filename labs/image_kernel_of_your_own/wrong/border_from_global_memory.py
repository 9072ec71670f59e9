"""Keeps the block's own pixels in shared memory, and reads the border around them from global memory when needed.

Fails: blurred, with few reads
Fails: more rows than columns
"""

from typing import Any

from numba import cuda, float32

from ..work import TILE


@cuda.jit
def blur_kernel(source: Any, pitch: int, rows: int, columns: int, blurred: Any) -> None:
    """One pixel of the blurred picture: pixel (row, column) lies at `row * pitch + column`, in both memories."""
    tile = cuda.shared.array((TILE, TILE), float32)
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    row, column = top + cuda.threadIdx.y, left + cuda.threadIdx.x
    if row < rows and column < columns:
        tile[cuda.threadIdx.y, cuda.threadIdx.x] = source[row * pitch + column]
    cuda.syncthreads()

    if row < rows and column < columns:
        total = float32(0.0)
        for dy in range(3):
            for dx in range(3):
                weight = (2 - abs(dy - 1)) * (2 - abs(dx - 1))
                y, x = min(max(row + dy - 1, 0), rows - 1), min(max(column + dx - 1, 0), columns - 1)
                if 0 <= y - top < TILE and 0 <= x - left < TILE:
                    total += weight * tile[y - top, x - left]
                else:
                    total += weight * source[y * pitch + x]
        blurred[row * pitch + column] = total / 16

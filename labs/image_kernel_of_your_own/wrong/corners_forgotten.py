"""Fills the four sides of the tile's border, but not its corners.

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
    row, column = top + cuda.threadIdx.y, left + cuda.threadIdx.x
    y, x = cuda.threadIdx.y + 1, cuda.threadIdx.x + 1
    up, down = max(row - 1, 0), min(row + 1, rows - 1)
    before, after = max(column - 1, 0), min(column + 1, columns - 1)
    if row < rows and column < columns:
        tile[y, x] = source[row * pitch + column]
        if y == 1:
            tile[0, x] = source[up * pitch + column]
        if y == TILE:
            tile[TILE + 1, x] = source[down * pitch + column]
        if x == 1:
            tile[y, 0] = source[row * pitch + before]
        if x == TILE:
            tile[y, TILE + 1] = source[row * pitch + after]
    cuda.syncthreads()

    if row < rows and column < columns:
        total = float32(0.0)
        for dy in range(3):
            for dx in range(3):
                weight = (2 - abs(dy - 1)) * (2 - abs(dx - 1))
                total += weight * tile[cuda.threadIdx.y + dy, cuda.threadIdx.x + dx]
        blurred[row * pitch + column] = total / 16

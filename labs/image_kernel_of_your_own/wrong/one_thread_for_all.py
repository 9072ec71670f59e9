"""The first thread of each block does the work of all, so a GPU would be as slow as one of its threads.

Fails: blurred, with any number of reads
Fails: blurred, with few reads
Fails: sides that are no multiple of the block
Fails: other sides that are no multiple of the block
Fails: rows with padding
Fails: odd sides and padding
Fails: more rows than columns
Fails: fewer pixels than a block has threads
Fails: a single row
"""

from typing import Any

from numba import cuda

from ..work import SIDE, TILE


@cuda.jit
def blur_kernel(source: Any, pitch: int, rows: int, columns: int, blurred: Any) -> None:
    """The pixels of a block, one after the other."""
    if cuda.threadIdx.x or cuda.threadIdx.y:
        return
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    tile = {}
    for y in range(SIDE):
        for x in range(SIDE):
            row = min(max(top + y - 1, 0), rows - 1)
            column = min(max(left + x - 1, 0), columns - 1)
            tile[y, x] = source[row * pitch + column]
    for y in range(min(TILE, rows - top)):
        for x in range(min(TILE, columns - left)):
            total = 0.0
            for dy in range(3):
                for dx in range(3):
                    total += (2 - abs(dy - 1)) * (2 - abs(dx - 1)) * tile[y + dy, x + dx]
            blurred[(top + y) * pitch + left + x] = total / 16

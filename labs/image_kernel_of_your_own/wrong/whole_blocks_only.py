"""Launches rows // 8 x columns // 8 blocks: the rest of the picture gets none.

Fails: sides that are no multiple of the block
Fails: other sides that are no multiple of the block
Fails: odd sides and padding
Fails: a single row
"""

from gpu import Gpu

from ..work import TILE, blur_kernel


def blur(gpu: Gpu, rows: int, columns: int, pitch: int) -> None:
    """Launch the kernel with enough blocks for the whole picture. Nothing is returned: the result is in `blurred`."""
    grid = (max(columns // TILE, 1), max(rows // TILE, 1))
    blur_kernel[grid, (TILE, TILE)](gpu.source, pitch, rows, columns, gpu.blurred)

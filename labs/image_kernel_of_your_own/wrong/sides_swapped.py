"""Launches as many blocks across as the picture has rows: x is the column, not the row.

Fails: blurred, with any number of reads
Fails: blurred, with few reads
Fails: other sides that are no multiple of the block
Fails: rows with padding
Fails: odd sides and padding
Fails: more rows than columns
Fails: a single row
"""

from gpu import Gpu

from ..work import TILE, blur_kernel


def blur(gpu: Gpu, rows: int, columns: int, pitch: int) -> None:
    """Launch the kernel with enough blocks for the whole picture. Nothing is returned: the result is in `blurred`."""
    grid = (-(-rows // TILE), -(-columns // TILE))
    blur_kernel[grid, (TILE, TILE)](gpu.source, pitch, rows, columns, gpu.blurred)

"""Asks the memory itself, for the same tiles, and computes them in plain Python.

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

import numpy as np
from gpu import Block, Gpu

from ..work import SIDE, TILE


def blur(gpu: Gpu, rows: int, columns: int, pitch: int) -> None:
    """Go through the tiles one after the other."""
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            y = np.clip(np.arange(top - 1, top + TILE + 1), 0, rows - 1)
            x = np.clip(np.arange(left - 1, left + TILE + 1), 0, columns - 1)
            Block.ask("block", TILE * TILE)
            places = (y[:, None] * pitch + x).ravel()
            halves = [Block.ask("read", places[:64]), Block.ask("read", places[64:])]
            tile = np.concatenate(halves).reshape(SIDE, SIDE).astype(np.float64)
            high = tile[:-2] + 2 * tile[1:-1] + tile[2:]
            made = (high[:, :-2] + 2 * high[:, 1:-1] + high[:, 2:]) / 16
            inside = made[: rows - top, : columns - left]
            row, column = np.indices(inside.shape)
            Block.ask("write", ((top + row) * pitch + left + column).ravel(), inside.ravel())

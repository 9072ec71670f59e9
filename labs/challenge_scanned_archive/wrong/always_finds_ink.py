"""Splits the pixels of each page in two, also where there is no ink.

Fails: read: empty pages
"""

import numpy as np

from ..work import DOT, PALEST, PRESENT, ink_of, phase, turned


def compared(page: np.ndarray, prints: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    """How well each letter explains each cell (lines, columns, letters), which cells hold ink, and how dark ink is."""
    ink = ink_of(page, height)
    depth, _ = measured(ink)
    upright = turned(ink)
    rows, columns = -(-upright.shape[0] // height) + 1, -(-upright.shape[1] // width) + 1
    wide = np.zeros((rows * height + 2, columns * width + 2), np.float32)
    down, right = phase(upright, prints, height, width)
    wide[down + 1 : down + 1 + upright.shape[0], right + 1 : right + 1 + upright.shape[1]] = upright
    energy = (prints**2).sum(axis=1)
    best = np.full(rows, -np.inf)
    scores, overlap = (np.zeros((rows, columns, len(prints)), np.float32) for _ in range(2))
    for top in range(3):
        for left in range(3):  # a line may be a pixel off
            part = wide[top : top + rows * height, left : left + columns * width]
            cells = part.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows, columns, -1)
            found = cells @ prints.T
            better = 2 * depth * found - depth**2 * energy  # squared error of paper less that of the letter
            total = better.max(axis=2).clip(0).sum(axis=1)
            lines = total > best
            best[lines], scores[lines], overlap[lines] = total[lines], better[lines], found[lines]
    present = overlap / (depth * energy)  # 1 where the whole letter is there
    least = np.where(energy < np.median(energy) / 2, DOT, PRESENT)
    needed = least
    chosen = scores.argmax(axis=2)
    inked = np.take_along_axis(present, chosen[:, :, None], 2)[:, :, 0] > needed[chosen]
    return scores, inked, depth


def measured(ink: np.ndarray) -> tuple[float, float]:
    """How dark ink is, and the standard deviation of paper."""
    depth = 0.05
    for _ in range(4):  # the mean of what is nearer to ink than to paper
        dark = ink[ink > depth / 2]
        depth = float(dark.mean()) if len(dark) else PALEST
    light = ink[ink < 0]  # the brighter half of the paper
    return depth, float(np.sqrt((light**2).mean())) if len(light) else 0.0

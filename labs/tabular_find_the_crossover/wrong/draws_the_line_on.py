"""Draws the line on beyond what was measured.

Fails: the GPU never wins
Fails: the GPU always wins
"""

import numpy as np

from ..work import _merged, _middle


def crossover(rows: np.ndarray, cpu: np.ndarray, gpu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The crossing of each series in rows, and its 95 % interval: three arrays (series,), float64.

    rows      (series, sizes): the sizes that were measured, in any order, some of them several times
    cpu, gpu  (series, sizes, processes): seconds; NaN where a process failed

    0 where the GPU wins at every measured size, infinity where it wins at none.
    """
    order = np.argsort(rows, axis=1)
    size = np.log(np.take_along_axis(rows, order, axis=1))
    cpu_middle, cpu_error = _middle(np.take_along_axis(np.log(cpu), order[:, :, None], axis=1))
    gpu_middle, gpu_error = _middle(np.take_along_axis(np.log(gpu), order[:, :, None], axis=1))
    gain, times = _merged(size, cpu_middle - gpu_middle)
    error = 1.96 * np.hypot(cpu_error, gpu_error)[:, None] / np.sqrt(times)
    three = [_crossing(size, curve) for curve in (gain, gain + error, gain - error)]
    return three[0], np.minimum(three[1], three[0]), np.maximum(three[2], three[0])


def _crossing(size: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Where a curve crosses zero for the last time, on straight lines between the logarithms of the sizes."""
    loses = gain < 0
    last = size.shape[1] - 1 - np.argmax(loses[:, ::-1], axis=1)
    last = np.where(loses.any(axis=1), np.minimum(last, size.shape[1] - 2), 0)
    series, before = np.arange(len(size)), last
    y0, y1 = gain[series, before], gain[series, before + 1]
    x0, x1 = size[series, before], size[series, before + 1]
    found = np.zeros(len(size))
    found[series] = np.exp(np.clip(x0 - y0 / (y1 - y0) * (x1 - x0), 0, 700))
    return found

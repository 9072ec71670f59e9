"""Believes that the sizes come in order.

Fails: sizes in any order
Fails: sizes measured several times
"""

import numpy as np


def crossover(rows: np.ndarray, cpu: np.ndarray, gpu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The crossing of each series in rows, and its 95 % interval: three arrays (series,), float64.

    rows      (series, sizes): the sizes that were measured, in any order, some of them several times
    cpu, gpu  (series, sizes, processes): seconds; NaN where a process failed

    0 where the GPU wins at every measured size, infinity where it wins at none.
    """
    order = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    size = np.log(np.take_along_axis(rows, order, axis=1))
    cpu_middle, cpu_error = _middle(np.take_along_axis(np.log(cpu), order[:, :, None], axis=1))
    gpu_middle, gpu_error = _middle(np.take_along_axis(np.log(gpu), order[:, :, None], axis=1))
    gain, times = _merged(size, cpu_middle - gpu_middle)
    error = 1.96 * np.hypot(cpu_error, gpu_error)[:, None] / np.sqrt(times)
    return _crossing(size, gain), _crossing(size, gain + error), _crossing(size, gain - error)


def _middle(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median of the processes at each size, and its standard error: one for all sizes of a series."""
    middle = np.nanmedian(times, axis=-1)
    spread = 1.4826 * np.nanmedian(
        np.abs(times - middle[:, :, None]).reshape(len(times), times.shape[1] * times.shape[2]), axis=1
    )
    processes = np.isfinite(times).sum(axis=(1, 2)) / times.shape[1]
    # One less, because a sample varies less around its own median than around the true one.
    return middle, spread * np.sqrt(np.pi / 2 / np.maximum(processes - 1, 1))


def _merged(size: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean gain of equal sizes, in the place of each of them, and how often the size was measured."""
    is_new = np.ones(size.shape, bool)
    is_new[:, 1:] = np.diff(size, axis=1) > 0
    place = is_new.ravel().cumsum() - 1
    times = np.bincount(place)[place]
    mean = np.bincount(place, gain.ravel())[place] / times
    return mean.reshape(size.shape), times.reshape(size.shape)


def _crossing(size: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Where a curve crosses zero for the last time, on straight lines between the logarithms of the sizes."""
    loses = gain < 0
    last = size.shape[1] - 1 - np.argmax(loses[:, ::-1], axis=1)
    crosses = loses.any(axis=1) & (last < size.shape[1] - 1)
    series, before = np.flatnonzero(crosses), last[crosses]
    y0, y1 = gain[series, before], gain[series, before + 1]
    x0, x1 = size[series, before], size[series, before + 1]
    found = np.where(loses.any(axis=1), np.inf, 0.0)
    found[series] = np.exp(x0 - y0 / (y1 - y0) * (x1 - x0))
    return found

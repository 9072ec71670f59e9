"""Believes that the sizes come in order.

Fails: sizes in any order
Fails: sizes measured several times
"""

import numpy as np

from ..work import _crossing, _merged, _middle


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

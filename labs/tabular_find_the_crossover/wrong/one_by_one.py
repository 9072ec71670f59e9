"""Right, with a loop over series.

Fails: timing
"""

import numpy as np


def crossover(rows: np.ndarray, cpu: np.ndarray, gpu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The crossing of each series and its 95 % interval."""
    found = np.empty((3, len(rows)))
    for series in range(len(rows)):
        size, gain, error = _gains(rows[series], np.log(cpu[series]), np.log(gpu[series]))
        for number, curve in enumerate((gain, gain + error, gain - error)):
            found[number, series] = _crossing(size, curve)
    return found[0], found[1], found[2]


def _gains(rows: np.ndarray, cpu: np.ndarray, gpu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The logarithms of each size and of its gain, and 1.96 standard errors of the gain."""
    sizes, place, times = np.unique(rows, return_inverse=True, return_counts=True)
    middles = [np.nanmedian(seconds, axis=1) for seconds in (cpu, gpu)]
    variance = 0.0
    for seconds, middle in zip((cpu, gpu), middles, strict=True):
        spread = 1.4826 * np.nanmedian(np.abs(seconds - middle[:, None]))
        variance += spread**2 / max(1, np.isfinite(seconds).sum() / len(seconds) - 1)
    gain = np.bincount(place, middles[0] - middles[1]) / times
    return np.log(sizes), gain, 1.96 * np.sqrt(np.pi / 2 * variance / times)


def _crossing(size: np.ndarray, gain: np.ndarray) -> float:
    """Where the gain passes zero for the last time."""
    loses = np.flatnonzero(gain < 0)
    if not len(loses):
        return 0.0
    last = int(loses[-1])
    if last == len(size) - 1:
        return float("inf")
    share = -gain[last] / (gain[last + 1] - gain[last])
    return float(np.exp(size[last] + share * (size[last + 1] - size[last])))

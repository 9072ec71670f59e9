"""Takes the median of all processes: one NaN makes it NaN.

Fails: some processes failed
"""

import numpy as np


def _middle(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median of the processes at each size, and its standard error: one for all sizes of a series."""
    middle = np.median(times, axis=-1)
    spread = 1.4826 * np.nanmedian(
        np.abs(times - middle[:, :, None]).reshape(len(times), times.shape[1] * times.shape[2]), axis=1
    )
    processes = np.isfinite(times).sum(axis=(1, 2)) / times.shape[1]
    # One less, because a sample varies less around its own median than around the true one.
    return middle, spread * np.sqrt(np.pi / 2 / np.maximum(processes - 1, 1))

"""The loop that this lab begins with: right, and slow."""

import numpy as np

START, PER_KM, PER_MINUTE, NIGHT, LEAST = 3.0, 1.9, 0.4, 1.25, 6.0


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """The fare of each ride, one ride after the other."""
    result = np.empty(len(kilometres))
    for ride in range(len(kilometres)):
        fare = START + PER_KM * kilometres[ride] + PER_MINUTE * minutes[ride]
        if night[ride]:
            fare = NIGHT * fare
        result[ride] = max(fare, LEAST)
    return result

"""The fare of every ride. Edit this file; `residency lab check` tells whether it is right and how fast it is."""

import numpy as np

START, PER_KM, PER_MINUTE = 3.0, 1.9, 0.4
NIGHT = 1.25  # at night everything costs a quarter more
LEAST = 6.0  # no ride costs less


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """The fare of each ride, float64, without a loop over rides. All arguments have one entry for each ride."""
    ### BEGIN SOLUTION
    fare = PER_KM * kilometres
    fare += START
    fare += PER_MINUTE * minutes
    np.multiply(fare, NIGHT, out=fare, where=night)
    return np.maximum(fare, LEAST, out=fare)
    ### END SOLUTION

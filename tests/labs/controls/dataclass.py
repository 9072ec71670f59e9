"""A frozen dataclass for the tariff."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tariff:
    start: float = 3.0
    per_km: float = 1.9
    per_minute: float = 0.4


def fares(kilometres, minutes, night, tariff=Tariff()):
    fare = tariff.start + tariff.per_km * kilometres + tariff.per_minute * minutes
    return np.maximum(np.where(night, 1.25 * fare, fare), 6.0)

"""Real series with a cycle that everybody knows: sunspots, carbon dioxide, taxis."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.timeseries.nab import TAXI, TAXI_SOURCE, readings
from residency.datasets.timeseries.signals import Signal, Values, band_pass, frames, kept
from residency.harness.dataset import public, shipped


def _signal(values: Values, cycle: float, *, window: int, hop: int, taps: int, low: float) -> Signal:
    """The series less its mean, and the same cycle known in all frames. No sample is dropped."""
    pitch = np.full(frames(kept(len(values), taps, 1), window, hop), 1.0 / cycle)
    return Signal((values - values.mean()).astype(np.float32), band_pass(taps, low), 1, window, hop, pitch)


@shipped("statsmodels.datasets")
def sunspots() -> Signal:
    """Sunspots in each year from 1700 to 2008; one cycle takes about 11 years.

    SIDC, Royal Observatory of Belgium; 309 years. Frames of 64 years, one every 8. The sun's cycle varies from 9 to 14
    years: a frame is followed if its highest frequency is one in 9.4 to 13.3 years.
    """
    from statsmodels.datasets import sunspots as shipped_sunspots

    values = shipped_sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(np.float64)
    return _signal(values, 11.0, window=64, hop=8, taps=33, low=0.03)


@shipped("statsmodels.datasets")
def weekly_carbon_dioxide() -> Signal:
    """Weekly carbon dioxide in the air above Mauna Loa, Hawaii, March 1958 to December 2001; its cycle is a year.

    Parts per million; Keeling and Whorf (2004), Scripps Institution of Oceanography; public domain. 2,284 weeks, of
    which 59 are missing; a straight line between their neighbours fills them. Frames of four years, one every half
    year. Without the filter the steady rise is stronger than the season.
    """
    from statsmodels.datasets import co2

    values = co2.load_pandas().data["co2"].interpolate().to_numpy(np.float64)
    return _signal(values, 365.25 / 7.0, window=208, hop=26, taps=209, low=0.012)


@public(TAXI_SOURCE)
def taxi_days(source: Path) -> Signal:
    """Passengers of New York's taxis in each half hour, July 2014 to January 2015; the cycle is a day.

    Lavin and Ahmad (2015), Numenta Anomaly Benchmark, MIT licence. 10,320 half hours. Frames of a week, one each day.
    """
    values, _ = readings(TAXI_SOURCE, source, TAXI)
    return _signal(values, 48.0, window=336, hop=48, taps=97, low=0.01)

"""The hourly series of the M4 forecasting competition: 414 series of 700 or 960 hours, 48 to forecast."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from residency.datasets.sources import Address, Several
from residency.datasets.timeseries.series import Panel, Values, panel
from residency.harness.dataset import public

BASE = "https://raw.githubusercontent.com/Mcompetitions/M4-methods/6c1067e5a57161249b17289a565178dc7a3fb3ca/Dataset/"
TRAIN, TEST = "m4-hourly-train.csv", "m4-hourly-test.csv"
SOURCE = Several(
    (
        Address(
            BASE + "Train/Hourly-train.csv",
            sha256="ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
            size="2.3 MB",
            name=TRAIN,
        ),
        Address(
            BASE + "Test/Hourly-test.csv",
            sha256="71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42",
            size="0.1 MB",
            name=TEST,
        ),
    ),
    size="2.5 MB",
)
DAY, WEEK = 24, 168


@public(SOURCE)
def m4_hourly(source: Path) -> Panel:
    """All hourly series of the M4 competition, with its own horizon of 48 hours and its own metrics.

    Makridakis, Spiliotis and Assimakopoulos (2020), "The M4 Competition: 100,000 time series and 61 forecasting
    methods", International Journal of Forecasting. The files hold no dates, so there is no calendar to learn from.
    sMAPE and MASE published for these series: seasonal naive 13.912 and 1.193, Naive2 18.383 and 2.395, Theta 18.138
    and 2.455, damped trend 19.265 and 2.956, a multilayer perceptron 13.842 and 2.607. The three methods that
    were first over all series of the competition have on the hourly ones 9.328 and 0.893 (Smyl), 11.506 and 0.819
    (Montero-Manso and others), 9.611 and 0.873 (Pawlikowski and others).
    """
    histories, futures = (_series(SOURCE.path(source, name)) for name in (TRAIN, TEST))
    values = [np.concatenate([histories[name], futures[name]]) for name in histories]
    return panel(values, horizon=2 * DAY, season=DAY, long_season=WEEK)


def _series(path: Path) -> dict[str, Values]:
    """The series by name: each is a line, with empty cells after its end."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    return {line[0]: np.array([float(cell) for cell in line[1:] if cell]) for line in lines}

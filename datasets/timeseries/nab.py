"""Two real series with known anomalies, from the Numenta Anomaly Benchmark."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.sources import Address, Several
from residency.datasets.timeseries.anomalous import Anomalous
from residency.harness.dataset import public

BASE = "https://raw.githubusercontent.com/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/"
FOLDER = "realKnownCause/"
LABELS = Address(
    BASE + "labels/combined_windows.json",
    sha256="1e1fbc4601321aad8d0f8b3784c8134299379f68f6c1f7777565f8ffd57ab6b1",
    size="15 kB",
    name="nab-combined_windows.json",
)
TAXI = Address(
    BASE + "data/" + FOLDER + "nyc_taxi.csv",
    sha256="d8fa6f7f0734bf5c8be12c52a94e20a82664c397d9dec4449156bd453d32856d",
    size="0.3 MB",
    name="nab-nyc_taxi.csv",
)
TEMPERATURE = Address(
    BASE + "data/" + FOLDER + "machine_temperature_system_failure.csv",
    sha256="92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4",
    size="0.7 MB",
    name="nab-machine_temperature.csv",
)
TAXI_SOURCE = Several((TAXI, LABELS), size="0.3 MB")
TEMPERATURE_SOURCE = Several((TEMPERATURE, LABELS), size="0.7 MB")


@public(TAXI_SOURCE)
def nyc_taxi(source: Path) -> Anomalous:
    """Passengers of New York's taxis in each half hour from July 2014 to January 2015: 10,320 points.

    Lavin and Ahmad (2015), "Evaluating real-time anomaly detection algorithms", MIT licence. Five labelled windows of
    four days: the marathon, Thanksgiving, Christmas, New Year, a blizzard. With windows of a day, the five greatest
    discords hit four of them, and the seven greatest hit all five. The other two are Independence Day and Martin Luther
    King Day: these are real anomalies without a label.
    """
    return _read(TAXI_SOURCE, source, TAXI, window=48)


@public(TEMPERATURE_SOURCE)
def machine_temperature(source: Path) -> Anomalous:
    """A machine's temperature every five minutes, December 2013 to February 2014: 22,695 points, an hour of them twice.

    Lavin and Ahmad (2015), MIT licence. Four labelled windows of two days. This machine has no cycle: hardly any day is
    like another. With windows of a day, the four greatest discords hit none of the labels, the ten greatest hit one. No
    implementation can do better: a matrix profile finds what breaks a pattern, and here there is no pattern.
    """
    return _read(TEMPERATURE_SOURCE, source, TEMPERATURE, window=288)


def _read(files: Several, source: Path, series: Address, window: int) -> Anomalous:
    """The values in the order of the file, and the labelled stretches by their times."""
    values, times = readings(files, source, series)
    labels = json.loads(files.path(source, LABELS.name).read_text(encoding="utf-8"))
    stretches = np.array(labels[FOLDER + series.address.rpartition("/")[2]], dtype="datetime64[s]")
    bounds = [[np.argmax(times >= begin), len(times) - np.argmax(times[::-1] <= end)] for begin, end in stretches]
    return Anomalous(values, window, np.array(bounds, np.int64))


def readings(files: Several, source: Path, series: Address) -> tuple[NDArray[np.float64], NDArray[np.datetime64]]:
    """The values of a file and their times, in its order, shape (points,)."""
    with files.path(source, series.name).open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    times = np.array([line["timestamp"] for line in lines], dtype="datetime64[s]")
    return np.array([float(line["value"]) for line in lines]), times

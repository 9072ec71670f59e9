"""Following a tone: exact spectra from each way, whatever the signal's end, and what is found in real series."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from residency.datasets.timeseries.nab import TAXI_SOURCE
from residency.datasets.timeseries.signals import Signal, exact_spectrum, frames_followed, kept
from residency.harness import store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("timeseries/spectrogram")
CPU = ["blocks@cpu", "calls@cpu", pytest.param("tensors@cpu", marks=pytest.mark.slow)]
MIRROR = os.environ.get("RESIDENCY_MIRROR")


def make(name: str, folder: Path, **request: object) -> Signal:
    return TASK.dataset(name).make(Request(name, **request), folder)


def follow(data: Signal, dataset: str, identity: str = "blocks@cpu"):
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=2)


@pytest.mark.parametrize("identity", CPU)
@pytest.mark.parametrize("rows", [2_177, 150_001])
def test_any_length_is_followed(identity: str, rows: int, tmp_path: Path) -> None:
    data = make("hidden_tone", tmp_path, rows=rows)
    assert data.frames == len(data.pitch)
    done = follow(data, "hidden_tone", identity)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending


def test_the_judge_is_scipys_spectrum(tmp_path: Path) -> None:
    data = make("hidden_tone", tmp_path, rows=20_000)
    filtered = signal.lfilter(data.taps.astype(np.float64), 1.0, data.values.astype(np.float64))
    whole = filtered[len(data.taps) - 1 :: data.factor][: kept(20_000, 129, 4)]
    _, _, power = signal.spectrogram(
        whole, window=data.hann.astype(np.float64), noverlap=384, detrend=False, scaling="spectrum"
    )
    assert power.shape[1] == data.frames
    for frame in (0, 17, data.frames - 1):
        np.testing.assert_allclose(exact_spectrum(data, frame), power[:, frame], rtol=1e-5, atol=1e-12)


def test_answers_that_are_wrong_are_refused(tmp_path: Path) -> None:
    data = make("hidden_tone", tmp_path, rows=20_000)
    spectra = np.stack([exact_spectrum(data, frame) for frame in range(data.frames)])
    number, power = spectra.argmax(axis=1), spectra.max(axis=1)
    assert frames_followed(data, (number, power)) == 1.0
    for answer, message in (
        ((number + 3, power), "is highest at"),
        ((number - 1_000, power), "is highest at"),
        ((number, 1.01 * power), "has power"),
        ((number, np.full_like(power, np.nan)), "not finite"),
        ((number + 0.5, power), "not whole"),
        ((number[1:], power), "shape"),
        (number, "two arrays"),
    ):
        with pytest.raises(WrongResult, match=message):
            frames_followed(data, answer)


def test_without_the_filter_the_hum_and_the_whine_are_louder(tmp_path: Path) -> None:
    data = make("hidden_tone", tmp_path, rows=20_000)
    unfiltered = replace(data, taps=np.eye(1, 129, 64, dtype=np.float32)[0])
    ending = follow(unfiltered, "hidden_tone").ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


@pytest.mark.parametrize("name", ["hidden_tone", "sunspots", "weekly_carbon_dioxide", "taxi_days"])
def test_shuffled_samples_are_not_followed(name: str, tmp_path: Path) -> None:
    if name == "taxi_days":
        if not MIRROR or not (Path(MIRROR) / "nab-nyc_taxi.csv").exists():
            pytest.skip("RESIDENCY_MIRROR names no folder that holds nab-nyc_taxi.csv")
        TAXI_SOURCE.fetch(tmp_path, Path(MIRROR), lambda _: None)
    data = make(name, tmp_path, rows=100_000 if name == "hidden_tone" else None, source=tmp_path)
    assert follow(data, name).ending.outcome == "ok"
    shuffled = replace(data, values=np.random.default_rng(0).permutation(data.values))
    ending = follow(shuffled, name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


def test_the_known_frequency_is_needed(tmp_path: Path) -> None:
    data = make("hidden_tone", tmp_path, rows=400_000)
    ending = follow(replace(data, pitch=np.random.default_rng(0).permutation(data.pitch)), "hidden_tone").ending
    assert "below the floor" in ending.reason


@pytest.mark.parametrize(("rows", "digest"), [(5_000, "6f24805c7157ca8b"), (100_000, "6d2862a6b12a1b88")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    assert store.hash_data(make("hidden_tone", tmp_path, rows=rows)).startswith(digest)


@pytest.mark.slow
def test_a_cluster_follows_as_well(cluster, mapped, tmp_path: Path) -> None:
    (spread,) = (one for one in TASK.implementations if (one.name, one.device) == ("stretches", "cpu"))
    data = mapped(make("hidden_tone", tmp_path, rows=300_001))
    done = execute(TASK, spread.on(2), data, dataset="hidden_tone", threads=2, cluster=cluster)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending

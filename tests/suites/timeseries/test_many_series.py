"""A model for each of many series: the same windows everywhere, what is learned, and what becomes of short series."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.timeseries.series import Panel, mase, panel, seasonal_naive
from residency.harness import store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.suites import SHIPPED
from residency.suites.timeseries.many_series import ends_of, starts, steps_of, windows

TASK = Catalogue([SHIPPED]).task("timeseries/many_series")
HERE = ["side_by_side@cpu", "all_at_once@cpu"]

IN_SIMULATOR = """
import numpy as np
from residency.suites.timeseries import _smoothing as smoothing
month = np.arange(36)
series = [10 + 0.1 * month + 3 * np.sin(month * np.pi / 6), 50 - month + month % 12]
value = np.concatenate(series).astype(np.float32)
places = np.array([0, 36], np.int32), np.array([36, 36], np.int32), np.array([1, 2], np.float32)
search = smoothing.Search((0.3, 0.05, 0.1), (1.0, 0.1, 1.0), 0.2, 3)
plan = dict(steps=36, season=12, horizon=12, search=search)
there = smoothing.forecast_by_threads(value, *places, **plan).copy_to_host()
here = smoothing.forecast_by_cores(value, *places, **plan, threads=2)
ahead = np.arange(36, 48)
np.testing.assert_allclose(there, here, rtol=1e-4)
np.testing.assert_allclose(here[1], 50 - ahead + ahead % 12, atol=0.1)
print("equal")
"""


def make(name: str, rows: int | None = None) -> Panel:
    return TASK.dataset(name).make(Request(name, rows=rows), Path())


def run(identity: str, data: Panel, dataset: str) -> Execution:
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=2)


@pytest.fixture
def uneven() -> Panel:
    """Monthly series of 84, 30, 28 and 20 months, of which the last twelve are to be forecast."""
    month, noise = np.arange(84), np.random.default_rng(3).normal(size=(3, 84))
    whole = 100 + 0.5 * month + 20 * np.sin(month * np.pi / 6) + noise
    return panel([whole[0], whole[1, :30], whole[2, :28], whole[2, :20]], horizon=12, season=12)


@pytest.mark.parametrize(("rows", "digest"), [(132 * 3, "0f5ef9d9af7d8f97"), (5_280, "d04c62e0481e42bd")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str) -> None:
    assert store.hash_data(make("monthly_sales", rows)).startswith(digest)


def test_a_short_series_is_continued_backwards_by_its_first_season(uneven: Panel) -> None:
    begins, lengths = ends_of(uneven.step, uneven.horizon)
    assert (list(lengths), steps_of(uneven)) == ([72, 18, 16, 8], 72)
    made = windows(uneven.value, begins, lengths, uneven.scale, steps=72, season=12, xp=np)
    np.testing.assert_array_equal(made[1, -30:-18], made[1, -18:-6])
    np.testing.assert_array_equal(made[3, :-8], 0.0)  # less than a season: its first value
    assert made[:, -8:].any(axis=1).all()


def test_both_ways_to_begin_are_the_same(uneven: Panel) -> None:
    smoothing = pytest.importorskip("residency.suites.timeseries._smoothing")
    begins, lengths = ends_of(uneven.step, uneven.horizon)
    many = windows(uneven.value, begins, lengths, uneven.scale, steps=72, season=12, xp=np)
    values, start = np.zeros((72, 4), np.float32), np.zeros((14, 4), np.float32)
    for k in range(4):
        smoothing.prepare(uneven.value, begins[k], lengths[k], uneven.scale[k], values, start, k)
    np.testing.assert_allclose(values.T, many, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(start.T, starts(many, season=12, xp=np), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["monthly_sales", "sea_and_air"])
def test_both_ways_to_fit_are_the_same_and_learn(dataset: str) -> None:
    data = make(dataset, TASK.sizes["smoke"] if dataset == "monthly_sales" else None)
    reached = [run(identity, data, dataset) for identity in HERE]
    assert {done.ending.outcome for done in reached} == {"ok"}
    assert reached[0].quality == pytest.approx(reached[1].quality, abs=2e-3)
    assert reached[0].quality < mase(data, seasonal_naive(data)) - 0.2
    if data.expected_test is not None:
        assert reached[0].quality > mase(data, data.expected_test)
    shuffled = data.value.reshape(len(data.scale), -1).copy()
    for history in shuffled[:, : -data.horizon]:
        np.random.default_rng(0).shuffle(history)
    ending = run("side_by_side@cpu", replace(data, value=shuffled.ravel()), dataset).ending
    assert ending.outcome == "wrong"
    assert "above the ceiling" in ending.reason


@pytest.mark.slow
def test_the_gpu_code_is_right_in_a_simulator(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_SIMULATOR],
        env={**environment, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout == "equal\n", done.stderr


@pytest.mark.slow
def test_workers_of_a_cluster_forecast_what_one_process_forecasts(residency) -> None:
    pytest.importorskip("distributed")
    done = residency(
        "run", "timeseries/many_series", "--size", "5280", "--runner", "local,cluster", "--workers", "2", "--threads",
        "1", "--implementations", "numba", "--devices", "cpu", "--replicates", "1", "--rounds", "1", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert rows["shared_out@2xcpu"]["quality"] == pytest.approx(rows["side_by_side@cpu"]["quality"], abs=1e-4)


@pytest.mark.slow
def test_what_becomes_of_series_of_your_own(residency, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    lines = [
        f"{shop},20{15 + month // 12}-{month % 12 + 1:02}-01,{50 + month + generator.normal():.2f}"
        for shop, months in (("long", 84), ("short", 30), ("tiny", 14))
        for month in range(months)
        if (shop, month) != ("long", 20)
    ]
    lines += [f"same,2015-{month:02}-01,5" for month in range(1, 13)] + [f"same,2016-{m:02}-01,5" for m in range(1, 13)]
    lines += [f"same,2017-{month:02}-01,5" for month in range(1, 13)]
    own = tmp_path / "shops.csv"
    own.write_text("shop,day,sold\n" + "\n".join(generator.permutation(lines)) + "\n")
    options = ("--data", own, "--target", "sold", "--implementations", "side_by_side", "--replicates", "1")
    done = residency("run", "timeseries/many_series", *options, "--rounds", "1", "--budget", "100", "--json")
    assert done.status == 0, done.out + done.err
    row = next(row for row in done.json["rows"] if row["implementation"] == "side_by_side@cpu")
    assert row["outcome"] == "ok"
    assert "2 of 4 series left out: 1 too short, 1 without change" in row["remarks"]
    assert "1 gap; gaps in the past are filled with the value one season earlier" in row["remarks"]

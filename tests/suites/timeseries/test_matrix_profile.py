"""Matrix profiles: exact, the same from either device's code, and what they find."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.timeseries.anomalous import Anomalous, anomalies_found, discords, exact_profile, hit
from residency.datasets.timeseries.nab import TAXI_SOURCE, TEMPERATURE_SOURCE
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("timeseries/matrix_profile")
CPU = [one.id for one in TASK.implementations if one.device == "cpu" and one.runner == "local"]
MIRROR = os.environ.get("RESIDENCY_MIRROR")
mirrored = pytest.mark.skipif(
    not MIRROR or not (Path(MIRROR) / "nab-nyc_taxi.csv").exists(),
    reason="RESIDENCY_MIRROR names no folder that holds nab-nyc_taxi.csv and its like",
)

SIMULATED = """
import numba.cuda, numpy as np, stumpy
from residency.datasets.timeseries.anomalous import Anomalous, exact_profile
from residency.harness import Run
from residency.suites.timeseries import _diagonals
from residency.suites.timeseries.matrix_profile import recurrence, tiled_diagonals
data = Anomalous(np.random.default_rng(3).standard_normal(90).cumsum(), 10, np.array([[40, 50]]))
run = Run("gpu")
found = recurrence(data, run, stumpy)
assert type(found) is np.ndarray and found.dtype == np.float64
np.testing.assert_allclose(found, exact_profile(data, np.arange(81)), atol=1e-6)
_diagonals.THREADS, _diagonals.ROWS, _diagonals.COLUMNS = 4, 20, 40  # several tiles, some of them cut off
tiled = tiled_diagonals(data, Run("gpu"), numba.cuda)
np.testing.assert_allclose(tiled, exact_profile(data, np.arange(81)), atol=1e-6)
print("as exact as", list(run.stages))
"""

SPREAD = """
import numpy as np, stumpy
from pathlib import Path
from residency.datasets.timeseries.anomalous import Anomalous, exact_profile
from residency.datasets.timeseries.machine_cycles import machine_cycles
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.runners.cluster import DaskCluster
from residency.suites.timeseries.matrix_profile import diagonals
if __name__ == "__main__":
    stored = store.make(machine_cycles, Request("machine_cycles", rows=400))
    data = store.load(Anomalous, stored.folder, mapped=True)
    cluster = DaskCluster("cpu", 3, 1)
    cluster.open()
    found = diagonals(data, Run("cpu", workers=3, client=cluster.client), stumpy)
    assert not cluster.working() and not cluster.client.futures
    tasks = cluster.client.run(lambda dask_worker: dask_worker.state.executed_count)
    cluster.close()
    assert type(found) is np.ndarray and found.dtype == np.float64
    np.testing.assert_allclose(found, exact_profile(data, np.arange(len(found))), atol=1e-6)
    print("as exact, in", sum(tasks.values()), "shares")  # a busy machine may give two of them to one worker
"""


def make(name: str, **request: object) -> Anomalous:
    return TASK.dataset(name).make(Request(name, **request), Path())


def naive_profile(data: Anomalous) -> np.ndarray:
    """Every window against every other, one pair at a time."""
    windows = [data.values[place : place + data.window] for place in range(data.rows - data.window + 1)]
    shaped = [(one - one.mean()) / one.std() for one in windows]
    return np.array(
        [
            min(
                np.sqrt(((one - other) ** 2).sum())
                for there, other in enumerate(shaped)
                if abs(here - there) > data.zone
            )
            for here, one in enumerate(shaped)
        ]
    )


@pytest.mark.parametrize("window", [8, 13])
def test_the_judge_is_exact(window: int) -> None:
    data = Anomalous(np.random.default_rng(1).standard_normal(120).cumsum(), window, np.zeros((1, 2), np.int64))
    np.testing.assert_allclose(exact_profile(data, np.arange(121 - window)), naive_profile(data), atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("identity", CPU)
def test_profiles_are_exact(identity: str) -> None:
    data = make("machine_cycles", rows=600)
    implementation = TASK.implementation(identity)
    found = implementation.function(data, Run("cpu", threads=2), importlib.import_module(implementation.library))
    np.testing.assert_allclose(found, naive_profile(data), atol=2e-4)


@pytest.mark.slow
def test_the_gpu_code_is_exact_in_a_simulator(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIMULATED],
        env={**environment, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout == "as exact as ['search']\n", done.stderr


@pytest.mark.slow
def test_a_cluster_is_exact(environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    script = tmp_path / "spread.py"
    script.write_text(SPREAD)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**environment, "NUMBA_DISABLE_JIT": "1", "NUMBA_NUM_THREADS": "1"},  # compiling takes each worker 20 s
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout == "as exact, in 3 shares\n", done.stderr


@pytest.mark.parametrize(("name", "rows"), [("machine_cycles", 10_000), ("el_nino", None)])
def test_planted_and_known_anomalies_are_found(name: str, rows: int | None) -> None:
    done = execute(TASK, TASK.implementation("matrix_products@cpu"), make(name, rows=rows), dataset=name, threads=2)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0)


@mirrored
@pytest.mark.parametrize(
    ("name", "source", "points", "first", "found", "found_in_ten"),
    [
        ("nyc_taxi", TAXI_SOURCE, 10_320, [5839, 6046], [1, 0, 1, 1, 1], [1, 1, 1, 1, 1]),
        ("machine_temperature", TEMPERATURE_SOURCE, 22_695, [2126, 2693], [0, 0, 0, 0], [0, 0, 0, 1]),
    ],
)
def test_what_is_found_of_known_anomalies(tmp_path, *, name, source, points, first, found, found_in_ten) -> None:
    source.fetch(tmp_path, Path(str(MIRROR)), lambda _: None)
    assert source.is_here(tmp_path)
    data = make(name, source=tmp_path)
    assert (data.rows, data.anomalies[0].tolist()) == (points, first)
    profile = TASK.implementation("matrix_products@cpu").function(data, Run("cpu", threads=2), np).astype(np.float64)
    assert hit(data, discords(profile, data.window, len(found))).astype(int).tolist() == found
    assert hit(data, discords(profile, data.window, 10)).astype(int).tolist() == found_in_ten
    assert TASK.floor_for(name) <= anomalies_found(data, profile) == np.mean(found)


@pytest.mark.slow
def test_two_equal_anomalies_hide_each_other() -> None:
    data = make("machine_cycles", rows=6_000)
    begin, end = data.anomalies[0]
    assert anomalies_found(data, exact_profile(data, np.arange(data.rows - data.window + 1))) == 1.0
    twice = data.values.copy()
    twice[3_000 : 3_000 + end - begin] = data.values[begin:end]
    hidden = Anomalous(twice, data.window, data.anomalies)
    profile = exact_profile(hidden, np.arange(data.rows - data.window + 1))
    assert not hit(hidden, discords(profile, data.window, len(data.anomalies)))[0]


def test_a_profile_that_is_wrong_is_refused() -> None:
    data = make("machine_cycles", rows=2_000)
    right = exact_profile(data, np.arange(data.rows - data.window + 1))
    assert anomalies_found(data, right) == 1.0
    peak = right.copy()
    peak[50] = right.max() + 1
    for wrong in (np.random.default_rng(0).permutation(right), peak, right * 1.01, np.zeros_like(right)):
        with pytest.raises(WrongResult, match=r"the distance of window \d+ to its nearest is .*, not"):
            anomalies_found(data, wrong)
    with pytest.raises(WrongResult, match="are not finite numbers"):
        anomalies_found(data, np.where(right > 3, np.inf, right))
    with pytest.raises(WrongResult, match="shape"):
        anomalies_found(data, right[:-1])


def test_trivial_matches_do_not_count() -> None:
    data = Anomalous(np.sin(np.arange(200) / 7.0), 20, np.zeros((1, 2), np.int64))
    near = exact_profile(data, np.array([90]))
    assert data.zone == 5
    assert near[0] > 1e-3  # a smooth series is nearly the same one step on


@pytest.mark.parametrize(("rows", "digest"), [(2_000, "8c6fc24da73ce723"), (50_000, "54f011b027f5e031")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str) -> None:
    data = make("machine_cycles", rows=rows)
    assert data.rows == rows
    assert store.hash_data(data).startswith(digest)

"""A Dask cluster through the real command: what goes right, and an outcome with a reason for what goes wrong."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from residency.harness import memory_pool, records
from residency.runners.cluster import DaskCluster

pytest.importorskip("distributed")
FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
SLOW = pytest.mark.slow
RIGHT = ["alone", "shared"]
STRAINED = ["shared", "dispatches", "spills", "loses_a_worker"]
WRONG = ["loses_all_workers", "hungry", "raises", "lazy", "lingers", "sleeps", "lacking"]


def run(residency_in, folder: Path, names: list[str], *options: str) -> Any:
    return residency_in(
        folder, "run", "cluster/faults", "--runner", "local,cluster", "--devices", "cpu", "--workers", "2", "--json",
        "--implementations", ",".join(names), "--replicates", "1", "--rounds", "1", "--budget", "600",
        "--results", folder / "runs", *options,
        RESIDENCY_SUITES=str(FIXTURES), FAULTS=str(folder),
    )  # fmt: skip


def ended_well(residency_in, folder: Path, names: list[str]) -> Any:
    done = run(residency_in, folder, names, "--memory", "1")
    assert done.status == 0, done.out + done.err
    (made,) = (folder / "runs").iterdir()
    return {row["implementation"]: row for row in done.json["rows"]}, records.read(made)


@pytest.fixture(scope="module")
def good(residency_in, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return ended_well(residency_in, tmp_path_factory.mktemp("good"), RIGHT)


@pytest.fixture(scope="module")
def strained(residency_in, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return ended_well(residency_in, tmp_path_factory.mktemp("strained"), STRAINED)


@pytest.fixture(scope="module")
def bad(residency_in, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = run(residency_in, tmp_path_factory.mktemp("bad"), WRONG, "--memory", "0.7", "--timeout", "30")
    assert done.status == 1, done.out + done.err
    return {row["implementation"]: row for row in done.json["rows"]}


def test_all_workers_together_find_what_one_process_finds(good) -> None:
    rows, _ = good
    alone, shared = rows["alone@cpu"], rows["shared@2xcpu"]
    assert shared["quality"] == pytest.approx(alone["quality"], abs=1e-6)
    assert (alone["runner"], alone["workers"]) == ("local", 1)
    assert (shared["runner"], shared["workers"], shared["device"]) == ("cluster", 2, "cpu")


def test_data_is_there_before_the_first_clock_starts(good, cache: Path) -> None:
    _, made = good
    stored = max(file.stat().st_mtime for file in cache.glob("data/linear-20000-*/stored.json"))  # of older code, too
    first = min(datetime.fromisoformat(one.at).timestamp() - one.seconds for one in made.samples)
    assert stored < first


def test_start_is_part_of_the_cold_execution_alone(good) -> None:
    _, made = good
    for sample in made.samples:
        if sample.cell.runner == "cluster":
            assert ("cluster" in sample.stages) == (sample.phase == "cold")


def test_what_the_workers_spent_is_told(good) -> None:
    _, made = good
    shared = [one for one in made.samples if one.cell.implementation == "shared@2xcpu" and one.phase == "timed"]
    assert shared
    for sample in shared:
        assert 0 < sample.cluster["task_seconds"] < sample.seconds * 2 * 1.5


@pytest.mark.slow
def test_a_stage_waits_for_what_it_asked_for(strained) -> None:
    rows, _ = strained
    assert rows["dispatches@2xcpu"]["stages"]["dispatch"] >= 0.3


@pytest.mark.slow
def test_more_than_memory_holds_is_spilled_and_said(strained) -> None:
    rows, made = strained
    assert rows["spills@2xcpu"]["outcome"] == "ok"
    assert rows["spills@2xcpu"]["cluster"]["spilled_bytes"] > 2**26
    assert any(one.cluster.get("spill_seconds", 0) > 0 for one in made.samples)


@pytest.mark.slow
def test_a_lost_worker_is_made_good_and_told(strained) -> None:
    rows, _ = strained
    assert rows["loses_a_worker@2xcpu"]["outcome"] == "ok"
    assert any("was lost" in event and "computed again" in event for event in rows["loses_a_worker@2xcpu"]["events"])
    assert rows["shared@2xcpu"]["events"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("implementation", "outcome", "reason"),
    [
        ("loses_all_workers@2xcpu", "failed", "lost again and again"),
        ("hungry@2xcpu", "out_of_memory", "filled their memory"),
        ("raises@2xcpu", "failed", "ArithmeticError: the matrix is singular"),
        ("lazy@2xcpu", "wrong", "is lazy"),
        ("lingers@2xcpu", "wrong", "returned before its work was done: 1 tasks on the cluster"),
        ("sleeps@2xcpu", "timeout", "took longer than 30 s"),
        ("lacking@2xcpu", "unavailable", "a_library_nobody_has is not installed"),
    ],
)
def test_each_ending_has_its_own_outcome(bad, implementation: str, outcome: str, reason: str) -> None:
    assert bad[implementation]["outcome"] == outcome
    assert reason in bad[implementation]["reason"]


@pytest.mark.parametrize(
    "runs", ["good", *(pytest.param(name, marks=pytest.mark.slow) for name in ("strained", "bad"))]
)
def test_nothing_is_left_behind(
    request: pytest.FixtureRequest, runs: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    request.getfixturevalue(runs)
    ours = str(tmp_path_factory.getbasetemp())
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FAULTS", "").startswith(ours):
                left.append(process)
        except psutil.Error:
            continue
    assert not left


class OneProcess(DaskCluster):
    """A cluster for GPUs whose one worker is a thread of this process."""

    def _start(self) -> Any:
        from distributed import LocalCluster

        assert not {name for name in self.options() if name.startswith("rmm")}  # Dask-CUDA would make another pool
        options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
        return self._stack.enter_context(LocalCluster(**options))


def test_gpu_workers_libraries_share_cudas_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for RMM and CuPy. On a cluster that others may use, nothing is changed."""
    for name in ("rmm", "cupy"):
        (tmp_path / f"{name}.py").write_text("class ndarray: pass\n")  # Dask looks for CuPy's
        monkeypatch.setitem(sys.modules, name, None)  # taken out at the end, whatever is imported meanwhile
        del sys.modules[name]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("RAPIDS_NO_INITIALIZE", raising=False)
    monkeypatch.setattr(memory_pool, "_met", ())
    monkeypatch.setattr(memory_pool, "_sources", {})
    monkeypatch.setattr(memory_pool, "_keep_all", lambda: True)
    monkeypatch.setattr(memory_pool, "is_supported", lambda: True)
    monkeypatch.setattr(memory_pool, "_share_rmm", lambda rmm: memory_pool.POOL)
    monkeypatch.setattr(memory_pool, "_share_cupy", lambda cupy: memory_pool.BY_RMM)
    cluster = OneProcess("gpu", 1, 1)
    try:
        cluster.open()
        assert "RMM: CUDA's pool; CuPy: CUDA's pool through RMM" in cluster.memory()
        shared = DaskCluster("gpu", 1, 1, scheduler=cluster.client.scheduler.address)
        memory_pool._sources.clear()
        shared.open()
        assert (shared.memory(), memory_pool._sources) == ("", {})
        shared.close()
    finally:
        cluster.close()

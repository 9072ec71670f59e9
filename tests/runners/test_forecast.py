"""The forecast of memory: against real data, against measured peaks, and by what a user sees on stand-ins for GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from residency.commands.doctor import REFERENCE
from residency.harness import records, store
from residency.harness.dataset import Dataset, Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.libraries import is_installed
from residency.harness.memory import Memory
from residency.harness.registration import check_memory
from residency.harness.task import Implementation
from residency.runners import forecast, machine
from residency.suites import SHIPPED

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
SUITES = {"RESIDENCY_SUITES": str(FIXTURES)}
TASKS = Catalogue([SHIPPED]).select([])
GENERATED = {data.name: data for task in TASKS for data in task.datasets if data.kind == "generated"}
SMALLEST = {
    name: min(min(task.sizes.values()) for task in TASKS if data in task.datasets) for name, data in GENERATED.items()
}
LEAST, MOST = 0.9, 3.0  # times the measured peak, at lab
FITTING = """
import json
from residency.commands import common
from residency.runners import forecast
print(json.dumps(forecast.fitting(common.catalogue().select([]))))
"""  # as `doctor --json` has it, which first tries every library
QUICK = ("--replicates", "1", "--rounds", "1", "--json")


@pytest.mark.parametrize("data", GENERATED.values(), ids=GENERATED)
def test_generated_data_is_as_large_as_it_says(data: Dataset) -> None:
    if missing := [name for name in data.needs if not is_installed(name)]:
        pytest.skip(f"needs {', '.join(missing)}")
    rows = SMALLEST[data.name]
    said = data.decoded_bytes(rows)
    assert said == pytest.approx(store.make(data, Request(data.name, rows)).decoded, rel=0.05)


def test_the_forecast_holds_the_peaks_of_the_reference_runs() -> None:
    newest: dict[tuple[str, str, int | None, str], tuple[Implementation, int]] = {}
    runs = [records.read(run.parent) for run in REFERENCE.glob(f"*/{records.RUN_FILE}")]
    tasks = {task.path: task for task in TASKS}
    for run in sorted(runs, key=lambda run: run.info.started):
        peaks: dict[tuple[str, str, int | None, str], int] = {}
        for sample in run.samples:
            cell = sample.cell
            key = (cell.task, cell.dataset, cell.rows, cell.implementation)
            if cell.task in tasks and sample.peak_host_bytes is not None:
                peaks[key] = max(peaks.get(key, 0), sample.peak_host_bytes)
        for key, peak in peaks.items():
            try:
                newest[key] = (tasks[key[0]].implementation(key[-1]), peak)
            except UsageError:  # it is no more
                continue
    wrong = []
    for (path, name, rows, identity), (implementation, peak) in newest.items():
        decoded = forecast.decoded_bytes(tasks[path].dataset(name), rows or 0)
        assert decoded is not None
        ratio = forecast.need(implementation, decoded).host / peak
        if not LEAST <= ratio <= MOST:
            wrong.append(f"{path}:{identity}, {rows}: {ratio:.2f} of {peak / 1e6:.0f} MB")
    assert len(newest) > 50
    assert not wrong


def test_workers_share_the_data_unless_each_holds_all() -> None:
    def on(memory: Memory, workers: int) -> Implementation:
        return Implementation("f", "gpu", "cudf", print, "cluster", workers=workers, memory=memory)

    card, data = forecast.card(24), 100e9
    assert forecast.workers_needed(on(Memory(copies=2), 0), data, card) == 10
    assert forecast.fits_on(on(Memory(copies=2), 10), data, card)
    assert not forecast.fits_on(on(Memory(copies=2), 9), data, card)
    assert forecast.workers_needed(on(Memory(copies=2, whole=True), 0), data, card) is None
    four, one = (forecast.need(on(Memory(host=1), workers), data).host for workers in (4, 1))
    assert four - one == pytest.approx(3 * forecast.ON_GPU)


def test_smoke_runs_in_a_container_of_two_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_limit", lambda: 2 * 2**30)
    room, needed = forecast.host(), {}
    for task in TASKS:
        decoded = forecast.decoded_bytes(task.datasets[0], task.sizes["smoke"])
        assert decoded is not None
        for one in task.implementations:
            if one.device == "cpu" or one.runner == "local":
                workers = 2 if one.runner == "cluster" else one.workers
                needed[f"{task.path}:{one.id}"] = forecast.need(replace(one, workers=workers), decoded).host
    assert {name: need for name, need in needed.items() if need > room.usable} == {}


@pytest.mark.parametrize("memory", [Memory(-1), Memory(float("nan")), Memory(fixed=float("inf")), Memory(host="2")])
def test_memory_that_no_machine_can_hold_is_refused(memory: Memory) -> None:
    with pytest.raises(UsageError, match=r"memory's \w+ must be a number of 0 or more, not"):
        check_memory({"gpu": memory})


@pytest.fixture
def dask_cuda(tmp_path: Path) -> dict[str, str]:
    """An environment in which Dask-CUDA counts as installed."""
    (tmp_path / "libraries" / "dask_cuda").mkdir(parents=True)
    (tmp_path / "libraries" / "dask_cuda" / "__init__.py").touch()
    return {"PYTHONPATH": str(tmp_path / "libraries")}


def refusals(done: Any) -> dict[str, str]:
    """The reasons of what was not started, by implementation and size."""
    return {
        f"{row['implementation']} {row['size']}": row["reason"]
        for row in done.json["rows"]
        if (row["reason"] or "").startswith("not started: ") and row["outcome"] == "unavailable"
    }


@pytest.mark.parametrize(("gpus", "size"), [(1, 24), pytest.param(2, 24, marks=pytest.mark.slow), (8, 80)])
def test_every_gpu_of_a_machine_is_asked(environment, stand_in_gpu, gpus: int, size: int) -> None:
    machine = stand_in_gpu(gpus=gpus, memory=size * 10**9, name=f"NVIDIA {size}", **{f"{gpus - 1}.held": 9 * 10**9})
    done = subprocess.run(
        [sys.executable, "-c", FITTING], env={**environment, **SUITES, **machine}, capture_output=True, check=True
    )
    told = json.loads(done.stdout)
    memories = list(dict.fromkeys(one["memory"] for one in told))
    assert memories == [f"GPU {number}, NVIDIA {size}" for number in range(gpus)]
    for number, memory in enumerate(memories):
        free = size * 10**9 - (9 * 10**9 if number == gpus - 1 else 0)
        mine = {one["size"]: one for one in told if one["memory"] == memory}
        assert mine["smoke"]["usable_bytes"] == min(round(0.9 * size * 10**9), free)
        assert {"sized/tables", "tabular/ridge"} <= set(mine["production"]["too_large"])
        assert ("sized/tables" in mine["lab"]["in_part"]) == (size == 24)


def test_list_shows_the_cards(residency: Callable[..., Any]) -> None:
    (told,) = residency("list", "sized/tables", "--json", **SUITES).json
    forecasts = {
        (one["size"], known["implementation"]): known for one in told["memory"] for known in one["implementations"]
    }
    assert forecasts["lab", "generous@gpu"]["device_bytes"] == 30.7e9
    assert forecasts["lab", "generous@gpu"]["fits"] == {"24 GB": False, "48 GB": True, "80 GB": True, "141 GB": True}
    assert forecasts["lab", "streams@cpu"]["device_bytes"] is None
    assert forecasts["production", "shared@Nxgpu"]["workers"] == {"24 GB": 10, "48 GB": 5, "80 GB": 3, "141 GB": 2}
    shown = residency("list", "sized/tables", **SUITES).out
    assert "10.7 to 30.7 GB  not all (1)  yes" in shown
    assert "`not all`: generous cannot run at lab on 24 GB" in shown
    shown = residency("list", "tabular/ridge", COLUMNS="80").out
    assert "no (15)  no (8)  no (5)  no (3)" in " ".join(shown.split()).replace(" no", "  no")
    assert "…" not in shown.partition("Memory, by forecast")[2]
    shown = residency("list", "tabular/etl", **SUITES).out
    assert "1.24 GB" in shown  # a trip is 62 bytes in memory, and a third of that on disk


@pytest.mark.slow
def test_what_does_not_fit_is_not_started(residency, stand_in_gpu, dask_cuda, tmp_path: Path) -> None:
    machine = {**stand_in_gpu(memory=24 * 10**9), **SUITES, **dask_cuda}
    done = residency("run", "sized/tables", "--size", "lecture", "--name", "first", *QUICK, **machine)
    why = refusals(done)
    outcomes = {row["implementation"]: row["outcome"] for row in done.json["rows"]}
    assert done.status == 0, done.err
    assert outcomes.keys() - {name.partition(" ")[0] for name in why} == {"streams@cpu", "frugal@gpu"}
    assert outcomes["frugal@gpu"] == "ok"
    assert why["generous@gpu lecture"] == (
        "not started: needs about 61 GB of GPU memory at lecture, and the GPU has 22 GB usable of 24 GB: take --size "
        "smoke or --runner cluster --workers 1 (RESIDENCY_FORECAST=ignore starts it anyway)"
    )
    assert "needs about 20,000 GB of the host's memory at lecture, and this machine has" in why["hoards@cpu lecture"]
    (run,) = (tmp_path / "results" / "runs").iterdir()
    (told,) = residency("list", "sized/tables", "--json", **SUITES).json
    known = {one["implementation"]: one for one in told["memory"][2]["implementations"]}
    assert (known["frugal@gpu"]["device_bytes"], known["frugal@gpu"]["measured"]) == (300 * 2**20, True)
    assert known["generous@gpu"]["measured"] is False
    again = residency("run", "--resume", run, "--json", **machine)
    assert refusals(again) == why
    wrong = residency("run", "--resume", run, **machine, RESIDENCY_FORECAST="no")
    assert (wrong.status, wrong.err) == (
        2, "residency: RESIDENCY_FORECAST=no: the only value is `ignore`, which starts what is expected not to fit\n"
    )  # fmt: skip
    again = residency("run", "--resume", run, "--json", **machine, RESIDENCY_FORECAST="ignore")
    assert {row["implementation"]: row["outcome"] for row in again.json["rows"]} == dict.fromkeys(outcomes, "ok")
    assert refusals(residency("run", "--resume", run, "--replicates", "2", "--json", **machine)) == {}


@pytest.mark.parametrize(
    ("gpus", "size", "hint"),
    [(8, 24, "--workers 10 on 10 such GPUs"), (2, 80, "--workers 3 on 3 such GPUs"), (8, 80, None)],
)
def test_a_cluster_has_the_memory_of_its_gpus(  # noqa: PLR0917
    residency, stand_in_gpu, dask_cuda, gpus: int, size: int, hint: str | None
) -> None:
    done = residency(
        "run", "sized/tables", "--size", "production", "--runner", "cluster", "--workers", str(gpus), "--devices",
        "gpu", *QUICK, **{**stand_in_gpu(gpus=gpus, memory=size * 10**9), **SUITES, **dask_cuda},
    )  # fmt: skip
    why = refusals(done)
    if hint is None:
        assert "memory on each GPU" not in "".join(why.values())
        return
    (reason,) = why.values()
    assert f"of memory on each GPU at production, and GPU 0 has {0.9 * size:.0f} GB usable of {size} GB" in reason
    assert hint in reason


@pytest.mark.slow
def test_scale_says_why_nothing_ran_on_a_cluster(residency, stand_in_gpu, dask_cuda) -> None:
    machine = {**stand_in_gpu(memory=10**9), **SUITES, **dask_cuda}
    words = ("--workers", "1", "--devices", "gpu", "--no-weak", "--replicates", "1", "--rounds", "1")
    done = residency("scale", "sized/tables", *words, **machine)
    assert done.status == 1
    assert "sized/tables: nothing to compare: not started: needs about 11 GB of GPU memory at lab" in done.out


@pytest.mark.slow
def test_a_proof_starts_what_fits(residency, stand_in_gpu, tmp_path: Path) -> None:
    machine = {**stand_in_gpu(memory=24 * 10**9), **SUITES}
    done = residency("prove", "sized/tables", "--budget", "100", "--json", **machine)
    assert done.status == 0, done.err
    standings = {one["implementation"]: list(one["sizes"].values()) for one in done.json["proof"]["standings"]}
    assert standings == {"frugal@gpu": ["ok", "ok", "ok"], "generous@gpu": ["ok", "not started", "-"]}
    (page,) = (tmp_path / "results" / "reference").glob("*/README.md")
    assert "- `sized/tables:generous@gpu` at lab: needs about 31 GB of GPU memory at lab" in page.read_text()

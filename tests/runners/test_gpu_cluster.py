"""Clusters on GPUs, through the real command: the driver's libraries and Dask-CUDA's class are stand-ins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from residency.analysis.spent import spent
from residency.harness import records
from residency.harness.cluster import LARGEST
from residency.harness.run import Run
from residency.runners import cluster, nvml
from residency.runners.cluster import EARLY, DaskCluster, part_bytes

pytest.importorskip("distributed")
FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
CONTEXT = 300 * 2**20
CUPY = """
import ctypes

driver = ctypes.CDLL("libcuda.so.1")  # a context on import, as some libraries make one
assert driver.cuInit(0) == 0
assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0) == 0

class ndarray:
    pass

class cuda:
    class runtime:
        def deviceSynchronize():
            pass
"""
DASK_CUDA = """
import copy, json, os
from pathlib import Path

from distributed import LocalCluster

from residency.harness import driver

class LocalCUDACluster(LocalCluster):  # each worker sees its own GPU
    def __init__(self, n_workers, protocol, **options):
        Path(os.environ["STARTED"]).write_text(json.dumps({"protocol": protocol, "context": driver.has_context()}))
        super().__init__(n_workers=0, processes=True, **options)
        self.scale(n_workers)
        self.sync(self._correct_state)

    def new_worker_spec(self):
        ((name, spec),) = super().new_worker_spec().items()
        spec = copy.deepcopy(spec)
        spec["options"]["env"] = {**spec["options"].get("env", {}), "CUDA_VISIBLE_DEVICES": str(name)}
        return {name: spec}
"""


def measured(residency: Any, stand_in_gpu: Any, folder: Path, modules: dict[str, str], **extra: str) -> Any:
    """A run on two of eight GPUs of 80 GB: its row, its records, and how the cluster was started."""
    for name, text in {"cupy": CUPY, "dask_cuda": DASK_CUDA, **modules}.items():
        (folder / f"{name}.py").write_text(text)
    done = residency(
        "run", "several/together", "--runner", "cluster", "--devices", "gpu", "--workers", "2", "--replicates", "1",
        "--rounds", "1", "--threads", "2", "--json",
        **stand_in_gpu(gpus=8, memory=80 * 10**9, context=CONTEXT, name="NVIDIA Fake"), **extra,
        RESIDENCY_SUITES=str(FIXTURES), PYTHONPATH=str(folder), STARTED=str(folder / "started.json"),
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    (row,) = done.json["rows"]
    made = records.read(folder / done.json["run"]["folder"])
    return row, made, json.loads((folder / "started.json").read_text())


@pytest.mark.slow
def test_each_gpu_of_the_workers_counts_and_the_cluster_comes_first(residency, stand_in_gpu, tmp_path: Path) -> None:
    row, made, started = measured(residency, stand_in_gpu, tmp_path, {})
    assert started == {"protocol": "tcp", "context": False}
    assert [*row["cold_stages"]][:2] == ["cluster", "import"]
    held = {gpu["index"]: gpu["peak_bytes"] for gpu in row["gpus"]}
    assert held == {0: 2 * CONTEXT, 1: CONTEXT}  # the client has a context on the first one, too
    assert row["peak_device_bytes"] == 3 * CONTEXT
    assert row["events"] == []
    assert made.info.settings["protocol"] == "tcp"
    wanted = {"protocol": "tcp", "part_bytes": 80 * 10**9 // 32, "cudf_spilling": False}
    assert row["parameters"].items() >= wanted.items()
    assert row["parameters"]["partition_bytes"] == 80 * 10**9 // 32


@pytest.mark.slow
def test_a_context_before_the_cluster_is_told(residency, stand_in_gpu, tmp_path: Path) -> None:
    row, made, started = measured(residency, stand_in_gpu, tmp_path, {"distributed_ucxx": ""}, TOO_EARLY="1")
    assert started == {"protocol": "ucx", "context": True}
    assert made.info.settings["protocol"] == "ucx"  # because it is installed
    assert row["events"] == [EARLY]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--runner", "cluster", "--protocol", "udp"), "no protocol `udp`"),
        (("--protocol", "tcp"), "--protocol: only for a cluster; add --runner cluster"),
        (("--runner", "cluster", "--devices", "cpu", "--protocol", "tcp"), "add --runner cluster --devices gpu"),
    ],
)
def test_a_protocol_that_nothing_would_use_is_refused(refused, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused("run", "tabular/etl", *arguments)


def test_arguments_of_dask_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "is_installed", lambda _: True)
    by_tcp = DaskCluster("gpu", 2, 4, spills=True).options()
    assert by_tcp["protocol"] == "tcp"
    assert not {"rmm_async", "rmm_pool_size"} & by_tcp.keys()  # the workers share the driver's own pool
    assert (by_tcp["enable_cudf_spill"], by_tcp["cudf_spill_stats"]) == (True, 1)
    monkeypatch.setattr(nvml, "smallest", {2: 24 * 10**9}.get)
    by_ucx = DaskCluster("gpu", 2, 4, protocol="ucx").options()
    assert by_ucx["protocol"] == "ucx"
    assert by_ucx["rmm_pool_size"] == 6 * 10**9 // 256 * 256  # RMM wants whole blocks
    monkeypatch.setattr(nvml, "smallest", lambda _: None)  # a GPU that shares the host's memory
    assert "rmm_pool_size" not in DaskCluster("gpu", 2, 4, protocol="ucx").options()
    assert not {"rmm_async", "enable_cudf_spill"} & by_ucx.keys()
    assert (
        not {"protocol", "rmm_async", "rmm_pool_size", "enable_cudf_spill"} & DaskCluster("cpu", 2, 4).options().keys()
    )


def test_parts_are_a_share_of_the_smallest_card() -> None:
    assert part_bytes([80 * 10**9, 24 * 10**9]) == 750 * 10**6
    assert part_bytes([80 * 10**9, None]) == part_bytes([]) == LARGEST
    run = Run("gpu", threads=4, workers=8, part_bytes=750 * 10**6)
    assert run.partition_bytes(10**12) == 750 * 10**6
    assert run.partition_bytes(32 * 1000) == 1000  # four for each GPU
    assert Run("cpu", threads=4, workers=2).partition_bytes(10**12) == LARGEST


def test_what_cudf_moved_is_told() -> None:
    counted = {"task_seconds": 4.0, "device_spill_seconds": 1.0, "device_spilled_bytes": 2.0**30}
    found = spent(counted, 5.0, 2)
    assert (found.tasks, found.moving, found.moved_out, found.moved_back) == (0.4, 0.1, 2**30, 0)

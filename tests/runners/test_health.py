"""What doctor finds on a machine with a GPU: by the real command, with a stand-in for the driver's libraries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from residency.runners import builds

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
SUITES = {"RESIDENCY_SUITES": str(FIXTURES)}
HEALTHY = {
    "name": "NVIDIA Fake", "driver": "580.65.06", "cuda": 13000, "uuid": "GPU-0123", "capability": "9.0",
    "persistence": 1, "mode": 0, "sm": 1980, "mem": 2619, "generation": 5, "width": 16, "held": 2**20,
}  # fmt: skip
BROKEN = 'raise ImportError("libcudart.so.13: cannot open shared object file")\n'


def library(folder: Path, text: str) -> dict[str, str]:
    """CuPy as installed in a folder of the test's own, and the environment that has it."""
    (folder / "cupy").mkdir(parents=True)
    (folder / "cupy" / "__init__.py").write_text(text)
    about = folder / "cupy_cuda13x-14.0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cupy-cuda13x\nVersion: 14.0.1\n")
    return {"PYTHONPATH": str(folder)}


def about(done: Any, kind: str) -> list[dict[str, str]]:
    """The findings of a kind."""
    return [finding for finding in done.json["health"] if finding["about"] == kind]


def states(done: Any) -> dict[str, dict[str, Any]]:
    """What doctor says of each implementation."""
    return {f"{one['task']}:{one['implementation']}": one for one in done.json["implementations"]}


@pytest.fixture(scope="module")
def ill(residency_in, stand_in_gpu, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A machine on which everything that doctor looks for is the matter."""
    folder: Path = tmp_path_factory.mktemp("ill")
    made = residency_in(folder, "run", "devices", "--devices", "cpu", "--replicates", "1", "--rounds", "1", **SUITES)
    assert made.status == 0, made.err
    facts = HEALTHY | {"driver": "550.54.14", "cuda": 12040, "capability": "7.0", "mode": 3}
    facts["process"] = f"{os.getpid()} {2**31}"
    return residency_in(folder, "doctor", "--json", **stand_in_gpu(**facts), **library(folder, BROKEN), **SUITES)


def test_a_driver_older_than_the_libraries_need(ill) -> None:
    (found,) = about(ill, "driver")
    assert (
        "driver 550.54.14 runs programs for CUDA 12.4 at most; for CUDA 13 were built: cupy-cuda13x" in found["cause"]
    )
    assert found["remedy"].startswith("install driver 580.65 or newer")


def test_a_gpu_older_than_the_libraries_know_and_one_process_at_a_time(ill) -> None:
    causes = [found["cause"] for found in about(ill, "gpu")]
    assert any("NVIDIA Fake has compute capability 7.0, and CUDA 13 knows 7.5 and newer" in cause for cause in causes)
    assert any("takes one process at most" in cause for cause in causes)


def test_another_tenant(ill) -> None:
    (found,) = about(ill, "tenant")
    assert found["cause"].startswith(f"process {os.getpid()} computes on GPU 0 and holds 2.0 GiB of its memory")


def test_sizes_that_do_not_fit(ill) -> None:
    forecasts = {one["size"]: one for one in ill.json["memory"]}
    assert {one["memory"] for one in ill.json["memory"]} == {"GPU 0, NVIDIA Fake"}
    assert "devices/places" in forecasts["production"]["too_large"]  # by its data that was made before, at smoke
    assert "devices/places" not in forecasts["smoke"]["too_large"]
    assert "devices/places" not in forecasts["smoke"]["in_part"]


def test_a_library_that_cannot_be_imported_is_failed(ill) -> None:
    failed = states(ill)["tabular/ridge:normal_equations@gpu"]
    assert failed["unavailable"] is None
    assert failed["failed"] == (
        "cupy is installed and cannot be imported: ImportError: libcudart.so.13: cannot open shared object file"
    )
    other = states(ill)["tabular/ridge:normal_equations@cpu"]
    assert (other["unavailable"], other["failed"]) == (None, None)
    assert "cuml is not installed" in states(ill)["tabular/ridge:estimator@gpu"]["unavailable"]
    assert any("python -c 'import cupy'" in found["remedy"] for found in about(ill, "library"))


def test_builds_without_cuda(ill) -> None:
    torch = pytest.importorskip("torch")
    if torch.version.cuda is not None:
        pytest.skip("Torch is built with CUDA here")
    assert any(
        found["cause"] == f"torch {torch.__version__} is built without CUDA"
        and found["remedy"].startswith("pip install")
        for found in about(ill, "library")
    )


@pytest.mark.skipif(any(Path("/etc/OpenCL/vendors").glob("nvidia*")), reason="needs a machine without NVIDIA's OpenCL")
def test_opencl_without_the_driver(ill) -> None:
    pytest.importorskip("lightgbm")
    (found,) = [found for found in about(ill, "library") if "OpenCL" in found["cause"]]
    assert "/etc/OpenCL/vendors/nvidia.icd" in found["remedy"]


@pytest.mark.parametrize("text", [BROKEN, pytest.param("import a_dependency_nobody_has\n", marks=pytest.mark.slow)])
def test_a_run_fails_where_a_library_cannot_be_imported(residency, stand_in_gpu, tmp_path: Path, text: str) -> None:
    done = residency(
        "run", "tabular/ridge", "--implementations", "normal_equations", "--replicates", "1", "--rounds", "1", "--json",
        **stand_in_gpu(**HEALTHY), **library(tmp_path, text),
    )  # fmt: skip
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert done.status == 1
    assert rows["normal_equations@cpu"]["outcome"] == "ok"
    assert rows["normal_equations@gpu"]["outcome"] == "failed"
    assert "libcudart.so.13" in rows["normal_equations@gpu"]["reason"] or (
        "cupy is installed and cannot be imported: No module named 'a_dependency_nobody_has'"
        in rows["normal_equations@gpu"]["reason"]
    )


@pytest.mark.slow
def test_a_healthy_gpu(residency, stand_in_gpu) -> None:
    environment = stand_in_gpu(**HEALTHY)
    done = residency("doctor", "--json", **environment)
    assert not {found["about"] for found in done.json["health"]} & {"driver", "gpu", "tenant"}
    (gpu,) = done.json["machine"]["gpus"]
    assert gpu == {
        "name": "NVIDIA Fake", "memory_bytes": 24 * 2**30, "driver": "580.65.06", "cuda": 13000, "uuid": "GPU-0123",
        "compute_capability": "9.0", "mig": None, "persistence": True, "max_sm_megahertz": 1980,
        "max_memory_megahertz": 2619, "pcie_generation": 5, "pcie_width": 16,
        "numa_node": None, "nvlinks": None,
    }  # fmt: skip
    shown = residency("doctor", **environment).out
    assert "NVIDIA Fake (24.0 GiB), driver 580.65.06" in shown
    assert "GPU health" in shown


@pytest.mark.parametrize(
    ("code", "cause", "remedy"),
    [
        pytest.param(18, "of another version than the driver that runs", "restart", marks=pytest.mark.slow),
        (9, "the driver does not answer (Driver Not Loaded)", "modprobe nvidia"),
    ],
)
def test_a_driver_that_does_not_answer(residency, stand_in_gpu, code: int, cause: str, remedy: str) -> None:
    done = residency("doctor", "--json", **stand_in_gpu(nvml=code))
    (found,) = done.json["health"]
    assert found["about"] == "driver"
    assert cause in found["cause"]
    assert remedy in found["remedy"]
    assert "does not answer" in states(done)["tabular/ridge:normal_equations@gpu"]["unavailable"]


def test_a_gpu_that_is_hidden(residency, stand_in_gpu) -> None:
    done = residency("doctor", "--json", **stand_in_gpu() | {"CUDA_VISIBLE_DEVICES": ""})
    assert done.json["machine"]["gpus"] == []
    assert "CUDA_VISIBLE_DEVICES is ``" in done.json["machine"]["no_gpu_because"]
    assert done.json["health"] == []


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        ("GPU-5ca1ab1e", 1),
        ("GPU-5ca1", 1),
        ("GPU-0000", 0),
        ("0,7", 1),
        ("7,0", 0),
        ("-1", 0),
        ("MIG-5ca1ab1e", 0),
    ],
)
def test_which_gpus_are_visible(environment, stand_in_gpu, named: str, seen: int) -> None:
    ask = "from residency.runners import machine\nprint(len(machine.gpus()[0]))"
    here = environment | stand_in_gpu() | {"CUDA_VISIBLE_DEVICES": named}
    done = subprocess.run([sys.executable, "-c", ask], env=here, capture_output=True, text=True, check=True)
    assert int(done.stdout) == seen


def test_a_conda_environment_tells_its_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cuda-version-13.0-h1.json").touch()
    monkeypatch.setattr(builds, "CONDA", tmp_path)
    assert builds.made_for()["conda's cuda-version"] == 13


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {missing} else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if one is PathFinder else one for one in sys.meta_path]
"""


@pytest.mark.slow
def test_what_is_missing_is_unavailable_and_the_rest_runs(residency, stand_in_gpu, tmp_path: Path) -> None:
    missing = {
        "xgboost",
        "cv2",
        "dask",
        "distributed",
        "duckdb",
        "pandas",
        "polars",
        "pyarrow",
        "pyspark",
        "sklearnex",
        "skimage",
    }
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.replace("{missing}", repr(missing)))
    tasks = ["tabular/etl", "tabular/ridge", "tabular/random_forest", "image/preprocess"]
    done = residency(
        "run", *tasks, "--runner", "local,cluster", "--replicates", "1", "--rounds", "1", "--json",
        **stand_in_gpu(**HEALTHY), PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert done.status == 0, done.err
    rows = done.json["rows"]
    assert {row["outcome"] for row in rows} == {"ok", "unavailable"}
    reasons = [row["reason"] for row in rows if row["outcome"] == "unavailable"]
    assert [reason for reason in reasons if not re.search("pip install|make environment NAME=", reason)] == []
    remedies = {row["device"]: row["reason"] for row in rows if "xgboost is not" in row["reason"]}
    assert "[gpu]'" in remedies["gpu"]  # whose XGBoost knows CUDA
    assert "[cpu]'" in remedies["cpu"]
    by_task = {row["task"] for row in rows if row["outcome"] == "ok"}
    assert "tabular/ridge" in by_task
    assert "tabular/etl" not in by_task

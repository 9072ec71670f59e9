"""Which GPUs LightGBM's build can use, and what becomes of its GPU side where it can use none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from residency.runners import builds, health

HEALTHY = {"driver": "580.65.06", "cuda": 13000, "capability": "9.0"}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """A made-up LightGBM whose library says these words."""

    def install(words: bytes) -> None:
        package = tmp_path / "lightgbm"
        (package / "lib").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "lib" / "lib_lightgbm.so").write_bytes(b"\0" * 100 + words)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
        monkeypatch.setenv("OCL_ICD_VENDORS", str(tmp_path))
        forget()

    yield install
    forget()


def forget() -> None:
    builds.lightgbm_devices.cache_clear()
    builds.without_cuda.cache_clear()


@pytest.mark.parametrize(
    ("words", "devices", "why"),
    [
        (b"GPU Tree Learner was not enabled in this build.", ("cuda",), None),  # as conda's
        (b"nothing", ("cuda", "gpu"), None),
        (
            b"CUDA Tree Learner was not enabled in this build.",
            ("gpu",),
            "NVIDIA's driver is not registered here",
        ),  # pip's
        (
            b"CUDA Tree Learner was not enabled in this build.\0GPU Tree Learner was not enabled in this build.",
            (),
            "built without CUDA and OpenCL",
        ),
    ],
)
def test_the_build_decides_the_devices(
    built, tmp_path: Path, words: bytes, devices: tuple[str, ...], why: str | None
) -> None:
    built(words)
    assert builds.lightgbm_devices() == devices
    said = builds.without_cuda("lightgbm")
    assert said is None if why is None else why in said
    (tmp_path / "10-nvidia.icd").write_text("libnvidia-opencl.so.1\n")
    forget()
    assert (builds.without_cuda("lightgbm") is None) == bool(devices)


@pytest.mark.parametrize(
    ("registered", "why"),
    [
        ("libpocl.so.2", "through OpenCL, for which NVIDIA's driver is not registered here: mkdir -p"),
        pytest.param(
            *(
                "libnvidia-opencl.so.nobody-has",
                "lightgbm says `No OpenCL device found`: install the driver's libnvidia",
            ),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_without_the_drivers_opencl_it_is_unavailable(
    residency, stand_in_gpu, tmp_path: Path, registered: str, why: str
) -> None:
    pytest.importorskip("lightgbm")
    if builds.lightgbm_devices() != ("gpu",):
        pytest.skip("LightGBM has another build than pip's here")
    (tmp_path / "driver.icd").write_text(registered)
    done = residency(
        "run", "tabular/gradient_boosting", "--implementations", "leaf_by_leaf,leaf_by_leaf_cuda", "--devices", "gpu",
        "--size", "500", "--replicates", "1", "--rounds", "1", "--json",
        **stand_in_gpu(**HEALTHY), OCL_ICD_VENDORS=str(tmp_path),
    )  # fmt: skip
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert {row["outcome"] for row in rows.values()} == {"unavailable"}
    assert why in rows["leaf_by_leaf@gpu"]["reason"]
    assert "cmake.define.USE_CUDA=ON lightgbm" in rows["leaf_by_leaf_cuda@gpu"]["reason"]


def test_two_builds_of_nccl_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PYTHON", (3, 0))
    monkeypatch.setattr(builds, "_installed", lambda: {"nvidia-nccl-cu13": "2.29.7"})
    assert not health._nccl()
    monkeypatch.setattr(builds, "_installed", lambda: {"nvidia-nccl-cu12": "2.32.3", "nvidia-nccl-cu13": "2.29.7"})
    (found,) = health._nccl()
    assert "into the same files" in found.cause
    assert "rm -rf .venv && make setup" in found.remedy


def test_an_old_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PYTHON", (3, 99))
    (found,) = health._nccl()
    assert f"on Python 3.{sys.version_info.minor}, XGBoost brings NCCL for CUDA 12" in found.cause
    assert found.remedy.startswith("install Python 3.99 or later")

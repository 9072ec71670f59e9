"""Which variables are recorded, which of them are known to slow a library, and which runs they make unlike."""

from __future__ import annotations

from typing import Any

import pytest

from residency.harness.environment import SETTINGS, described, slowed, unlike, variables

BLAS = {
    "kind": "blas", "name": "openblas", "version": "0.3.31", "kernel": "SkylakeX", "threads": 2, "layer": "pthreads",
    "file": "numpy.libs/libscipy_openblas.so",
}  # fmt: skip


def known(kernel: str = "SkylakeX", own: str | None = None, version: str = "0.3.31", **set_: str) -> dict[str, Any]:
    """A run's environment, with these variables set."""
    pools = [{**BLAS, "kernel": kernel, "version": version}]
    return {"variables": set_, "limits": {}, "pools": pools, "own_kernel": own}


def test_only_what_changes_speed_is_recorded_and_no_secret() -> None:
    kept = {"OPENBLAS_CORETYPE": "Haswell", "LD_PRELOAD": "/usr/lib/libjemalloc.so", "POLARS_STREAMING_CHUNK_SIZE": "9"}
    others = {
        "HOME": "/home/me", "AWS_SECRET_ACCESS_KEY": "1", "POLARS_CLOUD_CLIENT_SECRET": "2", "NUMBA_CACHE_DIR": "/tmp",
        "NUMBA_LICENSE_KEY": "3", "POLARS_FMT_MAX_ROWS": "4", "CUDA_VISIBLE_DEVICES": "0", "KMP_DUPLICATE_LIB_OK": "1",
        "TORCH_HOME": "/home/me",
    }  # fmt: skip
    assert variables({**others, **kept, "OMP_NUM_THREADS": "8"}, given={"OMP_NUM_THREADS"}) == kept


@pytest.mark.parametrize(
    ("variable", "value", "slows"),
    [
        ("OMP_THREAD_LIMIT", "1", True),
        ("OMP_THREAD_LIMIT", "2", False),
        ("OMP_THREAD_LIMIT", "many", False),
        ("OMP_DYNAMIC", "TRUE", True),
        ("OMP_PROC_BIND", "close", True),
        ("OMP_PROC_BIND", "false", False),
        ("KMP_AFFINITY", "granularity=fine,compact,1,0", True),
        ("KMP_AFFINITY", "disabled", False),
        ("OMP_WAIT_POLICY", "ACTIVE", True),
        ("OMP_WAIT_POLICY", "passive", False),
        ("KMP_BLOCKTIME", "infinite", True),
        ("KMP_BLOCKTIME", "10000", True),
        ("KMP_BLOCKTIME", "1", False),
        ("MALLOC_PERTURB_", "165", True),
        ("MALLOC_PERTURB_", "0", False),
        ("MALLOC_ARENA_MAX", "2", False),
        ("LD_PRELOAD", "/usr/lib/libjemalloc.so.2", False),
        ("NUMBA_DISABLE_JIT", "1", True),
        ("NUMBA_DISABLE_JIT", "0", False),
        ("NUMBA_ENABLE_CUDASIM", "1", True),
        ("NUMBA_OPT", "0", True),
        ("NUMBA_OPT", "max", False),
        ("XLA_FLAGS", "--xla_backend_optimization_level=0", True),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=8", False),
        ("MALLOC_TRIM_THRESHOLD_", "65536", True),
        ("MALLOC_MMAP_THRESHOLD_", "65536", True),
        ("MALLOC_MMAP_THRESHOLD_", "200000000", False),
        ("JAX_DISABLE_JIT", "true", True),
        ("MKL_CBWR", "COMPATIBLE", True),
        ("POLARS_STREAMING_CHUNK_SIZE", "9", False),
    ],
)
def test_what_is_known_to_slow_a_library(variable: str, value: str, slows: bool) -> None:
    found = slowed(known(**{variable: value}), threads=2, gpus=False)
    assert [(one.variable, one.value) for one in found] == [(variable, value)] * slows
    assert all(variable in one.remedy for one in found)


def test_what_concerns_the_gpu_is_said_where_there_is_one() -> None:
    set_ = {"CUDA_LAUNCH_BLOCKING": "1", "JAX_PLATFORMS": "cpu", "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    assert slowed(known(**set_), threads=2, gpus=False) == []
    assert {one.variable for one in slowed(known(**set_), threads=2, gpus=True)} == set(set_)
    assert slowed(known(JAX_PLATFORMS="cuda,cpu"), threads=2, gpus=True) == []


def test_a_forced_kernel_slows_where_it_is_not_the_processors_own() -> None:
    (found,) = slowed(known("Prescott", "SkylakeX", OPENBLAS_CORETYPE="Prescott"), threads=2, gpus=False)
    assert str(found) == (
        "OPENBLAS_CORETYPE is `Prescott`: OpenBLAS uses its code for Prescott processors instead of SkylakeX, which "
        "it would take by itself. That slows NumPy, SciPy and scikit-learn. Remedy: unset OPENBLAS_CORETYPE"
    )
    assert slowed(known("SkylakeX", "SkylakeX", OPENBLAS_CORETYPE="SkylakeX"), threads=2, gpus=False) == []
    nothing = {"variables": {"OPENBLAS_CORETYPE": "Prescott"}, "limits": {}, "pools": [], "own_kernel": None}
    assert slowed(nothing, threads=2, gpus=False) == []  # where no process could tell


def test_a_value_is_shown_on_one_line() -> None:
    (found,) = slowed(known(NPY_DISABLE_CPU_FEATURES="AVX2\n\x1b[31m" + "X" * 200), threads=2, gpus=False)
    assert found.value.startswith("AVX2\\n\\x1b[31mXXX")
    assert len(found.value) < 100


def test_every_sentence_can_be_filled_in() -> None:
    values = {"kernel": "A", "own_kernel": "B", "value": "C", "threads": 2}
    for setting in SETTINGS:
        assert "{" not in setting.does.format(**values)
        assert not setting.does.endswith(".")


@pytest.mark.parametrize(
    ("second", "forbids", "said"),
    [
        (known(), [], []),
        (known(OPENBLAS_CORETYPE="Haswell"), ["OPENBLAS_CORETYPE unset then, Haswell now"], []),
        (known("Haswell"), ["BLAS kernel SkylakeX then, Haswell now"], []),
        (known(version="0.3.30"), [], ["BLAS OpenBLAS 0.3.31 (SkylakeX) then, OpenBLAS 0.3.30 (SkylakeX) now"]),
        (known("Zen", version="0.3.30"), [], ["BLAS OpenBLAS 0.3.31 (SkylakeX) then, OpenBLAS 0.3.30 (Zen) now"]),
        (known(CUDA_LAUNCH_BLOCKING="1"), [], ["CUDA_LAUNCH_BLOCKING unset then, 1 now"]),
        ({}, [], []),  # an older run
    ],
)
def test_which_environments_are_unlike(second: dict[str, Any], forbids: list[str], said: list[str]) -> None:
    found = unlike(known(), second, gpus=False)
    assert [str(difference) for difference in found.forbids] == forbids
    assert [str(difference) for difference in found.said] == said


def test_where_both_have_a_gpu_its_variables_count() -> None:
    found = unlike(known(), known(CUDA_LAUNCH_BLOCKING="1"), gpus=True)
    assert [str(difference) for difference in found.forbids] == ["CUDA_LAUNCH_BLOCKING unset then, 1 now"]
    assert found.remedy == "unset CUDA_LAUNCH_BLOCKING"
    assert unlike(known(LD_PRELOAD="a b"), known(), gpus=True).remedy == "export LD_PRELOAD='a b'"


def test_a_pool_in_words() -> None:
    assert described(BLAS) == "OpenBLAS 0.3.31, kernel SkylakeX, 2 threads"
    openmp = {**BLAS, "kind": "openmp", "name": "libgomp", "version": None, "kernel": None, "threads": 1}
    assert described(openmp) == "libgomp, 1 thread"

"""Generated data is made, hashed and stored part by part: it may be larger than the memory of who makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEMORY = 192 * 2**20  # bytes
LIMITED = f"""
import resource, sys
from importlib import import_module
from pathlib import Path
import numpy as np
from residency.harness import store
from residency.harness.dataset import Request

resource.setrlimit(resource.RLIMIT_DATA, ({MEMORY}, {MEMORY}))
name, rows = sys.argv[1], int(sys.argv[2])
if name == "in_memory":
    np.ones({MEMORY} // 8)
else:
    dataset = getattr(import_module(f"residency.datasets.tabular.{{name}}"), name)
    print(store.make(dataset, Request(name, rows=rows)).bytes)
"""


def make(cache: Path, name: str, rows: int) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", LIMITED, name, str(rows)],
        env={"RESIDENCY_CACHE": str(cache), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("linear", 450_000),
        pytest.param("blobs", 1_600_000, marks=pytest.mark.slow),
        pytest.param("flights", 6_400_000, marks=pytest.mark.slow),
        pytest.param("friedman", 2_700_000, marks=pytest.mark.slow),
        pytest.param("clusters_with_outliers", 3_400_000, marks=pytest.mark.slow),
    ],
)
def test_made_in_less_memory_than_it_takes(tmp_path: Path, name: str, rows: int) -> None:
    done = make(tmp_path, name, rows)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > MEMORY


def test_the_limit_is_one(tmp_path: Path) -> None:
    done = make(tmp_path, "in_memory", 0)
    assert "MemoryError" in done.stderr


def test_a_full_disk_is_told_before_anything_is_drawn(tmp_path: Path) -> None:
    from residency.harness.dataset import mapped

    with pytest.raises(OSError, match=r"No space left|File too large"):
        mapped(tmp_path, (2**60,), "u1")

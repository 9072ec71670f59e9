"""Every GPU side passes a rehearsal: real signatures, or an emulated device.

`rehearsed.json` beside this file says with which code and which GPU libraries each task passed. A task runs again after
a change of its code, of the rehearsal or of a library; `--thorough` runs all.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from residency.harness.discovery import Catalogue
from residency.harness.outcomes import Ending
from residency.harness.sources import HOUSE
from residency.runners import environments
from residency.runners.rehearsal.rehearse import ONLY_THERE
from residency.suites import SHIPPED
from tests import passed

CATALOGUE = Catalogue([SHIPPED])
REHEARSED = Path(__file__).with_name("rehearsed.json")
REHEARSAL = [*sorted((HOUSE / "runners" / "rehearsal").glob("*.py")), HOUSE / "harness" / "accelerators.py"]
LIBRARIES = (
    "cudf-cu13", "cuml-cu13", "cupy-cuda13x", "cuvs-cu13", "dask-cuda", "dask-cudf-cu13",
    "nvforest-cu13", "nvidia-nvimgcodec-cu13", "jax", "torch", "xgboost",
)  # fmt: skip
LIMIT = 1_800  # seconds: after a change of the rehearsal or of a library, all run
CANARY = "tabular/ridge"  # always runs: it tells what breaks the rehearsal of all


def code_of(name: str) -> str:
    """The code of a task and of the rehearsal, and the versions of the libraries whose signatures are bound."""
    return " ".join([passed.code_of_task(CATALOGUE.task(name)), passed.code_of(REHEARSAL), *map(installed, LIBRARIES)])


def installed(library: str) -> str:
    """The version of a library, or `-`."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "-"


def made(environment: str) -> None:
    """Make a named environment, if it is not there: gigabytes arrive for one with GPU libraries."""
    if isinstance(environments.described(environment), Ending):
        subprocess.run([sys.executable, "-m", "residency.runners.environments", environment], check=True)


@pytest.fixture(scope="module")
def rehearsed(
    residency_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, thorough: bool
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each task that was rehearsed now, all by one command."""
    names = [
        name
        for name in CATALOGUE.files
        if thorough or name == CANARY or not passed.is_unchanged(name, code_of(name), REHEARSED)
    ]
    for implementation in (one for name in names for one in CATALOGUE.task(name).implementations):
        if implementation.device == "gpu" and implementation.environment:
            made(implementation.environment)
    done = residency_in(tmp_path_factory.mktemp("all"), "rehearse", *names, "--json", timeout=LIMIT)
    return {name: [row for row in done.json["rows"] if row["task"] == name] for name in names}


@pytest.mark.timeout(LIMIT)
@pytest.mark.skipif(find_spec("cuml") is None, reason="cuML is not installed here; `make gpu-rehearsal` runs this")
@pytest.mark.parametrize("name", list(CATALOGUE.files))
def test_every_gpu_side_passes_its_rehearsal(name: str, rehearsed: dict[str, list[dict[str, Any]]]) -> None:
    if name not in rehearsed:
        pytest.skip("passed with the code and the libraries that it has now; --thorough runs it all the same")
    wanted = {one.id for one in CATALOGUE.task(name).implementations if one.device == "gpu" and one.runner == "local"}
    assert wanted <= {row["implementation"] for row in rehearsed[name]}
    failed = {row["implementation"]: row["reason"] for row in rehearsed[name] if not is_passed(row)}
    assert not failed
    passed.note(name, code_of(name), REHEARSED)


def is_passed(row: dict[str, Any]) -> bool:
    """Whether a side passed, or only a real GPU can run it."""
    return row["outcome"] == "ok" or (row["outcome"] == "unavailable" and row["reason"].startswith(ONLY_THERE))

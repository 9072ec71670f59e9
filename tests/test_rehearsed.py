"""Every GPU side passes a rehearsal: real signatures, or an emulated device.

`rehearsed.json` beside this file says with which code and which GPU libraries each task passed. A task runs again after
a change of its code, of the rehearsal or of a library; `--thorough` runs all.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from residency.harness.discovery import Catalogue
from residency.harness.sources import HOUSE
from residency.suites import SHIPPED
from tests import passed

CATALOGUE = Catalogue([SHIPPED])
REHEARSED = Path(__file__).with_name("rehearsed.json")
REHEARSAL = [*sorted((HOUSE / "runners" / "rehearsal").glob("*.py")), HOUSE / "harness" / "accelerators.py"]
LIBRARIES = (
    "cudf-cu13", "cuml-cu13", "cupy-cuda13x", "cuvs-cu13", "dask-cuda", "dask-cudf-cu13",
    "nvforest-cu13", "nvidia-nvimgcodec-cu13", "jax", "torch", "xgboost",
)  # fmt: skip
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


@pytest.mark.skipif(find_spec("cuml") is None, reason="cuML is not installed here; `make gpu-rehearsal` runs this")
@pytest.mark.parametrize("name", list(CATALOGUE.files))
def test_every_gpu_side_passes_its_rehearsal(name: str, residency: Callable[..., Any], thorough: bool) -> None:
    code = code_of(name)
    if not thorough and name != CANARY and passed.is_unchanged(name, code, REHEARSED):
        pytest.skip("passed with the code and the libraries that it has now; --thorough runs it all the same")
    done = residency("rehearse", name, "--strict")
    assert done.status == 0, done.out + done.err
    passed.note(name, code, REHEARSED)

"""The contract for programs holds, whatever shape the numbers have inside: keys and values as an earlier version wrote.

The golden files were written by the code before rows were parts (`document` of the runs below, and `scale`'s addition).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from residency.analysis.rows import rows
from residency.analysis.scaling import scaling
from residency.harness import records
from residency.reports import document

GOLDEN = Path(__file__).parent.parent / "fixtures" / "golden"
REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def same(found: Any, golden: Any, place: str = "") -> None:
    """The same keys in the same order, and the same values, numbers to 14 digits: processors round differently."""
    if isinstance(golden, dict):
        assert list(found) == list(golden), place
        for name, value in golden.items():
            same(found[name], value, f"{place}.{name}")
    elif isinstance(golden, list):
        assert len(found) == len(golden), place
        for number, value in enumerate(golden):
            same(found[number], value, f"{place}[{number}]")
    elif isinstance(golden, float):
        assert math.isclose(found, golden, rel_tol=1e-14), place
    else:
        assert found == golden, place


def written_again(value: Any) -> Any:
    """As a program reads it."""
    return json.loads(json.dumps(value))


def of_run(folder: Path) -> dict[str, Any]:
    measured = records.read(folder)
    found = rows(measured)
    said = document.document(measured, found)
    said["scaling"] = [document.scaling(one) for one in scaling(measured, found)]
    del said["run"]  # the run's own `run.json`, and where it lies
    return written_again(said)


@pytest.mark.parametrize("name", ["2-cores-intel-xeon-etl-scale"])
def test_a_reference_run_has_the_same_keys_and_values(name: str) -> None:
    same(of_run(REFERENCE / name), json.loads((GOLDEN / f"{name}.json").read_text()))


def test_every_ending_and_measure_has_the_same_keys_and_values(written, made) -> None:
    """A GPU side, what failed, what is absent, what was never reached, and the limits of the device."""
    figures = {"copy_gb_per_s": 500.0, "float32_tflops": 10.0}
    run = written(
        made("foundations/bandwidth", "one@gpu", figures=figures),
        made("foundations/matrix_product", "one@gpu", figures=figures),
        made("t/a", "one@cpu", seconds=2.0),
        made("t/a", "two@cpu", seconds=2.1, replicates=1),
        made("t/a", "one@gpu", seconds=0.5, transfer=0.25, flops=1e12, bytes=1e9),
        made("t/a", "late@cpu", seconds=None, outcome="timeout", reason="took longer than 60 s"),
        made("t/a", "absent@gpu", seconds=None, outcome="unavailable", reason="no GPU here"),
        planned=(made("t/a", "planned@cpu"),),
    )
    same(of_run(run), json.loads((GOLDEN / "written.json").read_text()))

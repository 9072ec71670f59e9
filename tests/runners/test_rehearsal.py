"""Rehearsals by the real command: mistakes that only a GPU would show are found; nothing is proved by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest

SUITES = Path(__file__).parent.parent / "fixtures" / "suites"
SCHEMA = json.loads((Path(__file__).parent.parent.parent / "harness" / "schema.json").read_text())
with_gpu_libraries = pytest.mark.skipif(
    find_spec("cuml") is None, reason="cuML is not installed here; `make gpu-rehearsal` runs this where it is"
)


@pytest.fixture(scope="module")
def planted(residency_in: Callable, tmp_path_factory: pytest.TempPathFactory):
    """The outcomes of the suite of planted mistakes, by name, and the command's own end."""
    folder = tmp_path_factory.mktemp("planted")
    done = residency_in(folder, "rehearse", "rehearsal/planted", RESIDENCY_SUITES=str(SUITES))
    (run,) = (folder / "results" / "rehearsals").iterdir()
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    return {line["implementation"]: line for line in lines}, done, run


@with_gpu_libraries
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrong_keyword", "cupy.asarray(a, dtype=None, order=None, *, copy=None, blocking=False): "),
        ("wrong_method", "cupy.ndarray has no `getfield`"),
        ("wrong_name", "cupy has no `nditer`"),
        ("forgotten_copy", "a NumPy array where CuPy takes its own: run.to_device copies it"),
        ("unasked_copy", "cupy.ndarray does not become a NumPy array unasked"),
        ("wrong_parameter", "got an unexpected keyword argument 'positive'"),
        ("wrong_attribute", "has no `rank_`"),
        ("never_called+cuml.accel", "it never called sklearn"),
        (
            "unsupported_parameter+cuml.accel",
            "cuml.accel would leave every call on the CPU: Ridge.fit: `positive=True` is not supported",
        ),
        ("wrong_replacement", "got an unexpected keyword argument 'replacement'"),
        ("wrong_delimiter", "got an unexpected keyword argument 'pat'"),
        ("wrong_row_groups", "cuDF or its rehearsal does not know row_group"),
        ("wrong_argument", "got an unexpected keyword argument 'metric'"),
        ("array_of_the_host", "a NumPy array where cuVS takes one on the device: run.to_device copies it"),
        ("array_of_no_library", "device_ndarray does not become a NumPy array unasked"),
        ("wrong_index_parameter", "got an unexpected keyword argument 'nlist'"),
        ("wrong_index", "Argument 'index' has incorrect type (got Lists)"),
        ("wrong_graph_parameter", "got an unexpected keyword argument 'k'"),
        ("wrong_structure", "got an unexpected keyword argument 'connectivity'"),
        ("wrong_threads", "incompatible constructor arguments"),
        ("wrong_stream", "got an unexpected keyword argument 'streams'"),
        ("wrong_background", "got an unexpected keyword argument 'feature_perturbation'"),
        ("wrong_reference", "got an unexpected keyword argument 'like'"),
        ("wrong_trend", "got an unexpected keyword argument 'damped_trend'"),
    ],
)
def test_a_planted_mistake_is_found(planted, name: str, said: str) -> None:
    outcomes, done, _ = planted
    found = outcomes[f"{name}@gpu"]
    assert found["outcome"] == "failed"
    assert said in found["reason"]
    assert found["tier"] is None
    assert done.status == 1


@with_gpu_libraries
def test_what_is_right_passes_with_what_was_checked(planted) -> None:
    outcomes, _, run = planted
    found = outcomes["right@gpu"]
    assert (found["outcome"], found["tier"], found["runner"]) == ("ok", 2, "rehearsal")
    assert found["quality"] > 0.3
    (bound,) = (text for text in found["remarks"] if "bound to" in text)
    assert "cupy.linalg.solve" in bound
    assert "cupy-cuda13x" in bound
    jsonschema.validate(found, SCHEMA)
    assert not [line for line in (run / "records.jsonl").read_text().splitlines() if '"sample"' in line]


@pytest.mark.parametrize(
    "said",
    [
        "aten._local_scalar_dense.default: this operation waits",
        "unexpected keyword argument 'mode'",
        "torch.cuda.CUDAGraph.replay(self)",
        "unexpected keyword argument 'warm",
        "sample_args for each callable must contain",
    ],
)
def test_a_mistake_with_graphs_is_found(planted, said: str) -> None:
    outcomes, _, _ = planted
    assert said in outcomes["misrecorded@gpu"]["reason"]


def test_what_nobody_can_rehearse_fails(planted) -> None:
    outcomes, done, _ = planted
    assert outcomes["no_way@gpu"]["outcome"] == "failed"
    assert "no way is known for statsmodels.api" in outcomes["no_way@gpu"]["reason"]
    assert done.status == 1


def test_what_is_not_installed_is_unavailable_and_strictly_a_failure(residency) -> None:
    if find_spec("cuml") is not None:
        pytest.skip("the GPU libraries are installed here")
    arguments = ("rehearse", "tabular/ridge", "--implementations", "estimator")
    done = residency(*arguments, COLUMNS="80")
    assert done.status == 0
    assert "estimator+cuml.accel@gpu   unavailable" in done.out
    assert done.out.count("[rehearsal]'") == 1  # the command, once for all that need it
    assert residency(*arguments, "--strict").status == 1


SLOW = pytest.param("ocr/lines", "jax_crnn", marks=pytest.mark.slow)


@pytest.mark.parametrize(("task", "name"), [("nlp/search", "matrix_product"), SLOW])
def test_frameworks_run_on_their_own_back_end(residency, task: str, name: str) -> None:
    done = residency("rehearse", task, "--implementations", f"{name}@gpu", "--json")
    assert done.status == 0, done.out + done.err
    (row,) = done.json["rows"]
    assert (row["outcome"], row["device"], row["runner"]) == ("ok", "gpu", "rehearsal")
    assert row["seconds"] is None
    assert row["speedup"] is None
    assert row["cold_seconds"] is None


@pytest.mark.slow
def test_a_rehearsal_is_no_proof_by_a_gpu(residency, tmp_path: Path) -> None:
    assert residency("rehearse", "nlp/search", "--implementations", "matrix_product@gpu").status == 0
    states = residency("doctor", "--json").json["implementations"]
    (state,) = (one for one in states if (one["task"], one["implementation"]) == ("nlp/search", "matrix_product@gpu"))
    assert state["tier"] == 3
    assert state["unavailable"]
    (other,) = (one for one in states if (one["task"], one["implementation"]) == ("tabular/ridge", "estimator@gpu"))
    assert other["tier"] == 0

"""Who was asked for on the GPU and ran on the CPU is told, and nobody else is accused.

The real command in real processes; the GPU is a stand-in for the driver's libraries, which holds contexts and no work.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from residency.harness import records
from residency.runners.fallback import Trace
from tests.runners.test_environments import stands_for

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
NO_NAMES = {"names": 0}  # as in a container: NVML names nobody
NO_MEMORY = {"memory": 0}  # as on a GPU that shares the host's
OPENCL = [file.name for file in Path("/etc/OpenCL/vendors").glob("*")]

CUPY = """
import ctypes

class cuda:
    class runtime:
        def deviceSynchronize():  # makes a context where there is none, as the real one does
            driver = ctypes.CDLL("libcuda.so.1")
            assert driver.cuInit(0) == 0
            assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0) == 0
"""

CUDF_POLARS = """
import os, warnings
from polars.exceptions import PerformanceWarning

def execute_with_cudf(possible):  # warns as the real one does
    if not possible and bool(int(os.environ.get("POLARS_VERBOSE", 0))):
        reasons = "Query execution with GPU not possible: unsupported operations.\\nThe errors were:\\n- map_elements"
        warnings.warn(reasons, PerformanceWarning, stacklevel=2)
"""

ENGINE = """
import ctypes

possible = True

def execute_with_cudf(plan, since_start=None, *, config):  # makes a context, as the real one does; Polars computes
    driver = ctypes.CDLL("libcuda.so.1")
    assert driver.cuInit(0) == 0
    assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0) == 0
    if not possible and config.config["raise_on_fail"]:
        raise NotImplementedError("Query execution with GPU not possible: unsupported operations.")
"""

CUDF_PANDAS = """
import ctypes
from collections import defaultdict

calls = []

def install():  # makes a context, as the real one does
    driver = ctypes.CDLL("libcuda.so.1")
    assert driver.cuInit(0) == 0
    assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0) == 0

class Profiler:
    def __enter__(self):
        calls.clear()
        return self

    def __exit__(self, *error):
        self.per_function_stats = defaultdict(lambda: defaultdict(list))
        for function, device in calls:
            self.per_function_stats[function][device].append(0.1)
"""

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def run(residency_in, stand_in_gpu, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Any]]:
    """A real run of some implementations on a GPU of these facts: its folder, and the ended command."""

    def measure(*names: str, rounds: int = 1, **facts: object) -> tuple[Path, Any]:
        folder: Path = tmp_path_factory.mktemp("run")
        (folder / "jax_plugins" / "xla_cuda13").mkdir(parents=True)  # so that JAX is taken for one that knows CUDA
        (folder / "jax_plugins" / "xla_cuda13" / "__init__.py").touch()
        (folder / "cupy.py").write_text(CUPY)
        (folder / "cudf_polars.py").write_text(CUDF_POLARS)
        (folder / "cudf" / "pandas" / "profiler").mkdir(parents=True)
        (folder / "cudf" / "pandas" / "__init__.py").write_text(CUDF_PANDAS)
        (folder / "cudf" / "pandas" / "profiler" / "__init__.py").write_text("from cudf.pandas import Profiler")
        done = residency_in(
            folder, "run", "devices", "--implementations", ",".join(names), "--replicates", "1",
            "--rounds", str(rounds), "--budget", "300", "--threads", "1", "--json",
            RESIDENCY_SUITES=str(FIXTURES), PYTHONPATH=str(folder), **stand_in_gpu(**facts),
        )  # fmt: skip
        return folder, done

    return measure


@pytest.fixture(scope="module")
def whole(run) -> tuple[Path, Any]:
    """A GPU whose driver tells everything."""
    names = ("at_home", "forgetful", "counting", "in_context", "in_a_child", "warned_of_another")
    return run(*names, "half_accelerated", "not_accelerated", name="NVIDIA Fake")


@pytest.fixture(scope="module")
def rows(whole) -> Rows:
    return by_name(whole[1])


def by_name(done: Any) -> Rows:
    return {row["implementation"]: row for row in done.json["rows"]}


def test_a_silent_fallback_has_an_outcome_of_its_own(whole, rows: Rows) -> None:
    row = rows["forgetful@gpu"]
    assert whole[1].status == 1
    assert (row["outcome"], row["seconds"], row["speedup"], row["cold_seconds"]) == ("fell_back", None, None, None)
    assert row["reason"] == (
        "asked for the GPU, ran on the CPU: no process of this worker came to hold memory on the GPU, "
        "none opened the driver's files, no CUDA context was made"
    )


def test_to_ask_the_driver_is_not_yet_to_use_the_gpu(rows: Rows) -> None:
    assert rows["counting@gpu"]["outcome"] == "fell_back"
    assert "no CUDA context was made" in rows["counting@gpu"]["reason"]
    assert "none opened" not in rows["counting@gpu"]["reason"]


def test_a_program_that_is_not_changed_tells_which_calls_ran_on_the_gpu(rows: Rows) -> None:
    row = rows["half_accelerated+cudf.pandas@gpu"]
    assert (row["outcome"], row["library"], row["way"]) == ("ok", "pandas", "unchanged")
    told = {"calls_on_gpu": 1, "calls_on_cpu": 1, "functions_on_cpu": ["DataFrame.query"]}
    assert told.items() <= row["parameters"].items()
    assert row["twin"]["baseline"] == "half_accelerated@cpu"
    assert rows["half_accelerated@cpu"]["outcome"] == "ok"


def test_a_program_that_is_not_changed_fell_back_if_no_call_ran_on_the_gpu(rows: Rows) -> None:
    row = rows["not_accelerated+cudf.pandas@gpu"]
    assert (row["outcome"], row["seconds"]) == ("fell_back", None)
    assert row["reason"] == "asked for the GPU, ran on the CPU: 1 of 1 calls (DataFrame.query)"


@pytest.mark.slow
def test_a_query_of_polars_runs_on_the_gpu_unchanged_or_fails(
    residency_in, stand_in_gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("polars")
    own = tmp_path / "environments.toml"
    own.write_text("[polars-gpu]\nrequirements = ['cudf-polars-cu13']")
    monkeypatch.setenv("RESIDENCY_ENVIRONMENTS", str(own))
    stands_for("polars-gpu", tmp_path)
    (tmp_path / "cudf_polars.py").write_text(ENGINE)
    (tmp_path / "cupy.py").write_text(CUPY)
    about = tmp_path / "cudf_polars-26.10.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cudf-polars-cu13\nVersion: 26.10\n")
    (about / "top_level.txt").write_text("cudf_polars\n")
    done = residency_in(
        tmp_path, "run", "devices", "--implementations", "polars.gpu", "--replicates", "1", "--rounds", "1",
        "--budget", "300", "--threads", "1", "--json",
        RESIDENCY_SUITES=str(FIXTURES), RESIDENCY_ENVIRONMENTS=str(own), **stand_in_gpu(),
    )  # fmt: skip
    rows = by_name(done)
    row = rows["collected+polars.gpu@gpu"]
    assert (row["outcome"], row["library"], row["way"]) == ("ok", "polars", "unchanged"), row["reason"]
    told = {"calls_on_gpu": 2, "calls_on_cpu": 0, "functions_on_cpu": [], "engine": "gpu"}
    assert {**row["parameters"], **told} == row["parameters"]
    row = rows["refused+polars.gpu@gpu"]
    assert (row["outcome"], row["seconds"]) == ("failed", None)
    assert "Query execution with GPU not possible" in row["reason"]


def test_neighbours_that_wait_for_their_turn_are_no_strangers(whole) -> None:
    folder, _ = whole
    (made,) = (folder / "results" / "runs").iterdir()
    seen = [one.tenants for one in records.read(made).samples if one.cell.implementation == "in_context@gpu"]
    assert seen
    assert set(seen) == {0}


@pytest.mark.parametrize(
    ("memory", "takes_turns"), [pytest.param(24 << 30, True, marks=pytest.mark.slow), (1 << 30, False)]
)
def test_where_two_do_not_fit_on_the_gpu_each_has_it_alone(run, memory: int, takes_turns: bool) -> None:
    folder, done = run("in_context", "in_a_child", rounds=2, memory=memory)
    assert done.status == 0, done.err
    (made,) = (folder / "results" / "runs").iterdir()
    order = [one.cell.implementation for one in records.read(made).samples]
    assert set(order) == {"in_context@gpu", "in_a_child@gpu"}
    assert (order[-2:] == [order[-1]] * 2) is not takes_turns


@pytest.mark.parametrize("name", ["in_context@gpu", "in_a_child@gpu", "warned_of_another@gpu", "at_home@cpu"])
def test_who_ran_where_it_was_asked_for_is_ok(rows: Rows, name: str) -> None:
    assert rows[name]["outcome"] == "ok", rows[name]["reason"]
    assert rows[name]["seconds"]["samples"] == 1
    assert "fell_back" not in rows[name]["unknown"]


def test_what_the_driver_tells_of_a_worker_is_on_record(rows: Rows) -> None:
    assert rows["in_context@gpu"]["peak_device_bytes"] == 300 * 2**20
    assert rows["at_home@cpu"]["peak_device_bytes"] is None


def test_the_records_fit_the_published_schema_and_the_report_tells(whole, residency_in) -> None:
    folder = whole[0]
    schema = json.loads((Path(records.__file__).parent / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    (kept,) = (folder / "results" / "runs").iterdir()
    for line in [(kept / "run.json").read_text(), *(kept / "records.jsonl").read_text().splitlines()]:
        validator.validate(json.loads(line))
    report = residency_in(folder, "report", "--details").out
    assert "NVIDIA Fake (24.0 GiB)" in report
    assert "forgetful@gpu: fell_back: asked for the GPU, ran on the CPU" in report


def test_waiting_for_the_gpu_makes_no_context_that_would_hide_a_fallback(run) -> None:
    row = by_name(run("imported_only")[1])["imported_only@gpu"]
    assert row["outcome"] == "fell_back", row["reason"]


@pytest.mark.slow
def test_where_nvml_names_nobody_no_real_execution_is_accused(run) -> None:
    found = by_name(run("forgetful", "in_context", "in_a_child", **NO_NAMES)[1])
    assert found["in_context@gpu"]["outcome"] == "ok"
    assert found["in_a_child@gpu"]["outcome"] == "ok"
    assert found["forgetful@gpu"]["outcome"] == "fell_back"
    assert "inside a container" in found["in_context@gpu"]["unknown"]["peak_device_bytes"]


def test_a_process_that_nvml_names_is_on_the_gpu_however_little_it_holds(run) -> None:
    assert by_name(run("in_a_child", context=0)[1])["in_a_child@gpu"]["outcome"] == "ok"


@pytest.mark.slow
def test_where_nothing_can_be_known_it_is_said_and_nobody_is_accused(run, residency_in) -> None:
    folder, done = run("forgetful", "counting", "in_context", "in_a_child", **NO_NAMES, **NO_MEMORY)
    found = by_name(done)
    assert found["in_context@gpu"]["outcome"] == "ok"
    assert "fell_back" not in found["in_context@gpu"]["unknown"]
    assert found["forgetful@gpu"]["outcome"] == "fell_back"
    assert "none opened the driver's files" in found["forgetful@gpu"]["reason"]
    for name in ("counting@gpu", "in_a_child@gpu"):
        assert found[name]["outcome"] == "ok"
        assert "it is not known whether it ran on the GPU" in found[name]["unknown"]["fell_back"]
    report = residency_in(folder, "report", "--details").out
    assert "in_a_child@gpu: it is not known whether it ran on the GPU" in report
    assert "NVIDIA Stand-in (memory not told)" in report


@pytest.mark.parametrize(
    ("used", "there"),
    [
        ((1_000, 1_000, 1_000), False),
        ((1_000, 1_300, 1_000), True),
        ((1_000, 700, 1_000), True),
        ((1_000, 700, 700), None),  # somebody gave memory back, which may hide its own
        ((1_000, None, 1_000), None),
    ],
)
def test_memory_that_others_give_back_accuses_nobody(used: tuple[int | None, ...], there: bool | None) -> None:
    trace = Trace(opened=True, _used=[None if amount is None else amount * 2**20 for amount in used])
    assert trace.ran_there(context=None) is there


def test_memory_that_may_be_its_own_accuses_nobody(run) -> None:
    _, done = run("beside_another", **NO_NAMES)
    assert by_name(done)["beside_another@gpu"]["outcome"] == "ok"
    assert done.status == 0


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")
def test_a_library_that_says_so_is_believed_where_the_implementation_computes_with_it(run) -> None:
    row = by_name(run("warned")[1])["warned@gpu"]
    assert row["outcome"] == "fell_back"
    assert row["reason"] == "asked for the GPU, ran on the CPU: jax said `No CUDA here. Falling back to cpu.`"


@pytest.mark.slow
def test_the_words_of_polars_and_of_the_accelerator_are_heard(run) -> None:
    pytest.importorskip("polars")
    rows = by_name(run("queried", "queried_there", "accelerated")[1])
    assert rows["queried@gpu"]["outcome"] == "fell_back"
    assert "polars said `Query execution with GPU not possible: unsupported op" in rows["queried@gpu"]["reason"]
    assert rows["queried_there@gpu"]["outcome"] == "ok", rows["queried_there@gpu"]["reason"]
    assert rows["accelerated@gpu"]["outcome"] == "fell_back"
    assert "cuml.accel said `[cuml.accel] `Ridge.fit` falling back to CPU: " in rows["accelerated@gpu"]["reason"]


def test_the_words_of_xgboost_are_quoted(run) -> None:
    pytest.importorskip("xgboost")
    row = by_name(run("boosted")[1])["boosted@gpu"]
    assert row["outcome"] == "fell_back"
    assert "xgboost said `" in row["reason"]
    assert "from GPU to CPU" in row["reason"] or "setting device to CPU" in row["reason"]


@pytest.mark.slow
@pytest.mark.skipif(
    OPENCL != ["pocl.icd"], reason="needs a CPU as the only device of OpenCL: apt-get install pocl-opencl-icd"
)
def test_opencl_on_a_cpu_is_no_gpu(run) -> None:
    pytest.importorskip("lightgbm")
    row = by_name(run("counted_by_opencl")[1])["counted_by_opencl@gpu"]
    assert row["outcome"] == "fell_back", row["reason"]
    assert "no process of this worker came to hold memory on the GPU" in row["reason"]


@pytest.mark.slow
def test_a_build_without_cuda_is_unavailable_with_its_remedy(run) -> None:
    torch = pytest.importorskip("torch")
    if torch.version.cuda is not None:
        pytest.skip("Torch is built with CUDA here")
    _, done = run("on_torch")
    row = by_name(done)["on_torch@gpu"]
    assert (row["outcome"], done.status) == ("unavailable", 1)
    assert "is built without CUDA: " in row["reason"]
    assert "pip install" in row["reason"]


@pytest.mark.slow
def test_what_fell_back_is_tried_again_with_another_driver_alone(run, residency_in, stand_in_gpu) -> None:
    folder, _ = run("forgetful")
    (kept,) = (folder / "results" / "runs").iterdir()
    before = (kept / "records.jsonl").read_text()

    def resume(**facts: str) -> str:
        environment = {"RESIDENCY_SUITES": str(FIXTURES), "PYTHONPATH": str(folder), **stand_in_gpu(**facts)}
        assert residency_in(folder, "run", "--resume", kept, **environment).status == 1
        return (kept / "records.jsonl").read_text()

    assert resume() == before
    assert len(resume(driver="590.00.01")) > len(before)

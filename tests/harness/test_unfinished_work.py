"""Who returns before the work is done is refused, or waited for on the clock: never timed as fast.

Real libraries in real workers, each of which executes what the fixture `unfinished/returns` registers.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from residency.runners.process import Worker

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
FILE = FIXTURES / "unfinished" / "returns.py"
TASK = {"folder": str(FIXTURES), "package": None, "file": str(FILE)}
LEFT_SECONDS = 0.6  # of work left to a thread or a process, at least
ALMOST = 0.4  # of the time of the same work waited for; what is not waited for takes a tenth

Reply = dict[str, Any]
Execute = Callable[..., Reply]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made: Path = tmp_path_factory.mktemp("unfinished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESIDENCY_CACHE", str(made))
        patch.setenv("TEST_END", str(made / "end"))
        yield made


@pytest.fixture(scope="module")
def data(folder: Path) -> Reply:
    request = {
        "dataset": "answered",
        "rows": 500,
        "seed": 1,
        "source": None,
        "path": None,
        "target": None,
        "versions": {},
    }
    with Worker("cpu", 1) as worker:
        return worker.ask({"do": "make", "task": TASK, "data": request}, 60)


def executing(data: Reply, device: str = "cpu") -> Iterator[Execute]:
    """A worker that executes one implementation after another."""
    with Worker(device, 1) as worker:

        def execute(implementation: str, cold: bool = False) -> Reply:
            worker.ask(
                {
                    "do": "load", "task": TASK, "implementation": f"{implementation}@{device}", "dataset": "answered",
                    "folder": data["folder"], "reference": None, "threads": 1, "seed": 0, "memory_limit": None,
                },
                60,
            )  # fmt: skip
            return worker.ask({"do": "sample", "cold": cold, "calls": 1}, 60)

        yield execute


execute = pytest.fixture(executing, name="execute")
execute_in_one_worker = pytest.fixture(executing, scope="module", name="execute_in_one_worker")


@pytest.mark.parametrize(
    "implementation",
    [
        "dask_raw",
        "dask_to_host",
        "dask_in_a_dict",
        "dask_in_a_dict_to_host",
        "dask_in_a_tuple",
        "dask_in_an_object_array",
        "dask_delayed",
        "dask_frame",
        "dask_column",
        "dask_column_raw",
        "polars_raw",
        "polars_to_host",
        "polars_in_a_dict",
        "duckdb_raw",
        "duckdb_to_host",
    ],
)
def test_what_is_not_computed_is_refused_as_lazy(execute_in_one_worker: Execute, implementation: str) -> None:
    ending = execute_in_one_worker(implementation)["ending"]
    assert ending["outcome"] == "wrong"
    assert "lazy" in ending["reason"]


def test_a_graph_that_numpy_computes_is_on_the_clock(execute_in_one_worker: Execute) -> None:
    reply = execute_in_one_worker("dask_as_numpy")
    assert reply["ending"]["outcome"] == "ok"
    assert reply["seconds"] >= LEFT_SECONDS


@pytest.fixture(scope="module")
def jax_worker(data: Reply) -> Iterator[tuple[Execute, float]]:
    """A worker that has compiled, and what the work takes when it is waited for."""
    for execute in executing(data):
        assert execute("jax_waited_for", cold=True)["ending"]["outcome"] == "ok"
        yield execute, min(execute("jax_waited_for")["stages"]["fit"] for _ in range(2))


@pytest.mark.parametrize(
    ("implementation", "stage"),
    [
        ("jax_to_host", "other"),
        ("jax_left_in_a_stage", "fit"),
        ("jax_kept_elsewhere", "other"),
        ("jax_dropped", "other"),
        ("jax_dropped_in_a_stage", "fit"),
    ],
)
def test_what_jax_has_not_finished_is_on_the_clock(jax_worker, implementation: str, stage: str) -> None:
    execute, waited = jax_worker
    reply = execute(implementation)
    assert waited > 0.1
    assert reply["ending"]["outcome"] == "ok"
    assert reply["seconds"] >= ALMOST * waited
    assert reply["stages"][stage] >= ALMOST * waited


def test_an_array_of_jax_is_no_result(jax_worker) -> None:
    execute, _ = jax_worker
    ending = execute("jax_returned")["ending"]
    assert ending["outcome"] == "wrong"
    assert "a result must be NumPy arrays (run.to_host gives them), not jax" in ending["reason"]


@pytest.fixture(scope="module")
def torch_worker(data: Reply) -> Iterator[tuple[Execute, float]]:
    """A worker that has compiled, and what the work takes when it is waited for."""
    for execute in executing(data):
        assert execute("torch_waited_for", cold=True)["ending"]["outcome"] == "ok"
        yield execute, execute("torch_waited_for")["stages"]["fit"]


@pytest.mark.parametrize("implementation", ["torch_forked", "torch_forked_by_compiled_code"])
def test_a_fork_of_torch_is_caught_or_on_the_clock(torch_worker, implementation: str) -> None:
    execute, waited = torch_worker
    assert waited > 0.1
    reply = execute(implementation)
    caught = reply["ending"]["outcome"] == "wrong" and "before its work was done" in reply["ending"]["reason"]
    assert caught or reply["seconds"] >= ALMOST * waited


def test_a_pool_still_at_work_for_a_moment_is_on_the_clock(execute: Execute, folder: Path) -> None:
    (folder / "end").unlink(missing_ok=True)
    reply = execute("pool_left_for_a_moment")
    assert reply["ending"]["outcome"] == "ok"
    assert reply["seconds"] >= LEFT_SECONDS
    assert (folder / "end").exists()


def test_a_pool_that_works_on_is_caught(execute: Execute) -> None:
    ending = execute("pool_left")["ending"]
    assert ending["outcome"] == "wrong"
    assert "returned before its work was done: ThreadPoolExecutor" in ending["reason"]


@pytest.mark.parametrize(
    "implementation",
    [
        "process_left",
        "thread_waiting_for_a_process",
        "thread_that_sleeps_first",
        "thread_in_python_alone",
        "thread_at_work_while_judged",
    ],
)
def test_a_process_that_works_on_is_caught(execute: Execute, implementation: str) -> None:
    ending = execute(implementation)["ending"]
    assert ending["outcome"] == "wrong"
    assert "returned before its work was done" in ending["reason"]


def test_a_pool_that_rests_costs_no_time(execute: Execute) -> None:
    reply = execute("pool_that_rests")
    assert reply["ending"]["outcome"] == "ok"
    assert reply["stages"]["other"] < LEFT_SECONDS  # what it is watched for, off the clock


@pytest.fixture
def poller(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A native library with a progress thread."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no C compiler (cc) to make a progress thread with")
    library = folder / "libpoller.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-pthread", "-o", library, FILE.parent / "poller.c"], check=True)
    monkeypatch.setenv("TEST_POLLER", str(library))


def test_a_thread_that_always_runs_is_not_the_work_of_an_execution(poller: None, data: Reply) -> None:
    for execute in executing(data):
        begun = execute("progress_thread")["ending"]  # in this execution, so it may be work
        assert begun["outcome"] == "wrong"
        assert "returned before its work was done: thread" in begun["reason"]
        assert execute("progress_thread")["ending"]["outcome"] == "ok"
        written = execute("progress_thread_that_writes")["ending"]
        assert written["outcome"] == "wrong"
        assert "the result changed after it was returned" in written["reason"]
        more = execute("more_than_the_progress_thread")["ending"]
        assert more["outcome"] == "wrong"
        assert "returned before its work was done" in more["reason"]


@pytest.mark.slow
def test_a_progress_thread_of_a_library_for_gpus_may_start_in_the_cold_execution(poller: None, data: Reply) -> None:
    for execute in executing(data, "gpu"):
        assert execute("progress_thread", cold=True)["ending"]["outcome"] == "ok"
        assert execute("progress_thread")["ending"]["outcome"] == "ok"

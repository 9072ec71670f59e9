"""Workers: the parent rests while it waits, thread limits hold, and the memory limit is the kernel's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, process_time, sleep

import psutil
import pytest

from residency.harness.outcomes import Outcome
from residency.runners import process
from residency.runners.process import Ended, Worker, environment, settle

pytestmark = pytest.mark.clock

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
ADDR_NO_RANDOMIZE = 0x0040000  # of Linux's personalities
TASK = {"folder": str(FIXTURES), "package": None, "file": str(FIXTURES / "outcomes" / "endings.py")}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    data = {"dataset": "linear", "rows": 2000, "seed": 1, "source": None, "path": None, "target": None, "versions": {}}
    with Worker("cpu", 1) as worker:
        return worker.ask({"do": "make", "task": TASK, "data": data}, 60)


def load(made: dict, implementation: str) -> dict:
    return {
        "do": "load", "task": TASK, "implementation": implementation, "dataset": "linear", "folder": made["folder"],
        "reference": None, "threads": 1, "seed": 0, "memory_limit": None,
    }  # fmt: skip


def test_the_parent_rests_while_it_waits(made: dict) -> None:
    with Worker("cpu", 1) as worker:
        worker.ask(load(made, "waits@cpu"), 60)
        before = process_time()
        with pytest.raises(Ended) as caught:
            worker.ask({"do": "sample", "cold": True, "calls": 1}, 3.0)
        spent = process_time() - before
    assert caught.value.ending.outcome is Outcome.TIMEOUT
    assert spent <= 0.02 * 3.0


def test_where_processes_have_no_handles_a_worker_that_ends_is_seen_all_the_same(
    made: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pidfd_open", refused)  # as old sandboxes do
    with Worker("cpu", 1) as worker:
        worker.ask(load(made, "exits@cpu"), 60)
        with pytest.raises(Ended, match="exited with status 7"):
            worker.ask({"do": "sample", "cold": True, "calls": 1}, 10)


def test_an_ended_worker_says_so_again_and_again(made: dict) -> None:
    with Worker("cpu", 1) as worker:
        worker.ask(load(made, "exits@cpu"), 60)
        for _ in range(2):
            with pytest.raises(Ended, match="exited with status 7"):
                worker.ask({"do": "sample", "cold": True, "calls": 1}, 10)


def test_the_next_turn_waits_for_what_a_worker_has_started(made: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SETTLE_TIMEOUT", 10.0)  # however slow the machine is
    file = FIXTURES / "watched" / "judging.py"
    with Worker("cpu", 1) as worker:
        task = {**TASK, "file": str(file)}
        worker.ask({**load(made, "leaves_a_child@cpu"), "task": task, "dataset": "answered"}, 60)
        reply = worker.ask({"do": "sample", "cold": False, "calls": 1}, 60)
        assert reply["ending"]["outcome"] == "ok", reply["ending"]
        (child,) = (one for one in psutil.Process().children(recursive=True) if "signal.SIGSTOP" in one.cmdline()[-1])
        wait_until(lambda: child.status() == psutil.STATUS_STOPPED)
        before = sum(child.cpu_times())
        child.resume()
        wait_until(worker.is_busy)
        settle([worker])
        assert sum(child.cpu_times()) - before >= 0.4
        assert not worker.is_busy()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not true():
        assert monotonic() < deadline
        sleep(0.001)


def test_thread_limits_are_set_before_anything_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    found = environment("cpu", 3)
    assert {found[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")} == {"3"}
    assert found["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in environment("gpu", 3) or environment("gpu", 3)["CUDA_VISIBLE_DEVICES"] != ""


@pytest.mark.parametrize("gate", [True, False])
def test_a_gate_fixes_the_layout_and_the_processor(gate: bool) -> None:
    with Worker("cpu", 1, gate=gate):
        (worker,) = (one for one in psutil.Process().children() if "residency.runners.worker" in one.cmdline())
        personality = int(Path(f"/proc/{worker.pid}/personality").read_text(), 16)
        assert bool(personality & ADDR_NO_RANDOMIZE) is gate
        allowed = os.sched_getaffinity(0)
        assert set(worker.cpu_affinity()) == ({max(allowed)} if gate else allowed)


@pytest.mark.parametrize("options", [[], ["--gate", "--rounds", "8"]], ids=["plain", "gate"])
def test_short_calls_are_timed_among_others_like_them(residency, options: list[str]) -> None:
    done = residency("run", "rested", "--replicates", "1", "--json", *options, RESIDENCY_SUITES=str(FIXTURES))
    assert done.status == 0, done.err
    assert done.json["run"]["settings"]["gate"] is ("--gate" in options)
    found = {row["implementation"]: row["seconds"]["median"] for row in done.json["rows"]}
    assert 0.003 < found["short@cpu"] < 0.01  # without the 30 ms after a rest
    assert found["long@cpu"] > 0.085  # which cost so little there that nothing is run before the clock


def test_a_worker_that_cannot_be_started_is_an_outcome() -> None:
    crowded = """
import os, resource
from residency.runners.process import Ended, Worker
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    for number in taken[-5:]:  # for its output and its two pipes
        os.close(number)
try:
    Worker("cpu", 1)
except Ended as ended:
    print(ended.ending.outcome, ended.ending.reason)
"""
    done = subprocess.run([sys.executable, "-c", crowded], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("failed the worker could not be started: Too many open files; a limit on"), (
        done.stderr
    )

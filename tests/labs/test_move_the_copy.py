"""The lab with a device behind a bus: what a submission may ask of its service."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.labs import catalogue, driver, sandbox

pytestmark = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")

LAB = catalogue.lab("foundations-move-the-copy")

THREADS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np

def descend(device, x, y, start, steps):
    def there_and_back(number):
        for turn in range(10):
            value = np.array([float(number), float(turn)])
            assert np.array_equal((device.put(value) * 2.0).get(), 2 * value), "another thread's answer"
        return number
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(there_and_back, range(16))) == list(range(16))
    rows, targets, weights = device.put(x), device.put(y), device.put(start)
    for _ in range(steps):
        weights = weights - 0.5 / len(x) * (rows.T @ (rows @ weights - targets))
    return weights.get()
"""

WILD = """
import numpy as np

def refused(question):
    try:
        question()
    except ValueError:
        return
    raise AssertionError("this was answered")

def descend(device, x, y, start, steps):
    ask, column = device._ask, device.put(np.ones((100_000, 1)))
    row = device.put(np.ones((1, 100_000)))
    for question in (
        lambda: ask("get", 10**9), lambda: ask("get", -1), lambda: ask("get", None), lambda: ask("get"),
        lambda: ask("put", np.array(["a"])), lambda: ask("put"), lambda: ask("put", {"a": [1, [2]]}),
        lambda: ask("format", 0), lambda: ask("matmul", 0, 0), lambda: ask("add", 0, 3), lambda: ask("add", 0, {}),
        lambda: ask("", *range(100)), lambda: column @ row, lambda: column * row,
    ):
        refused(question)
    return ask("get", 12345)
"""


def graded(folder: Path, work: str, title: str = "a small regression") -> driver.Checked:
    files = driver.write(folder / "files", {**driver.solved(LAB), "work.py": work.encode()})
    with driver.Grader(LAB, files) as grader:
        (checked,) = grader.checks([LAB.checks[title]])
    return checked


def test_many_threads_may_ask_at_once(tmp_path) -> None:
    """Each gets its own answer; the copies are counted, so the verdict says that they were too many."""
    verdict = graded(tmp_path, THREADS).verdict
    assert verdict.what.startswith("the weights are right, but 324 copies crossed the bus"), verdict


def test_wild_questions_are_refused_one_by_one_and_the_device_lives_on(tmp_path) -> None:
    verdict = graded(tmp_path, WILD).verdict
    line = 1 + WILD.splitlines().index('    return ask("get", 12345)')
    assert (verdict.kind, verdict.what) == ("failed", f"ValueError in line {line}, during a call")


def test_a_device_array_as_the_answer_is_told_in_words(tmp_path) -> None:
    work = "def descend(device, x, y, start, steps):\n    return device.put(start)\n"
    verdict = graded(tmp_path, work).verdict
    assert verdict.kind == "type"
    assert "return plain NumPy arrays" in verdict.what


def test_the_tolerance_tells_one_step_from_the_next() -> None:
    """Its bound grows with the rows, and must stay below what the last step changes, also for the timed call."""
    for title in ["", *LAB.checks]:
        for seed in range(3):
            x, y, start, steps = LAB.case(title, seed).arguments
            assert LAB.truths is not None
            here, there = LAB.truths(x, y, start, steps), LAB.truths(x, y, start, steps + 1)
            assert (abs(here.value - there.value) > here.error).any(), title

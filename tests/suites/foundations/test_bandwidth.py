"""Bandwidth: passes that each need the last one's result, on libraries and by a kernel under Numba's simulator."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.numbers import Numbers, numbers
from residency.harness import Run
from residency.harness.execute import execute
from residency.suites.foundations.bandwidth import PASSES, SCALE, correct, passes, task

CPU = [one for one in task.implementations if one.device == "cpu"]

SIMULATED = """
import numpy as np
from numba import cuda
from residency.datasets.foundations.numbers import Numbers
from residency.harness import Run
from residency.suites.foundations import bandwidth
data = Numbers(np.random.default_rng(3).standard_normal(601, np.float32))
kept = data.values.copy()
run = Run("gpu")
found = bandwidth.own_kernels(data, run, cuda)
b, c = data.halves()
assert type(found) is np.ndarray and found.dtype == np.float32
assert len(found) > bandwidth.THREADS  # more than one block, the last one not full
assert bandwidth.correct(data, found) == 1.0
assert (data.values == kept).all()
assert sorted(run.figures) == ["copy_gb_per_s", "triad_gb_per_s"]
print("correct in", list(run.stages))
"""


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> Numbers:
    return make(numbers, 2**18)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_every_library_comes_to_the_same(data: Numbers, implementation: Any) -> None:
    kept = data.values.copy()
    done = execute(task, implementation, data, dataset="numbers", threads=2)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
    assert (data.values == kept).all()
    count = data.rows // 2
    for stage, figure, size in (("copy", "copy_gb_per_s", 8), ("triad", "triad_gb_per_s", 12)):
        assert PASSES * size * count / done.figures[figure] / 1e9 == pytest.approx(done.stages[stage])


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_copies_are_made_and_not_only_named(
    data: Numbers, implementation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a copy returns or has written is another place than what it was given."""
    places = []

    def watched(run: Run, arrays: Any, copy: Callable[..., Any], triad: Callable[..., Any]) -> Any:
        x, y, c = arrays
        made = copy(x, y)
        made = y if made is None else made
        places.extend([np.asarray(x).ctypes.data, np.asarray(made).ctypes.data])
        assert (np.asarray(made) == np.asarray(x)).all()
        return passes(run, (x, made, c), copy, triad)  # y may have been given up

    monkeypatch.setattr("residency.suites.foundations.bandwidth.passes", watched)
    implementation.function(data, Run("cpu"), importlib.import_module(implementation.library))
    assert len(set(places)) == 2


@pytest.mark.parametrize("of", ["copy", "triad"])
def test_one_pass_left_out_is_seen(data: Numbers, of: str) -> None:
    """A copy that copies nothing, or a triad that adds nothing, once among all."""
    b, c = data.halves()
    done = {"copy": 0, "triad": 0}

    def copy(x: Any, y: Any) -> None:
        done["copy"] += 1
        if (of, done["copy"]) != ("copy", 1):  # later ones find in place what the first has written
            np.copyto(y, x)

    def triad(x: Any, c: Any, y: Any) -> None:
        done["triad"] += 1
        np.add(x, c * (0 if (of, done["triad"]) == ("triad", PASSES) else SCALE), out=y)

    found = passes(Run("cpu"), (b.copy(), np.full_like(b, np.nan), c), copy, triad)
    assert done == {"copy": PASSES, "triad": PASSES}
    assert not task.quality.beyond(correct(data, found), task.floor)


def test_a_single_wrong_number_is_seen(data: Numbers) -> None:
    b, c = data.halves()
    right = b + PASSES * SCALE * c
    assert correct(data, right) == 1.0
    right[7] += 1e-3
    assert correct(data, right) == 1.0 - 1.0 / len(b)


@pytest.mark.slow
def test_the_kernels_are_correct_in_a_simulator(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIMULATED],
        env={**environment, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout == "correct in ['put', 'copy', 'triad', 'get']\n", done.stderr


TRANSLATED = """
from numba import cuda, types
from residency.suites.foundations import bandwidth
array = types.Array(types.float32, 1, "C")
for kernel, count in zip(bandwidth.kernels(cuda), (2, 3)):
    code, _ = cuda.compile_ptx(kernel.py_func, (array,) * count, cc=(9, 0))
    words = [line.split()[0] for line in code.splitlines() if line.strip()]
    print([word for word in words if word.startswith(("ld.global", "st.global", "fma", "mul.f", "add.f", "cvt.f"))])
"""


def test_the_kernels_read_and_write_each_number_once_and_compute_in_float32(environment: dict[str, str]) -> None:
    """As NVIDIA's compiler translates them for an H100; that needs no GPU."""
    pytest.importorskip("numba_cuda", reason="numba-cuda, with the compiler beside it, comes with the extra `gpu`")
    done = subprocess.run(
        [sys.executable, "-c", TRANSLATED], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout.splitlines() == [
        "['ld.global.f32', 'st.global.f32']",
        "['ld.global.f32', 'ld.global.f32', 'fma.rn.f32', 'st.global.f32']",
    ], done.stderr

"""Compilation: each way comes to the same numbers, compiles once in a process, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.numbers import Numbers, numbers
from residency.harness.errors import Unavailable
from residency.harness.execute import execute
from residency.suites import _torch_compile
from residency.suites.foundations import compilation
from residency.suites.foundations.compilation import correct, formula, task

CPU = [one for one in task.implementations if one.device == "cpu" and one.name != "tensors_compiled"]


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> Numbers:
    return make(numbers, 100_000)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_each_way_comes_to_the_same(data: Numbers, implementation: Any) -> None:
    done = execute(task, implementation, data, dataset="numbers", threads=1)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
    assert done.parameters["compiled"] == ("compiled" in implementation.name)
    assert 8 * data.rows / done.figures["useful_gb_per_s"] / 1e9 == pytest.approx(done.stages["apply"])


def test_the_formula_is_that_of_gelu() -> None:
    """Of Hendrycks and Gimpel; against Torch's own."""
    import torch

    x = np.linspace(-6, 6, 1_001)
    theirs = torch.nn.functional.gelu(torch.from_numpy(x), approximate="tanh").numpy()
    np.testing.assert_allclose(formula(np.tanh, x), theirs, rtol=1e-12, atol=1e-15)


def test_the_formula_has_nine_operations_that_move_88_bytes() -> None:
    moved = []

    class Counted:
        def operation(self, *others: Any) -> Counted:
            moved.append(2 + sum(isinstance(one, Counted) for one in others))  # itself, the result, and others
            return Counted()

        __add__ = __mul__ = __radd__ = __rmul__ = operation

    formula(Counted.operation, Counted())
    assert (len(moved), 4 * sum(moved)) == (9, 88)


@pytest.mark.parametrize("wrong", ["exact gelu", "one number", "nothing"])
def test_another_formula_is_seen(data: Numbers, wrong: str) -> None:
    import torch

    x = torch.from_numpy(data.values)
    right = torch.nn.functional.gelu(x, approximate="tanh").numpy()
    assert correct(data, right) == 1.0
    if wrong == "exact gelu":
        right = torch.nn.functional.gelu(x).numpy()
    elif wrong == "one number":
        right[77] += 1e-4
    else:
        right = np.zeros_like(right)
    assert not task.quality.beyond(correct(data, right), task.floor)


@pytest.mark.slow
def test_torch_compiles_in_the_cold_execution_and_leaves_nothing(residency: Any, tmp_path: Path) -> None:
    """A new process each: the second finds nothing that the first has compiled."""
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    places = tmp_path / "temporary"
    places.mkdir()
    done = residency(
        "run", "foundations/compilation", "--implementations", "tensors_compiled", "--size", "2000000",
        "--replicates", "2", "--rounds", "2", "--json", TMPDIR=str(places),
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert rows["tensors_compiled@cpu"]["outcome"] == "ok", rows["tensors_compiled@cpu"]["reason"]
    lines = (tmp_path / done.json["run"]["folder"] / "records.jsonl").read_text().splitlines()
    compiling = [
        (one["phase"], one["stages"]["compile"])
        for one in map(json.loads, lines)
        if one["kind"] == "sample" and one["implementation"] == "tensors_compiled@cpu"
    ]
    cold, warm = ([seconds for phase, seconds in compiling if (phase == "cold") == wanted] for wanted in (True, False))
    assert len(cold) == 2
    assert min(cold) > 5 * max(warm), compiling
    assert not list(places.glob("residency-compiled-*"))
    assert not list(places.glob("torchinductor*"))


def test_without_a_compiler_it_is_unavailable(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_kept", {})
    monkeypatch.setenv("CXX", "no-such-compiler")
    ending = execute(task, task.implementation("tensors_compiled@cpu"), data, dataset="numbers").ending
    assert ending.outcome == "unavailable"
    assert "there is no no-such-compiler: apt-get install g++" in ending.reason


def test_without_pythons_headers_it_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "true")  # any program that is here
    monkeypatch.setattr(_torch_compile.sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get install python3-dev"):
        _torch_compile.require_compiler("cpu")
    (tmp_path / "Python.h").touch()
    _torch_compile.require_compiler("cpu")


@pytest.mark.slow
def test_a_compiler_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    def refuse(*_: Any, **__: Any) -> Callable[[Any], Any]:
        def compiled(x: Any) -> Any:
            assert os.environ[_torch_compile.PLACE].startswith(str(tmp_path))
            raise RuntimeError("cannot be compiled")

        return compiled

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch, "compile", refuse)
    monkeypatch.setattr(_torch_compile, "require_compiler", lambda _: None)
    for before in (None, "/elsewhere"):
        if before is None:
            monkeypatch.delenv(_torch_compile.PLACE, raising=False)
        else:
            monkeypatch.setenv(_torch_compile.PLACE, before)
        with pytest.raises(RuntimeError, match="cannot be compiled"):
            compilation.by_torch(torch, "cpu", lambda x: x, None)
        assert os.environ.get(_torch_compile.PLACE) == before
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_a_killed_process_has_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    code = "from pathlib import Path; import os, sys; from residency.harness.scratch import take\n"
    code += "(take(Path(sys.argv[1]), 'residency-compiled-').folder / 'within').mkdir(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert [one for one in tmp_path.iterdir() if (one / "within").is_dir()]
    (tmp_path / "another").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch, "compile", lambda *_, **__: lambda x: x)
    monkeypatch.setattr(_torch_compile, "require_compiler", lambda _: None)
    compilation.by_torch(torch, "cpu", lambda x: x, None)
    assert {one.name for one in tmp_path.iterdir()} == {"another"}

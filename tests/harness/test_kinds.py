"""What strangers' implementations do wrong ends in an outcome that says what it is and names their line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.tabular.table import Table
from residency.harness import Task, quality
from residency.harness.dataset import generated
from residency.harness.execute import execute
from residency.harness.outcomes import Outcome

HERE = f"tests/harness/{Path(__file__).name}:"


@generated
def tiny(rows: int, seed: int) -> Table:
    """Ten rows."""
    raise NotImplementedError


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def returns(value: Any) -> Callable[..., Any]:
    def implementation(data, run, np):
        return value

    return implementation


def raises(error: BaseException) -> Callable[..., Any]:
    def implementation(data, run, np):
        raise error

    return implementation


def nests(data, run, np):
    with run.stage("outer"), run.stage("inner"):
        pass


def in_a_library(data, run, np):
    np.linalg.solve(np.zeros((2, 2)), np.zeros(2))


@pytest.mark.parametrize(
    ("function", "outcome", "reason"),
    [
        (returns(None), "wrong", "it returned nothing: `return` is missing"),
        (returns([1.0] * 10), "wrong", "must be NumPy arrays (run.to_host gives them), not list"),
        (returns({"y": np.zeros(10)}), "wrong", "the result is a dict, expected one array of shape (10,)"),
        (returns(np.zeros(9)), "wrong", "the result has shape (9,), expected (10,)"),
        (returns(np.zeros((10, 10))), "wrong", "the result has shape (10, 10), expected (10,)"),
        (returns(np.array(["a"] * 10)), "wrong", "the result holds <U1, expected real numbers"),
        (returns(np.zeros(10, complex)), "wrong", "the result holds complex128, expected real numbers"),
        (raises(SystemExit()), "failed", "it called sys.exit(None)"),
        (raises(KeyboardInterrupt()), "failed", "KeyboardInterrupt"),
        (raises(ValueError("größer \udce9 \x1b[31m 日本")), "failed", "ValueError: größer \ufffd \ufffd[31m 日本"),
        (raises(Silent()), "failed", "Silent: its text cannot be made: RuntimeError"),
        (nests, "failed", "stage `inner` opened inside stage `outer`; stages do not nest"),
        (in_a_library, "failed", "LinAlgError: Singular matrix"),
    ],
)
def test_the_reason_says_what_it_is_and_where(function: Callable[..., Any], outcome: str, reason: str) -> None:
    task = Task(datasets=[tiny], sizes={"smoke": 10}, quality=quality.r2, tolerance=0.1, floor=0.1)
    task.on_cpu("numpy")(function)
    (implementation,) = task.implementations
    zeros = np.zeros((10, 1), np.float32)
    data = Table(x=zeros, y=zeros[:, 0], x_test=zeros, y_test=np.arange(10, dtype=np.float32), names=("x",))
    ending = execute(task, implementation, data, dataset="tiny").ending
    assert ending.outcome == Outcome(outcome)
    assert reason in ending.reason
    if outcome == "failed":
        assert HERE in ending.reason
    else:
        assert implementation.place in ending.reason

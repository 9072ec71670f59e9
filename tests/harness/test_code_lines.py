"""The lines of code of an implementation, as `residency list` and the reports tell them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from residency.harness.code_lines import lines_of_code

FILE = '''"""A task."""

import functools
import numpy as np
from _kernels import half

RATE = {"low": 1,
        "high": 2}
UNUSED = 3


def registered(function):
    return function


class Model:
    """A model."""

    def fit(self):
        """Fit it."""
        return RATE


def helper(data):
    # as the paper has it
    model = Model()

    return model.fit(), helper


@registered
def whole(data):
    """All of it."""
    return helper(data)


@registered
def alone(data):
    text = """
    SELECT *
    """
    return np.asarray(data), text


def outer():
    def inner():
        return 1
    return inner


def nested():
    def helper():
        return 1
    return helper


first = registered(alone)


def alone():
    return 1


@functools.wraps(whole)
def wrapped():
    return whole


def with_helpers(data):
    import _kernels
    return _kernels.kernel(data) + half(data)
'''
HELPERS = """
BLOCK = 32


def kernel(data):
    return BLOCK


def half(data):
    return data / 2
"""


def test_what_a_function_uses_in_its_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shown.py").write_text(FILE)
    (tmp_path / "_kernels.py").write_text(HELPERS)
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.spec_from_file_location("shown", tmp_path / "shown.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert lines_of_code(module.whole) == 2 + 3 + 3 + 2  # itself, `helper`, `Model`, `RATE`
    assert lines_of_code(module.first) == 5
    assert lines_of_code(module.alone) == 2  # of two functions with one name, the one that is given
    assert lines_of_code(module.wrapped) == lines_of_code(module.whole)
    assert lines_of_code(module.with_helpers) == 3 + 3 + 2  # itself, `kernel` with `BLOCK`, `half`
    assert lines_of_code(module.nested()) == 0  # another function of its name is at the top of the file
    assert lines_of_code(module.outer()) == 0  # it is not at the top of a file
    assert lines_of_code(eval("lambda data: data")) == 0
    assert lines_of_code(len) == 0

"""Products: each type has the error of its type, and what was computed in another type is found out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.matrices import Matrices, error, matrices
from residency.harness import Run
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites.foundations import matrix_product
from residency.suites.foundations.matrix_product import ALL, PRODUCTS, products, task

CPU = [one for one in task.implementations if one.device == "cpu"]
KEPT_BITS = {"float64": 53, "float32": 24, "tf32": 11, "float16": 11, "bfloat16": 8}
ADDED_IN_FLOAT32 = {"tf32", "float16", "bfloat16"}


def shortened(values: np.ndarray, bits: int, *, cut: bool = False) -> np.ndarray:
    """Rounded to so many significant binary digits, or cut off after them."""
    fraction, exponent = np.frexp(values.astype(np.float64))
    scaled = fraction * 2.0**bits
    return np.ldexp(np.trunc(scaled) if cut else np.rint(scaled), exponent - bits)


def product(data: Matrices, name: str, *, cut: bool = False) -> np.ndarray:
    """As units for the type compute it: short factors, sums in float32 or float64, and a short result."""
    adding = np.float32 if name in {*ADDED_IN_FLOAT32, "float32"} else np.float64
    a, b = (shortened(one, KEPT_BITS[name], cut=cut).astype(adding) for one in (data.a, data.b))
    found = a[data.sample] @ b
    return found if name in {"tf32", "float32", "float64"} else shortened(found, KEPT_BITS[name])


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> Matrices:
    return make(matrices, 256)


@pytest.fixture(scope="module")
def right(data: Matrices) -> dict[str, np.ndarray]:
    return {name: product(data, name) for name in ALL}


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_every_library_has_the_errors_of_its_types(data: Matrices, implementation: Any) -> None:
    done = execute(task, implementation, data, dataset="matrices", threads=2, reference=0.0)
    assert done.ending.outcome == "ok", done.ending.reason
    types = done.parameters["types"]
    assert types[:2] == ["float64", "float32"]
    assert set(done.figures) == {f"{name}_tflops" for name in types}
    for name in types:
        seconds = PRODUCTS * 2 * data.rows**3 / done.figures[f"{name}_tflops"] / 1e12
        assert seconds == pytest.approx(done.stages[name])


def test_each_type_is_within_its_own_bound(data: Matrices, right: dict[str, np.ndarray]) -> None:
    assert 0.1 < error(data, right) < 0.5
    for name in ("tf32", "float16", "bfloat16"):
        cut = product(data, name, cut=True)
        assert error(data, {**right, name: cut}) < 1.0  # units that cut off instead of rounding pass


@pytest.mark.parametrize(("said", "computed"), [(one, other) for one in ALL for other in ALL if one != other])
def test_a_product_in_another_type_is_found_out(
    data: Matrices, right: dict[str, np.ndarray], said: str, computed: str
) -> None:
    """All but TF32 and float16 in each other's place: they round alike."""
    claimed = {**right, said: right[computed]}
    if KEPT_BITS[said] == KEPT_BITS[computed]:
        assert error(data, claimed) < 1.0
    elif KEPT_BITS[computed] > KEPT_BITS[said]:
        with pytest.raises(WrongResult, match=f"{said} has an error of .* too exact for the type"):
            error(data, claimed)
    else:
        assert not task.quality.beyond(error(data, claimed), task.floor)


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_product_is_found_out(data: Matrices, right: dict[str, np.ndarray], name: str) -> None:
    other = right[name][::-1]
    for wrong in (np.zeros_like(right[name]), 1.05 * right[name], other):
        assert not task.quality.beyond(error(data, {**right, name: wrong}), task.floor)
    with pytest.raises(WrongResult, match=r"is (nan|inf)"):
        error(data, {**right, name: np.full_like(right[name], np.nan)})
    with pytest.raises(WrongResult, match="shape"):
        error(data, {**right, name: right[name][:-1]})


def test_float64_and_float32_are_owed(data: Matrices, right: dict[str, np.ndarray]) -> None:
    for name in ("float64", "float32"):
        with pytest.raises(WrongResult, match=f"no product in {name}"):
            error(data, {other: found for other, found in right.items() if other != name})


@pytest.mark.parametrize(
    ("has_units", "told"), [(True, {"float64", "float32", "tf32"}), (False, {"float64", "float32"})]
)
def test_a_switch_that_changes_nothing_is_not_told(
    data: Matrices,
    has_units: bool,
    told: set[str],
) -> None:
    """On a device without TF32 the switch is there, and has no effect."""

    def convert(array: np.ndarray, name: str) -> np.ndarray:
        if name == "tf32":
            return shortened(array, 11).astype(np.float32) if has_units else array
        return array.astype(name)

    run = Run("cpu")
    found = products(run, data, (data.a, data.b), ("float64", "float32", "tf32"), convert=convert, switch=nullcontext)
    assert set(found) == told
    assert set(run.figures) == {f"{name}_tflops" for name in told}
    assert error(data, found) < 1.0


@pytest.mark.parametrize(
    ("units", "types"),
    [
        ({}, ["float64", "float32"]),
        ({"avx512_bf16": True, "avx512_fp16": False}, ["float64", "float32", "bfloat16"]),
        ({"fp16_arith": True, "bf16": True}, ["float64", "float32", "float16", "bfloat16"]),
    ],
)
def test_short_types_only_where_the_processor_has_units(
    data: Matrices, units: dict[str, bool], types: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    asked = []
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    monkeypatch.setattr(matrix_product, "products", lambda run, data, factors, types, **_: asked.append(list(types)))
    matrix_product.tensors(data, Run("cpu"), torch)
    assert asked == [types]
    monkeypatch.setattr(torch, "cpu", SimpleNamespace())  # an older Torch, which does not tell
    matrix_product.tensors(data, Run("cpu"), torch)
    assert asked[1] == ["float64", "float32"]


def test_units_for_tf32_are_told_from_another_order_of_adding(data: Matrices) -> None:
    exact = product(data, "float32")
    other = (data.a[data.sample][:, ::-1] @ data.b[::-1]).astype(np.float32)
    assert not np.array_equal(other, exact)
    assert matrix_product.nearly_equal(other, exact)
    assert not matrix_product.nearly_equal(product(data, "tf32"), exact)

"""How contributions of columns to a boosted model are judged: by exact Shapley values, in float64, of a few rows.

A result is a pair: contributions, shape (rows to predict, columns + 1), whose last column is the mean prediction; and
the model, as the bytes of XGBoost's JSON. Both are log odds.

A tree predicts the sum over its leaves of `value * product over the path's columns of o`; o is 1 if the row passes all
tests of that column, else 0. If a column is not known, z takes the place of o: the share of the training rows that pass
(Lundberg, Erion, Lee 2018: "tree path dependent"). The Shapley value of column i in a leaf is then an integral (Owen
1972, the multilinear extension),

    value * (o_i - z_i) * integral from 0 to 1 of the product over the other columns of ((1 - t) z + t o)

and Gauss-Legendre's rule integrates that polynomial exactly. No library computes it in this way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import Table
from residency.harness import quality
from residency.harness.errors import WrongResult
from residency.harness.quality import Items, estimate

SAMPLE = 8  # rows whose contributions are computed exactly, evenly spread
EXACT = 1e-3  # log odds: libraries compute in float32, and differ by 1e-5

Numbers = NDArray[np.float64]
Path = Mapping[int, tuple[float, NDArray[np.bool_]]]
"""By column: the share of the training rows that pass its tests, and which rows pass them."""


@estimate(name="AUC of the sums")
def explained(data: Table, result: Any) -> Items:
    """The AUC of the sums of contributions: if they are exact, their sum is the prediction.

    Raises `WrongResult` if a contribution of the sample is further than `EXACT` from its exact value, so neither zeros
    nor a model's prediction, divided in some other way, can pass.
    """
    contributions, _ = parts(data, result)
    if (error := largest_error(data, result)) > EXACT:
        raise WrongResult(f"a contribution is {error:.2g} away from its exact value; at most {EXACT:g} is allowed")
    assert quality.auc.items is not None
    return quality.auc.items(data, contributions.sum(axis=1))


def parts(data: Table, result: Any) -> tuple[Numbers, bytes]:
    """The contributions and the model; raises `WrongResult` if the result is anything else."""
    shape = (len(data.x_test), data.x_test.shape[1] + 1)
    found = [(array.shape, str(array.dtype)) for array in result] if isinstance(result, tuple) else type(result)
    wanted = isinstance(found, list) and len(found) == 2 and found[0][0] == shape and found[1][1] == "uint8"
    if not wanted or result[0].dtype.kind != "f":
        raise WrongResult(f"expected contributions of shape {shape}, and the model's JSON as uint8, not {found}")
    if not np.isfinite(result[0]).all():
        raise WrongResult("not all contributions are finite numbers")
    return result[0].astype(np.float64), result[1].tobytes()


def largest_error(data: Table, result: Any) -> float:
    """How far a contribution of the sample is from its exact value at most, in log odds."""
    contributions, model = parts(data, result)
    sample = np.unique(np.linspace(0, len(contributions) - 1, SAMPLE).astype(int))
    return float(np.abs(contributions[sample] - exact(model, data.x_test[sample])).max())


def exact(model: bytes, x: NDArray[np.float32]) -> Numbers:
    """Exact Shapley values of the model, and its mean prediction in the last column: shape (rows, columns + 1).

    `model` is XGBoost's JSON: trees without categories, and a base score of 0 log odds.
    """
    trees = json.loads(model)["learner"]["gradient_booster"]["model"]["trees"]
    leaves = [leaf for tree in trees for leaf in _leaves(tree, x)]
    found = np.zeros((len(x), x.shape[1] + 1))
    most = max(len(path) for _, path in leaves)
    value = np.array([value for value, _ in leaves])
    column = np.zeros((len(leaves), most), np.intp)
    unknown, known = np.ones((len(leaves), most)), np.ones((len(leaves), most, len(x)))
    for number, (_, path) in enumerate(leaves):
        for place, (name, (share, passes)) in enumerate(path.items()):
            column[number, place], unknown[number, place], known[number, place] = name, share, passes
    points, weights = np.polynomial.legendre.leggauss(most // 2 + 1)
    for at, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = (1 - at) * unknown[..., np.newaxis] + at * known
        for place in range(most):
            others = np.delete(factors, place, axis=1).prod(axis=1)
            shares = (weight * value)[:, np.newaxis] * (known[:, place] - unknown[:, place, np.newaxis]) * others
            np.add.at(found.T, column[:, place], shares)
    found[:, -1] = value @ unknown.prod(axis=1)
    return found


def _leaves(tree: Mapping[str, Any], x: NDArray[np.float32]) -> Iterator[tuple[float, Path]]:
    """A tree's leaves: the value and the path of each."""
    left, right, cover = tree["left_children"], tree["right_children"], tree["sum_hessian"]
    waiting: list[tuple[int, Path]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        limit = np.float32(tree["split_conditions"][node])  # of a leaf: its value
        if left[node] < 0:
            yield float(limit), path
            continue
        column = tree["split_indices"][node]
        cells = x[:, column]
        goes_left = np.where(np.isnan(cells), bool(tree["default_left"][node]), cells < limit)
        share, passes = path.get(column, (1.0, np.ones(len(x), bool)))
        for child, goes in ((left[node], goes_left), (right[node], ~goes_left)):
            waiting.append((child, {**path, column: (share * cover[child] / cover[node], passes & goes)}))

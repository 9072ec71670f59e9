"""Boosted trees that are already grown, rows to score with them, and what the scores must be.

The trees are data: NumPy alone grows them, once, so every library scores the same trees, and none has grown them. They
are written as XGBoost and as LightGBM write theirs, and `expected` is the sum of their leaves in float64. All trees are
complete, with `LEVELS` splits from the root to any leaf. The splits are random: a random column, at the value of a
random row (Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees"). Boosting needs no better splits if there are
enough trees: each leaf takes a share of what the trees before it left unexplained.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import Table
from residency.harness.errors import WrongResult
from residency.harness.quality import metric, vector
from residency.harness.truth import LARGEST, Asked, Truth

TREES, LEVELS = 200, 6
SPLITS, LEAVES = 2**LEVELS - 1, 2**LEVELS  # of a tree
RATE, L2 = 0.2, 1.0
LEARNED = 8_192  # rows that trees are grown from, at most
CHECKED = 20_000  # rows whose scores are known, at most
CHUNK = 1_024  # rows, so that they stay in cache while all trees are walked


@dataclass(frozen=True)
class Forest:
    """Trees in files, and rows to score. A score is in standard deviations of the target."""

    x: Asked[NDArray[np.float32]]  # (rows, columns); nothing is missing
    xgboost: Path  # the trees, as XGBoost's JSON
    lightgbm: Path  # the same trees, as LightGBM's text
    checked: Truth[NDArray[np.int64]]  # the rows whose scores are known, in rising order
    expected: Truth[NDArray[np.float64]]  # their scores
    remarks: tuple[str, ...] = ()  # what a reader must know of the rows and the trees

    @property
    def rows(self) -> int:
        """Rows to score."""
        return len(self.x)

    def fresh(self, generator: np.random.Generator) -> Forest | None:
        """The rows in another order; None if there are too many to copy."""
        if self.x.nbytes > LARGEST:
            return None
        order = generator.permutation(self.rows)
        place = np.argsort(order)[self.checked]
        rising = np.argsort(place)
        return replace(self, x=self.x[order], checked=place[rising], expected=self.expected[rising])


@dataclass(frozen=True)
class Trees:
    """Complete trees, nodes in the order of levels: node `i` has the children `2 i + 1`, below, and `2 i + 2`."""

    column: NDArray[np.int32]  # (trees, SPLITS)
    bound: NDArray[np.float32]  # (trees, SPLITS): a row below it goes to the first child
    leaf: NDArray[np.float32]  # (trees, LEAVES)

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of the leaves that each row falls into, shape (rows,)."""
        scores = np.zeros(len(x))
        for start in range(0, len(x), CHUNK):
            part = x[start : start + CHUNK]
            for column, bound, leaf in zip(self.column, self.bound, self.leaf, strict=True):
                scores[start : start + CHUNK] += leaf[leaf_of(part, column, bound)].astype(np.float64)
        return scores


def leaf_of(x: NDArray[np.float32], column: NDArray[np.int32], bound: NDArray[np.float32]) -> NDArray[np.intp]:
    """The leaf of a tree that each row falls into."""
    node, row = np.zeros(len(x), np.intp), np.arange(len(x))
    for _ in range(LEVELS):
        node = 2 * node + 1 + (x[row, column[node]] >= bound[node])
    leaf: NDArray[np.intp] = node - SPLITS
    return leaf


def grown(x: NDArray[np.float32], y: NDArray[np.float64], generator: np.random.Generator) -> Trees:
    """Trees that predict `y`, each with random splits and with leaves that follow what is unexplained so far."""
    rows, columns = x.shape
    column = generator.integers(columns, size=(TREES, SPLITS), dtype=np.int32)
    bound = x[generator.integers(rows, size=(TREES, SPLITS)), column]
    leaves, rest = np.zeros((TREES, LEAVES), np.float32), y.copy()
    for tree in range(TREES):
        leaf = leaf_of(x, column[tree], bound[tree])
        count, total = np.bincount(leaf, minlength=LEAVES), np.bincount(leaf, weights=rest, minlength=LEAVES)
        leaves[tree] = RATE * total / (count + L2)
        rest -= leaves[tree][leaf]
    return Trees(column, bound, leaves)


def settled(trees: Trees, x: NDArray[np.float32], folder: Path, *remarks: str) -> Forest:
    """The trees in files under `folder`, and the rows with the scores of some of them."""
    (folder / "trees.json").write_text(json.dumps(as_xgboost(trees, x.shape[1])), encoding="utf-8")
    (folder / "trees.txt").write_text(as_lightgbm(trees, x.shape[1]), encoding="utf-8")
    checked = np.unique(np.linspace(0, len(x) - 1, min(CHECKED, len(x))).astype(np.int64))
    return Forest(
        x=x,
        xgboost=folder / "trees.json",
        lightgbm=folder / "trees.txt",
        checked=checked,
        expected=trees.score(x[checked]),
        remarks=remarks,
    )


def of_table(table: Table, seed: int, folder: Path) -> Forest:
    """Trees grown from a table's training rows. All its rows are scored, those to predict first."""
    generator = np.random.default_rng(seed)
    y = table.y.astype(np.float64) / table.y.std(dtype=np.float64)
    trees = grown(table.x[:LEARNED], y[:LEARNED], generator)
    asked = table.y_test / table.y.std(dtype=np.float64)
    left = float(((trees.score(table.x_test) - asked) ** 2).mean() / asked.var())
    explained = f"the trees explain {1.0 - left:.2f} of the variance of {len(asked)} rows that they have not seen (R²)"
    return settled(trees, np.concatenate([table.x_test, table.x]), folder, *table.remarks, explained)


def as_xgboost(trees: Trees, columns: int) -> dict[str, Any]:
    """The trees as XGBoost 3 writes a model for a regression."""
    node = np.arange(SPLITS + LEAVES)
    split = node < SPLITS
    shape = {
        "left_children": np.where(split, 2 * node + 1, -1).tolist(),
        "right_children": np.where(split, 2 * node + 2, -1).tolist(),
        "parents": np.where(node > 0, (node - 1) // 2, 2**31 - 1).tolist(),
        "default_left": [0] * len(node),
        "split_type": [0] * len(node),
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "loss_changes": [0.0] * len(node),
        "sum_hessian": [1.0] * len(node),
        "tree_param": {
            "num_deleted": "0", "num_feature": str(columns), "num_nodes": str(len(node)), "size_leaf_vector": "1",
        },
    }  # fmt: skip
    written = [
        {
            **shape,
            "id": number,
            "split_indices": [*trees.column[number].tolist(), *[0] * LEAVES],
            "split_conditions": [*trees.bound[number].tolist(), *trees.leaf[number].tolist()],
            "base_weights": [*[0.0] * SPLITS, *trees.leaf[number].tolist()],
        }
        for number in range(TREES)
    ]
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(TREES)},
        "iteration_indptr": list(range(TREES + 1)),
        "tree_info": [0] * TREES,
        "trees": written,
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": "0E0", "boost_from_average": "0", "num_class": "0", "num_feature": str(columns),
            "num_target": "1",
        },
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
    }  # fmt: skip
    return {"learner": learner, "version": [3, 0, 0]}


def as_lightgbm(trees: Trees, columns: int) -> str:
    """The trees as LightGBM 4 writes a model for a regression. Its rows go left up to a bound, not only below it."""
    node = np.arange(SPLITS)
    children = [2 * node + 1, 2 * node + 2]
    first, second = (np.where(child < SPLITS, child, SPLITS - 1 - child).tolist() for child in children)  # < 0: leaves
    head = {
        "version": "v4", "num_class": 1, "num_tree_per_iteration": 1, "label_index": 0, "max_feature_idx": columns - 1,
        "objective": "regression", "feature_names": [f"x{number}" for number in range(columns)],
        "feature_infos": ["[-inf:inf]"] * columns,
    }  # fmt: skip
    parts = [_lines("tree", head)]
    for number in range(TREES):
        tree = {
            "num_leaves": LEAVES, "num_cat": 0, "split_feature": trees.column[number].tolist(),
            "threshold": np.nextafter(trees.bound[number], np.float32(-np.inf)).tolist(),
            "decision_type": [2] * SPLITS, "left_child": first, "right_child": second,
            "leaf_value": trees.leaf[number].tolist(), "is_linear": 0, "shrinkage": 1,
        }  # fmt: skip
        parts.append(_lines(f"Tree={number}", tree))
    return "\n\n".join([*parts, "end of trees\n"])


def _lines(title: str, entries: dict[str, Any]) -> str:
    """`key=value` on a line each; the values of a list with spaces between them."""
    told = (
        f"{key}={' '.join(map(str, value)) if isinstance(value, list) else value}" for key, value in entries.items()
    )
    return "\n".join([title, *told])


@metric(name="largest difference from float64", better="lower")
def largest_difference(data: Forest, scores: Any) -> float:
    """The largest difference of any score from its true value, over all scores that were asked for and are known.

    `scores` has an array for each batch size: the scores of the first rows.
    """
    if not isinstance(scores, dict) or not scores:
        raise WrongResult("the result must be a dict with the scores of each batch size")
    if max(map(len, scores.values())) < data.rows:
        raise WrongResult(f"no batch size has a score for all {data.rows} rows")
    differences = [np.zeros(1)]
    for found in scores.values():
        values = vector(found, min(len(found), data.rows))
        known = data.checked < len(values)
        differences.append(np.abs(values[data.checked[known]] - data.expected[known]))
    return float(np.concatenate(differences).max())  # NaN if any is

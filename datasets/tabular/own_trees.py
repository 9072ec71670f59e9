"""Your own table, scored by trees that are grown from it."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.tabular.forest import Forest, of_table
from residency.datasets.tabular.own import own_forest
from residency.harness.dataset import own_table


@own_table
def own_trees(path: Path | None, target: str | None, seed: int, folder: Path) -> Forest:
    """Your file: two hundred trees are grown from up to 8,192 rows, to predict a number. All rows are scored.

    The columns are prepared as for `own_forest`; the remarks say what became of each, and how well the trees predict.
    How long scoring takes depends on the number of rows and columns, hardly on what the trees have learned.
    """
    return of_table(own_forest.maker(path, target, seed), seed, folder)

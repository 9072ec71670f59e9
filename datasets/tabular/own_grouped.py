"""Your own table with two values to predict, and a column that says which of two groups a row belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from residency.datasets.reading import Category, OwnFile, read_file, typed
from residency.datasets.tabular.grouped import split_groups
from residency.datasets.tabular.outliers import Outliers
from residency.datasets.tabular.own import own_outliers
from residency.datasets.tabular.table import Table
from residency.datasets.target import target_column
from residency.harness.dataset import number_of, own_table

GROUP = "group"  # the column of this name says it, in small or capital letters
MOST_LEVELS = 20  # else the first column of text with at most so many different values


@own_table
def own_grouped(path: Path | None, target: str | None, seed: int) -> Table:
    """Your file: one column with two values, to predict from the others; the rarer value is 1. A column holds groups.

    The column `group`, or `Group`, says which group a row belongs to; if there is none, the first column of text with
    2 to 20 different values. The rows with its commonest value are one group, all others are the other group. Missing
    numbers are filled with the median, categories become columns of 0 and 1, all columns are standardised: as for
    `own_outliers`. The remarks say what became of every column. What quality to expect depends on your data.
    """
    prepared = cast("Outliers", own_outliers.maker(path, target))
    file = read_file(path)
    wanted = target_column(file, target)
    name, smaller, how = groups(file, wanted.name, wanted.present)
    told = [remark for remark in prepared.remarks if " marks the " not in remark]  # here the rarer value is no anomaly
    rare, count = int(prepared.y_test.sum()), len(prepared.y_test)
    one = wanted.labels[int(wanted.ranks()[prepared.y_test.argmax()])]
    zero = next(label for label in wanted.labels if label != one)
    told.append(f"`{wanted.name}`: the target, {one} is 1 ({number_of(rare, 'row')}), {zero} is 0 ({count - rare})")
    return split_groups(
        prepared.x,
        prepared.y_test,
        smaller,
        names=(*prepared.names, f"group by {name}"),
        seed=seed,
        remarks=(*told, how),
    )


def groups(file: OwnFile, target: str, present: NDArray[np.bool_]) -> tuple[str, NDArray[np.bool_], str]:
    """The column that holds the groups, which rows with a target are in the smaller one, and a remark about it."""
    frame = file.frame[present].drop(columns=target)
    named = sorted((name for name in frame.columns if name.casefold() == GROUP), key=lambda name: name != GROUP)
    for name in named[:1] or list(frame.columns):
        column, _ = typed(name, frame[name])
        if not named and not (isinstance(column, Category) and 2 <= len(column.labels) <= MOST_LEVELS):
            continue
        if len(column.labels) < 2:
            break
        values, counts = np.unique(column.ranks(), return_counts=True)
        commonest = np.zeros(len(frame), bool)
        commonest[column.present] = column.ranks() == values[counts.argmax()]
        label, count = column.labels[counts.argmax()], int(commonest.sum())
        shown = f"`{name}`: the groups, {label} ({number_of(count, 'row')}) and all others ({len(frame) - count})"
        return name, commonest if 2 * count < len(frame) else ~commonest, shown
    raise file.refusal(
        f"{file.name}: no column says which group a row belongs to: name one `{GROUP}`, with two values or more"
    )

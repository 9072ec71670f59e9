"""The column of a user's file to predict: it is found by its name, and must have enough rows and different values."""

from __future__ import annotations

from residency.datasets.reading import Column, OwnFile, typed
from residency.harness.dataset import number_of, printable
from residency.harness.errors import UsageError, unknown, visible

LEAST_ROWS = 50


def check_named(file: OwnFile, target: str) -> None:
    """Raise `UsageError` if the file has no such column, or several."""
    if target in file.repeated:
        raise UsageError(f"{file.name} has several columns called `{visible(target)}`: rename the one you mean")
    if target not in file.frame.columns:
        raise file.refusal(str(unknown("column", printable(target), file.frame.columns, file.name)))


def target_column(file: OwnFile, target: str | None, least: int = LEAST_ROWS) -> Column:
    """The column to predict; raises `UsageError` if none is named, it does not exist, or too few rows have it."""
    names = list(file.frame.columns)
    if target is None:
        listed = ", ".join(f"`{name}`" for name in names[:20]) + (", ..." if len(names) > 20 else "")
        raise file.refusal(f"{file.name}: name the column to predict with --target COLUMN; there are: {listed}")
    check_named(file, target)
    wanted, _ = typed(target, file.frame[target])
    if (rows := int(wanted.present.sum())) < least:
        too_few = f"{file.name} has {number_of(rows, 'row')} with a value in `{target}`"
        raise file.refusal(f"{too_few}; at least {least} are needed", target)
    if len(labels := wanted.labels) == 1:
        raise file.refusal(
            f"{file.name}: column `{target}` is {labels[0]} in all rows: name a column whose values differ", target
        )
    return wanted

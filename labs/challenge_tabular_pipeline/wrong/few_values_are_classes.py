"""Takes a number with few values for two classes.

Fails: a number with few values
"""

import numpy as np
import pandas as pd

from ..work import MANY, MOSTLY


def numbers(text: pd.Series, learned: int) -> dict[str, np.ndarray]:
    """The columns that a column of text becomes; its first `learned` rows are the training's. Empty: of no use."""
    known, wanted = text[:learned].dropna(), text[learned:]
    if not len(known) or (text[:learned] == known.iloc[0]).all() or (len(wanted) and wanted.isna().all()):
        return {}  # empty, constant, or not known yet when the prediction is needed
    present = text.notna().sum()
    values = pd.to_numeric(text, errors="coerce")
    if values.notna().sum() >= MOSTLY * present:
        return {"": values.to_numpy(np.float64)}
    if known.str.contains(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", regex=True).mean() >= MOSTLY:
        times = pd.to_datetime(text, errors="coerce", format="mixed")
        days = (times - times.min()) / pd.Timedelta(days=1)
        clock = {"hour": times.dt.hour + times.dt.minute / 60, "weekday": times.dt.weekday}
        return {"": days.to_numpy(), **{name: part.to_numpy(np.float64) for name, part in clock.items()}}
    levels = pd.Index(known.unique())
    if len(levels) > max(20, MANY * len(known)):
        return {}
    codes = levels.get_indexer(text).astype(np.float64)
    return {"level": np.where(codes < 0, np.nan, codes)}


def learned(column: pd.Series) -> tuple[np.ndarray, str]:
    """The target as numbers, and what to learn: of two values the greater is 1."""
    values = pd.to_numeric(column, errors="coerce")
    column = values if values.notna().all() else column
    if len(found := sorted(column.unique())) <= 2:
        return (column == found[-1]).to_numpy(np.float64), "binary"
    objective = "binary" if len(found) <= 10 else "regression"
    return values.to_numpy(np.float64), objective

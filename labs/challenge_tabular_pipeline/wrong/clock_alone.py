"""Takes the weekday and the hour of a date, and forgets the date itself.

Fails: rows in time order
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
        clock = {"hour": times.dt.hour + times.dt.minute / 60, "weekday": times.dt.weekday}
        return {name: part.to_numpy(np.float64) for name, part in clock.items()}
    levels = pd.Index(known.unique())
    if len(levels) > max(20, MANY * len(known)):
        return {}
    codes = levels.get_indexer(text).astype(np.float64)
    return {"level": np.where(codes < 0, np.nan, codes)}

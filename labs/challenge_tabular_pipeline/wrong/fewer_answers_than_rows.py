"""Drops repeated rows also from those to predict: the answers do not fit the rows any more.

Fails: rows that were exported many times
"""

import io

import lightgbm
import numpy as np
import pandas as pd

from ..work import LEAF, MANY, MOSTLY, SETTINGS, TREES, columns, learned


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


def predict(train: bytes, target: str, rows: bytes) -> np.ndarray:
    """Learn the column `target` of the table `train`, and predict it for each of `rows`; both are CSV with a header.

    One number a row, in the order of `rows`. If the target has two values: the higher, the more probable is the greater
    one (the larger number, the later text in the alphabet). Otherwise the target is a number: predict it.
    """
    table, wanted = (pd.read_csv(io.BytesIO(text), dtype=str) for text in (train, rows))
    table = table[table[target].notna()].drop_duplicates()
    wanted = wanted.drop_duplicates()
    y, objective = learned(table[target])
    if len(np.unique(y)) < 2:
        return np.full(len(wanted), 0.5)
    x, x_wanted, levels = columns(table.drop(columns=target), wanted)
    leaf = max(1, min(LEAF, len(x) // 20))  # a small table cannot fill large leaves
    settings = {**SETTINGS, "objective": objective, "min_data_in_leaf": leaf, "min_data_in_bin": min(3, leaf)}
    data = lightgbm.Dataset(x, y, params=settings, categorical_feature=levels)
    return np.asarray(lightgbm.train(settings, data, TREES).predict(x_wanted), np.float64)

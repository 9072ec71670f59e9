"""From a CSV to a prediction, for any table. Edit this file; you may add others beside it."""

import io

import lightgbm  # or xgboost, or sklearn.ensemble
import numpy as np
import pandas as pd

### BEGIN SOLUTION
SETTINGS = {
    "learning_rate": 0.2,
    "num_leaves": 16,
    "max_bin": 63,
    "num_threads": 1,
    "verbosity": -1,
    "force_col_wise": True,
    "max_cat_to_onehot": 8,
    "cat_smooth": 20.0,
}
TREES, LEAF = 40, 20
DAY_FIRST = r"^\d\d?\.|^(?:1[3-9]|2\d|3[01])[-/]"  # 03.04.2025 is in April, and so is 03/04/2025 below 31/12/2025
MOSTLY = 0.95  # share of the texts of a column that must read as numbers, or as times
MANY = 0.5  # a text that differs in more than this share of the rows is an identifier


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
        day_first = bool(known.str.contains(DAY_FIRST).any())
        times = pd.to_datetime(text, errors="coerce", format="mixed", dayfirst=day_first, utc=True)  # some name a zone
        days = (times - times.min()) / pd.Timedelta(days=1)
        clock = {"hour": times.dt.hour + times.dt.minute / 60, "weekday": times.dt.weekday}
        return {"": days.to_numpy(), **{name: part.to_numpy(np.float64) for name, part in clock.items()}}
    levels = pd.Index(known.unique())
    if len(levels) > max(20, MANY * len(known)):
        return {}
    codes = levels.get_indexer(text).astype(np.float64)
    return {"level": np.where(codes < 0, np.nan, codes)}


def columns(table: pd.DataFrame, wanted: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Numbers for the rows of both tables, and which columns hold levels."""
    both = pd.concat([table, wanted.reindex(columns=table.columns)], ignore_index=True)
    made = [item for name in both for item in numbers(both[name], len(table)).items()]
    x = np.column_stack([values for _, values in made]) if made else np.zeros((len(both), 1))
    return x[: len(table)], x[len(table) :], [place for place, (name, _) in enumerate(made) if name == "level"]


def learned(column: pd.Series) -> tuple[np.ndarray, str]:
    """The target as numbers, and what to learn: of two values the greater is 1."""
    values = pd.to_numeric(column, errors="coerce")
    column = values if values.notna().all() else column
    if len(found := sorted(column.unique())) <= 2:
        return (column == found[-1]).to_numpy(np.float64), "binary"
    return values.to_numpy(np.float64), "regression"


### END SOLUTION
def predict(train: bytes, target: str, rows: bytes) -> np.ndarray:
    """Learn the column `target` of the table `train`, and predict it for each of `rows`; both are CSV with a header.

    One number a row, in the order of `rows`. If the target has two values: the higher, the more probable is the greater
    one (the larger number, the later text in the alphabet). Otherwise the target is a number: predict it.
    """
    ### BEGIN SOLUTION
    table, wanted = (pd.read_csv(io.BytesIO(text), dtype=str) for text in (train, rows))
    table = table[table[target].notna()].drop_duplicates()
    y, objective = learned(table[target])
    if len(np.unique(y)) < 2:
        return np.full(len(wanted), 0.5)
    x, x_wanted, levels = columns(table.drop(columns=target), wanted)
    leaf = max(1, min(LEAF, len(x) // 20))  # a small table cannot fill large leaves
    settings = {**SETTINGS, "objective": objective, "min_data_in_leaf": leaf, "min_data_in_bin": min(3, leaf)}
    data = lightgbm.Dataset(x, y, params=settings, categorical_feature=levels)
    return np.asarray(lightgbm.train(settings, data, TREES).predict(x_wanted), np.float64)
    ### END SOLUTION

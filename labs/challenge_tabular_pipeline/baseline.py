"""The program that this challenge begins with: it reads row by row, and knows neither text, nor dates, nor leaks."""

import csv
import io

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def cell(text: str) -> float:
    """A number, or unknown."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def predict(train: bytes, target: str, rows: bytes) -> np.ndarray:
    """Three hundred trees of small steps on the columns of numbers, one row predicted after the other."""
    table, wanted = (list(csv.DictReader(io.StringIO(text.decode()))) for text in (train, rows))
    names = [name for name in wanted[0] if name != target]
    x = np.array([[cell(row[name]) for name in names] for row in table])
    y = np.array([row[target] for row in table])
    binary = len(set(y)) == 2
    kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    x[:, np.isnan(x).all(axis=0)] = 0.0
    model = kind(max_iter=300, learning_rate=0.04, early_stopping=False)
    model.fit(x, y if binary else y.astype(float))
    said = []
    for begin in range(0, len(wanted), 50):
        part = np.array([[cell(row[name]) for name in names] for row in wanted[begin : begin + 50]])
        said += list(model.predict_proba(part)[:, 1] if binary else model.predict(part))
    return np.array(said)

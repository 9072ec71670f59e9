"""What eleven American firms invested each year from 1935 to 1954: shipped with statsmodels."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.groups import Groups
from residency.harness.dataset import shipped

LATER = 3  # years that are predicted


@shipped("statsmodels.datasets")
def grunfeld() -> Groups:
    """Grunfeld's table of investments (1958), as Kleiber and Zeileis corrected it; public domain.

    The logarithm of a firm's investment is explained by its level, and by the logarithms of the firm's market value and
    of its capital, less their means over the firm's first 17 years. Those are learned from; the last three years, 33
    values, are predicted. The coefficients are not known, so the intervals of these values are judged. There are 187
    values to learn from: far too few for a GPU.
    """
    from statsmodels.datasets import grunfeld as table

    rows = table.load_pandas().data.sort_values(["firm", "year"])
    firms = rows["firm"].nunique()
    invested, value, capital = (
        np.log(rows[name].to_numpy(np.float64)).reshape(firms, -1) for name in ("invest", "value", "capital")
    )
    columns = [column - column[:, :-LATER].mean(axis=1, keepdims=True) for column in (value, capital)]
    x = np.stack([np.ones_like(invested), *columns], axis=1).astype(np.float32)
    past, later = x[:, :, :-LATER].copy(), x[:, :, -LATER:].copy()
    y = invested[:, :-LATER].astype(np.float32)
    return Groups(past, y, ("level", "value", "capital"), x_test=later, y_test=invested[:, -LATER:].copy())

"""From a panel to what trees learn from: the same features of whole columns, whichever library shifts them."""

from __future__ import annotations

from typing import Any

from residency.datasets.timeseries.series import Panel
from residency.harness import device

WINDOWS = (1, 2)  # seasons of a rolling mean that ends one horizon ago


def columns(data: Panel, table, rolling_mean):
    """Features, target, base: series of pandas or cuDF, or Polars expressions; rows before `data.first` are void.

    What would lie before its series' beginning is NaN, which trees take.
    """

    def known(column: Any, reach: int) -> Any:
        """The column, NaN where its series does not reach so far back: 0 / 0, in any library."""
        if reach <= data.first:  # such rows are void
            return column
        enough = table["step"] // reach
        return column * (enough / enough)

    scaled = table["value"] / table["unit"]
    base = scaled.shift(data.horizon, fill_value=0.0)
    features = {"level": base}
    for lag in data.lags[1:]:
        features[f"lag_{lag}"] = known(scaled.shift(lag, fill_value=0.0) - base, lag)
    for seasons in WINDOWS:
        steps = seasons * data.season
        features[f"mean_{seasons}"] = known(rolling_mean(base, steps) - base, data.horizon + steps - 1)
    for period in data.phases:
        features[f"phase_{period}"] = table["moment"] % period
    for name in data.names:
        features |= {name: table[name], f"{name}_before": table[name].shift(data.horizon, fill_value=0.0)}
    return features, scaled - base, base


def frame(data: Panel, frames, where: str):
    """The panel's columns as a frame of pandas or cuDF on that device."""
    return frames.DataFrame({name: device.place(column, where) for name, column in data.columns.items()})


def matrices(data: Panel, table, frames):
    """Features and target to learn from; features, base and unit of what is ahead."""
    features, target, base = columns(data, table, lambda column, steps: column.rolling(steps, min_periods=1).mean())
    features = frames.DataFrame(features).astype("float32")
    learn, ahead = (table["step"] >= data.first) & ~table["future"], table["future"]
    return features[learn], target[learn], features[ahead], base[ahead].values, table["unit"][ahead].values

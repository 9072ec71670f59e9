"""From a panel to what trees learn from: the same features of whole columns, whichever library shifts them."""

from __future__ import annotations

from residency.datasets.series import Panel
from residency.harness import device

WINDOWS = (1, 2)  # seasons of a rolling mean; they end before the longest lag does


def columns(data: Panel, table, rolling_mean):
    """Features, target, base: series of pandas or cuDF, or Polars expressions; rows before the longest lag are void."""
    scaled = table["value"] / table["unit"]
    base = scaled.shift(data.lags[0])
    features = {"level": base} | {f"lag_{lag}": scaled.shift(lag) - base for lag in data.lags[1:]}
    for seasons in WINDOWS:
        features[f"mean_{seasons}"] = rolling_mean(base, seasons * data.season) - base
    for period in data.phases:
        features[f"phase_{period}"] = table["moment"] % period
    for name in data.names:
        features |= {name: table[name], f"{name}_before": table[name].shift(data.lags[0])}
    return features, scaled - base, base


def frame(data: Panel, frames, where: str):
    """The panel's columns as a frame of pandas or cuDF on that device."""
    return frames.DataFrame({name: device.place(column, where) for name, column in data.columns.items()})


def matrices(data: Panel, table, frames):
    """Features and target to learn from; features, base and unit of what is ahead."""
    features, target, base = columns(data, table, lambda column, steps: column.rolling(steps).mean())
    features = frames.DataFrame(features).astype("float32")
    learn, ahead = (table["step"] >= max(data.lags)) & ~table["future"], table["future"]
    return features[learn], target[learn], features[ahead], base[ahead].values, table["unit"][ahead].values

"""The table that `etl` is to find: its columns, what finding it costs at least, and how many of its cells are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.tabular.trips import Trips
from residency.harness.errors import WrongResult
from residency.harness.quality import metric

NEEDED = ["pickup", "dropoff", "pickup_zone", "passengers", "distance", "fare", "tip", "payment"]
KEYS = ["borough", "weekday", "hour"]


@metric(name="correct cells")
def correct_cells(data: Trips, result: Any) -> float:
    """Share of the table's cells that are right, row by row in sorted order.

    Keys, counts and sums of cents must be equal. A mean must be as near as float64 sums of so many positive terms in
    any order are: count x 2**-53, and a little for rounding the terms, the quotient and the truth itself.
    """
    kept = np.nonzero(data.count)  # in the order of the keys
    count = data.count[kept]
    exact = {"borough": data.boroughs[kept[0]], "weekday": kept[1], "hour": kept[2], "trips": count}
    exact["fare"] = data.fare[kept]
    means = {"distance": data.distance[kept] / (100.0 * count), "tip": data.tip[kept] / count}
    names = [*exact, *means]
    if not isinstance(result, dict) or set(result) != set(names):
        raise WrongResult(f"the result must be a dict of the columns {', '.join(names)}")
    for name in names:
        if result[name].shape != count.shape:
            raise WrongResult(f"column {name} has shape {result[name].shape}, expected {count.shape}")
    right = sum(np.sum(result[name] == truth) for name, truth in exact.items())
    right += sum(np.sum(abs(result[name] - mean) <= (count + 4) * 2.0**-53 * mean) for name, mean in means.items())
    return float(right / (len(names) * len(count)))


def work(data: Trips) -> tuple[float, float]:
    """Four additions for each trip that counts, and every compressed byte of the needed columns read once."""
    from pyarrow.parquet import read_metadata

    meta = read_metadata(data.trips)
    groups = [meta.row_group(group) for group in range(meta.num_row_groups)]
    chunks = [group.column(column) for group in groups for column in range(group.num_columns)]
    read = sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in NEEDED)
    return 4.0 * float(data.count.sum()), float(read)

"""A panel in parts for the workers of a cluster, each of whole series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from residency.datasets.timeseries.series import Panel
from residency.harness import Run
from residency.harness.cluster import Rows

COLUMNS = ("series", "step", "moment", "future", "value", "unit")  # whose rows a worker reads


@dataclass(frozen=True)
class Part:
    """Some of a panel's series, from the first row of one to the last row of another."""

    rows: Rows  # of the columns
    known: Path  # where the columns lie that are known in advance, each in a row of its own
    plan: Panel  # its lags and seasons, without rows

    def read(self) -> Panel:
        """Runs on a worker: the part's rows, without what they are judged by."""
        known = np.load(self.known, mmap_mode="r")[:, self.rows.start : self.rows.stop]
        columns: dict[str, Any] = dict(zip(COLUMNS, self.rows.read(), strict=True))
        return replace(self.plan, known=np.array(known), **columns)


def parts(data: Panel, run: Run, count: int | None = None) -> list[Part]:
    """The panel in `count` parts, or in as many as suit the cluster; fewer if it has fewer series. No part is empty."""
    places = run.partitions(*(getattr(data, name) for name in COLUMNS), count=count)
    begins = sorted({place.start - int(data.step[place.start]) for place in places})  # of the series they begin in
    without: dict[str, Any] = {name: np.empty(0, getattr(data, name).dtype) for name in (*COLUMNS, "scale")}
    without |= {"known": np.empty((len(data.names), 0), np.float32), "y_test": np.empty(0), "expected_test": None}
    plan = replace(data, **without)
    file = Path(data.known.filename)  # type: ignore[attr-defined]
    return [
        Part(replace(places[0], start=start, stop=stop), file, plan) for start, stop in pairwise([*begins, data.rows])
    ]

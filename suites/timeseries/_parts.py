"""Whole series of a panel, handed to workers as places in its files, and what the workers make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from residency.datasets.timeseries.series import Panel
from residency.harness import Run, device
from residency.harness.cluster import Rows
from residency.suites.timeseries._features import frame, matrices

COLUMNS = ("series", "step", "moment", "future", "value", "unit")


@dataclass(frozen=True)
class Part:
    """Some of a panel's series, from the first row of one to the last row of another."""

    rows: Rows  # of the columns
    known: Path  # where the columns lie that are known in advance, each in a row of its own
    plan: Panel  # its lags and seasons, without rows


def parts(data: Panel, run: Run) -> list[Part]:
    """The panel in as many parts as suit the cluster, or in fewer where it has fewer series; none is empty."""
    places = run.partitions(*(getattr(data, name) for name in COLUMNS))
    begins = sorted({place.start - int(data.step[place.start]) for place in places})  # of the series they begin in
    without: dict[str, Any] = {name: np.empty(0, getattr(data, name).dtype) for name in (*COLUMNS, "scale")}
    without |= {"known": np.empty((len(data.names), 0), np.float32), "y_test": np.empty(0), "expected_test": None}
    plan = replace(data, **without)
    file = Path(data.known.filename)  # type: ignore[attr-defined]
    return [
        Part(replace(places[0], start=start, stop=stop), file, plan) for start, stop in pairwise([*begins, data.rows])
    ]


def read_part(part: Part, frames, where: str):
    """Runs on a worker: the part's rows as a frame on its device."""
    known = np.load(part.known, mmap_mode="r")[:, part.rows.start : part.rows.stop]
    columns: dict[str, Any] = dict(zip(COLUMNS, part.rows.read(), strict=True))
    return frame(replace(part.plan, known=np.array(known), **columns), frames, where)


def part_arrays(part: Part, table, frames):
    """Runs on a worker: what `matrices` makes of the part, as arrays."""
    return tuple(getattr(one, "values", one) for one in matrices(part.plan, table, frames))


def part_forecast(made, model):
    """Runs on a worker: the future of the part's series, on the host."""
    _, _, ahead, base, unit = made
    return device.to_host((model.inplace_predict(ahead) + base) * unit)


def on_workers(run: Run, made: Sequence[Any], place: int) -> Any:
    """One of the arrays of every part, where it lies, as a Dask array with a block for each part."""
    import dask.array as blocks

    arrays = run.client.map(itemgetter(place), made, pure=False)
    shapes = run.client.gather(run.client.map(np.shape, arrays, pure=False))
    meta = run.xp.empty((0,) * len(shapes[0]), np.float32)
    return blocks.concatenate(
        [blocks.from_delayed(array, shape, meta=meta) for array, shape in zip(arrays, shapes, strict=True)]
    )

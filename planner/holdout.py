"""Are the fits right? Leave the largest measured size out, predict it from the others, and look."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from residency.analysis.rows import rows
from residency.harness.records import Records, moment
from residency.planner.fit import BEYOND, LEVEL, Prediction, model
from residency.planner.series import QUANTITIES, Key, What, series

LEAST = 2  # sizes that remain


@dataclass(frozen=True)
class Held:
    """A prediction of the largest size from the smaller ones, and what was measured there."""

    key: Key
    what: What
    sizes: int  # that the prediction comes from
    rows: int
    predicted: Prediction
    measured: float  # the geometric mean over its processes

    @property
    def inside(self) -> bool:
        """Whether the interval holds what was measured."""
        return bool(self.predicted.low <= self.measured <= self.predicted.high)


def holdout(runs: Iterable[Records], level: float = LEVEL) -> list[Held]:
    """Of every series with at least three sizes, as far as its largest is within reach of the others."""
    held: list[Held] = []
    for known in series([(run, rows(run)) for run in sorted(runs, key=lambda run: moment(run.info.started))]):
        for what, quantity in QUANTITIES.items():
            points = known.points(what)
            kept, last = points[:-1], points[-1] if points else None
            if last is None or len(kept) < LEAST or last.rows > BEYOND * kept[-1].rows:
                continue
            predicted = model(kept, quantity, known.growth).predict(last.rows, level)
            if isinstance(predicted, Prediction):
                measured = math.exp(float(np.log(last.processes).mean()))
                held.append(Held(known.key, what, len(kept), last.rows, predicted, measured))
    return held

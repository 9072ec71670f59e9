"""Trials of XGBoost: drawn from a space of configurations, taken in turn by one process or by a cluster's workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from residency.harness import Run, device
from residency.harness.cluster import Rows

SPACE: Mapping[str, tuple[float, float]] = {  # from, to: drawn evenly on a logarithmic scale
    "max_depth": (2, 10),
    "learning_rate": (0.01, 1.0),
    "min_child_weight": (0.1, 100.0),
    "reg_lambda": (0.1, 100.0),
    "max_cat_to_onehot": (2, 256),  # up to so many categories are split one against the rest
}
APART = 0.2  # of the training rows: what trials are judged on
BINS = 255

Judged = list[tuple[float, Any]]
"""AUCs on the rows apart, and the trials: on a cluster futures, their boosters stay where they are."""


@dataclass(frozen=True)
class Trial:
    """A configuration, and how far it has come."""

    configuration: Mapping[str, float]
    rounds: int = 0
    booster: Any = None
    auc: float = 0.5  # on the rows apart


def draw(count: int, seed: int) -> list[Trial]:
    """Trials that have not begun. The first ones do not depend on their number."""
    least, most = np.log(list(SPACE.values())).T
    points = np.exp(np.random.default_rng(seed).uniform(least, most, (count, len(SPACE))))
    whole = [name for name, bounds in SPACE.items() if isinstance(bounds[0], int)]
    drawn = (dict(zip(SPACE, point, strict=True)) for point in points.tolist())
    return [Trial({**one, **{name: round(one[name]) for name in whole}}) for one in drawn]


def binned(table: tuple[Any, Any], categorical: Sequence[int], threads: int) -> tuple[Any, Any]:
    """XGBoost's matrices of the rows to learn from and of those apart."""
    import xgboost

    x, y = table
    kinds = ["c" if column in categorical else "q" for column in range(x.shape[1])]
    options = {"feature_types": kinds, "enable_categorical": True, "max_bin": BINS, "nthread": threads}
    cut = round(APART * len(x))
    learn = xgboost.QuantileDMatrix(x[cut:], y[cut:], **options)
    return learn, xgboost.QuantileDMatrix(x[:cut], y[:cut], ref=learn, **options)


def judge(booster: Any, apart: Any) -> float:
    """The booster's AUC on the rows apart, by XGBoost on its device; a half where they are all of one class."""
    auc = float(booster.eval(apart).rpartition(":")[2])
    return 0.5 if np.isnan(auc) else auc


def one_by_one(
    matrices: Any, train: Callable[[Any, Trial, int], Trial], trials: Sequence[Trial], rounds: int
) -> Judged:
    """All trials so many rounds far, in this process."""
    return [(trial.auc, trial) for trial in (train(matrices, trial, rounds) for trial in trials)]


def read(rows: Rows, where: str) -> tuple[Any, ...]:
    """Runs on a worker: the rows of each array, on its device."""
    return tuple(device.place(array, where) for array in rows.read())


def on_each(run: Run, function: Callable[..., Any], own: Mapping[str, Any], *arguments: Any) -> dict[str, Any]:
    """Futures by worker: the function of what is the worker's own, on that worker and no other."""
    submit = run.client.submit
    return {worker: submit(function, one, *arguments, workers=[worker], pure=False) for worker, one in own.items()}


def in_turn(
    run: Run, matrices: Mapping[str, Any], train: Callable[[Any, Trial, int], Trial], trials: Sequence[Any], rounds: int
) -> Judged:
    """All trials so many rounds far, by the workers that hold the matrices: who has finished one takes the next.

    A worker has one at a time, on all its threads: XGBoost does not promise to train twice at once on one matrix.
    """
    from distributed import as_completed

    waiting, at, busy = iter(trials), {}, as_completed()

    def take(worker: str) -> None:
        if (trial := next(waiting, None)) is not None:
            (future,) = on_each(run, train, {worker: matrices[worker]}, trial, rounds).values()
            at[future] = worker
            busy.add(future)

    for worker in matrices:
        take(worker)
    for future in busy:
        take(at[future])
    aucs = run.client.gather(run.client.map(attrgetter("auc"), list(at), pure=False))
    return list(zip(aucs, at, strict=True))

"""Approximate searches state a recall and are tuned to it, on a sample, before they answer.

An index has one number that trades speed for recall: how many lists a question looks at, how many candidates a walk
through a graph keeps. The right value depends on the data, so each implementation finds it, and its time counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from residency.harness import Run

RECALL = 0.95  # that every approximate implementation states; below it a result is wrong
AIM = 0.975  # recall on the sample, which differs from that of all by chance
SAMPLE = 128  # questions by which it is tuned
WIDTHS = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)  # lists looked at, or candidates kept

Setting = TypeVar("Setting")


def tuned(
    run: Run, search: Callable[[Any, Setting], Any], asked: Any, exact: Any, settings: Iterable[Setting]
) -> Setting:
    """The first of the settings whose answers hold enough of the exact neighbours; if none does, the last.

    `search(asked, setting)` and `exact` are places of the nearest, shape (questions, neighbours), on any device.
    """
    known = run.to_host(exact)
    for setting in settings:
        reached = share(run.to_host(search(asked, setting)), known)
        if reached >= AIM:
            break
    run.effective(stated_recall=RECALL, tuned_to=setting, recall_on_sample=reached)
    return setting


def lists_by_cuvs(
    run: Run, ivf_flat: Any, rows: Any, *, lists: int, iterations: int, trained_by: int, neighbours: int
) -> Callable[[Any, int], Any]:
    """An index of inverted lists by cuVS (`ivf_flat` is its module), as a function that searches it.

    k-means of so many `iterations` learns the `lists` from `trained_by` rows a list. The function takes what is asked
    and how many lists to look at; it gives the places of the `neighbours` nearest rows by Euclidean distance, shape
    (asked, neighbours), on the GPU.
    """
    from cuvs.common import Resources

    resources = Resources()
    shape = ivf_flat.IndexParams(
        n_lists=lists,
        metric="sqeuclidean",
        kmeans_n_iters=iterations,
        kmeans_trainset_fraction=min(1.0, trained_by * lists / len(rows)),
    )
    index = ivf_flat.build(shape, rows, resources=resources)

    def search(asked: Any, width: int) -> Any:
        looked_at = ivf_flat.SearchParams(n_probes=min(width, lists))
        _, found = ivf_flat.search(looked_at, index, asked, neighbours, resources=resources)
        resources.sync()
        return run.xp.asarray(found)

    return search


def share(found: NDArray[np.integer], exact: NDArray[np.integer]) -> float:
    """Share of the exact neighbours that were found."""
    return float((found[:, :, None] == exact[:, None, :]).any(axis=1).mean())

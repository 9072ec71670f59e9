"""Measure the suites at four sizes each, up to a quarter of `lab` or so: what the planner's fits are checked by.

    python tests/trials/planner_sizes.py BUDGET [RUN]

The sizes of a task are in equal ratios, from its `smoke` size or a hundredth of `lab` to the largest named below.
Writes a run into results/runs and prints its folder, or continues the run in that folder. Tasks whose smallest size
takes long are left out. Each process has one thread: on a busy machine, threads that wait for each other would make the
times of a size differ tenfold.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from residency.harness import records
from residency.harness.discovery import Catalogue
from residency.runners.plan import Group, Selection, plan
from residency.runners.settings import Settings
from residency.studies.measuring import info_of, measure
from residency.suites import SHIPPED

SIZES = 4
COMMAND = ["python", "tests/trials/planner_sizes.py", *sys.argv[1:]]
# The smallest and the largest number of rows; the implementations, all on the CPU, that are measured.
MEASURED: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "foundations/bandwidth": (2_097_152, 50_000_000, ("arrays", "tensors")),
    "foundations/matrix_product": (256, 1_024, ("arrays", "tensors")),
    "tabular/ridge": (20_000, 250_000, ("normal_equations", "estimator")),
    "tabular/gradient_boosting": (5_000, 62_500, ("level_by_level", "leaf_by_leaf")),
    "tabular/random_forest": (2_000, 25_000, ("histograms", "exact_splits")),
    "tabular/clustering": (10_000, 250_000, ("array_operations", "estimator", "onedal")),
    "tabular/anomaly": (8_000, 50_000, ("brute_force", "onedal", "tree")),
    "tabular/etl": (200_000, 5_000_000, ("data_frame", "lazy_frame", "sql")),
    "tabular/etl_join": (200_000, 5_000_000, ("data_frame", "lazy_frame", "sql")),
    "tabular/tuning": (10_000, 50_000, ("halving", "random_search")),
    "timeseries/lag_features": (44_800, 560_000, ("data_frame", "lazy_frame")),
    "timeseries/matrix_profile": (5_000, 25_000, ("matrix_products",)),
    "nlp/classify": (4_000, 50_000, ("estimator", "hashing", "columns")),
    "nlp/search": (5_000, 50_000, ("matrix_product", "estimator", "flat_index")),
    "nlp/word_count": (50_000, 400_000, ("lazy_frame", "sql", "kernels")),
    "image/preprocess": (64, 500, ("image_by_image",)),
    "ocr/binarise": (4, 50, ("opencv",)),
    "foundations/compilation": (1_048_576, 16_777_216, ("arrays", "tensors")),
    "foundations/copies": (4_194_304, 33_554_432, ("arrays_in_memory",)),
}


def groups() -> list[Group]:
    """All sizes of a task follow each other, so that what else the machine does meanwhile is alike."""
    catalogue, made = Catalogue([SHIPPED]), []
    for task, (smallest, largest, names) in MEASURED.items():
        sizes = tuple(str(round(rows)) for rows in np.geomspace(smallest, largest, SIZES))
        selection = Selection(tasks=(task,), sizes=sizes, devices=("cpu",))
        made += [
            replace(
                group,
                implementations=tuple(one for one in group.implementations if one.id.partition("@")[0] in names),
            )
            for group in plan(catalogue, selection)
        ]
    return made


def main() -> None:
    """Measure within the budget, in seconds."""
    planned, settings = groups(), Settings(replicates=5, rounds=4, threads=1, budget=float(sys.argv[1]))
    before = records.read(Path(sys.argv[2])) if len(sys.argv) > 2 else None
    selection = Selection(tasks=tuple(MEASURED), devices=("cpu",))
    info = before.info if before else replace(info_of(planned, settings, selection, "sizes"), command=COMMAND)
    folder = before.folder if before else Path("results/runs") / info.id
    measure(planned, settings, info, folder, before)
    print(folder)


if __name__ == "__main__":
    main()

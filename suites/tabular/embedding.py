"""A map of the table: rows that are near each other in all columns get places near each other in two dimensions.

Question  UMAP and t-SNE are what people wait for when they look at a table. What is a GPU worth for them?
Expect    Both begin with the neighbours of every row, and then move the places of all rows some hundreds of times in
          small steps. UMAP's step is per edge of the graph: a few hundred bytes, in random order, with five random
          rows to be pushed away. t-SNE's step pushes all rows apart: by a tree (Barnes-Hut), n log n, or by a grid and
          its Fourier transform, n. Nothing here is arithmetic that fills a GPU; but thousands of places move at the
          same time, and the map of a million rows, 8 MB, fits the cache of either device. The copy, 128 bytes a row
          once, does not count against hundreds of rounds. So we expect a GPU to be 20 to 40 times as fast with 200,000
          rows (an estimate: no GPU has been seen).

All maps are compared at equal quality: trustworthiness at most 0.02 below the best. It says whether rows that are
neighbours on the map were neighbours in the table: 1 is perfect, 0.5 is a map without any knowledge. Maps differ from
run to run, and so does their trustworthiness, by up to 0.005. UMAP gets no seed: its threads move the same places in
any order, and with a seed umap-learn uses one thread. So its map is not reproducible to the digit. umap-learn compiles
itself in each process, for half a minute of a core or more: see the cold time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.tabular.curved_sheets import curved_sheets
from residency.datasets.tabular.digits import digits
from residency.datasets.tabular.iris import iris
from residency.datasets.tabular.own import own_points
from residency.datasets.tabular.points import Points
from residency.datasets.tabular.trust import NEIGHBOURS, trustworthiness
from residency.datasets.tabular.wine import wine
from residency.harness import Memory, Run, Task

EPOCHS = 200  # of UMAP
PERPLEXITY = 30.0  # of t-SNE: about how many neighbours count; three times as many are looked at
EXAGGERATED, ORDINARY = 250, 250  # rounds of t-SNE: first, neighbours attract each other twelve times as much
FEW = 1_000  # rows: below, umap-learn compares all pairs, with a call of Python for each; its own limit is 4,096
TOLERANCE = 0.02

task = Task(
    datasets=[curved_sheets, wine, iris, digits, own_points],
    sizes={"smoke": 500, "lab": 10_000, "lecture": 200_000, "production": 2_000_000},  # rows of 128 bytes
    quality=trustworthiness,
    tolerance=TOLERANCE,  # of two methods, and of any seed
    floor={"curved_sheets": 0.95, "digits": 0.9, "wine": 0.85, "iris": 0.9},  # a map without any knowledge: 0.5
    stated=f"trustworthiness at most {TOLERANCE} below the best",
    work=lambda data: (3.0 * NEIGHBOURS * data.x.size, float(data.x.nbytes)),  # the distances to the neighbours found
    limiter="many small steps, each of which needs the places after the one before",
    memory={"cpu": Memory(copies=25, fixed=0.5e9), "gpu": Memory(copies=25, fixed=2e9)},
)


def perplexity(data: Points) -> float:
    """The perplexity for so many rows: three times as many neighbours must exist."""
    return min(PERPLEXITY, (data.rows - 1) // 3)


@task.pair(cpu="umap", gpu="cuml.manifold", unchanged="cuml.accel")
def umap(data: Points, run: Run, manifold):
    """Neighbours, a first map by the graph's eigenvectors, then steps along its edges.

    Neighbours are found by descent; by comparing all pairs below 1,000 rows on a CPU, and up to 50,000 on a GPU.
    """
    one_sided = run.only(
        cpu={"n_jobs": run.threads, "low_memory": True, "force_approximation_algorithm": data.rows >= FEW},
        gpu={"build_algo": "auto", "force_serial_epochs": True},  # cuML's defaults; slower, but fewer rows go astray
    )
    model = manifold.UMAP(
        n_neighbors=min(NEIGHBOURS, data.rows - 1),
        n_components=2,
        metric="euclidean",
        n_epochs=EPOCHS,
        learning_rate=1.0,
        init="spectral",
        min_dist=0.1,
        spread=1.0,
        set_op_mix_ratio=1.0,
        local_connectivity=1.0,
        repulsion_strength=1.0,
        negative_sample_rate=5,
        random_state=None,
        **one_sided,
    )
    return placed(data, run, model)


@task.pair(cpu="sklearn.manifold", gpu="cuml.manifold", unchanged="cuml.accel")
def tsne(data: Points, run: Run, manifold):
    """t-SNE by the library's own: scikit-learn pushes rows apart by a tree, cuML by a grid.

    cuML's adaptive way, its default, which zero code change takes, too, sets three numbers by the number of rows: with
    200,000 rows it looks at 30 neighbours where the others look at 90, and exaggerates by 24 instead of 12.
    """
    one_sided: dict[str, Any] = run.only(
        cpu={"learning_rate": "auto", "method": "barnes_hut", "angle": 0.5, "n_jobs": run.threads},
        gpu={
            "learning_rate_method": "adaptive",
            "method": "fft",
            "n_neighbors": int(3 * perplexity(data)),
            "exaggeration_iter": EXAGGERATED,
        },
    )
    model = manifold.TSNE(
        n_components=2,
        perplexity=perplexity(data),
        early_exaggeration=12.0,
        max_iter=EXAGGERATED + ORDINARY,
        metric="euclidean",
        init="pca",
        random_state=run.seed,
        **one_sided,
    )
    return placed(data, run, model, **run.only(gpu=adaptive(data.rows)))


def adaptive(rows: int) -> dict[str, float]:
    """What cuML's t-SNE takes instead of the parameters that it is given, with the learning rate in both halves."""
    neighbours = min(90, rows) if rows <= 2_000 else max(int(102 - 0.0012 * rows), 30)
    return {"n_neighbors": neighbours, "early_exaggeration": 24.0 if rows > 10_000 else 12.0, "learning_rate": rows / 3}


def placed(data: Points, run: Run, model: Any, **instead: float) -> Any:
    """Every row's place on the map. `instead` are values that the library uses instead of those in the model."""
    run.effective(model)
    run.effective(**instead)
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("fit"):
        places = model.fit_transform(x)
    with run.stage("get"):
        return run.to_host(places)


@task.on_cpu("openTSNE")
def tsne_grid(data: Points, run: Run, opentsne):
    """t-SNE on all cores: by a tree below 10,000 rows, by a grid and its Fourier transform from there on."""
    model = opentsne.TSNE(
        n_components=2,
        perplexity=perplexity(data),
        early_exaggeration=12.0,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=ORDINARY,
        learning_rate="auto",
        metric="euclidean",
        initialization="pca",
        negative_gradient_method="auto",
        neighbors="auto",
        n_jobs=run.threads,
        random_state=run.seed,
    )
    run.effective(model)
    with run.stage("fit"):
        return np.asarray(model.fit(data.x))

"""An isolation forest: a row is strange if few random cuts part it from the others.

Question  The trees are tiny and every row walks down all of them. What is a GPU worth if hardly anything is learned?
Expect    Each of 256 trees sees 256 rows: building them takes milliseconds on any device, whatever the table's size.
          Scoring is the work: 256 trees times eight levels for each row, about two thousand steps with a comparison and
          a load from a table that depends on the step before. All trees together are a few megabytes: they fit a
          core's cache and a GPU's. So neither arithmetic nor bandwidth decides, but how many walks are under way at
          once: two or four in a core, tens of thousands on a GPU. The copy to the device is 64 bytes a row.

The forest never sees the distances of `anomaly`. It looks for rows far from all others, and misses those between
clusters: on `clusters_with_outliers` it does worse than a random guess.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.breast_cancer_outliers import breast_cancer_outliers
from residency.datasets.tabular.kdd_cup99 import kdd_cup99
from residency.datasets.tabular.outliers import Outliers
from residency.datasets.tabular.own import own_outliers
from residency.datasets.tabular.scattered_outliers import scattered_outliers
from residency.harness import Memory, Run, Task, quality

TREES = 256
SAMPLE = 256  # rows that a tree sees, as in the paper: Liu, Ting, Zhou (2008), "Isolation Forest"

task = Task(
    datasets=[scattered_outliers, breast_cancer_outliers, kdd_cup99, own_outliers],
    sizes={"smoke": 8_000, "lab": 200_000, "lecture": 5_000_000, "production": 100_000_000},
    quality=quality.average_precision,
    tolerance=0.1,  # another forest of random trees differs by up to this
    floor={"scattered_outliers": 0.3, "breast_cancer_outliers": 0.2, "kdd_cup99": 0.01},
    memory=Memory(copies=3, fixed=0.5e9),
)


def forest(run: Run, ensemble: Any) -> Any:
    """The estimator, with every parameter that decides the result."""
    return run.effective(
        ensemble.IsolationForest(
            n_estimators=TREES,
            max_samples=SAMPLE,
            max_features=1.0,
            bootstrap=False,
            contamination="auto",
            random_state=run.seed,
            **run.only(cpu={"n_jobs": run.threads}),
        )
    )


@task.pair(cpu="sklearn.ensemble", gpu="cuml.ensemble", plain=True, unchanged="cuml.accel")
def estimator(data: Outliers, run: Run, ensemble):
    """The library's own. scikit-learn walks one tree after the other, cuML a row down all trees at once."""
    model = forest(run, ensemble)
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("fit"):
        model.fit(x)
    with run.stage("predict"):
        score = -model.score_samples(x)
    with run.stage("get"):
        return run.to_host(score)

"""Rare events: invent more of them by SMOTE, weigh them more, or do nothing at all?

Question  One row in a hundred is an event. SMOTE invents rows between events until both classes are equally frequent.
          What does this cost, what does a GPU gain, and is it better than a weight for the events?
Expect    SMOTE (Chawla, Bowyer, Hall, Kegelmeyer 2002) finds the five nearest events of each event. It compares events
          with events alone: n² / 10,000 pairs. Then it writes nearly as many rows as there are, and the trees learn
          from twice the rows. The search is what a GPU does best, but training takes most of the time. With 8 million
          rows to learn from we expect SMOTE on a GPU to be six times as fast as on a CPU, and three times as fast as
          the CPU without SMOTE (an estimate: no GPU has been seen). A weight costs nothing.
          Average precision judges a ranking, and how frequent events are matters little to a ranking. So do not expect
          that SMOTE helps boosted trees: on 400,000 rows the average precision was 0.55 with all rows as they are, 0.54
          with weights and 0.52 to 0.53 with SMOTE; on 20,000 rows 0.65, 0.48, and 0.48 to 0.55 (40 events judge, so
          much of it is chance).
"""

from __future__ import annotations

from typing import Any

from residency.datasets import trees
from residency.datasets.tabular.own_rare import own_rare
from residency.datasets.tabular.rare_cover import rare_cover
from residency.datasets.tabular.rare_digit import rare_digit
from residency.datasets.tabular.rare_events import rare_events
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task, quality

NEIGHBOURS = 5  # SMOTE's usual number
ROUNDS, DEPTH, RATE, BINS = 60, 6, 0.1, 255


def best_work(data: Table) -> tuple[float, float]:
    """Boosting on the rows as they are: no row has to be invented."""
    rows, columns = data.x.shape
    return trees.boosting(rows, columns, ROUNDS, DEPTH, len(data.x_test))


task = Task(
    datasets=[rare_events, rare_digit, rare_cover, own_rare],
    sizes={"smoke": 20_000, "lab": 400_000, "lecture": 10_000_000, "production": 200_000_000},  # rows
    quality=quality.average_precision,
    tolerance=0.2,  # the three ways may differ by that, mostly where few events judge: read the quality of each
    floor={"rare_events": 0.03, "rare_digit": 0.8, "rare_cover": 0.1},  # shuffled targets: 0.01, 0.08 and 0.005
    work=lambda data: (float(ROUNDS * data.x.size), float(data.x.nbytes)),
    best_work=best_work,
    limiter=trees.LIMITER,
    memory={"cpu": Memory(copies=8, fixed=0.2e9), "gpu": Memory(copies=8, fixed=1e9)},
)


def boost(run: Run, x: Any, y: Any, x_test: Any, weight: float = 1.0) -> Any:
    """Learn from rows on the device, and predict: the log odds of an event."""
    import xgboost

    parameters = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "max_depth": DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "reg_lambda": 1.0,
        "min_child_weight": 1.0,
        "scale_pos_weight": weight,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    with run.stage("fit"):
        model = xgboost.train(parameters, xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=run.threads), ROUNDS)
    with run.stage("predict"):
        return model.inplace_predict(x_test, predict_type="margin")


def search(data: Table, run: Run, neighbors: Any) -> Any:
    """How an event finds its nearest: it is its own nearest, so there is one more."""
    wanted = {"n_neighbors": 1 + min(NEIGHBOURS, int(data.y.sum()) - 1), "algorithm": "brute", "metric": "euclidean"}
    return run.effective(neighbors.NearestNeighbors(**wanted, **run.only(cpu={"n_jobs": run.threads})))


@task.pair(cpu="sklearn.neighbors", gpu="cuml.neighbors", needs=("xgboost",))
def smote(data: Table, run: Run, neighbors):
    """SMOTE in a few lines on either device: the table stays there, and so do the invented rows."""
    xp, finder = run.xp, search(data, run, neighbors)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("neighbours"):
        events = x[y > 0]
        nearest = finder.fit(events).kneighbors(events, return_distance=False)[:, 1:]
    with run.stage("invent"):
        count, draw = max(0, len(x) - 2 * len(events)), xp.random.RandomState(run.seed)
        start, place = draw.randint(0, len(events), count), draw.randint(0, nearest.shape[1], count)
        along = draw.random_sample(count).astype(x.dtype)[:, None]
        made = events[start] + along * (events[nearest[start, place]] - events[start])
        x, y = xp.concatenate([x, made]), xp.concatenate([y, xp.ones(count, y.dtype)])
    log_odds = boost(run, x, y, x_test)
    with run.stage("get"):
        return run.to_host(log_odds)


@task.pair(
    cpu="sklearn.neighbors",
    gpu="cuml.neighbors",
    needs=("imblearn", "xgboost"),
    plain=True,
    unchanged="cuml.accel",
)
def smote_by_package(data: Table, run: Run, neighbors):
    """SMOTE of the package imbalanced-learn, with either library's search: all else happens in the host's memory.

    Under cuml.accel, only the search is on the GPU: XGBoost's parameters say that it stays on the CPU.
    """
    from imblearn.over_sampling import SMOTE

    oversampler = SMOTE(sampling_strategy="auto", random_state=run.seed, k_neighbors=search(data, run, neighbors))
    with run.stage("invent"):
        made, target = oversampler.fit_resample(data.x, data.y)
    with run.stage("put"):
        x, y, x_test = run.to_device(made, target, data.x_test)
    log_odds = boost(run, x, y, x_test)
    with run.stage("get"):
        return run.to_host(log_odds)


@task.pair(cpu="xgboost", gpu="xgboost")
def weights(data: Table, run: Run, xgboost):
    """Each event counts as much as ordinary rows / events, so both classes have the same weight. No row is invented."""
    events = int(data.y.sum())
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    log_odds = boost(run, x, y, x_test, (len(data.y) - events) / events)
    with run.stage("get"):
        return run.to_host(log_odds)


@task.pair(cpu="xgboost", gpu="xgboost")
def as_they_are(data: Table, run: Run, xgboost):
    """All rows count the same: what weights and SMOTE have to beat."""
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    log_odds = boost(run, x, y, x_test)
    with run.stage("get"):
        return run.to_host(log_odds)

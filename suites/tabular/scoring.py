"""Scoring: boosted trees that are already grown score one row, a hundred rows, or a million rows at once.

Question  A model is trained once, and scores rows for years. From how many rows in a request on does a GPU pay?
Expect    A row walks down 200 trees of six levels: 1,200 loads, each of which waits for the one before, in tables of
          300 KB that fit a core's cache and a GPU's. What decides is how many walks are under way at once: a few
          in a core, tens of thousands on a GPU. For one row the call decides: ONNX Runtime was seen to answer in
          0.016 ms, XGBoost on the same core in 0.2 ms. On a GPU two copies and a launch come first, 0.1 to 0.3 ms, so
          the CPU wins clearly. In a large request, XGBoost takes 2.4 microseconds of a core for a row, ONNX Runtime
          three times that. A GPU needs some 0.012 microseconds, and 0.003 for the copy of 84 bytes. So we expect
          about the same time for a hundred rows, and a GPU that is seven times as fast with ten thousand (an estimate:
          no GPU has been seen).

All score the same trees, which no library has grown, and every score is compared with the sum of the leaves in float64.
A request begins with its rows in the host's memory and ends with their scores there; the next one waits for it. The
first request of all, which also moves the trees, is a stage of its own, `first`. There are 200 requests of one row, 100
of a hundred and 20 of ten thousand; the largest size scores all rows. Figures give rows per second and the median wait.
From 100 requests on, they give the 99th percentile of the waits, too: of 200, about the third longest.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.diabetes_trees import diabetes_trees
from residency.datasets.tabular.diamonds_trees import diamonds_trees
from residency.datasets.tabular.forest import LEVELS, TREES, Forest, largest_difference
from residency.datasets.tabular.friedman_trees import friedman_trees
from residency.datasets.tabular.own_trees import own_trees
from residency.harness import Memory, Run, Task

BATCHES = (1, 100, 10_000, 1_000_000)  # rows in a request
SINGLE, MANY = 200, 100  # requests of one row, and of more
MOST = 200_000  # rows in all requests of a size, except the largest
DIFFERENCE = 1e-4  # of a score, in standard deviations: 200 leaves added up in float32 stay a tenth below it

Score = Callable[[NDArray[np.float32]], Any]
"""Rows in the host's memory to scores, on any device."""


def plan(rows: int) -> Iterator[tuple[int, int]]:
    """Each batch size with its number of requests; the largest scores all rows."""
    largest = min(rows, BATCHES[-1])
    for size in BATCHES:
        if size < largest:
            yield size, min(SINGLE if size == 1 else MANY, min(MOST, rows) // size)
    yield largest, -(-rows // largest)


def work(data: Forest) -> tuple[float, float]:
    """A comparison at each level and an addition for each tree and row; rows are read, scores written."""
    scored = sum(min(data.rows, size * requests) for size, requests in plan(data.rows))
    return float(scored * TREES * (LEVELS + 1)), float(scored * 4 * (data.x.shape[1] + 1))


task = Task(
    datasets=[friedman_trees, diabetes_trees, diamonds_trees, own_trees],
    sizes={"smoke": 10_000, "lab": 1_000_000, "lecture": 20_000_000, "production": 400_000_000},  # rows of 80 bytes
    quality=largest_difference,
    tolerance=DIFFERENCE,
    floor=DIFFERENCE,
    reference=lambda _: 0.0,
    work=work,
    limiter="loads that wait for each other; for few rows the calls themselves",
    memory={
        "cpu": Memory(copies=2.5, fixed=0.3e9),
        "gpu": Memory(copies=0.0, fixed=2e9, host=2.5),
    },
)


def served(data: Forest, run: Run, score: Score) -> dict[str, NDArray[Any]]:
    """The scores of all requests by batch size, and on record how long the requests took."""
    with run.stage("first"):
        run.to_host(score(data.x[:1]))
    scores = {}
    for size, requests in plan(data.rows):
        found, waits = [], np.empty(requests)
        with run.stage(f"batch_{size}"):
            for number in range(requests):
                start = perf_counter()
                found.append(run.to_host(score(data.x[number * size : (number + 1) * size])))
                waits[number] = 1_000.0 * (perf_counter() - start)
        scores[f"batch_{size}"] = np.concatenate(found).reshape(-1)
        figures = {"rows_per_second": 1_000.0 * sum(map(len, found)) / waits.sum(), "p50_ms": np.median(waits)}
        if requests >= MANY:
            figures["p99_ms"] = np.percentile(waits, 99)
        run.observe(**{f"{name}_batch_{size}": value for name, value in figures.items()})
    return scores


@task.pair(cpu="xgboost", gpu="xgboost")
def boosters(data: Forest, run: Run, xgboost):
    """XGBoost, without a matrix of its own for the rows: blocks of rows on all cores, or a thread of the GPU a row."""
    parameters = {"nthread": run.threads, **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"})}
    run.effective(**parameters)
    with run.stage("load"):
        model = xgboost.Booster(parameters, model_file=str(data.xgboost))
    return served(data, run, lambda rows: model.inplace_predict(run.to_device(rows)))


@task.on_cpu("lightgbm")
def leaf_wise(data: Forest, run: Run, lightgbm):
    """LightGBM: a row down all trees, rows on all cores."""
    run.effective(num_threads=run.threads)
    with run.stage("load"):
        model = lightgbm.Booster(model_file=str(data.lightgbm))
    return served(data, run, lambda rows: model.predict(rows, num_threads=run.threads))


@task.on_cpu("onnxruntime", needs=["onnxmltools", "xgboost"])
def runtime(data: Forest, run: Run, onnxruntime):
    """ONNX Runtime, which only scores: the trees are converted first."""
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = run.threads
    run.effective(intra_op_num_threads=run.threads, provider="CPUExecutionProvider")
    with run.stage("load"):
        model = xgboost.Booster({"nthread": run.threads}, model_file=str(data.xgboost))
    with run.stage("convert"):
        converted = convert_xgboost(model, initial_types=[("rows", FloatTensorType([None, data.x.shape[1]]))])
        session = onnxruntime.InferenceSession(converted.SerializeToString(), options, ["CPUExecutionProvider"])
    return served(data, run, lambda rows: session.run(None, {"rows": rows})[0])


@task.on_gpu("nvforest", needs=["cupy"])
def forest_inference(data: Forest, run: Run, nvforest):
    """nvForest, RAPIDS' library for scoring: it reads XGBoost's file and lays the trees out for the GPU."""
    parameters = {"device": "auto", "layout": "depth_first", "precision": "single"}  # auto: the GPU if there is one
    run.effective(**parameters)
    with run.stage("load"), warnings.catch_warnings():
        # It was built with another Treelite than the installed one, and says so each time it takes over trees.
        warnings.filterwarnings("ignore", message=".*originated from a newer Treelite version", category=UserWarning)
        model = nvforest.load_model(data.xgboost, model_type="xgboost_json", **parameters)
    return served(data, run, lambda rows: model.predict(run.to_device(rows)))

"""A support vector machine with a radial kernel: which few rows draw the border between the classes?

Question  The search compares rows with rows, again and again, and each step changes the weights of only two. What is a
          GPU worth for it, and what is a CPU library worth that uses all cores?
Expect    Libraries differ in how many rows they take at once. libsvm, behind scikit-learn, takes two: a step reads n
          kernel values for each of them, on one core. (A kernel value says how alike two rows are; it has nothing to
          do with a kernel of a GPU.) oneDAL and cuML take about a thousand: a matrix product of them
          with all rows, 24 operations and an exponential for each value of four bytes, then thousands of small steps
          among the thousand. The product is bound by bytes, of which a GPU moves some twenty times as many. The small
          steps wait for each other, on one block of the GPU. At 24,000 rows oneDAL took a quarter of scikit-learn's
          time on two cores. Predicting is a product with all support vectors; nothing waits there. The copy, 52 bytes a
          row, hardly counts. We expect a GPU to be 20 to 30 times as fast as oneDAL with 160,000 rows to learn from (an
          estimate: no GPU has been seen).

With more than two classes there is one model for each pair of classes: 45 small models for ten digits, one after the
other. There launches decide, and we expect the CPU to win.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.breast_cancer import breast_cancer
from residency.datasets.tabular.classes import accuracy, commonest_class
from residency.datasets.tabular.digit_classes import digit_classes
from residency.datasets.tabular.own_classes import own_classes
from residency.datasets.tabular.saddle import saddle
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task

CACHE = 1_000  # MiB of kernel values that a library may keep

task = Task(
    datasets=[saddle, digit_classes, breast_cancer, own_classes],
    sizes={"smoke": 3_000, "lab": 20_000, "lecture": 200_000, "production": 1_000_000},  # rows of 52 bytes
    quality=accuracy,
    tolerance=0.01,  # one solution is best; libraries stop near it (0.001), so a row near the border may differ
    floor={"saddle": 0.8, "digit_classes": 0.95, "breast_cancer": 0.92},  # the commonest class: 0.5, 0.12, 0.63
    naive={"the commonest class": commonest_class},
    work=lambda data: (2.0 * (data.x.size + data.x_test.size), float(data.x.nbytes + data.x_test.nbytes)),  # read once
    limiter="steps that change the weights of two rows, one after the other",
    memory={"cpu": Memory(copies=4, fixed=1.5e9), "gpu": Memory(copies=4, fixed=3e9)},
)


def machine(run: Run) -> dict[str, Any]:
    """The parameters that decide the result: twelve with the same names in all libraries, and a few of one side."""
    return {
        "C": 1.0,
        "kernel": "rbf",
        "gamma": "auto",  # 1 / columns, which are standardised
        "degree": 3,  # this kernel does not use it, nor `coef0`
        "coef0": 0.0,
        "tol": 1e-3,
        "cache_size": CACHE,
        "class_weight": None,
        "max_iter": -1,
        "decision_function_shape": "ovo",
        "random_state": run.seed,
        "verbose": False,
        **run.only(cpu={"shrinking": True, "break_ties": False}, gpu={"nochange_steps": 1_000}),
    }


@task.pair(cpu="sklearn.svm", gpu="cuml.svm", unchanged="cuml.accel")
def estimator(data: Table, run: Run, svm):
    """The library's own: libsvm on one core, in float64, two rows at a time; or cuML, in float32, about a thousand."""
    return classified(data, run, svm.SVC(**machine(run)))


@task.on_cpu("sklearnex.svm")
def onedal(data: Table, run: Run, svm):
    """The same by Intel's oneDAL, a drop-in for scikit-learn's: about a thousand rows at a time, on all cores."""
    return classified(data, run, svm.SVC(**machine(run), n_jobs=run.threads))


def classified(data: Table, run: Run, model: Any) -> Any:
    """The class of each row to predict."""
    run.effective(model)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("fit"):
        model.fit(x, y)
    with run.stage("predict"):
        found = model.predict(x_test)
    with run.stage("get"):
        return run.to_host(found)

"""Hyperparameter search: 729 rounds of boosting, spent on nine configurations or on eighty-one.

Question  What makes a search for the best parameters faster or better: a GPU, more workers, or giving up early on what
          does not look promising?
Expect    Random search trains nine configurations, 81 rounds each. Successive halving (Jamieson and Talwalkar 2016)
          begins 81 with 3 rounds each, and the best third goes on for three times as many: 27 to 9, 9 to 27, 3 to 81.
          None starts again, so these are 729 rounds too, in little more time (what goes on is often deep), for nine
          times as many tries. It errs where what learns slowly ends best, and gains nothing where the nine happen to
          hold a good one.
          A GPU spends as much on a small round as on a large one, some launches a level: at smoke size the CPU wins.
          Trials exchange nothing, which suits a cluster; but every worker holds the whole table, a stage of halving
          ends with its slowest trial, and no search is over before one configuration has had its 81 rounds, a ninth of
          the budget. So nine times as fast is the most that any number of workers can give.

Trials learn from four fifths of the training rows and are judged on the rest, never on the test rows. The best booster
itself predicts: nothing is fitted again. No parameter draws at random, so going on is the same as never having stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from residency.datasets.tabular.breast_cancer import breast_cancer
from residency.datasets.tabular.covertype import covertype
from residency.datasets.tabular.flights import flights
from residency.datasets.tabular.own import own_binary
from residency.datasets.tabular.table import Table
from residency.harness import Run, Task, quality
from residency.suites.tabular import _trials
from residency.suites.tabular._trials import Judged, Trial

HALVING = {3: 81, 9: 27, 27: 9, 81: 3}  # rounds in all, and how many configurations get that far
RANDOM = {81: 9}

task = Task(
    datasets=[flights, breast_cancer, covertype, own_binary],
    sizes={"smoke": 10_000, "lab": 100_000, "lecture": 2_000_000, "production": 400_000_000},  # rows
    quality=quality.auc,
    tolerance=0.05,  # between a lucky search and an unlucky one
    floor={"flights": 0.55, "breast_cancer": 0.95, "covertype": 0.9},
)


def search(run: Run, schedule: Mapping[int, int], train: Callable[[Sequence[Any], int], Judged]):
    """The trial that is best on the rows apart; `train` brings trials to so many rounds."""
    trials, spent, before = _trials.draw(max(schedule.values()), run.seed), 0, 0
    for rounds, count in schedule.items():
        judged = sorted(train(trials[:count], rounds), key=lambda one: -one[0])
        trials = [trial for _, trial in judged]
        spent, before = spent + count * (rounds - before), rounds
    run.observe(validation_auc=judged[0][0], boosting_rounds=spent)
    return trials[0]


def further(parameters: Mapping[str, Any], matrices, trial: Trial, rounds: int) -> Trial:
    """The trial with so many rounds in all, from its booster so far, and judged."""
    import xgboost

    learn, apart = matrices
    booster = xgboost.Booster({**parameters, **trial.configuration}, [learn, apart], model_file=trial.booster)
    for number in range(trial.rounds, rounds):
        booster.update(learn, number)
    return replace(trial, rounds=rounds, booster=booster, auc=_trials.judge(booster, apart))


def trainer(run: Run, schedule: Mapping[int, int]):
    """`further` with the parameters of all trials."""
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "tree_method": "hist",
        "max_bin": _trials.BINS,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(schedule=str(schedule), space=str(_trials.SPACE), apart=_trials.APART, **parameters)
    return partial(further, parameters)


def here(data: Table, run: Run, schedule: Mapping[int, int]):
    """One trial after the other, on all threads or the GPU."""
    train = trainer(run, schedule)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("bin"):
        matrices = _trials.binned((x, y), data.categorical, run.threads)
    with run.stage("search"):
        best = search(run, schedule, partial(_trials.one_by_one, matrices, train))
    with run.stage("predict"):
        chance = best.booster.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(chance)


def spread(data: Table, run: Run, schedule: Mapping[int, int]):
    """A trial on each worker at a time. Every worker reads and bins the whole table."""
    train, (rows,) = trainer(run, schedule), run.partitions(data.x, data.y, count=1)
    with run.stage("load"):
        held = _trials.on_each(run, _trials.read, dict.fromkeys(run.client.nthreads(), rows), run.device)
    with run.stage("bin"):
        held = _trials.on_each(run, _trials.binned, held, data.categorical, run.threads)
    with run.stage("search"):
        best = search(run, schedule, partial(_trials.in_turn, run, held, train)).result()
    with run.stage("put"):
        x_test = run.to_device(data.x_test)
    with run.stage("predict"):
        chance = best.booster.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(chance)


@task.pair(cpu="xgboost", gpu="xgboost")
def halving(data: Table, run: Run, xgboost):
    """Eighty-one configurations, of which three get all rounds."""
    return here(data, run, HALVING)


@task.pair(cpu="xgboost", gpu="xgboost")
def random_search(data: Table, run: Run, xgboost):
    """The first nine of them, all rounds each."""
    return here(data, run, RANDOM)


@task.on_cluster(cpu="xgboost", gpu="xgboost")
def spread_halving(data: Table, run: Run, xgboost):
    """`halving`, spread over the workers; its last stage has work for three of them."""
    return spread(data, run, HALVING)


@task.on_cluster(cpu="xgboost", gpu="xgboost")
def spread_random_search(data: Table, run: Run, xgboost):
    """`random_search`, spread over the workers; there is work for nine of them."""
    return spread(data, run, RANDOM)

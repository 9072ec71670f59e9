"""Hyperparameter search: 729 rounds of boosting, spent on nine configurations or on eighty-one.

Question  What makes a search for the best parameters faster or better: a GPU, more workers, or stopping early what does
          not look promising?
Expect    Random search trains nine configurations, 81 rounds each. Successive halving (Jamieson and Talwalkar 2016)
          starts 81 configurations with 3 rounds each. The best third continues to three times as many rounds: 27 reach
          9 rounds, 9 reach 27, and 3 reach 81. None starts again, so this too is 729 rounds, in little more time (the
          configurations that continue are often deep), for nine times as many tries. It errs if the best configuration
          learns slowly, and gains nothing if a good one happens to be among the nine.
          A GPU spends as much on a small round as on a large one, some launches a level: with one trial after the other
          we expect the CPU to win at `smoke` and `lab` size (an estimate: no GPU has been seen).
          Trials do not depend on each other, so several can share one card (`halving_at_once`): while one waits for a
          launch, others compute. That gains most where a round is small, and nothing where one round fills the card.
          The CPU side gets the same, with fewer threads for each trial: threads that wait for each other less.
          Trials exchange nothing, which suits a cluster. But every worker holds the whole table, each step of halving
          ends with its slowest trial, and no search ends before one configuration has had its 81 rounds, a ninth of the
          budget. So any number of workers can make it at most nine times as fast.

Trials learn from four fifths of the training rows and are judged on the rest, never on the test rows. The best booster
itself predicts: nothing is fitted again. No parameter uses random numbers, so to continue a trial is the same as never
to have stopped it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from residency.datasets.tabular.breast_cancer import breast_cancer
from residency.datasets.tabular.covertype import covertype
from residency.datasets.tabular.flights import flights
from residency.datasets.tabular.own import own_binary
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task, quality
from residency.harness.cluster import Rows
from residency.harness.device import place
from residency.suites._ray import ray_processes

HALVING = {3: 81, 9: 27, 27: 9, 81: 3}  # rounds in all, and how many configurations get that far
RANDOM = {81: 9}
SPACE: Mapping[str, tuple[float, float]] = {  # from, to: drawn evenly on a logarithmic scale
    "max_depth": (2, 10),
    "learning_rate": (0.01, 1.0),
    "min_child_weight": (0.1, 100.0),
    "reg_lambda": (0.1, 100.0),
    "max_cat_to_onehot": (2, 256),  # up to so many categories are split one against the rest
}
APART = 0.2  # of the training rows: what trials are judged on
BINS = 255
BOOSTER = "booster.ubj"  # a file, in which Ray Tune keeps the booster of a trial
AT_ONCE = {"cpu": 4, "gpu": 9}  # trials that share the device, at most: on a CPU they share the threads, too

task = Task(
    datasets=[flights, breast_cancer, covertype, own_binary],
    sizes={"smoke": 10_000, "lab": 100_000, "lecture": 2_000_000, "production": 400_000_000},  # rows
    quality=quality.auc,
    tolerance=0.05,  # between a lucky search and an unlucky one
    floor={"flights": 0.55, "breast_cancer": 0.95, "covertype": 0.9},
    memory=Memory(copies=120, fixed=0.1e9),  # 81 boosters, each of which keeps a prediction for every row
)

Judged = list[tuple[float, Any]]
"""AUCs on the rows apart, and the trials: on a cluster futures, their boosters stay where they are."""


@dataclass(frozen=True)
class Trial:
    """A configuration, and how many rounds it has had."""

    configuration: Mapping[str, float]
    rounds: int = 0
    booster: Any = None
    auc: float = 0.5  # on the rows apart


def draw(count: int, seed: int) -> list[Trial]:
    """New trials. The first ones are the same, however many there are."""
    least, most = np.log(list(SPACE.values())).T
    points = np.exp(np.random.default_rng(seed).uniform(least, most, (count, len(SPACE))))
    whole = [name for name, bounds in SPACE.items() if isinstance(bounds[0], int)]
    drawn = (dict(zip(SPACE, point, strict=True)) for point in points.tolist())
    return [Trial({**one, **{name: round(one[name]) for name in whole}}) for one in drawn]


def search(run: Run, schedule: Mapping[int, int], train: Callable[[Sequence[Any], int], Judged]):
    """The trial that is best on the held-out rows; `train` brings trials to a number of rounds."""
    trials, spent, before = draw(max(schedule.values()), run.seed), 0, 0
    for rounds, count in schedule.items():
        judged = sorted(train(trials[:count], rounds), key=lambda one: -one[0])
        trials = [trial for _, trial in judged]
        spent, before = spent + count * (rounds - before), rounds
    run.observe(validation_auc=judged[0][0], boosting_rounds=spent)
    return trials[0]


def further(parameters: Mapping[str, Any], matrices, trial: Trial, rounds: int) -> Trial:
    """The trial continued from its booster to this number of rounds in all, and judged."""
    import xgboost

    learn, apart = matrices
    booster = xgboost.Booster({**parameters, **trial.configuration}, [learn, apart], model_file=trial.booster)
    for number in range(trial.rounds, rounds):
        booster.update(learn, number)
    return replace(trial, rounds=rounds, booster=booster, auc=judge(booster, apart))


def judge(booster: Any, apart: Any) -> float:
    """The booster's AUC on the held-out rows, by XGBoost on its device; 0.5 if they are all of one class."""
    auc = float(booster.eval(apart).rpartition(":")[2])
    return 0.5 if np.isnan(auc) else auc


def trainer(run: Run, schedule: Mapping[int, int], at_once: int = 1):
    """`further` with the parameters of all trials, `at_once` of which share the device."""
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "tree_method": "hist",
        "max_bin": BINS,
        "seed": run.seed,
        "nthread": max(1, run.threads // at_once),
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(schedule=str(schedule), space=str(SPACE), apart=APART, trials_at_once=at_once, **parameters)
    return partial(further, parameters)


def binned(table: tuple[Any, Any], categorical: Sequence[int], threads: int, like: Any = None) -> tuple[Any, Any]:
    """XGBoost's matrices of the training rows and of the held-out rows, with the bins of `like` if it is given."""
    import xgboost

    x, y = table
    kinds = ["c" if column in categorical else "q" for column in range(x.shape[1])]
    options = {"feature_types": kinds, "enable_categorical": True, "max_bin": BINS, "nthread": threads}
    cut = round(APART * len(x))
    learn = xgboost.QuantileDMatrix(x[cut:], y[cut:], ref=like, **options)
    return learn, xgboost.QuantileDMatrix(x[:cut], y[:cut], ref=learn, **options)


def here(data: Table, run: Run, schedule: Mapping[int, int]):
    """One trial after the other, on all threads or the GPU."""
    train = trainer(run, schedule)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("bin"):
        matrices = binned((x, y), data.categorical, run.threads)
    with run.stage("search"):
        best = search(run, schedule, partial(one_by_one, matrices, train))
    with run.stage("predict"):
        chance = best.booster.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(chance)


def one_by_one(
    matrices: Any, train: Callable[[Any, Trial, int], Trial], trials: Sequence[Trial], rounds: int
) -> Judged:
    """All trials brought to this number of rounds, in this process."""
    return [(trial.auc, trial) for trial in (train(matrices, trial, rounds) for trial in trials)]


def at_once(data: Table, run: Run, schedule: Mapping[int, int]):
    """Several trials at a time in this process, each in a thread of its own.

    What isolates them: each thread has matrices of its own, because XGBoost does not promise that two trials can share
    one, and on a GPU a CUDA stream of its own, which XGBoost's builds give to every thread. XGBoost takes memory from
    CUDA's pool, so that freeing it does not stop the other streams; this setting belongs to a thread and is passed on.
    """
    lanes = max(1, min(AT_ONCE[run.device], run.threads))
    train = trainer(run, schedule, lanes)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("bin"):
        first = binned((x, y), data.categorical, run.threads)
        others = [binned((x, y), data.categorical, run.threads, first[0]) for _ in range(lanes - 1)]
    with run.stage("search"), lanes_of([first, *others]) as call:
        best = search(run, schedule, partial(side_by_side, call, train))
    with run.stage("predict"):
        chance = best.booster.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(chance)


@contextmanager
def lanes_of(matrices: Sequence[Any]) -> Iterator[Callable[..., Any]]:
    """A function that starts a call in a free thread, with matrices that no other thread has then."""
    import xgboost

    free: SimpleQueue[Any] = SimpleQueue()
    for own in matrices:
        free.put(own)

    def alone(function: Callable[..., Any], *arguments: Any) -> Any:
        own = free.get()
        try:
            return function(own, *arguments)
        finally:
            free.put(own)

    settings = partial(xgboost.set_config, **xgboost.get_config())
    with ThreadPoolExecutor(len(matrices), initializer=settings) as threads:
        yield lambda *call: threads.submit(alone, *call)


def side_by_side(
    call: Callable[..., Any], train: Callable[[Any, Trial, int], Trial], trials: Sequence[Trial], rounds: int
) -> Judged:
    """All trials brought to this number of rounds, the deepest first, so that none of them is left alone at the end."""
    deepest_first = sorted(range(len(trials)), key=lambda number: -trials[number].configuration["max_depth"])
    running = {number: call(train, trials[number], rounds) for number in deepest_first}
    done = [running[number].result() for number in range(len(trials))]
    return [(trial.auc, trial) for trial in done]


def spread(data: Table, run: Run, schedule: Mapping[int, int]):
    """Each worker has one trial at a time. Every worker reads and bins the whole table."""
    train, (rows,) = trainer(run, schedule), run.partitions(data.x, data.y, count=1)
    with run.stage("load"):
        workers = list(run.client.nthreads())
        held = run.on_workers(read, [rows] * len(workers), at=workers, movable=False, device=run.device)
    with run.stage("bin"):
        held = run.on_workers(
            binned, held, at=workers, movable=False, categorical=data.categorical, threads=run.threads
        )
    with run.stage("search"):
        matrices = dict(zip(workers, held, strict=True))
        best = search(run, schedule, partial(in_turn, run, matrices, train)).result()
    with run.stage("put"):
        x_test = run.to_device(data.x_test)
    with run.stage("predict"):
        chance = best.booster.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(chance)


def read(rows: Rows, device: str) -> tuple[Any, ...]:
    """Runs on a worker: the rows of each array, on its device."""
    return tuple(place(array, device) for array in rows.read())


def in_turn(
    run: Run, matrices: Mapping[str, Any], train: Callable[[Any, Trial, int], Trial], trials: Sequence[Any], rounds: int
) -> Judged:
    """All trials brought to this number of rounds: a worker that has finished a trial takes the next one.

    A worker has one trial at a time, on all its threads: XGBoost does not promise that two can share a matrix.
    """
    from distributed import as_completed

    waiting, at, busy = iter(trials), {}, as_completed()

    def take(worker: str) -> None:
        if (trial := next(waiting, None)) is not None:
            (future,) = run.on_workers(train, [matrices[worker]], [trial], at=[worker], movable=False, rounds=rounds)
            at[future] = worker
            busy.add(future)

    for worker in matrices:
        take(worker)
    for future in busy:
        take(at[future])
    aucs = run.client.gather(run.on_workers(attrgetter("auc"), list(at)))
    return list(zip(aucs, at, strict=True))


@task.pair(cpu="xgboost", gpu="xgboost", plain=True)
def halving(data: Table, run: Run, xgboost):
    """Eighty-one configurations, of which three get all their rounds."""
    return here(data, run, HALVING)


@task.pair(cpu="xgboost", gpu="xgboost", memory=Memory(copies=15), plain=True)
def random_search(data: Table, run: Run, xgboost):
    """The first nine of those configurations, with all rounds each."""
    return here(data, run, RANDOM)


@task.pair(cpu="xgboost", gpu="xgboost", memory=Memory(copies=150, fixed=0.25e9))
def halving_at_once(data: Table, run: Run, xgboost):
    """`halving` with several trials at a time: up to nine on a GPU, on a CPU up to four that share its threads."""
    return at_once(data, run, HALVING)


@task.pair(cpu="xgboost", gpu="xgboost", memory=Memory(copies=25))
def random_search_at_once(data: Table, run: Run, xgboost):
    """`random_search` with several trials at a time."""
    return at_once(data, run, RANDOM)


@task.on_cluster(cpu="xgboost", gpu="xgboost", memory=Memory(copies=120, whole=True))
def spread_halving(data: Table, run: Run, xgboost):
    """`halving`, spread over the workers; its last step has work for three of them."""
    return spread(data, run, HALVING)


@task.on_cluster(cpu="xgboost", gpu="xgboost", memory=Memory(copies=15, whole=True))
def spread_random_search(data: Table, run: Run, xgboost):
    """`random_search`, spread over the workers; there is work for nine of them."""
    return spread(data, run, RANDOM)


def on_ray(data: Table, run: Run, schedule: Mapping[int, int], tune):
    """Ray Tune gives each trial to a process that Ray has started, as many at a time as in `at_once`.

    Its processes make the matrices themselves: that is part of the stage `search`.
    """
    lanes = max(1, min(AT_ONCE["cpu"], run.threads))
    train, scheduler = trainer(run, schedule, lanes), ray_scheduler(schedule)
    run.effective(scheduler=type(scheduler).__name__)
    drawn = [dict(trial.configuration) for trial in draw(max(schedule.values()), run.seed)]
    with ray_processes(run) as folder, run.stage("search"):
        trial = partial(ray_trial, train, tuple(schedule), ray_table(data), run.threads // lanes)
        found = tune.Tuner(
            tune.with_resources(trial, {"cpu": run.threads // lanes}),
            param_space={"configuration": tune.grid_search(drawn)},
            tune_config=tune.TuneConfig(
                metric="auc", mode="max", scheduler=scheduler, max_concurrent_trials=lanes, reuse_actors=True
            ),
            run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
        ).fit()
        if found.errors:
            raise found.errors[0]
        best = max((one for one in found if one.checkpoint), key=lambda one: one.metrics["auc"])
        with best.checkpoint.as_directory() as place:
            booster = booster_in(Path(place) / BOOSTER)
    spent = sum(one.metrics["rounds"] for one in found)
    run.observe(validation_auc=best.metrics["auc"], boosting_rounds=spent)
    with run.stage("predict"):
        return booster.inplace_predict(data.x_test)


def booster_in(file: Path):
    """XGBoost's model in a file."""
    import xgboost

    return xgboost.Booster(model_file=file)


def ray_table(data: Table):
    """The rows to learn from and the columns of codes, in memory that all processes of Ray read."""
    import ray

    return ray.put((data.x, data.y, data.categorical))


def ray_scheduler(schedule: Mapping[int, int]):
    """All rounds for each trial, or asynchronous halving (Li and others 2020)."""
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

    if len(schedule) == 1:
        return FIFOScheduler()
    return ASHAScheduler("rounds", max_t=max(schedule), grace_period=min(schedule), reduction_factor=3)


def ray_trial(train, rungs: Sequence[int], table, threads: int, asked: Mapping[str, Any]) -> None:
    """Runs in a process of Ray's: brings the trial from one number of rounds to the next, until Tune stops it."""
    from ray import tune

    trial = Trial(asked["configuration"])
    for rounds in rungs:
        trial = train(binned_on_ray(table, threads), trial, rounds)
        with TemporaryDirectory() as folder:
            trial.booster.save_model(Path(folder) / BOOSTER)
            last = tune.Checkpoint.from_directory(folder) if rounds == rungs[-1] else None
            tune.report({"auc": trial.auc, "rounds": rounds}, checkpoint=last)


@lru_cache(1)
def binned_on_ray(table, threads: int) -> tuple[Any, Any]:
    """Runs in a process of Ray's: makes the matrices once, for all trials of that process."""
    import ray

    x, y, categorical = ray.get(table)
    return binned((x, y), categorical, threads)


@task.on_cpu("ray.tune", needs=["xgboost"], memory=Memory(copies=25, fixed=1e9))
def ray_halving(data: Table, run: Run, tune):
    """Those eighty-one configurations by Ray Tune, which waits for no trial: it judges each when its rounds are done.

    A trial goes on if it is in the best third of those that got as far before it. So the first ones always do: this
    spends more rounds than `halving`, and how many depends on who ends first.
    """
    return on_ray(data, run, HALVING, tune)


@task.on_cpu("ray.tune", needs=["xgboost"], memory=Memory(copies=25, fixed=1e9))
def ray_random_search(data: Table, run: Run, tune):
    """`random_search` by Ray Tune: the same trials, and what it takes to start and follow each in another process."""
    return on_ray(data, run, RANDOM, tune)

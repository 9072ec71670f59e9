"""Automated machine learning: a search over three models and their parameters, with 729 rounds to spend.

Question  Which model, with which parameters? What does each further round of the search buy? And what do a GPU, several
          trials at a time, or a cluster gain?
Expect    Each model has a share of the rounds. A round is a boosted tree, a tree of a forest, or a step of Newton's
          method for the linear model. Optuna proposes the parameters of a trial: the first ten of a model at random,
          the others where good trials were frequent so far (TPE, tree-structured Parzen estimator; Bergstra et al.
          2011). After 3, 9 and 27 rounds a trial stops if it is not among the best third of its model's trials that
          came so far (asynchronous halving, Li et al. 2020); after 81 it is finished. The best trial of all models
          predicts.
          The choice gets better with the budget. With 100,000 rows, AUC is 0.69 after 81 rounds, 0.70 after 243, and
          0.70 or 0.73 after 729, by the seed. `tuning` spends 729 rounds on boosted trees alone. On `flights` they are
          best, so it finds more there, 0.73 or 0.74: this search spends 324 rounds on the other models.
          On few rows, more trials do not help: the best of many on 91 rows of `breast_cancer` was often just lucky.
          On a GPU a small round waits for launches, so several trials at a time gain most. Optuna's proposals are
          computed by Python on the host, some 5 ms each: no device makes them faster.

Nine trials are always under way. A clock that counts rounds, not seconds, says which one is judged next. So the sampler
and the pruner know the same on one core, on many, or on nine workers, and the search is the same however fast the
machine is. XGBoost may add up in another order on another number of threads, and a GPU does: then another trial may go
on, and the search ends elsewhere. `tolerance` covers that, as it covers other seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

from residency.datasets.tabular.breast_cancer import breast_cancer
from residency.datasets.tabular.covertype import covertype
from residency.datasets.tabular.flights import flights
from residency.datasets.tabular.own import own_binary
from residency.datasets.tabular.searched import auc_after, auc_of_last
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task
from residency.harness.device import array_library
from residency.suites.tabular import tuning

BUDGET = {"boosting": 405, "forest": 243, "linear": 81}  # rounds: boosted trees, a forest's trees, Newton's steps
ALL = sum(BUDGET.values())  # 729, as in `tuning`
RUNGS = (3, 9, 27, 81)  # rounds after which a trial is judged
EARLIER = (81, 243)  # rounds spent: what the search would choose then is judged, too
UNDER_WAY = 9  # trials that have begun and are not judged, on any number of cores or workers
SPACE: Mapping[str, Mapping[str, tuple[float, float]]] = {  # from, to: drawn on a logarithmic scale
    "boosting": tuning.SPACE,
    "forest": {"max_depth": (4, 16), "min_samples_leaf": (1, 100), "max_features": (0.2, 1.0)},
    "linear": {"penalty": (0.01, 1000.0)},
}
STARTUP = 10  # trials drawn at random, before the sampler learns from them
BINS = 128  # of the forest
FEW = 20  # rows of a category that count as much as the mean of all rows

task = Task(
    datasets=[flights, breast_cancer, covertype, own_binary],
    sizes={"smoke": 5_000, "lab": 100_000, "lecture": 2_000_000, "production": 400_000_000},  # rows
    quality=auc_of_last,
    tolerance=0.05,  # between a lucky search and an unlucky one: with three seeds, up to 0.04 apart on few rows
    floor={"flights": 0.55, "breast_cancer": 0.9, "covertype": 0.9},
    also=auc_after(EARLIER),
    memory=Memory(copies=12, fixed=0.2e9),
)


Judge = Callable[[], tuple[float, Any]]
"""Waits for rounds that have begun: the AUC on the rows apart, and the trial, which on a cluster is a future."""


@dataclass(frozen=True)
class Strategy:
    """After which rounds trials are judged, and who decides then whether they go on."""

    name: str
    rungs: Sequence[int]
    pruner: Callable[[Any], Any]  # from the module `optuna.pruners`


HALVING = Strategy("halving", RUNGS, lambda pruners: pruners.SuccessiveHalvingPruner(RUNGS[0], 3, 0, 0))
HYPERBAND = Strategy("hyperband", RUNGS, lambda pruners: pruners.HyperbandPruner(RUNGS[0], RUNGS[-1], 3))
TO_THE_END = Strategy("none", RUNGS[-1:], lambda pruners: pruners.NopPruner())


@dataclass(frozen=True)
class Candidate(tuning.Trial):
    """A trial of one of the models. `booster` is what it has learned: a booster, or trees, or weights."""

    model: str = ""


@dataclass(frozen=True)
class Prepared:
    """A table on a device, ready for all models."""

    matrices: tuple[Any, Any]  # XGBoost's: the rows to learn from, and those apart
    x: Any  # all rows, codes replaced by means
    y: Any
    means: Mapping[int, Any]  # by column: a category's mean target

    @property
    def apart(self) -> tuple[Any, Any]:
        """The first rows: trials are judged by them."""
        cut = round(tuning.APART * len(self.x))
        return self.x[:cut], self.y[:cut]

    @property
    def learn(self) -> tuple[Any, Any]:
        """All other rows."""
        cut = round(tuning.APART * len(self.x))
        return self.x[cut:], self.y[cut:]


@dataclass(frozen=True)
class Settings:
    """What all trials have in common; travels to workers."""

    device: str
    seed: int
    boosting: Mapping[str, Any]
    forest: Callable[..., Any]


def settings(run: Run, ensemble: Any, strategy: Strategy, lanes: int = 1) -> Settings:
    """The parameters of all trials, put on record."""
    boosting = {
        "objective": "binary:logistic",
        "eval_metric": "auc",
        "tree_method": "hist",
        "max_bin": tuning.BINS,
        "seed": run.seed,
        "nthread": max(1, run.threads // lanes),
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    forest = {
        "bootstrap": True,
        **run.only(
            cpu={"criterion": "gini", "max_bins": BINS, "min_bin_size": 1, "n_jobs": run.threads},
            gpu={"split_criterion": "gini", "n_bins": BINS, "n_streams": 8},
        ),
    }
    of_forest = {f"forest_{name}": value for name, value in forest.items()}
    told = {"budget": str(BUDGET), "rungs": str(strategy.rungs), "pruner": strategy.name, "startup": STARTUP}
    run.effective(
        **told,
        apart=tuning.APART,
        space=str(SPACE),
        trials_under_way=UNDER_WAY,
        trials_at_once=lanes,
        **boosting,
        **of_forest,
    )
    return Settings(run.device, run.seed, boosting, partial(ensemble.RandomForestClassifier, **forest))


def prepare(table: tuple[Any, Any], categorical: Sequence[int], threads: int, device: str) -> Prepared:
    """Bins for XGBoost. For the other models, each code becomes the mean target of the rows to learn from with it."""
    (x, y), xp = table, array_library(device)
    cut = round(tuning.APART * len(x))
    learn, target = x[cut:], y[cut:]
    means, middle = {}, target.mean()
    for column in categorical:
        codes, most = learn[:, column].astype("int32"), int(x[:, column].max())
        count = xp.bincount(codes, minlength=most + 2)  # one more than there are: it stands for unknown codes
        total = xp.bincount(codes, weights=target - middle, minlength=most + 2)
        mean = total / (count + FEW)
        means[column] = (mean / xp.maximum(mean[codes].std(), 1e-6)).astype("float32")
    return Prepared(tuning.binned(table, categorical, threads), encoded(xp, x, means), y, means)


def encoded(xp: Any, x: Any, means: Mapping[int, Any]) -> Any:
    """The table with means in place of codes, and 0, the mean, in place of missing numbers."""
    x = xp.where(xp.isnan(x), xp.float32(0), x)
    for column, mean in means.items():
        x[:, column] = mean[xp.minimum(x[:, column].astype("int32"), len(mean) - 1)]
    return x


def train(shared: Settings, table: Prepared, trial: Candidate, rounds: int) -> Candidate:
    """The trial continued to this number of rounds in all, and judged by the rows apart."""
    if trial.model == "boosting":
        boosted = tuning.further(shared.boosting, table.matrices, trial, rounds)
        return replace(trial, rounds=rounds, booster=boosted.booster, auc=boosted.auc)
    learn = grown if trial.model == "forest" else stepped
    trial = replace(trial, rounds=rounds, booster=learn(shared, table, trial, rounds))
    xp, (x, y) = array_library(shared.device), table.apart
    return replace(trial, auc=auc(xp, y, score(xp, trial, x)))


def grown(shared: Settings, table: Prepared, trial: Candidate, rounds: int) -> Any:
    """New trees are a forest of their own, kept beside the earlier forests."""
    (x, y), count = table.learn, rounds - trial.rounds
    forest = shared.forest(n_estimators=count, random_state=shared.seed + trial.rounds, **trial.configuration)
    return (*(trial.booster or ()), (count, forest.fit(x, y.astype("int32"))))


def stepped(shared: Settings, table: Prepared, trial: Candidate, rounds: int) -> Any:
    """Further steps of Newton's method for logistic regression."""
    xp, (x, y), penalty = array_library(shared.device), table.learn, trial.configuration["penalty"]
    x = with_ones(xp, x)
    weights = xp.zeros(x.shape[1], x.dtype) if trial.booster is None else trial.booster
    for _ in range(trial.rounds, rounds):
        chance = 1 / (1 + xp.exp(-xp.clip(x @ weights, -30, 30)))
        slope = x.T @ (y - chance) - penalty * weights
        bend = (x * (chance * (1 - chance))[:, None]).T @ x + penalty * xp.eye(x.shape[1], dtype=x.dtype)
        weights = weights + xp.linalg.solve(bend, slope)
    return weights


def with_ones(xp: Any, x: Any) -> Any:
    return xp.column_stack([x, xp.ones(len(x), x.dtype)])


def score(xp: Any, trial: Candidate, x: Any) -> Any:
    """The score of class 1 by a forest or by the linear model, from an encoded table."""
    if trial.model == "linear":
        return with_ones(xp, x) @ trial.booster
    return sum(count * forest.predict_proba(x)[:, -1] for count, forest in trial.booster) / trial.rounds


def auc(xp: Any, y: Any, scores: Any) -> float:
    """AUC on the device: the share of pairs in the right order, ties count half; 0.5 if all are of one class."""
    positive, negative = scores[y > 0], xp.sort(scores[y <= 0])
    if not len(positive) or not len(negative):
        return 0.5
    below, up_to = (xp.searchsorted(negative, positive, side=side).mean() for side in ("left", "right"))
    return float((below + up_to) / 2 / len(negative))


@dataclass(frozen=True)
class Step:
    """Rounds of a trial that have begun."""

    model: str
    trial: Any  # Optuna's
    before: int  # rounds that the trial had
    rounds: int  # rounds that it will have
    wait: Judge


@dataclass
class Search:
    """A search with nine trials under way, on a clock that counts rounds."""

    studies: Mapping[str, Any]  # Optuna's, one for each model
    rungs: Sequence[int]
    start: Callable[[Any, int], Judge]
    spent: int = 0  # rounds that were judged
    auc: float = -1.0
    best: Any = None
    chosen: dict[int, Any] = field(default_factory=dict)  # the best trial, by rounds spent
    left: dict[str, int] = field(default_factory=lambda: dict(BUDGET))  # rounds of each model that have not begun
    aucs: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SPACE, 0.0))  # of its best trial
    steps: list[tuple[int, int, Step]] = field(default_factory=list)  # when it ends, in which lane; the next one first

    def run(self) -> list[Any]:
        """Spend the budget; returns the best trials after `EARLIER` rounds, and after all."""
        from optuna.trial import TrialState

        for lane in range(UNDER_WAY):
            self.ask(0, lane)
        while self.steps:
            clock, lane, step = heappop(self.steps)
            auc, learned = step.wait()
            self.note(step, auc, learned)
            study, trial = self.studies[step.model], step.trial
            trial.report(auc, step.rounds)
            last = step.rounds == self.rungs[-1]
            if not last and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
            elif last or not self.begin((clock, lane), step.model, trial, learned, step.rounds):
                study.tell(trial, auc)
            else:
                continue
            self.ask(clock, lane)
        return [self.chosen[rounds] for rounds in (*EARLIER, ALL)]

    def ask(self, clock: int, lane: int) -> None:
        """Begin a new trial, if the budget allows it, of the model with the largest share of its rounds left."""
        model = max(self.left, key=lambda model: self.left[model] / BUDGET[model])
        if self.left[model] >= self.rungs[0]:
            trial = self.studies[model].ask()
            self.begin((clock, lane), model, trial, suggested(model, trial), 0)

    def begin(self, when: tuple[int, int], model: str, trial: Any, learned: Any, before: int) -> bool:
        """Begin a trial's rounds up to the next rung, if what is left for its model is enough."""
        rounds = next(rung for rung in self.rungs if rung > before)
        if rounds - before > self.left[model]:
            return False
        self.left[model] -= rounds - before
        (clock, lane), step = when, Step(model, trial, before, rounds, self.start(learned, rounds))
        heappush(self.steps, (clock + rounds - before, lane, step))
        return True

    def note(self, step: Step, auc: float, learned: Any) -> None:
        """Keep the best trial."""
        if auc > self.auc:
            self.auc, self.best = auc, learned
        self.spent += step.rounds - step.before
        self.chosen.update({rounds: self.best for rounds in (*EARLIER, ALL) if self.spent <= rounds})
        self.aucs[step.model] = max(self.aucs[step.model], auc)


def suggested(model: str, trial: Any) -> Candidate:
    """A model's parameters, as Optuna's sampler proposes them."""
    configuration = {}
    for name, (least, most) in SPACE[model].items():
        suggest = trial.suggest_int if isinstance(least, int) else trial.suggest_float
        configuration[name] = suggest(name, least, most, log=True)
    return Candidate(configuration, model=model)


def search(run: Run, strategy: Strategy, start: Callable[[Any, int], Judge]) -> list[Any]:
    """The best trials after some of the budget, and after all of it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    options: dict[str, Any] = {
        "n_startup_trials": STARTUP,
        "n_ei_candidates": 24,
        "multivariate": True,
        "constant_liar": True,
    }
    studies = {
        model: optuna.create_study(
            study_name=model,  # Hyperband draws from it which trials it stops how early
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=run.seed, **options),
            pruner=strategy.pruner(optuna.pruners),
        )
        for model in SPACE
    }
    spending = Search(studies, strategy.rungs, start)
    best = spending.run()
    run.observe(validation_auc=spending.auc, trials=sum(len(study.trials) for study in studies.values()))
    run.observe(rounds=spending.spent)
    run.observe(**{f"validation_auc_{model}": auc for model, auc in spending.aucs.items()})
    return best


def predicted(xp: Any, best: Sequence[Candidate], means: Mapping[int, Any], x_test: Any) -> Any:
    """What the best trials predict, a column for each of them."""
    known = encoded(xp, x_test, means)
    return xp.column_stack(
        [
            trial.booster.inplace_predict(x_test) if trial.model == "boosting" else score(xp, trial, known)
            for trial in best
        ]
    )


def here(data: Table, run: Run, ensemble: Any, strategy: Strategy, lanes: int = 1):
    """On one device: several trials at a time, or one after the other. What is found is the same."""
    shared = settings(run, ensemble, strategy, lanes)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("prepare"):
        table = prepare((x, y), data.categorical, run.threads, run.device)
        like = table.matrices[0]  # each lane needs matrices of its own: see `tuning`
        more = [tuning.binned((x, y), data.categorical, run.threads, like) for _ in range(lanes - 1)]
    tables = [table, *(replace(table, matrices=matrices) for matrices in more)]
    with run.stage("search"), tuning.lanes_of(tables) as call:
        best = search(run, strategy, partial(begun_here, call if lanes > 1 else None, shared, table))
    with run.stage("predict"):
        chances = predicted(run.xp, best, table.means, x_test)
    with run.stage("get"):
        return run.to_host(chances)


def begun_here(call: Callable[..., Any] | None, shared: Settings, table: Prepared, trial: Any, rounds: int) -> Judge:
    """With lanes, boosting begins in a free one. All else is trained when it is waited for, in the main thread.

    oneDAL keeps to its share of the threads in the main thread alone. On a CPU the lanes go on meanwhile. On a GPU,
    CuPy's kernels and those of the lanes wait for each other.
    """
    if call is not None and trial.model == "boosting":
        learned = call(partial(train, shared), trial, rounds)
        return lambda: judged(learned.result())
    return lambda: judged(train(shared, table, trial, rounds))


def judged(trial: Candidate) -> tuple[float, Candidate]:
    """A trial with its AUC."""
    return trial.auc, trial


def spread(data: Table, run: Run, ensemble: Any, strategy: Strategy):
    """Up to nine workers train at the same time. Each prepares the whole table, and has one trial at a time."""
    shared, (rows,) = settings(run, ensemble, strategy), run.partitions(data.x, data.y, count=1)
    with run.stage("load"):
        workers = list(run.client.nthreads())
        held = run.on_workers(tuning.read, [rows] * len(workers), at=workers, movable=False, device=run.device)
    with run.stage("prepare"):
        options = {"categorical": data.categorical, "threads": run.threads, "device": run.device}
        held = run.on_workers(prepare, held, at=workers, movable=False, **options)
    with run.stage("search"):
        begun = {worker: [table] for worker, table in zip(workers, held, strict=True)}
        best = run.client.gather(search(run, strategy, partial(begun_on_worker, run, shared, begun)))
        means = run.on_workers(attrgetter("means"), held[:1])[0].result()
    with run.stage("put"):
        x_test = run.to_device(data.x_test)
    with run.stage("predict"):
        chances = predicted(run.xp, best, means, x_test)
    with run.stage("get"):
        return run.to_host(chances)


def begun_on_worker(run: Run, shared: Settings, begun: dict[str, list[Any]], trial: Any, rounds: int) -> Judge:
    """Train on the worker with the least to do, after all that it has begun. What it learns stays there.

    `begun` holds each worker's table, and then its steps that have not ended.
    """
    for worker, (table, *steps) in begun.items():
        begun[worker] = [table, *(step for step in steps if not step.done())]
    worker = min(begun, key=lambda worker: len(begun[worker]))
    table, last = begun[worker][0], begun[worker][-1]
    (learned,) = run.on_workers(
        train_after, [table], [trial], [last], at=[worker], movable=False, shared=shared, rounds=rounds
    )
    begun[worker].append(learned)
    return lambda: (run.on_workers(attrgetter("auc"), [learned])[0].result(), learned)


def train_after(table: Prepared, trial: Candidate, last: Any, shared: Settings, rounds: int) -> Candidate:
    """Runs on a worker, when its last step has ended."""
    return train(shared, table, trial, rounds)


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs=("optuna", "xgboost"), plain=True)
def halving(data: Table, run: Run, ensemble):
    """A trial goes on after 3, 9 and 27 rounds if it is among the best third of those that came so far."""
    return here(data, run, ensemble, HALVING)


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs=("optuna", "xgboost"))
def halving_at_once(data: Table, run: Run, ensemble):
    """`halving` with several boosted trials at a time: up to nine on a GPU, up to four that share a CPU's threads.

    Forests and linear models are trained one after the other.
    """
    lanes = max(1, min(tuning.AT_ONCE[run.device], run.threads))
    return here(data, run, ensemble, HALVING, lanes)


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs=("optuna", "xgboost"), plain=True)
def hyperband(data: Table, run: Run, ensemble):
    """As `halving`, but some trials are stopped after 9 or 27 rounds at the earliest, or never."""
    return here(data, run, ensemble, HYPERBAND)


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs=("optuna", "xgboost"), plain=True)
def without_pruning(data: Table, run: Run, ensemble):
    """Nine random trials, each of which gets all its rounds."""
    return here(data, run, ensemble, TO_THE_END)


@task.on_cluster(
    cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs=("optuna", "xgboost"), memory=Memory(copies=12, whole=True)
)
def spread_halving(data: Table, run: Run, ensemble):
    """`halving`, spread over the workers; there is work for nine of them."""
    return spread(data, run, ensemble, HALVING)

"""From a CSV to a prediction: any table, judged by quality on rows that the team never had, then by time."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from residency.labs.lab import Case, Demand, Lab, Points, Random, Verdict, right, wrong

LEARNED, JUDGED = 2_000, 2_000  # rows
ERRORS = 3.0  # standard errors of the difference to the teacher's quality
SLACK_AREA, SLACK_ERROR = 0.02, 0.07  # by which good programs differ: of the area, and of the teacher's mean error
CLEARLY = 2.0  # standard errors by which the teacher's program must be better than a constant, or nothing can be told
MOST_DOUBT = 0.5  # of the teacher's mean error: one wild prediction makes any standard error large
STORES, BEGIN = 12, np.datetime64("2026-01-05")  # a Monday
ERRATIC, COPIES = 40, 200  # rows that an export repeated, and how often

lab = Lab(
    title="From a CSV to a prediction, for any table",
    order=1,
    topic="tabular",
    entry="predict",
    needs=("pandas", "lightgbm", "xgboost", "sklearn"),
    points=Points(visible=2, hidden=5, fast=3, people=4),
    demand=Demand(seconds=30, memory_bytes=1_000_000_000, tries=6),
    seconds=20.0,
    team=3,
)


@lab.table
def shipped() -> tuple[Any, str]:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    return bunch.data.assign(diagnosis=bunch.target.map({0: "malignant", 1: "benign"})), "diagnosis"


class Sales:
    """Sales of a chain of stores, a row a customer: what decides them is planted."""

    def __init__(self, rng: Random, learned: int = LEARNED, judged: int = JUDGED, days: int = 120) -> None:
        self.rng, self.learned, self.rows = rng, learned, learned + judged
        rows = self.rows
        self.time = rng.integers(0, days * 24 * 60, rows)  # minutes
        self.price = np.round(np.exp(rng.normal(3, 0.6, rows)), 2)
        self.visits = rng.poisson(4, rows).astype(np.float64)
        self.age = rng.normal(45, 15, rows).round()
        self.store = rng.integers(0, STORES, rows)
        effect = rng.normal(0, 0.8, STORES)
        # Either way round, drawn for each call: a formula that was learned once from this file predicts nothing.
        together, dear = rng.choice([-1.0, 1.0], 2)
        self.signal = 1.2 * together * np.sign(self.age - 45) * np.sign(self.visits - 3.5)
        self.signal += 0.9 * dear * (np.log(self.price) - 3)
        self.signal += effect[self.store]
        self.stores = np.array([f"store {letter}" for letter in "ABCDEFGHIJKL"])

    def hide(self, share: float) -> None:
        """Empty this share of the cells of the numbers."""
        for name in ("price", "visits", "age"):
            values = getattr(self, name)
            values[self.rng.random(self.rows) < share] = np.nan

    def case(self, *, number: bool = False, labels: tuple[Any, Any] = (0, 1), split: Any = None, **more: Any) -> Case:
        """The call: `split` orders the rows, the first of which are learned from."""
        import pandas as pd

        noise = self.rng.logistic(0, 1, self.rows)
        y: Any = np.round(20 + 6 * self.signal + 3 * noise, 2)
        if not number:
            y = np.where(1.6 * self.signal + noise > 0, labels[1], labels[0])
        when = (BEGIN + self.time.astype("timedelta64[m]")).astype("datetime64[s]")
        texts = np.char.replace(when.astype(str), "T", " ")
        made = {
            "when": texts, "store": self.stores[self.store], "price": self.price, "visits": self.visits,
            "age": self.age, "currency": np.full(self.rows, "EUR"), "bought": y, **more,
        }  # fmt: skip
        frame = pd.DataFrame(made)
        if split is not None:
            frame = frame.iloc[split]
        return parted(frame[: self.learned], frame[self.learned :])


def parted(train: Any, rows: Any, target: str = "bought") -> Case:
    """The arguments of a call; the judge alone knows the target of the rows."""
    texts = [frame.to_csv(index=False).encode() for frame in (train, rows.drop(columns=target))]
    return Case((texts[0], target, texts[1]), rows[target].to_numpy())


# --- Judging --------------------------------------------------------------------------------------------------------


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """The area under the ROC curve, or the mean absolute error, against the teacher's on the same rows.

    Both differ by chance: three standard errors of the difference are allowed, and what separates good programs. On few
    rows that is much, so an answer that is no better than a constant is refused as soon as the rows can tell that the
    teacher's is. Where they cannot, a right answer says so.
    """
    import pandas as pd

    scores, truth = np.asarray(answer), np.asarray(case.secret)
    if scores.dtype.kind not in "biuf":
        return Verdict("type", "predict must return numbers, one for each row")
    if scores.shape != truth.shape:
        return Verdict("shape", f"predict must return one number for each of the rows, and gives {scores.shape}")
    if not np.isfinite(scores).all():
        return Verdict("not finite", "a prediction is NaN or infinite")
    scores = scores.astype(np.float64)
    values = np.unique(truth)
    if len(values) < 2:
        return right()  # nothing can be learned: any number will do
    reference = _possible(*case.arguments)
    if len(values) == 2:
        ones = truth == values[1]
        found, empty = (_by_area(answer, reference, ones) for answer in (scores, np.zeros(len(truth))))
        ours, theirs = (_area_gained(answer, ones) for answer in (scores, reference))
    else:
        numbers = pd.to_numeric(pd.Series(truth)).to_numpy(np.float64)
        error, least, most = (np.abs(answer - numbers) for answer in (scores, reference, _constant(*case.arguments)))
        found, empty = (_by_error(error, least), _by_error(most, least))
        ours, theirs = (_gain(most - error), _gain(most - least))
    if not found.is_right:
        return found
    if empty.is_right and theirs.value <= CLEARLY * theirs.error:
        said = f"{len(truth)} rows are too few to tell whether it learned anything: a constant passes, too"
        return Verdict("right", said, found.quality)
    if ours.value <= 0 or np.ptp(scores) == 0:
        return wrong(f"it is no better than a constant on {len(truth)} rows; better was possible", found.quality)
    return found


@dataclass(frozen=True)
class Gain:
    """By how much an answer is better than a constant, and the standard error of that."""

    value: float
    error: float


def _area_gained(scores: np.ndarray, ones: np.ndarray) -> Gain:
    """The area under the curve beyond a constant's, which is a half."""
    sides = _placed(scores, ones)
    variance = sum(np.var(side, ddof=1) / len(side) for side in sides)
    return Gain(float(sides[0].mean()) - 0.5, float(np.sqrt(variance)))


def _gain(smaller: np.ndarray) -> Gain:
    """The mean of by how much each error is smaller than a constant's."""
    return Gain(float(smaller.mean()), float(np.std(smaller, ddof=1) / np.sqrt(len(smaller))))


def _by_area(scores: np.ndarray, reference: np.ndarray, ones: np.ndarray) -> Verdict:
    ours, theirs = _placed(scores, ones), _placed(reference, ones)
    area, possible = float(ours[0].mean()), float(theirs[0].mean())
    spread = [np.var(mine - other, ddof=1) / len(mine) for mine, other in zip(ours, theirs, strict=True)]
    if area + ERRORS * np.sqrt(sum(spread)) + SLACK_AREA < possible:
        return wrong(f"the area under the curve is {area:.3f}, and {possible:.3f} was possible", area)
    return right(area)


def _by_error(ours: np.ndarray, theirs: np.ndarray) -> Verdict:
    error, possible = float(ours.mean()), float(theirs.mean())
    doubt = min(ERRORS * float(np.std(ours - theirs, ddof=1)) / np.sqrt(len(ours)), MOST_DOUBT * possible)
    if error > possible * (1 + SLACK_ERROR) + doubt:
        return wrong(f"the mean absolute error is {error / possible:.3g} times what was possible", error)
    return right(error)


def _placed(scores: np.ndarray, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of the other class that each one, and each zero, is on the right side of; ties count half."""
    high, low = np.sort(scores[ones]), np.sort(scores[~ones])
    of_one = (np.searchsorted(low, scores[ones]) + np.searchsorted(low, scores[ones], "right")) / 2
    of_zero = (np.searchsorted(high, scores[~ones]) + np.searchsorted(high, scores[~ones], "right")) / 2
    return of_one / len(low), 1 - of_zero / len(high)


@lru_cache(maxsize=2)  # a timed call is judged twice
def _possible(train: bytes, target: str, rows: bytes) -> np.ndarray:
    """What the teacher's own function answers: it is judged like any other."""
    return np.asarray(_reference()(train, target, rows), np.float64)


def _constant(train: bytes, target: str, rows: bytes) -> float:
    """The best constant for the mean absolute error: the median of what is learned from."""
    import io

    import pandas as pd

    return float(pd.read_csv(io.BytesIO(train), usecols=[target])[target].median())


@cache
def _reference() -> Any:
    spec = importlib.util.spec_from_file_location("pipeline_reference", lab.folder / "work.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.predict


# --- Checks ---------------------------------------------------------------------------------------------------------


@lab.check("two classes", visible=True, hint="README.md says how quality is judged, and what a score must mean.")
def classes(rng: Random) -> Case:
    made = Sales(rng)
    made.hide(0.05)
    return made.case()


@lab.check("a number", visible=True, hint="The target has many values: predict the number itself.")
def number(rng: Random) -> Case:
    made = Sales(rng)
    made.hide(0.05)
    return made.case(number=True)


@lab.check(
    "classes with names, one of them rare",
    hint="Wrong where classes are texts, and the greater one is the frequent one: which class must a high score mean?",
)
def names(rng: Random) -> Case:
    made = Sales(rng)
    made.signal += 1.5
    return made.case(labels=("lost", "sold"))


@lab.check(
    "a number with few values", hint="Wrong where the target is a count from 0 to 6: how many values make classes?"
)
def counts(rng: Random) -> Case:
    made = Sales(rng)
    made.signal = 3 + made.signal
    case = made.case(number=True)
    return _rounded(case, lambda y: np.clip(np.round((y - 20) / 6), 0, 6).astype(int))


def _rounded(case: Case, change: Any) -> Case:
    """The same call with another target."""
    import io

    import pandas as pd

    train = pd.read_csv(io.BytesIO(case.arguments[0]))
    train["bought"] = change(train["bought"].to_numpy())
    return Case((train.to_csv(index=False).encode(), *case.arguments[1:]), change(case.secret))


@lab.check(
    "missing values that tell something",
    hint="Worse than possible where an empty cell is itself a sign: what do you put in its place?",
)
def missing(rng: Random) -> Case:
    made = Sales(rng)
    made.visits = rng.integers(0, 4, made.rows).astype(np.float64)  # 0 is a value like any other
    gone = rng.random(made.rows) < 0.25
    made.signal = np.where(gone, 1.5, 0.7 * made.visits - 1.5) + 0.4 * np.sign(made.age - 45)
    made.visits[gone] = np.nan
    made.price[made.learned :][rng.random(made.rows - made.learned) < 0.3] = np.nan  # never missing in training
    return made.case()


@lab.check(
    "stores that training never had",
    hint="Wrong where a row has a category that training did not have: its other columns still tell much.",
)
def strangers(rng: Random) -> Case:
    made = Sales(rng)
    new = rng.random(made.rows) < 0.4
    new[: made.learned] = False
    store = np.where(new, np.char.add("pop-up ", rng.integers(1, 30, made.rows).astype(str)), made.stores[made.store])
    return made.case(store=store)


@lab.check(
    "weekday and hour",
    hint="Worse than possible where sales depend on the weekday and the hour: what do you make of a date?",
)
def clock(rng: Random) -> Case:
    made = Sales(rng)
    hour, weekday = made.time / 60 % 24, made.time // 1440 % 7
    made.signal = 0.4 * made.signal + np.where(weekday >= 5, 1.4, -0.7) + np.where(np.abs(hour - 18) < 3, 1.2, -0.4)
    return made.case()


@lab.check(
    "a column from the future",
    hint="Much worse where a column of training knows the outcome, and is empty in the rows: do you have it in time?",
)
def future(rng: Random) -> Case:
    made = Sales(rng)
    noise = rng.logistic(0, 1, made.rows)
    y = (1.6 * made.signal + noise > 0).astype(int)
    paid = np.round(np.where(y == 1, rng.uniform(5, 90, made.rows), 0.0), 2)
    paid[made.learned :] = np.nan
    return made.case(paid=paid, bought=y)


@lab.check(
    "rows that were exported many times",
    hint="Worse than possible where some rows stand in the table a hundred times: how much do they weigh?",
)
def repeated(rng: Random) -> Case:
    import io

    import pandas as pd

    case = Sales(rng).case()
    train = pd.read_csv(io.BytesIO(case.arguments[0]))
    odd = train.sample(ERRATIC, random_state=int(rng.integers(1 << 30)))
    train = train.drop(odd.index)
    odd = odd.assign(bought=1 - odd["bought"])
    train = pd.concat([train, *[odd] * COPIES]).sample(frac=1, random_state=int(rng.integers(1 << 30)))
    twice = pd.read_csv(io.BytesIO(case.arguments[2]))
    twice, truth = pd.concat([twice, twice[:500]]), np.concatenate([case.secret, case.secret[:500]])
    return Case((train.to_csv(index=False).encode(), "bought", twice.to_csv(index=False).encode()), truth)


@lab.check(
    "rows in time order",
    hint="Worse than possible where the rows are the weeks after training and sales change: do the latest weeks count?",
)
def ordered(rng: Random) -> Case:
    made = Sales(rng)
    made.time = np.sort(made.time)
    new = np.arange(made.rows) > 0.75 * made.learned
    made.signal = np.where(new, 1.0, -1.0) * 1.2 * np.sign(made.age - 45) + 0.4 * made.signal
    return made.case()


@lab.check(
    "nothing to learn from", hint="Fails where every column is empty, constant or an identifier: any number will do."
)
def nothing(rng: Random) -> Case:
    import pandas as pd

    rows = 400
    frame = pd.DataFrame(
        {
            "customer": [f"K-{number:05}" for number in rng.permutation(rows)], "currency": "EUR", "remark": np.nan,
            "bought": np.full(rows, "no"),
        }
    )  # fmt: skip
    return parted(frame[:300], frame[300:])


@lab.timed
def timed(rng: Random) -> Case:
    made = Sales(rng, int(rng.integers(3_900, 4_100)), 6_000)
    made.hide(0.05)
    return made.case()

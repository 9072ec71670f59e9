"""How often is a right result called wrong, and which faults are seen? Trials of `harness/judgement.py`.

Right libraries compute the same tasks on made-up tables, series and texts of awkward kinds, by the very lines of the
suites; then one of them does it with a planted fault. All are judged as a run's results are. An accusation of a right
result is a false one.

    python tests/trials/judging.py measure FILE --seeds 20    goes on where FILE ends
    python tests/trials/judging.py sum FILE                   Markdown
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from residency.harness.discovery import Catalogue
from residency.harness.errors import ResidencyError
from residency.harness.execute import Execution, execute, judge
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import Ending, Outcome
from residency.harness.quality import Judged
from residency.harness.records import Cell, OutcomeRecord, RunInfo
from residency.harness.task import Task
from residency.harness.task_info import TaskInfo
from residency.suites import SHIPPED

SPOILT = Ending(Outcome.WRONG, "cannot be judged")
CATALOGUE = Catalogue([SHIPPED])
Maker = Callable[[np.random.Generator], pd.DataFrame]
REGRESSION: dict[str, Maker] = {}
BINARY: dict[str, Maker] = {}
SERIES: dict[str, Maker] = {}
TEXTS: dict[str, Maker] = {}


def kind(family: dict[str, Maker]) -> Callable[[Maker], Maker]:
    """Register a kind of made-up data under its function's name."""

    def register(maker: Maker) -> Maker:
        family[maker.__name__] = maker
        return maker

    return register


def rows_of(generator: np.random.Generator, least: int = 60, most: int = 4_000) -> int:
    """A number of rows, small ones as likely as large ones."""
    return int(np.exp(generator.uniform(np.log(least), np.log(most))))


def numbers(generator: np.random.Generator, rows: int, columns: int) -> pd.DataFrame:
    cells = generator.standard_normal((rows, columns))
    return pd.DataFrame(cells, columns=[f"x{column}" for column in range(columns)])


@kind(REGRESSION)
def plain(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator), 8)
    frame["y"] = (
        frame["x0"] * frame["x1"] + frame["x2"] + generator.uniform(0.1, 3) * generator.standard_normal(len(frame))
    )
    return frame


@kind(REGRESSION)
def heavy_tails(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator), 6)
    frame["y"] = np.exp(generator.uniform(0.5, 2.5) * (frame["x0"] + 0.5 * generator.standard_normal(len(frame))))
    return frame


@kind(REGRESSION)
def heavy_columns(generator: np.random.Generator) -> pd.DataFrame:
    rows = rows_of(generator)
    frame = pd.DataFrame(generator.standard_t(1.5, (rows, 6)), columns=list("abcdef"))
    frame["y"] = (
        np.sign(frame["a"]) * np.log1p(frame["a"].abs()) + frame["b"].clip(-3, 3) + generator.standard_normal(rows)
    )
    return frame


@kind(REGRESSION)
def sparse(generator: np.random.Generator) -> pd.DataFrame:
    rows = rows_of(generator)
    filled = generator.random((rows, 12)) < generator.uniform(0.005, 0.1)
    frame = pd.DataFrame(np.where(filled, generator.exponential(5.0, (rows, 12)), 0.0)).add_prefix("s")
    frame["y"] = (
        frame["s0"] + 2 * frame["s1"] - frame["s2"] + generator.uniform(0.1, 2) * generator.standard_normal(rows)
    )
    return frame


@kind(REGRESSION)
def noise(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator), 10)
    frame["y"] = generator.standard_normal(len(frame))
    return frame


@kind(REGRESSION)
def categories(generator: np.random.Generator) -> pd.DataFrame:
    rows = rows_of(generator)
    levels = int(generator.integers(3, 40))
    group = generator.zipf(1.5, rows) % levels
    effect = generator.standard_normal(levels)
    frame = numbers(generator, rows, 3)
    frame["group"] = [f"g{code}" for code in group]
    frame["y"] = 2 * effect[group] + frame["x0"] + generator.standard_normal(rows)
    return frame


@kind(REGRESSION)
def counts(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator), 5)
    frame["y"] = generator.poisson(np.exp(frame["x0"] - generator.uniform(0, 3)))
    return frame


@kind(REGRESSION)
def steps(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator), 5)
    frame["y"] = np.floor(3 * frame["x0"]) + 10 * (frame["x1"] > 1.5) + 0.01 * generator.standard_normal(len(frame))
    return frame


@kind(REGRESSION)
def repeated(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator, 40, 300), 4).round(1)
    frame["y"] = frame["x0"] + generator.standard_normal(len(frame))
    return frame.sample(n=3 * len(frame), replace=True, random_state=int(generator.integers(2**31)), ignore_index=True)


@kind(REGRESSION)
def related(generator: np.random.Generator) -> pd.DataFrame:
    rows = rows_of(generator)
    base = generator.standard_normal((rows, 3))
    frame = pd.DataFrame(
        base @ generator.standard_normal((3, 15)) + 1e-3 * generator.standard_normal((rows, 15))
    ).add_prefix("r")
    frame["y"] = base[:, 0] + generator.uniform(0.1, 1) * generator.standard_normal(rows)
    return frame


@kind(REGRESSION)
def one_outlier(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator), 6)
    frame["y"] = frame["x0"] + generator.standard_normal(len(frame))
    frame.loc[generator.integers(len(frame), size=3), "y"] = 500.0
    return frame


def binary(generator: np.random.Generator, frame: pd.DataFrame, score: Any, share: float) -> pd.DataFrame:
    """A target of which about a share is 1, where the score is high; 16 of either value at least."""
    chance = np.asarray(score) + generator.logistic(size=len(frame))
    ones = min(len(frame) - 16, max(16, round(share * len(frame))))
    frame["y"] = 0
    frame.loc[np.argsort(-chance)[:ones], "y"] = 1
    return frame


@kind(BINARY)
def balanced(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator, 100), 8)
    return binary(generator, frame, generator.uniform(0.5, 3) * (frame["x0"] + frame["x1"] * frame["x2"]), 0.5)


@kind(BINARY)
def rare(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator, 400, 6_000), 8)
    return binary(generator, frame, generator.uniform(1, 6) * frame["x0"], generator.uniform(0.002, 0.05))


@kind(BINARY)
def separable(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator, 100), 5)
    return binary(generator, frame, 40 * frame["x0"], generator.uniform(0.05, 0.5))


@kind(BINARY)
def coin(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator, 100), 8)
    return binary(generator, frame, np.zeros(len(frame)), generator.uniform(0.05, 0.5))


@kind(BINARY)
def many_levels(generator: np.random.Generator) -> pd.DataFrame:
    rows = rows_of(generator, 200)
    levels = int(generator.integers(5, 120))
    code = generator.zipf(1.3, rows) % levels
    effect = generator.standard_normal(levels)
    frame = numbers(generator, rows, 2)
    frame["level"] = [f"level {number}" for number in code]
    frame["other"] = [f"o{number}" for number in generator.integers(0, 4, rows)]
    return binary(generator, frame, 3 * effect[code] + frame["x0"], generator.uniform(0.05, 0.5))


@kind(BINARY)
def gaps(generator: np.random.Generator) -> pd.DataFrame:
    frame = numbers(generator, rows_of(generator, 200), 8)
    score = 2 * frame["x0"] + frame["x1"]
    frame = frame.mask(pd.DataFrame(generator.random(frame.shape) < 0.4, columns=frame.columns))
    return binary(generator, frame, score, generator.uniform(0.05, 0.5))


@kind(BINARY)
def sparse_words(generator: np.random.Generator) -> pd.DataFrame:
    rows = rows_of(generator, 200)
    frame = pd.DataFrame((generator.random((rows, 30)) < 0.03).astype(float)).add_prefix("w")
    return binary(generator, frame, 6 * (frame["w0"] + frame["w1"] - frame["w2"]), generator.uniform(0.03, 0.3))


def panel(
    generator: np.random.Generator, series: int, steps: int, freq: str, make: Callable[[np.ndarray], np.ndarray]
) -> pd.DataFrame:
    times = pd.date_range("2015-01-01", periods=steps, freq=freq)
    step = np.arange(steps, dtype=float)
    each = [pd.DataFrame({"time": times, "name": f"s{number}", "y": make(step)}) for number in range(series)]
    return pd.concat(each, ignore_index=True).round(4)


@kind(SERIES)
def one_series(generator: np.random.Generator) -> pd.DataFrame:
    return panel(generator, 1, 800, "h", lambda t: 10 + 3 * np.sin(t / 24 * 6.283) + generator.standard_normal(len(t)))


@kind(SERIES)
def many_daily(generator: np.random.Generator) -> pd.DataFrame:
    def make(t: np.ndarray) -> np.ndarray:
        level = 20 * generator.random()
        return (
            level
            + generator.random() * 5 * np.sin(t / 7 * 6.283)
            + generator.uniform(0.3, 2) * generator.standard_normal(len(t))
        )

    return panel(generator, int(generator.integers(10, 60)), 300, "D", make)


@kind(SERIES)
def walks(generator: np.random.Generator) -> pd.DataFrame:
    return panel(
        generator,
        int(generator.integers(2, 40)),
        250,
        "D",
        lambda t: 100 + np.cumsum(generator.standard_normal(len(t))),
    )


@kind(SERIES)
def intermittent(generator: np.random.Generator) -> pd.DataFrame:
    def make(t: np.ndarray) -> np.ndarray:
        return generator.poisson(3, len(t)) * (generator.random(len(t)) < 0.2)

    return panel(generator, int(generator.integers(10, 60)), 250, "D", make)


@kind(SERIES)
def monthly(generator: np.random.Generator) -> pd.DataFrame:
    def make(t: np.ndarray) -> np.ndarray:
        return np.exp(4 + 0.01 * t + 0.3 * np.sin(t / 12 * 6.283) + 0.1 * generator.standard_normal(len(t)))

    return panel(generator, int(generator.integers(1, 40)), 120, "MS", make)


WORDS = [f"word{number}" for number in range(400)]


def texts(generator: np.random.Generator, shares: np.ndarray, rows: int, length: int, strength: float) -> pd.DataFrame:
    """Texts whose words lean towards some that their class likes."""
    likes = generator.integers(0, len(WORDS), (len(shares), 10))
    label = generator.choice(len(shares), rows, p=shares)
    label[: 6 * len(shares)] = np.repeat(np.arange(len(shares)), 6)  # six of each class at least
    chosen = generator.zipf(1.3, (rows, length)) % len(WORDS)
    liked = generator.random((rows, length)) < strength
    chosen = np.where(liked, likes[label][np.arange(rows)[:, None], generator.integers(0, 10, (rows, length))], chosen)
    text = [" ".join(WORDS[word] for word in row) for row in chosen]
    return pd.DataFrame({"text": text, "y": [f"class {number}" for number in label]})


@kind(TEXTS)
def two_topics(generator: np.random.Generator) -> pd.DataFrame:
    return texts(generator, np.array([0.5, 0.5]), rows_of(generator, 100, 2_000), 12, generator.uniform(0.03, 0.3))


@kind(TEXTS)
def spam(generator: np.random.Generator) -> pd.DataFrame:
    rare_share = generator.uniform(0.02, 0.15)
    return texts(
        generator,
        np.array([1 - rare_share, rare_share]),
        rows_of(generator, 300, 3_000),
        15,
        generator.uniform(0.05, 0.3),
    )


@kind(TEXTS)
def many_topics(generator: np.random.Generator) -> pd.DataFrame:
    shares = generator.dirichlet(np.full(12, 0.7))
    return texts(generator, shares, rows_of(generator, 300, 3_000), 15, generator.uniform(0.05, 0.3))


FAMILIES: dict[str, tuple[dict[str, Maker], str, tuple[str, ...]]] = {
    "tabular/random_forest": (REGRESSION, "own_forest", ("exact_splits", "histograms", "one_round")),
    "tabular/ridge": (REGRESSION, "own_regression", ("normal_equations", "estimator")),
    "tabular/gradient_boosting": (BINARY, "own_binary", ("level_by_level", "leaf_by_leaf", "estimator")),
    "timeseries/lag_features": (SERIES, "own_series", ()),
    "nlp/classify": (TEXTS, "own_texts", ()),
}


@dataclass(frozen=True)
class Case:
    """One made-up data set of one task."""

    task: str
    kind: str
    seed: int


def cases(first: int, seeds: int) -> Iterator[Case]:
    """Every kind once, then again: wherever it ends, all have had as many."""
    for seed in range(first, first + seeds):
        for task, (kinds, _, _) in FAMILIES.items():
            for name in kinds:
                yield Case(task, name, seed)


def implementations(task: Task, chosen: tuple[str, ...]) -> list[Any]:
    """Those of the CPU that are compared."""
    local = [one for one in task.implementations if (one.device, one.runner) == ("cpu", "local") and not one.beside]
    return [one for one in local if not chosen or one.name in chosen]


def made(case: Case, folder: Path) -> Any:
    """The case's data, read as the user's own file is."""
    kinds, dataset, _ = FAMILIES[case.task]
    seed = zlib.crc32(f"{case}".encode())
    frame = kinds[case.kind](np.random.default_rng(seed))
    path = folder / "own.csv"
    frame.to_csv(path, index=False)
    maker = CATALOGUE.task(case.task).dataset(dataset).maker
    offered = {"path": path, "target": "y", "seed": case.seed, "folder": folder}
    return maker(**{name: offered[name] for name in maker.__annotations__ if name in offered})


def faults(data: Any, generator: np.random.Generator) -> dict[str, tuple[Any, Callable[[np.ndarray], np.ndarray]]]:
    """Each fault as data that was tampered with, and what becomes of the result."""
    found: dict[str, tuple[Any, Callable[[np.ndarray], np.ndarray]]] = {
        "rows of the result shuffled": (data, generator.permutation),
        "rows of the result off by one": (data, lambda result: np.roll(result, 1, axis=0)),
    }
    if hasattr(data, "x_test"):
        column = int(generator.integers(data.x.shape[1]))
        wrong = data.x_test.copy()
        wrong[:, column] = generator.permutation(wrong[:, column])
        found["one column wrong"] = (replace(data, x_test=wrong), lambda result: result)
    if hasattr(data, "x_test") or hasattr(data, "text_test"):
        found["labels to learn from off by one"] = (replace(data, y=np.roll(data.y, 1)), lambda result: result)
        found["labels to learn from shuffled"] = (replace(data, y=generator.permutation(data.y)), lambda result: result)
    return found


def line_of(  # noqa: PLR0917
    case: Case, fault: str, name: str, execution: Execution, judged: Judged | None, reference: float | None
) -> dict[str, Any]:
    """What it takes to judge a result again."""
    kept = None if judged is None else {**asdict(judged), "shares": [float(f"{one:.3g}") for one in judged.shares]}
    return {
        **asdict(case), "fault": fault, "implementation": name, "quality": execution.quality,
        "outcome": str(execution.ending.outcome), "reason": execution.ending.reason, "reference": reference,
        "judged": kept,
    }  # fmt: skip


def measure(case: Case, with_faults: bool) -> list[dict[str, Any]]:
    """The case's results as lines of JSON: the right ones, then one of them again with each fault."""
    _, dataset, chosen = FAMILIES[case.task]
    task = CATALOGUE.task(case.task)
    generator = np.random.default_rng(zlib.crc32(f"fault {case}".encode()))
    with tempfile.TemporaryDirectory() as name:
        try:
            data = made(case, Path(name))
        except ResidencyError as error:
            return [{**asdict(case), "fault": "", "refused": str(error)[:200]}]
        reference = task.reference(data) if task.reference else None
        how = {"dataset": dataset, "reference": reference, "seed": case.seed, "cold": True}
        sides = implementations(task, chosen)
        lines = []
        for side in sides:
            execution = execute(task, side, data, shares=True, **how)
            lines.append(line_of(case, "", side.id, execution, execution.judged, reference))
        if not with_faults:
            return lines
        victim = sides[case.seed % len(sides)]
        for fault, (given, spoil) in faults(data, generator).items():
            lines += with_fault(case, victim, (given, data), fault, spoil, how)
        with half_the_trees(task) as halved:
            if halved:
                lines += with_fault(case, victim, (data, data), "half the trees", lambda result: result, how)
    return lines


def with_fault(  # noqa: PLR0917
    case: Case, victim: Any, given_and_true: tuple[Any, Any], fault: str, spoil: Any, how: dict[str, Any]
) -> list[dict[str, Any]]:
    """A line of the result that `victim` computes of what it is given and `spoil` spoils, by the true data."""
    task, (given, true) = CATALOGUE.task(case.task), given_and_true
    results: list[np.ndarray] = []

    def watched(*arguments: Any) -> Any:
        results.append(spoil(np.asarray(victim.function(*arguments))))
        return results[-1]

    execution = execute(task, replace(victim, function=watched), given, **how)
    try:
        quality = task.quality(true, results[-1])
    except (ResidencyError, IndexError):
        return [line_of(case, fault, victim.id, replace(execution, ending=SPOILT), None, how["reference"])]
    ending = judge(task, quality, dataset=how["dataset"], reference=how["reference"])
    judged = task.quality.judged(true, results[-1])
    found = replace(execution, quality=quality, ending=ending)
    return [line_of(case, fault, victim.id, found, judged, how["reference"])]


@contextmanager
def half_the_trees(task: Task) -> Iterator[bool]:
    """Half as many trees for whoever computes meanwhile; whether the task has any."""
    paths = ("tabular/random_forest", "tabular/gradient_boosting")
    functions = [CATALOGUE.task(path).implementations[0].function for path in paths]
    modules = [sys.modules[function.__module__] for function in functions]
    halves = {"TREES": 50, "ROUNDS": 50, "PARAMETERS": {**modules[0].PARAMETERS, "n_estimators": 50}}
    changed = [(module, name) for module in modules for name in halves if hasattr(module, name)]
    kept = [getattr(module, name) for module, name in changed]
    try:
        for module, name in changed:
            setattr(module, name, halves[name])
        yield task.path in paths
    finally:
        for (module, name), value in zip(changed, kept, strict=True):
            setattr(module, name, value)


def main() -> None:
    """Measure or sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["measure", "sum"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--faults", type=int, default=8, help="plant them with so many of the seeds")
    parser.add_argument("--task", default="")
    arguments = parser.parse_args()
    if arguments.action == "sum":
        print(summed([json.loads(line) for line in arguments.file.read_text().splitlines()]))
        return
    warnings.simplefilter("ignore")
    known = arguments.file.read_text().splitlines() if arguments.file.exists() else []
    done = {Case(*(json.loads(line)[name] for name in ("task", "kind", "seed"))) for line in known}
    with arguments.file.open("a") as sink:
        for case in cases(arguments.first, arguments.seeds):
            if case in done or not case.task.startswith(arguments.task):
                continue
            lines = measure(case, case.seed < arguments.first + arguments.faults)
            sink.write("".join(json.dumps(line) + "\n" for line in lines))
            sink.flush()
            print(
                case,
                len(lines),
                [line["reason"] for line in lines if not line["fault"] and line.get("reason")],
                file=sys.stderr,
            )


def judged_again(lines: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Outcome, bool]]:
    """Every line with its final outcome and whether it was compared: a fault beside the others' right results."""
    sets: dict[Case, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        sets[Case(line["task"], line["kind"], line["seed"])].append(line)
    infos = {
        path: RunInfo("", "", [], {}, {}, {}, None, {path: TaskInfo.of(CATALOGUE.task(path))}, []) for path in FAMILIES
    }
    for case, found in sets.items():
        right = {line["implementation"]: line for line in found if not line["fault"] and "outcome" in line}
        for line in found:
            if "outcome" not in line:
                continue
            together = {**right, line["implementation"]: line}
            judgements = judge_outcomes([record(case, one) for one in together.values()], infos[case.task])
            judgement = next(one for cell, one in judgements.items() if cell.implementation == line["implementation"])
            yield line, judgement.ending.outcome, not judgement.remark


def record(case: Case, line: dict[str, Any]) -> OutcomeRecord:
    """The record that a run keeps of a line."""
    cell = Cell(case.task, FAMILIES[case.task][1], "full", None, line["implementation"], "", "cpu")
    return OutcomeRecord(
        cell=cell, replicate=0, outcome=line["outcome"], reason=line["reason"], quality=line["quality"],
        reference=line["reference"], threads=1, data_hash="", parameters={}, remarks=[], cores=None, flops=None,
        bytes=None, at="2026-01-01T00:00:00.000Z", judged=line["judged"],
    )  # fmt: skip


def summed(lines: list[dict[str, Any]]) -> str:
    """Markdown: accusations of right results, and shares of faults that were seen."""
    right: dict[str, list[tuple[bool, bool]]] = defaultdict(list)  # wrong, compared
    planted: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    sets: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for line, outcome, compared in judged_again(lines):
        sets[line["task"]].add((line["kind"], line["seed"]))
        found = planted[line["task"], line["fault"]] if line["fault"] else right[line["task"]]
        found.append((outcome is Outcome.WRONG, compared))
        if not line["fault"] and outcome is Outcome.WRONG:
            print(
                "called wrong:",
                line["task"],
                line["kind"],
                line["seed"],
                line["implementation"],
                line["quality"],
                file=sys.stderr,
            )
    text = ["| task | data sets | right results | compared | called wrong |", "|---|---|---|---|---|"]
    for task, found in right.items():
        wrong, compared = (sum(one[place] for one in found) for place in range(2))
        text.append(f"| {task} | {len(sets[task])} | {len(found)} | {compared} | {wrong} |")
    everything = [one for found in right.values() for one in found]
    wrong, compared = (sum(one[place] for one in everything) for place in range(2))
    text += [f"| all | {sum(map(len, sets.values()))} | {len(everything)} | {compared} | {wrong} |", ""]
    text += ["| task | fault | planted | seen | too few to compare |", "|---|---|---|---|---|"]
    for (task, fault), found in planted.items():
        seen, untold = sum(one[0] for one in found), sum(not one[1] for one in found)
        text.append(f"| {task} | {fault} | {len(found)} | {seen} ({seen / len(found):.0%}) | {untold} |")
    return "\n".join(text)


if __name__ == "__main__":
    main()

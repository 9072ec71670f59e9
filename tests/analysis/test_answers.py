"""What may be said of sizes, of gains over tasks, and of runs that are asked to be precise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from residency.analysis.crossover import Point, crossover
from residency.analysis.gain import gains
from residency.analysis.row import Ratio, Speedup
from residency.analysis.scaling import Law
from residency.harness import statistics
from residency.harness.statistics import Interval
from residency.reports.crossover import sentence
from residency.reports.scaling import headline, law
from residency.runners.local import half_width

F, S, E, U = "faster", "slower", "equivalent", "inconclusive"


def points(*known: tuple[str, float]) -> list[Point]:
    return [
        Point(1_000 * 10**place, "new", "old", Ratio(value, value / 1.2, value * 1.2, verdict))  # type: ignore[arg-type]
        for place, (verdict, value) in enumerate(known)
    ]


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        ([(F, 2.0), (F, 3.0)], "always"),
        ([(F, 2.0), (E, 1.0)], "inconclusive"),
        ([(F, 2.0), (U, 0.9)], "inconclusive"),
        ([(S, 0.5), (F, 2.0), (U, 0.9)], "inconclusive"),
        ([(S, 0.5), (F, 2.0)], "crosses"),
        ([(S, 0.5), (F, 2.0), (S, 0.5)], "not monotone"),
        ([(S, 0.5), (E, 1.0)], "never"),
        ([(U, 0.9), (S, 0.5)], "inconclusive"),
    ],
)
def test_no_more_is_said_of_sizes_than_was_seen(known: list[tuple[str, float]], answer: str) -> None:
    assert crossover(points(*known)).answer == answer


def test_a_crossover_that_may_lie_below_all_sizes_is_said_to() -> None:
    found = crossover(points((U, 1.02), (F, 3.0)))
    assert found.answer == "crosses"
    assert "at about 1,000 rows or less [1,000 or less, " in sentence("t/a", "rows", found)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (S, "alone@cpu in a single process is 2.00 × as fast as they are."),
        (F, "They are 2.00 × as fast as the fastest single process, alone@cpu."),
        (U, "This run cannot tell whether they are faster than the fastest single process, alone@cpu."),
    ],
)
def test_a_cluster_is_held_against_one_process_as_far_as_is_known(verdict: Any, said: str) -> None:
    over_one, over_single = Ratio(1.5, 1.4, 1.6, F), Ratio(2.0 if verdict == F else 0.5, 0.05, 5.0, verdict)
    row = SimpleNamespace(result=SimpleNamespace(outcome="ok"), facts=SimpleNamespace(unknown={}))
    strong = SimpleNamespace(workers=2, row=row, over_one=over_one, over_single=over_single, efficiency=0.75)
    single = SimpleNamespace(cell=SimpleNamespace(implementation="alone@cpu"))
    found: Any = SimpleNamespace(task="t/a", implementation="shared", strong=[strong], single=single)
    assert headline(found).endswith(said)


def test_a_task_on_two_datasets_is_one_task() -> None:
    def row(task: str, dataset: str, ratio: float, verdict: Any = F) -> Any:
        return SimpleNamespace(
            cell=SimpleNamespace(task=task, device="gpu"),
            group=(task, dataset, "lab"),
            result=SimpleNamespace(outcome="ok"),
            facts=SimpleNamespace(unknown={}),
            measured=SimpleNamespace(),
            compared=SimpleNamespace(speedup=Speedup(ratio, ratio, ratio, verdict, "one@cpu"), resident=None),
        )

    assert gains([row("t/a", "one", 4.0), row("t/a", "two", 9.0)]) == []
    (found,) = gains([row("t/a", "one", 4.0), row("t/a", "two", 9.0), row("t/b", "one", 24.0)])
    assert found.tasks == 2
    assert found.mean.value == pytest.approx(12.0)
    assert (found.faster, found.slower, found.inconclusive) == (2, 0, 0)
    assert found.resident is None
    (found,) = gains([row("t/a", "one", 4.0), row("t/a", "two", 0.9, "slower"), row("t/b", "one", 0.9, "inconclusive")])
    assert (found.faster, found.slower, found.equivalent, found.inconclusive) == (0, 0, 0, 2)


def times(generator: np.random.Generator, middle: float, spread: float) -> dict[int, list[float]]:
    return {process: list(middle * np.exp(generator.normal(0, spread, 3))) for process in range(8)}


def test_precise_is_what_the_report_will_show() -> None:
    generator = np.random.default_rng(0)
    known = {"a@cpu": times(generator, 1.0, 0.01), "b@cpu": times(generator, 1.5, 0.01)}
    narrow = half_width(known, list(known))
    assert narrow < 0.02
    both = {**known, "b@gpu": times(generator, 0.2, 0.3)}
    assert half_width(both, list(known), [("b@cpu", "b@gpu")]) > 0.1
    base = statistics.speed_ratio(list(known["a@cpu"].values()), list(known["b@cpu"].values()), statistics.LOOKS)
    assert narrow == pytest.approx((base.high / base.low) ** 0.5 - 1)


def test_a_law_of_few_times_is_written_in_whole_percents() -> None:
    said = law(Law(Interval(0.251, 0.0, 262.516), None, {}))
    assert said.startswith("Universal Scalability Law: contention 25.1 % [0.0 %, 26,252 %]")

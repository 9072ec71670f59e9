"""The planner's fits on made-up laws, of the model's form and of others, and on the committed runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from residency.harness import records
from residency.planner.fit import BYTES, Model, Point, Prediction, Refused, model
from residency.planner.holdout import holdout

SIZES = Path(__file__).parent / "runs" / "sizes"  # 19 tasks at four sizes, one thread, hardly any other work
Law = Callable[[float], float]
LAWS: dict[str, Law] = {
    "linear with a fixed cost": lambda rows: 0.01 + 2e-6 * rows,
    "mostly a fixed cost": lambda rows: 0.2 + 1e-7 * rows,
    "power 1.3": lambda rows: 0.005 + 1e-7 * rows**1.3,
    "power 0.7": lambda rows: 1e-4 * rows**0.7,
    "n log n": lambda rows: 1e-7 * rows * math.log(rows),
    "a step where a cache is full": lambda rows: 1e-6 * rows * (1 + 0.6 / (1 + (1.5e5 / rows) ** 6)),
}


def measured(law: Law, sizes: list[int], chance: np.random.Generator, noise: float) -> list[Point]:
    return [Point(rows, list(law(rows) * np.exp(chance.normal(0, noise, 3)))) for rows in sizes]


def predicted(found: Model, rows: int) -> Prediction:
    answer = found.predict(rows)
    assert isinstance(answer, Prediction)
    return answer


def test_intervals_hold_what_a_fresh_process_needs_also_where_the_law_has_another_form() -> None:
    inside: dict[str, list[bool]] = {}
    for name, law in LAWS.items():
        for seed in range(16):
            chance, noise = np.random.default_rng(seed), (0.05, 0.1)[seed % 2]
            sizes, rows = (
                ([5_000, 15_000, 45_000], 135_000) if seed % 3 else ([4_000, 16_000, 64_000, 256_000], 800_000)
            )
            found = predicted(model(measured(law, sizes, chance, noise)), rows)
            truth = law(rows) * math.exp(chance.normal(0, noise))
            inside.setdefault(name, []).append(found.low <= truth <= found.high)
    shares = {name: sum(of_law) / len(of_law) for name, of_law in inside.items()}
    assert min(shares.values()) >= 0.7, shares
    assert sum(shares.values()) / len(shares) >= 0.88, shares


def test_interval_is_narrow_enough_to_plan_with_and_wider_the_less_is_known() -> None:
    chance = np.random.default_rng(3)
    points = measured(LAWS["linear with a fixed cost"], [5_000, 15_000, 45_000, 135_000], chance, 0.05)
    near, far = (predicted(model(points), rows) for rows in (135_000, 540_000))
    alone = predicted(model(points[-1:]), 540_000)
    widths = [found.high / found.low for found in (near, far, alone)]
    assert widths == sorted(widths)
    assert widths[1] < 2.5
    assert widths[2] > 4


def test_same_points_give_the_same_prediction_in_any_order() -> None:
    points = [Point(rows, [rows * 1e-6, rows * 1.1e-6]) for rows in (1_000, 4_000, 16_000)]
    assert model(points).predict(50_000) == model(points[::-1]).predict(50_000)


def test_declared_work_decides_where_the_sizes_cannot() -> None:
    points = [Point(10_000, [2.0])]
    plain, declared = (predicted(model(points, growth=growth), 30_000) for growth in (None, 2.0))
    assert plain.high < 18 < declared.high


@pytest.mark.parametrize(
    ("rows", "said"),
    [(400_001, "more than 4 times the largest measured size (100,000)"), (249, "less than a quarter of the smallest")],
)
def test_what_was_never_tested_is_refused_with_the_remedy(rows: int, said: str) -> None:
    found = model([Point(1_000, [0.1]), Point(100_000, [1.0])])
    refused = found.predict(rows)
    assert isinstance(refused, Refused)
    assert said in refused.reason
    assert "measure " in refused.reason
    assert isinstance(found.predict(400_000), Prediction)
    assert isinstance(found.predict(250), Prediction)


def test_memory_has_a_base_and_its_upper_end_covers() -> None:
    points = [Point(rows, [3e8 + 400 * rows] * 3) for rows in (10_000, 100_000, 1_000_000)]
    found = predicted(model(points, BYTES), 4_000_000)
    assert found.low < 1.9e9 < found.high < 3.8e9


@pytest.mark.parametrize("points", [[], [Point(5, [1.0]), Point(5, [2.0])], [Point(5, [0.0])], [Point(0, [1.0])]])
def test_points_without_a_law_are_an_error(points: list[Point]) -> None:
    with pytest.raises(ValueError, match=r"size|positive"):
        model(points)


def test_largest_measured_size_lies_inside_the_prediction_from_the_smaller_ones() -> None:
    held = holdout([records.read(SIZES)])
    for what in ("warm", "first", "host memory"):
        inside = [one.inside for one in held if one.what == what]
        assert len(inside) >= 20, what
        assert sum(inside) >= 0.85 * len(inside), [one for one in held if one.what == what and not one.inside]
    assert len({one.key.task for one in held}) >= 10

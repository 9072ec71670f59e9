"""What comes next in a proof, and what it is expected to take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from residency.harness.discovery import Catalogue
from residency.runners.plan import Group, Selection, plan
from residency.studies.costs import Costs
from residency.studies.prove import STEPS, contenders
from residency.suites import SHIPPED

SMOKE, LAB, _ = STEPS
SIZES = tuple(step.size for step in STEPS)


def groups(task: str) -> dict[str, Group]:
    """A task's groups, by size."""
    return {group.size: group for group in plan(Catalogue([SHIPPED]), Selection(tasks=(task,), sizes=SIZES))}


def row(group: Group, implementation: str, seconds: float) -> Any:
    """What is known of an implementation at the group's size."""
    place = (group.task.path, group.dataset.name, group.size)
    cell = SimpleNamespace(
        task=place[0], dataset=place[1], size=place[2], implementation=implementation, rows=group.request.rows
    )
    return SimpleNamespace(cell=cell, group=place, median=seconds, measured=SimpleNamespace(cold_seconds=2 * seconds))


@pytest.mark.parametrize(
    ("task", "beside"),
    [
        ("foundations/bandwidth", ["tensors@cpu", "compiled@cpu"]),  # either may reach the most, whoever ends first
        ("foundations/matrix_product", ["arrays@cpu", "compiled@cpu"]),
        ("foundations/launch", ["tensors_step_by_step@cpu"]),
        ("tabular/ridge", ["estimator@cpu"]),
    ],
)
def test_above_smoke_all_that_measure_peaks_go_on_and_else_the_strongest(task: str, beside: list[str]) -> None:
    mine = groups(task)
    on_gpu = [one.id for one in mine["smoke"].implementations if one.device == "gpu"]
    others = [one.id for one in mine["smoke"].implementations if one.device == "cpu" and one.id not in beside]
    known = [row(mine["smoke"], name, 1.0 + place) for place, name in enumerate([*beside, *on_gpu])]
    slower = [] if task.startswith("foundations/") else [row(mine["smoke"], name, 99.0) for name in others]
    found = contenders(mine["lab"], LAB, SMOKE, [*known, *slower])
    assert found is not None
    assert [one.id for one in found.implementations] == [*beside, *on_gpu]


def test_where_no_gpu_side_was_right_nothing_follows() -> None:
    mine = groups("tabular/ridge")
    assert contenders(mine["lab"], LAB, SMOKE, [row(mine["smoke"], "estimator@cpu", 1.0)]) is None


def sample(group: Group, implementation: str, seconds: float, aside: float) -> Any:
    task, dataset, size = group.task.path, group.dataset.name, group.size
    cell = SimpleNamespace(task=task, dataset=dataset, size=size, implementation=implementation)
    return SimpleNamespace(cell=cell, seconds=seconds, calls=1, aside_seconds=aside)


def test_starts_of_processes_stay_as_they_are_and_what_is_off_the_clock_grows_with_the_data() -> None:
    mine = groups("tabular/ridge")
    smoke, lab = mine["smoke"], mine["lab"]
    more = lab.request.rows / smoke.request.rows
    here = ["estimator@cpu", "normal_equations@cpu"]
    both = [one for one in smoke.implementations if one.id in here]
    small, large = (Group(**{**vars(group), "implementations": tuple(both)}) for group in (smoke, lab))
    costs = Costs()
    costs.note(small, 10.0, [sample(small, name, 1.0, 0.25) for name in here])  # three processes in 7.5 s
    assert costs.expected(small, []) == 10.0
    fast = [row(small, name, 1e-9) for name in here]
    assert costs.expected(large, fast) == pytest.approx(7.5 + 0.5 * more, rel=0.01)

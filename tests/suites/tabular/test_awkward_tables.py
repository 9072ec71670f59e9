"""Right libraries on tables with few positives, or hardly any values: none is called wrong, and all learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from residency.datasets.tabular.own import own_binary, own_forest
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import execute
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import Outcome
from residency.harness.records import Cell, OutcomeRecord, RunInfo, now
from residency.harness.task import Task
from residency.harness.task_info import TaskInfo
from residency.suites import SHIPPED
from residency.suites.tabular.gradient_boosting import GROUP, LEAF, Least


def task(name: str) -> Task:
    return Catalogue([SHIPPED]).task(f"tabular/{name}")


def judged(found: Task, data: object, dataset: str) -> dict[str, OutcomeRecord]:
    """Every CPU side's outcome, after the judgement of all of them together."""
    outcomes = []
    for side in found.implementations:
        if (side.device, side.runner) != ("cpu", "local"):
            continue
        execution = execute(found, side, data, dataset=dataset, shares=True, cold=True)
        assert execution.judged is not None, execution.ending
        outcomes.append(
            OutcomeRecord(
                cell=Cell(found.path, dataset, "full", None, side.id, side.package, "cpu"), replicate=0,
                outcome=str(execution.ending.outcome), reason=execution.ending.reason, quality=execution.quality,
                reference=None, threads=1, data_hash="", parameters=execution.parameters, remarks=[], cores=None,
                flops=None, bytes=None, at=now(), judged=vars(execution.judged),
            )
        )  # fmt: skip
    info = RunInfo("", now(), [], {}, {}, {}, None, {found.path: TaskInfo.of(found)}, [])
    judgements = judge_outcomes(outcomes, info)
    assert all(one.ending.outcome is Outcome.OK for one in judgements.values()), judgements
    return {one.cell.implementation: one for one in outcomes}


def test_few_positives_are_learned_by_all_libraries(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    frame = pd.DataFrame(generator.standard_normal((2_000, 5)), columns=list("abcde"))
    frame["fraud"] = 0
    frame.loc[frame["a"].nlargest(24).index, "fraud"] = 1
    frame.to_csv(tmp_path / "fraud.csv", index=False)
    data = own_binary.make(Request("own_binary", path=tmp_path / "fraud.csv", target="fraud", seed=3), tmp_path)
    results = judged(task("gradient_boosting"), data, "own_binary")
    assert len(results) == 3
    assert all((one.quality or 0.0) > 0.8 for one in results.values()), results


def test_forests_on_a_sparse_table_are_not_accused(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    filled = generator.random((500, 8)) < 0.03
    frame = pd.DataFrame(np.where(filled, generator.exponential(5.0, (500, 8)), 0.0)).add_prefix("s")
    frame["y"] = frame["s0"] + 2 * frame["s1"] + generator.standard_normal(500)
    frame.to_csv(tmp_path / "sparse.csv", index=False)
    data = own_forest.make(Request("own_forest", path=tmp_path / "sparse.csv", target="y", seed=3), tmp_path)
    assert len(judged(task("random_forest"), data, "own_forest")) == 3


@pytest.mark.parametrize(
    ("rows", "positive", "leaf", "group"), [(10_000, 0.2, LEAF, GROUP), (1_000, 0.02, 10, 30), (50, 0.5, 1, 1)]
)
def test_a_leaf_needs_the_same_of_all_libraries(rows: int, positive: float, leaf: int, group: int) -> None:
    y = (np.arange(rows) < positive * rows).astype(np.float32)
    least = Least.of(type("Data", (), {"y": y}))
    assert (least.rows, least.group) == (leaf, group)
    assert least.curvature == pytest.approx(leaf * positive * (1 - positive), rel=1e-3)

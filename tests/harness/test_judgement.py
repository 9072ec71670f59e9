"""Who is right when all results are known: one function, and all who tell of it agree."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.analysis.compare import Kind, compare
from residency.analysis.rows import rows
from residency.analysis.tiers import reached
from residency.harness import judgement, records
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import Outcome
from residency.harness.quality import Items, Judged, auc, r2, shares_of
from residency.harness.records import Cell, OutcomeRecord, Records, RunInfo, Sample
from residency.harness.task_info import TaskInfo

SIZES = {"smoke": 1_000}
TASK = TaskInfo(
    "A task.", "AUC", "higher", False, 0.03, SIZES, sampled=True, datasets={"made": "generated", "mine": "own"}
)


def cell(name: str, dataset: str = "made", device: str = "cpu") -> Cell:
    return Cell("tests/task", dataset, "smoke", None, f"{name}@{device}", "numpy", device)


def outcome(name: str, quality: float, judged: Judged | None, **changes: Any) -> OutcomeRecord:
    record = OutcomeRecord(
        cell=cell(name, changes.pop("dataset", "made"), changes.pop("device", "cpu")), replicate=0, outcome="ok",
        reason="", quality=quality, reference=None, threads=1, data_hash="h", parameters={}, remarks=[], cores=1.0,
        flops=None, bytes=None, at="2026-01-01T00:00:01.000Z", judged=None if judged is None else asdict(judged),
    )  # fmt: skip
    return replace(record, **changes)


def info(**tasks: TaskInfo) -> RunInfo:
    machine = {
        "host": "h", "system": "Linux", "cpu": "A", "cores": 2, "cores_in_machine": 2, "memory_bytes": 2**33,
        "gpus": [{"name": "G", "memory_bytes": 2**33, "driver": "1", "uuid": "u"}], "no_gpu_because": None,
        "python": "3.12.3",
    }  # fmt: skip
    return RunInfo("run", "2026-01-01T00:00:00.000Z", [], {}, machine, {}, "c", tasks or {"tests/task": TASK}, [])


def of(truth: np.ndarray, score: np.ndarray) -> tuple[float, Judged]:
    """AUC of a score, and what it rests on."""
    items = auc.items(type("Data", (), {"y_test": truth}), score)
    return items.score(*items.columns), shares_of(items)


def outcomes_of(found: list[OutcomeRecord], task: TaskInfo = TASK) -> dict[str, judgement.Judgement]:
    judged = judge_outcomes(found, info(**{"tests/task": task}))
    return {cell.implementation.partition("@")[0]: one for cell, one in judged.items()}


def test_shares_have_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(1).standard_normal(640)
    judged = shares_of(Items(lambda part: float(part.mean()), (values,), chance=0.0))
    assert judgement.standard_error(judged) == pytest.approx(values.std() / np.sqrt(640), rel=0.2)


@pytest.mark.parametrize("rows", [50, 2_000])
def test_the_standard_error_of_r2_is_that_of_many_samples(rows: int) -> None:
    generator = np.random.default_rng(2)
    seen, told = [], []
    for _ in range(60):
        truth = generator.standard_normal(rows)
        items = r2.items(type("Data", (), {"y_test": truth}), truth + generator.standard_normal(rows) / 2)
        seen.append(items.score(*items.columns))
        told.append(judgement.standard_error(shares_of(items)))
    assert np.mean(told) == pytest.approx(np.std(seen), rel=0.35)


def test_every_share_gets_its_part_of_a_rare_class() -> None:
    truth = (np.arange(2_000) < 12).astype(float)
    _, judged = of(truth, truth + np.random.default_rng(3).standard_normal(2_000))
    assert (judged.count, judged.fewest, len(judged.shares)) == (2_000, 12, 64)


def test_without_its_only_positive_nothing_can_be_told() -> None:
    truth = (np.arange(100) < 1).astype(float)
    assert of(truth, np.arange(100.0))[1].shares == []


def two_scores(rows: int, positives: int, worse: float, seed: int = 0) -> list[OutcomeRecord]:
    """A good score and one with noise on top."""
    generator = np.random.default_rng(seed)
    truth = (np.arange(rows) < positives).astype(float)
    good = 2 * truth + generator.standard_normal(rows)
    bad = good + worse * generator.standard_normal(rows)
    return [outcome(name, *of(truth, score)) for name, score in (("good", good), ("bad", bad))]


def test_many_judged_things_tell_what_few_cannot() -> None:
    many = outcomes_of(two_scores(20_000, 5_000, 1.5))
    assert many["good"].ending.outcome is Outcome.OK
    assert many["bad"].ending.outcome is Outcome.WRONG
    assert "falls short of good@cpu's" in many["bad"].ending.reason
    assert "the tolerance is 0.03, chance explains" in many["bad"].ending.reason
    few = outcomes_of(two_scores(300, 6, 1.5))
    assert few["bad"].ending.outcome is Outcome.OK
    assert "too few rows (300, 6 of the rarest class) to tell a right result from a wrong one" in few["bad"].remark


def test_results_that_hardly_differ_have_been_compared() -> None:
    truth = (np.arange(20_000) < 5_000).astype(float)
    good = 2 * truth + np.random.default_rng(5).standard_normal(20_000)
    other = good.copy()
    other[0] -= 2.0  # only one share is worse
    found = outcomes_of([outcome("good", *of(truth, good)), outcome("bad", *of(truth, other))])
    assert found["bad"].ending.outcome is Outcome.OK
    assert not found["bad"].remark


def test_right_scores_are_not_accused() -> None:
    for seed in range(200):
        generator = np.random.default_rng(seed)
        rows = int(generator.integers(60, 2_000))
        found = two_scores(rows, max(2, int(rows * generator.uniform(0.005, 0.5))), 0.15, seed)
        assert all(one.ending.outcome is Outcome.OK for one in outcomes_of(found).values()), seed


def test_a_tolerance_that_checks_nothing_is_said_to() -> None:
    loose = replace(TASK, tolerance=0.4)
    assert "too few" in outcomes_of(two_scores(20_000, 5_000, 1.5), loose)["bad"].remark


def test_libraries_may_differ_on_own_data_by_a_share_of_what_was_learned() -> None:
    found = [replace(one, cell=cell(one.cell.implementation[:-4], "mine")) for one in two_scores(20_000, 5_000, 0.6)]
    generated = outcomes_of(two_scores(20_000, 5_000, 0.6))
    assert generated["bad"].ending.outcome is Outcome.WRONG
    assert outcomes_of(found)["bad"].ending.outcome is Outcome.OK


def test_runs_of_before_are_judged_by_the_tolerance() -> None:
    found = outcomes_of([outcome("good", 0.9, None), outcome("bad", 0.8, None), outcome("fair", 0.88, None)])
    assert found["bad"].ending.outcome is Outcome.WRONG
    assert found["fair"].ending.outcome is Outcome.OK


def test_what_stands_beside_is_neither_best_nor_wrong() -> None:
    beside = replace(TASK, beside=["ready@cpu", "naive@cpu"])
    found = outcomes_of(
        [outcome("model", 0.8, None), outcome("ready", 0.99, None), outcome("naive", 0.5, None)], beside
    )
    assert all(one.ending.outcome is Outcome.OK for one in found.values())


def test_results_on_other_data_are_not_compared() -> None:
    found = outcomes_of([outcome("good", 0.9, None), outcome("bad", 0.5, None, data_hash="other")])
    assert found["bad"].ending.outcome is Outcome.OK


ENDINGS = ["ok", "ok", "ok", "wrong", "failed", "timeout", "unavailable"]
RESULTS = st.lists(st.tuples(st.sampled_from(ENDINGS), st.floats(0.4, 1.0), st.booleans()), min_size=1, max_size=5)


@given(RESULTS, st.sampled_from(["cpu", "gpu"]))
@settings(max_examples=60, deadline=None)
def test_no_two_who_tell_of_it_disagree(tmp_path_factory: pytest.TempPathFactory, results: Any, device: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    run = write(folder, results, device)
    read = records.read(folder)
    shown = {row.cell.implementation: row.result.outcome for row in rows(read)}
    alone = judge_outcomes(records.read(folder, samples=False).outcomes, run)
    assert shown == {cell.implementation: str(one.ending.outcome) for cell, one in alone.items()}
    proved = {name for (_, name) in reached([folder], lambda _: None)}
    right = {name for name, ending in shown.items() if ending == "ok"}
    assert proved == {name.replace("cpu", "gpu") for name in right}
    kinds = {one.implementation: one.kind for one in compare(good_of(read), read, 0.05).cells}
    assert all(
        (shown[name] == "wrong") == (kind is Kind.WRONG)
        for name, kind in kinds.items()
        if shown[name] in {"ok", "wrong"}
    )


def write(folder: Path, results: Any, device: str) -> RunInfo:
    """A run of one group with these endings and qualities."""
    run = info()
    generator = np.random.default_rng(5)
    lines = []
    for number, (ending, quality, known) in enumerate(results):
        judged = Judged(500, "rows", 200, 0.5, list(0.1 * generator.standard_normal(64))) if known else None
        record = outcome(
            f"f{number}", quality, judged, device=device, outcome=ending, reason="" if ending == "ok" else "why"
        )
        if ending == "ok":
            lines.append(sample(record, quality))
        lines.append(record)
    (folder / "run.json").write_text(json.dumps(asdict(run)))
    (folder / "records.jsonl").write_text("".join(json.dumps(records.to_json(line)) + "\n" for line in lines))
    return run


def sample(record: OutcomeRecord, quality: float) -> Sample:
    return Sample(
        cell=record.cell, replicate=0, round=0, phase="timed", seconds=1.0, stages={"other": 1.0}, quality=quality,
        cpu_seconds=1.0, peak_host_bytes=1, peak_device_bytes=None, joules=None, threads=1, data_hash="h",
        at="2026-01-01T00:00:00.500Z",
    )  # fmt: skip


def good_of(run: Records) -> Records:
    """A baseline in which everything was right."""
    outcomes = [replace(one, outcome="ok", reason="", quality=0.9, judged=None) for one in run.outcomes]
    return replace(run, samples=[sample(one, 0.9) for one in outcomes], outcomes=outcomes)

"""The contract every task and implementation keeps, as a check that ships with the harness.

`violations(task, records)` looks at a task and at a run of all its implementations, and says in sentences what is
not as promised: an empty list is a pass. Run it on suites of your own as on the shipped ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from residency.harness.outcomes import Outcome
from residency.harness.records import OutcomeRecord, Records, Sample
from residency.harness.task import Task

UNCOVERED = 0.01  # stages and `other` must add up to the whole within this share
OTHER = 0.25  # of a warm execution that no stage may cover, beyond `OTHER_SECONDS`
OTHER_SECONDS = 0.002


def violations(task: Task, records: Records) -> list[str]:
    """Everything in which the task's registration and its run break the contract."""
    found = [f"{task.path}: {text}" for text in _registration(task)]
    outcomes = [one for one in records.outcomes if one.cell.task == task.path]
    for implementation in task.implementations:
        if implementation.runner == "local" and not any(
            one.cell.implementation == implementation.id for one in outcomes
        ):
            found.append(f"{task.path}: {implementation.id} has no outcome")
    for outcome in outcomes:
        samples = [one for one in records.samples if one.cell == outcome.cell and one.replicate == outcome.replicate]
        where = f"{task.path} on {outcome.cell.dataset}: {outcome.cell.implementation}: "
        found += [where + text for text in _outcome(outcome, samples)]
        found += [where + text for sample in samples for text in _sample(task, sample)]
    hashes: dict[tuple[str, str], set[str]] = {}
    for one in outcomes:
        if one.data_hash:
            hashes.setdefault((one.cell.dataset, one.cell.size), set()).add(one.data_hash)
    found += [f"{task.path}: {key[0]} had several hashes in one run" for key, seen in hashes.items() if len(seen) > 1]
    return found


def _registration(task: Task) -> list[str]:
    found = []
    if "Question" not in task.card or "Expect" not in task.card:
        found.append("its file's docstring lacks `Question` or `Expect`")
    if not {"smoke", "lab", "lecture"} <= set(task.sizes):
        found.append("sizes smoke, lab and lecture are needed")
    if list(task.sizes.values()) != sorted(task.sizes.values()):
        found.append("sizes must grow")
    if task.datasets[0].kind != "generated":
        found.append("the first dataset must be a generated one, which can have any size")
    if not any(one.device == "cpu" for one in task.implementations):
        found.append("there is no CPU implementation to compare with")
    found += [f"dataset {dataset.name} has no card" for dataset in task.datasets if not dataset.card]
    if isinstance(task.floor, Mapping):
        judged = {dataset.name for dataset in task.datasets if dataset.kind != "own"}
        found += [f"no floor for dataset {name}" for name in sorted(judged - set(task.floor))]
    found += [f"{one.id} has no docstring" for one in task.implementations if not one.function.__doc__]
    return found


def _outcome(outcome: OutcomeRecord, samples: list[Sample]) -> list[str]:
    if outcome.outcome == Outcome.UNAVAILABLE:
        return [] if outcome.reason else ["unavailable without a reason"]
    if outcome.outcome != Outcome.OK:
        return [f"{outcome.outcome}: {outcome.reason}"]
    found = []
    phases = [sample.phase for sample in samples]
    if phases[:1] != ["cold"] or "timed" not in phases:
        found.append(f"expected a cold sample first and then timed ones, got {phases}")
    if not outcome.parameters:
        found.append("no effective parameters on record (run.effective)")
    return found


def _sample(task: Task, sample: Sample) -> list[str]:
    found = []
    total = sum(sample.stages.values())
    if abs(total - sample.seconds) > UNCOVERED * sample.seconds:
        found.append(f"stages add up to {total:.6f} s of {sample.seconds:.6f} s")
    if sample.phase == "timed":
        if sample.stages["other"] > max(OTHER * sample.seconds, OTHER_SECONDS):
            found.append(f"{sample.stages['other']:.4f} s of {sample.seconds:.4f} s lie outside every stage")
        if set(sample.stages) <= {"other"}:
            found.append("has no stage")
        if "import" in sample.stages:
            found.append("imports in a warm execution")
    floor = task.floor_for(sample.cell.dataset, sample.cell.rows)
    if floor is not None and not task.quality.beyond(sample.quality, floor):
        found.append(f"a sample with quality {sample.quality} beyond the floor was called ok")
    return found

"""The rules that every task and implementation must keep, as a check that ships with the harness.

`checks(task, records)` looks at a task and at a run of all its implementations. It says which rules are kept and which
are broken, with the remedy. `violations` returns only what is broken: an empty list is a pass. Use it for your own
suites as for the shipped ones: `residency check TOPIC/TASK`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from residency.harness.outcomes import Outcome
from residency.harness.records import OutcomeRecord, Records, Sample
from residency.harness.task import Implementation, Task

UNCOVERED = 0.01  # stages and `other` must add up to the whole within this share
OTHER = 0.25  # of a warm execution that no stage may cover, beyond `OTHER_SECONDS`
OTHER_SECONDS = 0.002
COVER = 'put the work under `with run.stage("fit"):`'
WRONG = "correct the result; or if the task is yours and right code cannot do better, change its tolerance and floor"
NEEDED = ("smoke", "lab", "lecture")


@dataclass(frozen=True)
class Check:
    """One rule: whether it is kept, what it is about, what was found, and if it is broken, what to do."""

    holds: bool | None  # None if it could not be checked here
    about: str
    found: str
    remedy: str = ""


def checks(task: Task, records: Records, chosen: Collection[str] = ()) -> list[Check]:
    """Every rule that the task's registration and its run keep or break, for the implementations in `chosen`."""
    implementations = [known for known in task.implementations if not chosen or known.id in chosen]
    made = [*_registration(task), *_documented(task, implementations)]
    outcomes = [outcome for outcome in records.outcomes if outcome.cell.task == task.path]
    for implementation in implementations:
        if implementation.runner == "local" and not any(
            outcome.cell.implementation == implementation.id for outcome in outcomes
        ):
            made.append(Check(False, task.path, f"{implementation.id} has no outcome", "run all of them"))
    for outcome in outcomes:
        samples = [
            sample
            for sample in records.samples
            if sample.cell == outcome.cell and sample.replicate == outcome.replicate
        ]
        made += _outcome(task, outcome, samples)
    hashes: dict[tuple[str, str], set[str]] = {}
    for outcome in outcomes:
        if outcome.data_hash:
            hashes.setdefault((outcome.cell.dataset, outcome.cell.size), set()).add(outcome.data_hash)
    made += [
        Check(False, task.path, f"{dataset} had several hashes in one run", "make the same bytes from the same seed")
        for (dataset, _), seen in hashes.items()
        if len(seen) > 1
    ]
    return made


def violations(task: Task, records: Records) -> list[str]:
    """Everything in which the task's registration and its run break the contract."""
    return [f"{check.about}: {check.found}" for check in checks(task, records) if check.holds is False]


def _registration(task: Task) -> Iterator[Check]:
    def promise(holds: bool, kept: str, broken: str, remedy: str) -> Check:
        return Check(holds, task.path, kept if holds else broken, "" if holds else remedy)

    yield promise(
        "Question" in task.card and "Expect" in task.card,
        "its file says what is asked and what to expect",
        "its file's docstring lacks `Question` or `Expect`",
        "begin the file with a docstring that has a line `Question  ...` and a line `Expect  ...`",
    )
    sizes = list(task.sizes.values())
    yield promise(
        set(NEEDED) <= set(task.sizes),
        f"it has the sizes {', '.join(task.sizes)}",
        f"sizes {', '.join(NEEDED)} are needed",
        "give each a number of rows: smoke takes seconds, lab a minute, lecture fills a GPU",
    )
    yield promise(sizes == sorted(sizes), "its sizes grow", "sizes must grow", "write the smallest first")
    yield promise(
        task.datasets[0].kind == "generated",
        "its first dataset is a generated one",
        "the first dataset must be a generated one, which can have any size",
        "put a dataset made by a function under @generated first",
    )
    yield promise(
        any(implementation.device == "cpu" for implementation in task.implementations),
        "it has a CPU implementation to compare with",
        "there is no CPU implementation to compare with",
        "add one by @task.on_cpu or @task.pair: the best library that you would use without a GPU",
    )
    for dataset in task.datasets:
        if not dataset.card:
            yield Check(False, task.path, f"dataset {dataset.name} has no card", "give its function a docstring")
    if isinstance(task.floor, Mapping):
        judged = {dataset.name for dataset in task.datasets if dataset.kind != "own"}
        for name in sorted(judged - set(task.floor)):
            yield Check(False, task.path, f"no floor for dataset {name}", f"add it to floor: {{{name!r}: ...}}")


def _documented(task: Task, implementations: list[Implementation]) -> Iterator[Check]:
    for implementation in implementations:
        if not implementation.function.__doc__:
            remedy = f"say in a sentence under its `def` how it does the task ({implementation.place})"
            yield Check(False, task.path, f"{implementation.id} has no docstring", remedy)


def _outcome(task: Task, outcome: OutcomeRecord, samples: list[Sample]) -> list[Check]:
    about = f"{task.path} on {outcome.cell.dataset}: {outcome.cell.implementation}"
    if outcome.outcome == Outcome.UNAVAILABLE:
        if not outcome.reason:
            return [Check(False, about, "unavailable without a reason", "say what is missing")]
        return [Check(None, about, f"cannot run here: {outcome.reason}")]
    if outcome.outcome != Outcome.OK:
        return [Check(False, about, f"{outcome.outcome}: {outcome.reason}", _mend(outcome))]
    made = []
    phases = [sample.phase for sample in samples]
    if phases[:1] != ["cold"] or "timed" not in phases:
        found = f"expected a cold sample first and then timed ones, got {phases}"
        made.append(Check(False, about, found, "run it again, with a larger budget"))
    if not outcome.parameters:
        found = "no effective parameters on record (run.effective)"
        made.append(
            Check(False, about, found, "name what decides the result: run.effective(alpha=1.0), or an estimator")
        )
    made += [check for sample in samples for check in _sample(task, sample, about)]
    made += _outside(samples, about)
    made = list(dict.fromkeys(made))
    return made or [
        Check(True, about, f"ok: {task.quality.name} {outcome.quality:.6g}, stages and parameters on record")
    ]


def _outside(samples: list[Sample], about: str) -> Iterator[Check]:
    """Time outside every stage, in the sample with the least of it: a busy machine only adds to it."""
    timed = [sample for sample in samples if sample.phase == "timed" and sample.seconds > 0]
    if not timed:
        return
    least = min(timed, key=lambda sample: sample.stages["other"] / sample.seconds)
    if least.stages["other"] > max(OTHER * least.seconds, OTHER_SECONDS):
        found = f"{least.stages['other']:.4f} s of {least.seconds:.4f} s lie outside every stage"
        yield Check(False, about, found, COVER)


def _mend(outcome: OutcomeRecord) -> str:
    """What to do about an outcome; its reason already says what happened."""
    if outcome.outcome == Outcome.WRONG and outcome.quality is None:
        return "correct what the reason names"  # no metric can judge it
    return {
        Outcome.WRONG: WRONG,
        Outcome.TIMEOUT: "make it faster; or if the task is yours, make its smoke size smaller",
        Outcome.OUT_OF_MEMORY: "hold fewer copies; or if the task is yours, make its smoke size smaller",
        Outcome.FELL_BACK: "see that the work is done on the GPU",
    }.get(Outcome(outcome.outcome), "correct the line that is named")


def _sample(task: Task, sample: Sample, about: str) -> Iterator[Check]:
    total = sum(sample.stages.values())
    if abs(total - sample.seconds) > UNCOVERED * sample.seconds:
        found = f"stages add up to {total:.6f} s of {sample.seconds:.6f} s"
        yield Check(False, about, found, "open stages one after another, in the function's own thread")
    if sample.phase == "timed":
        if set(sample.stages) <= {"other"}:
            yield Check(False, about, "has no stage", COVER)
        if "import" in sample.stages:
            found = "imports in a warm execution"
            yield Check(False, about, found, "use the library that is passed in; name others in `needs`")
    floor = task.floor_for(sample.cell.dataset, sample.cell.rows)
    if floor is not None and not task.quality.beyond(sample.quality, floor):
        found = f"a sample with quality {sample.quality} beyond the floor was called ok"
        yield Check(False, about, found, "report this: the harness has a fault")

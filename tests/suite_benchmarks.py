"""The suites as benchmarks of pytest-benchmark; collected by `pytest --residency` alone (see the root conftest.py).

Every implementation runs in a worker process, as under `residency run`, and pytest-benchmark is handed the worker's
own clock: what it reports is the execution, not the messages to and from the worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from residency.commands.common import catalogue
from residency.harness.errors import UsageError
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.records import OutcomeRecord, RunInfo, now
from residency.harness.task import Implementation
from residency.harness.task_info import TaskInfo
from residency.runners.fallback import Trace, judge
from residency.runners.plan import Group, Selection, absent, plan, unavailable
from residency.runners.process import Ended, Worker
from residency.runners.settings import Settings
from residency.runners.turn import COMPILING, load_request, make, timeout_of


class WorkerClock:
    """Seconds that the worker has measured so far."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


CLOCK = WorkerClock()
FACTS: dict[str, dict[str, Any]] = {}  # by group
MEASURED: dict[str, list[OutcomeRecord]] = {}  # by group, for the judgement of all results together
WARMUPS = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One benchmark for every implementation that was asked for."""
    option = metafunc.config.getoption
    names = [name for name in option("residency") if name != "all"]
    selection = Selection(tasks=names, sizes=option("size") or ["smoke"], datasets=option("dataset") or ())
    try:
        groups = plan(catalogue(), selection)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    cases = []
    for group in groups:
        for one in group.implementations:
            marks = [getattr(pytest.mark, group.task.topic), getattr(pytest.mark, one.device)]
            marks.append(pytest.mark.benchmark(group=group.title, timer=CLOCK))
            name = f"{group.task.path}-{group.dataset.name}-{group.size}-{one.id}"
            cases.append(pytest.param(group, one, id=name, marks=marks))
    if "implementation" in metafunc.fixturenames:
        metafunc.parametrize(("group", "implementation"), cases)
    else:
        metafunc.parametrize("group", groups, ids=lambda group: f"{group.task.path}-{group.dataset.name}-{group.size}")


def facts_of(group: Group) -> dict[str, Any]:
    """What is known of a group's data, which is made for the first that asks."""
    if group.title not in FACTS:
        FACTS[group.title] = make(group, Settings().threads)
    return FACTS[group.title]


@pytest.fixture
def worker(group: Group, implementation: Implementation) -> Iterator[Worker]:
    """A worker with the data in memory; skips what cannot run here."""
    why = unavailable(implementation) or absent(group.dataset)
    if why is not None:
        pytest.skip(why.reason)
    settings, facts = Settings(), facts_of(group)
    with Worker(implementation.device, settings.threads) as started:
        started.ask(load_request(group, implementation, facts, settings), timeout_of(group))
        yield started


def test_implementation(
    benchmark, request: pytest.FixtureRequest, worker: Worker, group: Group, implementation: Implementation
) -> None:
    """Measure one implementation; a wrong result fails, whatever its time."""
    replies: list[dict] = []

    def execute() -> None:
        traced = implementation.device == "gpu" and not replies
        watch = worker.watch(implementation.device, Trace()) if traced else None
        try:
            reply = worker.ask({"do": "sample", "cold": not replies, "calls": 1}, timeout_of(group) + COMPILING, watch)
        except Ended as ended:
            pytest.fail(f"{ended.ending.outcome}: {ended.ending.reason}")
        ending = Ending(Outcome(reply["ending"]["outcome"]), reply["ending"]["reason"])
        if ending == OK and watch is not None:
            ending, _ = judge(implementation, watch.trace, reply["context"], worker.log())
        if ending != OK:
            pytest.fail(f"{ending.outcome}: {ending.reason}")
        replies.append(reply)
        CLOCK.seconds += reply["seconds"]

    for _ in range(1 + WARMUPS):
        execute()
    benchmark.pedantic(execute, rounds=request.config.getoption("rounds"), iterations=1, warmup_rounds=0)
    replies.append(worker.ask({"do": "sample", "cold": False, "calls": 1, "shares": True}, timeout_of(group)))
    last = replies[-1]
    keep(group, implementation, last)
    benchmark.extra_info.update(
        task=group.task.path, dataset=group.dataset.name, size=group.size, implementation=implementation.id,
        library=implementation.library, device=implementation.device, quality=last["quality"],
        metric=group.task.quality.name, stages=last["stages"], cold_seconds=replies[0]["seconds"],
        peak_host_bytes=last["peak_host_bytes"],
    )  # fmt: skip


def keep(group: Group, implementation: Implementation, reply: Mapping[str, Any]) -> None:
    """Keep a result that passed alone, to be held against the others of its group."""
    facts = facts_of(group)
    record = OutcomeRecord(
        cell=group.cell(implementation), replicate=0, outcome=str(Outcome.OK), reason="", quality=reply["quality"],
        reference=facts["reference"], threads=1, data_hash=facts["hash"], parameters={}, remarks=[], cores=None,
        flops=None, bytes=None, at=now(), judged=reply["judged"],
    )  # fmt: skip
    MEASURED.setdefault(group.title, []).append(record)


def test_results_agree(group: Group) -> None:
    """Results that fall short of the best of their group are wrong, as `residency run` says it."""
    records = MEASURED.get(group.title, [])
    if not records:
        pytest.skip("nothing of it was measured")
    info = RunInfo("", now(), [], {}, {}, {}, None, {group.task.path: TaskInfo.of(group.task)}, [])
    judgements = judge_outcomes(records, info)
    wrong = [f"{cell.implementation}: {one.ending.reason}" for cell, one in judgements.items() if one.ending != OK]
    assert not wrong, "; ".join(wrong)

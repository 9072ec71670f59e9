"""The suites as benchmarks of pytest-benchmark; collected by `pytest --residency` alone (see the root conftest.py).

Every implementation runs in a worker process, as under `residency run`, and pytest-benchmark is handed the worker's
own clock: what it reports is the execution, not the messages to and from the worker.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from residency.commands.common import catalogue
from residency.harness.errors import UsageError
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.task import Implementation
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
    metafunc.parametrize(("group", "implementation"), cases)


@pytest.fixture
def worker(group: Group, implementation: Implementation) -> Iterator[Worker]:
    """A worker with the data in memory; skips what cannot run here."""
    why = unavailable(implementation) or absent(group.dataset)
    if why is not None:
        pytest.skip(why.reason)
    settings = Settings()
    facts = make(group, settings.threads)
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
    last = replies[-1]
    benchmark.extra_info.update(
        task=group.task.path, dataset=group.dataset.name, size=group.size, implementation=implementation.id,
        library=implementation.library, device=implementation.device, quality=last["quality"],
        metric=group.task.quality.name, stages=last["stages"], cold_seconds=replies[0]["seconds"],
        peak_host_bytes=last["peak_host_bytes"],
    )  # fmt: skip

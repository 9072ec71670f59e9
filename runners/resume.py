"""What a run already knows, and why the rest is missing, so that an interrupted run can be continued.

A replicate of an implementation is done if its outcome is `ok` under the same resume key: a hash of the code, the
request for data, the libraries and the parameters. Under another key everything is measured again, because samples of
different code are never mixed; the earlier records stay in the file. What `failed` is tried again, because something
else may have killed the worker. Other outcomes would be the same again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from residency.harness.busy import Busy
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import Outcome, is_not_reached, is_not_started
from residency.harness.records import Cell, OutcomeRecord, Records, Sample
from residency.harness.sources import hash_of_sources
from residency.runners import environments, machine
from residency.runners.about import code
from residency.runners.plan import Group
from residency.runners.settings import Settings


def key_of(group: Group, settings: Settings, versions: Mapping[str, str]) -> str:
    """One short hash of everything that a group's samples depend on."""
    digest = hashlib.sha256(hash_of_sources(*group.task.files, group.dataset.file).encode())
    digest.update(code())
    request = {**asdict(group.request), "path": str(group.request.path), "source": str(group.request.source)}
    parts = [
        request,
        dict(versions),
        settings.threads,
        settings.memory_limit,
        settings.gate,
        settings.worker_threads,
        machine.cpu_model(),
        [(gpu["name"], gpu["driver"]) for gpu in machine.gpus()[0]],
        settings.between_gpus if _has_gpu_cluster(group) else None,
    ]
    parts += [(name, environments.record(name)) for name in environments.of(group.implementations)]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def _has_gpu_cluster(group: Group) -> bool:
    return any(known.runner == "cluster" and known.device == "gpu" for known in group.implementations)


@dataclass
class Done:
    """What is known about a group, by the ids of its implementations."""

    ok: dict[str, set[int]] = field(default_factory=dict)  # the replicates in which each was ok
    times: dict[str, dict[int, list[float]]] = field(default_factory=dict)  # seconds of timed samples, by replicate
    ended: set[str] = field(default_factory=set)  # those whose outcome is neither ok nor failed: not tried again
    busy: Busy = field(default_factory=Busy)  # how busy the machine was meanwhile
    next: int = 0  # the first replicate without a record
    asked: int = 0  # the most replicates that were asked for before
    reason: str = "it was not reached"  # why the missing replicates are measured now

    def add(self, sample: Sample) -> None:
        """Keep a sample, and its time if it is a timed one."""
        self.busy.add(sample)
        if sample.phase == "timed":
            replicates = self.times.setdefault(sample.cell.implementation, {})
            replicates.setdefault(sample.replicate, []).append(sample.seconds)


def done(group: Group, key: str, before: Records | None) -> Done:
    """What is known about a group under this resume key."""
    known = Done()
    if before is None:
        return known
    ids = {implementation.id for implementation in group.implementations}
    of_group = [outcome for outcome in before.outcomes if _same(outcome.cell, group)]
    outcomes = [outcome for outcome in of_group if outcome.cell.implementation in ids]
    samples = [sample for sample in before.samples if _same(sample.cell, group) and sample.cell.implementation in ids]
    replicates = {outcome.replicate for outcome in outcomes} | {sample.replicate for sample in samples}
    known.next = 1 + max(replicates, default=-1)
    judgements = judge_outcomes(of_group, before.info)
    for outcome in outcomes:
        if outcome.key != key:
            continue
        known.asked = max(known.asked, outcome.asked or 0)
        if judgements[replace(outcome.cell, rows=None)].ending.outcome is Outcome.WRONG:
            known.ended.add(outcome.cell.implementation)
        elif outcome.outcome == Outcome.OK:
            known.ok.setdefault(outcome.cell.implementation, set()).add(outcome.replicate)
        elif outcome.outcome != Outcome.FAILED and not _asked_again(outcome):
            known.ended.add(outcome.cell.implementation)
    for sample in samples:
        if sample.key == key:
            known.add(sample)
    current = {outcome.key == key for outcome in outcomes} | {sample.key == key for sample in samples}
    if any(outcome.outcome == Outcome.FAILED and outcome.key == key for outcome in outcomes):
        known.reason = "something failed"
    elif True in current:
        known.reason = "it was interrupted, or its budget was used up"
    elif current:
        known.reason = "code, data, libraries or parameters have changed"
    return known


def _asked_again(outcome: OutcomeRecord) -> bool:
    """Whether it may end in another way now: it was not reached, or not started for lack of memory."""
    return is_not_reached(outcome.outcome, outcome.reason) or is_not_started(outcome.outcome, outcome.reason)


def _same(cell: Cell, group: Group) -> bool:
    return (cell.task, cell.dataset, cell.size) == (group.task.path, group.dataset.name, group.size)

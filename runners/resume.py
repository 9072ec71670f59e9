"""What a run already knows, and why the rest is missing, so that an interrupted run can be continued.

A replicate of an implementation is done if its outcome is `ok` under the same resume key: a hash of the code, the
request for data, the libraries and the parameters. Under another key everything is measured again, because samples of
different code are never mixed; the earlier records stay in the file. What `failed` is tried again, because a worker may
have been killed from outside. Other outcomes would be the same again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from residency.harness.busy import Busy
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import Cell, Records, Sample
from residency.harness.sources import hash_of_sources
from residency.runners import machine
from residency.runners.plan import Group
from residency.runners.settings import Settings

ROOMS = ("harness", "runners")  # any of this code may decide what a time means: it counts whole


def key_of(group: Group, settings: Settings, versions: Mapping[str, str]) -> str:
    """What a group's samples depend on, as one short hash."""
    digest = hashlib.sha256(hash_of_sources(*group.task.files, group.dataset.file).encode())
    digest.update(_code())
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
    ]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def _code() -> bytes:
    house = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((house / room).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()


@dataclass
class Done:
    """What is known of a group, by the ids of its implementations."""

    ok: dict[str, set[int]] = field(default_factory=dict)  # the replicates in which each was ok
    times: dict[str, dict[int, list[float]]] = field(default_factory=dict)  # seconds of timed samples, by replicate
    ended: set[str] = field(default_factory=set)  # whose outcome is neither ok nor failed: not tried again
    busy: Busy = field(default_factory=Busy)  # how busy the machine was meanwhile
    next: int = 0  # the first replicate that no record bears
    asked: int = 0  # replicates, at most, by those who measured before
    reason: str = "it was not reached"  # why what is missing is measured now

    def add(self, sample: Sample) -> None:
        """Keep a sample, and its time if it is a timed one."""
        self.busy.add(sample)
        if sample.phase == "timed":
            replicates = self.times.setdefault(sample.cell.implementation, {})
            replicates.setdefault(sample.replicate, []).append(sample.seconds)


def done(group: Group, key: str, before: Records | None) -> Done:
    """What is known of a group under this resume key."""
    found = Done()
    if before is None:
        return found
    cells = {one.id for one in group.implementations}
    outcomes = [one for one in before.outcomes if _same(one.cell, group) and one.cell.implementation in cells]
    samples = [one for one in before.samples if _same(one.cell, group) and one.cell.implementation in cells]
    found.next = 1 + max([one.replicate for one in outcomes] + [one.replicate for one in samples], default=-1)
    judgements = judge_outcomes([one for one in before.outcomes if _same(one.cell, group)], before.info)
    for one in outcomes:
        if one.key != key:
            continue
        found.asked = max(found.asked, one.asked or 0)
        if judgements[replace(one.cell, rows=None)].ending.outcome is Outcome.WRONG:
            found.ended.add(one.cell.implementation)
        elif one.outcome == Outcome.OK:
            found.ok.setdefault(one.cell.implementation, set()).add(one.replicate)
        elif one.outcome != Outcome.FAILED and not is_not_reached(one.outcome, one.reason):
            found.ended.add(one.cell.implementation)
    for sample in samples:
        if sample.key == key:
            found.add(sample)
    current = {one.key == key for one in outcomes} | {one.key == key for one in samples}
    if any(one.outcome == Outcome.FAILED and one.key == key for one in outcomes):
        found.reason = "something failed"
    elif True in current:
        found.reason = "it was interrupted, or its budget was used up"
    elif current:
        found.reason = "code, data, libraries or parameters have changed"
    return found


def _same(cell: Cell, group: Group) -> bool:
    return (cell.task, cell.dataset, cell.size) == (group.task.path, group.dataset.name, group.size)

"""What of a run is done already, and why the rest is not: for going on where a run was interrupted.

A replicate of a group is done when every implementation of the group has an outcome in it, under the same key: of the
code, the request for data, the libraries and the parameters. Under another key everything is measured again, since
samples of different code are never mixed; the records of before stay in the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from residency.harness.outcomes import Outcome
from residency.harness.records import OutcomeRecord, Records
from residency.runners import machine
from residency.runners.plan import Group
from residency.runners.turn import Settings

ROOMS = ("harness", "runners", "datasets")  # the code that every measurement passes through


def key_of(group: Group, settings: Settings, versions: Mapping[str, str]) -> str:
    """What a group's samples depend on, as one short hash."""
    digest = hashlib.sha256(group.task.file.read_bytes())
    digest.update(_code())
    request = {**asdict(group.request), "path": str(group.request.path), "source": str(group.request.source)}
    parts = [request, dict(versions), settings.threads, settings.memory_limit, settings.gate, machine.cpu_model()]
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
    """What is known of a group from before."""

    replicates: set[int] = field(default_factory=set)  # complete
    next: int = 0  # the first number that no record bears
    ended: set[str] = field(default_factory=set)  # implementations whose outcome is not ok: not tried again
    reason: str = "it was not reached"  # why what is missing is measured now


def done(group: Group, key: str, before: Records | None) -> Done:
    """What of a group is complete under this key."""
    found = Done()
    if before is None:
        return found
    cells = {group.cell(one).implementation for one in group.implementations}
    mine = [one for one in before.outcomes if _same(one.cell, group) and one.cell.implementation in cells]
    samples = [one for one in before.samples if _same(one.cell, group) and one.cell.implementation in cells]
    numbers = [one.replicate for one in mine] + [one.replicate for one in samples]
    found.next = 1 + max(numbers, default=-1)
    current = [one for one in mine if one.key == key]
    if not current:
        if any(one.key == key for one in samples):
            found.reason = "it was interrupted"
        elif mine or samples:
            found.reason = "code, data, libraries or parameters have changed"
        return found
    found.ended = {one.cell.implementation for one in current if one.outcome != Outcome.OK}
    waiting = cells - found.ended
    found.replicates = {
        number for number in {one.replicate for one in current} if waiting <= _ok_in(current, number)
    } if waiting else set()  # fmt: skip
    found.reason = "replicates are missing"
    return found


def _ok_in(outcomes: Sequence[OutcomeRecord], replicate: int) -> set[str]:
    return {one.cell.implementation for one in outcomes if one.replicate == replicate and one.outcome == Outcome.OK}


def _same(cell: object, group: Group) -> bool:
    return (
        getattr(cell, "task", None) == group.task.path
        and getattr(cell, "dataset", None) == group.dataset.name
        and getattr(cell, "size", None) == group.size
    )

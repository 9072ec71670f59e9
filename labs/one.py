"""Grade one submission of a cohort in a process of its own: `python -m residency.labs.one REQUEST.json RESULT.json`.

The process is pinned to its own cores, so that submissions that are graded at the same time do not slow each other. It
prints a line of JSON for each step. When the cohort's process ends, in any way, the pipe to its stdin ends, and so
does this process with all that it started.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from residency.harness import interrupts
from residency.harness.errors import UsageError
from residency.labs import audit, catalogue, driver, sandbox, scratch
from residency.labs.audit import Record
from residency.labs.contribution import contribution
from residency.labs.lab import Lab
from residency.labs.submissions import Submission, read, shown
from residency.labs.tables import Source
from residency.labs.teams import Team, teams
from residency.runners import machine

UNSAVED = 4  # the exit status when the result cannot be written

Said = Callable[[str], None]


def main() -> None:
    """Grade what the request names, and write the result in one step."""
    interrupts.install()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    request = json.loads(Path(sys.argv[1]).read_text())
    if request["cores"]:
        os.sched_setaffinity(0, request["cores"])
    try:
        record = graded(request, _say)
        record.cores = request["cores"]
        audit.write(Path(sys.argv[2]), record)
    except OSError as error:
        _tell({"unsaved": error.strerror or str(error)})
        sys.exit(UNSAVED)
    except KeyboardInterrupt:
        sys.exit(interrupts.status())


def graded(request: Mapping[str, Any], said: Said = lambda _: None) -> Record:
    """The record of one submission: `clone`, `lab`, `tag`, `roster`, `limit`, `table`, earlier `seeds`."""
    clone, lab = Path(request["clone"]), catalogue.lab(request["lab"])
    record = audit.empty(clone, lab)
    record.limit = request["limit"]
    if lab.shipped is not None:
        record.table = request["table"]
    record.isolation, record.machine, record.versions = asdict(sandbox.means()), machine.facts(), machine.versions()
    begun = time.perf_counter()
    said("reading the clone")
    try:
        submission = read(clone, lab, request["tag"])
    except UsageError as error:
        record.problem = _of_a_clone(error, clone)
    else:
        _about(record, submission)
        team = _team(clone, request["roster"], submission.team)
        record.members = list(team.members) if team else []
        said("who contributed")
        _contributed(record, clone, lab, submission)
        _grade(record, lab, submission, request["seeds"] or {}, said)
    record.seconds = time.perf_counter() - begun
    return record


def _about(record: Record, submission: Submission) -> None:
    """What was submitted, and what the teacher should know of it."""
    record.commit, record.tag = submission.commit, submission.tag
    record.submitted = submission.time.strftime(audit.TIME) if submission.time else ""
    record.told = None if submission.team is None else submission.team.decode(errors="surrogateescape")
    record.changed = list(submission.changed)
    notes = [*submission.remarks]
    notes += [f"{name} is missing in the commit; the teacher's copy was used" for name in submission.removed]
    if submission.unsubmitted:
        notes.append(f"not in the submitted commit: changes of {', '.join(submission.unsubmitted[:5])}")
    if submission.later:
        notes.append(f"{submission.later} later commits are not graded: the tag names an earlier one")
    record.notes = notes


def _team(clone: Path, roster: str | None, told: bytes | None) -> Team | None:
    known = teams([clone], Path(roster) if roster else None, {clone: told} if told is not None else {})
    return next(iter(known.of(clone)), None)


def _contributed(record: Record, clone: Path, lab: Lab, submission: Submission) -> None:
    """Add the evidence of who wrote what. It is no part of the points, so a failure is a note."""
    addresses = [member.email for member in record.members if member.email]
    try:
        record.contribution = contribution(clone, lab, submission.commit, members=addresses).as_json()
    except UsageError as error:
        record.notes.append(f"who contributed is not known: {_of_a_clone(error, clone)}")


def _of_a_clone(error: UsageError, clone: Path) -> str:
    """What is wrong with a clone, for its team, which does not know where the teacher keeps it."""
    return str(error).replace(shown(clone), "this clone")


def _grade(record: Record, lab: Lab, submission: Submission, seeds: Mapping[str, int], said: Said) -> None:
    with scratch.folder() as place:
        files = driver.write(place / "files", submission.files)
        known = (lambda what: seeds[what] if what in seeds else driver.fresh()) if seeds else None
        table = Source(**record.table) if record.table else None
        record.graded = driver.grade(lab, files, seed=known, said=said, limit=record.limit, table=table)
    record.seeds = record.graded.all_seeds
    record.possible = dict(record.graded.possible)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # `sys.stdin` itself cannot be closed while a thread reads from it
    os.kill(os.getpid(), signal.SIGTERM)


def _say(doing: str) -> None:
    _tell({"doing": doing})


def _tell(told: Mapping[str, str]) -> None:
    try:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # the cohort's process has ended: so will this one


if __name__ == "__main__":
    main()

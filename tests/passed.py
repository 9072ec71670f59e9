"""What passed with the code that it has now, on record in a file that is committed: it need not run again."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from residency.harness.sources import HOUSE, sources_of
from residency.harness.task import Task

CONTRACT = Path(__file__).with_name("contract.json")  # what tasks passed
OWN = tuple(HOUSE / room for room in ("suites", "datasets"))


def code_of(files: Iterable[Path]) -> str:
    """A hash of these files and of their places, the same on every machine."""
    texts = [f"{file.relative_to(HOUSE)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def files_of_task(task: Task) -> list[Path]:
    """The files with the code that is a task's own."""
    return [file for file in sources_of(*task.files) if any(file.is_relative_to(room) for room in OWN)]


def code_of_task(task: Task) -> str:
    """A hash of the code that is a task's own, the same on every machine."""
    return code_of(files_of_task(task))


def is_unchanged(name: str, code: str, passed: Path) -> bool:
    """Whether this has passed with this code."""
    return bool(json.loads(passed.read_text()).get(name) == code)


def note(name: str, code: str, passed: Path) -> None:
    """Put on record that this has passed, a line each; other test processes may do so at the same time."""
    with passed.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = {**json.load(file), name: code}
        text = json.dumps({name: known[name] for name in sorted(known)}, indent=1) + "\n"
        file.seek(0)
        file.write(text)
        file.truncate()

"""The code that a run measured, saved with it if the commit does not hold it: the user's own, and changed files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from residency.harness.errors import UsageError
from residency.harness.records import SOURCE_FOLDER
from residency.harness.sources import HOUSE, sources_of
from residency.runners import machine
from residency.runners.plan import Group

SHIPPED = tuple(HOUSE / room for room in ("suites", "datasets", "runners", "harness"))  # that a task may import
KEPT = SHIPPED[:2]  # where they differ from the checkout's commit


def keep(groups: Iterable[Group], folder: Path) -> None:
    """Copy the files that make up the groups' tasks, and what these import, into a run's folder, under `source/`.

    These are the user's files, and shipped tasks and datasets that differ from the checkout's commit. A file's name
    holds a hash of its text, so a run that is continued after a change keeps both versions.
    """
    changed = {file for file in machine.changed() if _is_in(file, KEPT)}
    for file in sources_of(*(file for group in groups for file in group.task.files)):
        if file.resolve() in changed or not _is_in(file.resolve(), SHIPPED):
            _keep(file, folder / SOURCE_FOLDER / file.parent.name)


def _is_in(file: Path, folders: Iterable[Path]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)


def _keep(file: Path, folder: Path) -> None:
    try:
        text = file.read_bytes()
        copy = folder / f"{file.stem}.{hashlib.sha256(text).hexdigest()[:8]}{file.suffix}"
        folder.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(text)
    except OSError as error:
        raise UsageError(f"cannot keep {file} in {folder}: {error.strerror}") from error

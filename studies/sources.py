"""The user's own code, kept with the run that measured it: the commit tells the shipped tasks, not these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from residency.harness.errors import UsageError
from residency.harness.records import SOURCE_FOLDER
from residency.runners import machine
from residency.runners.plan import Group
from residency.suites import SHIPPED


def keep(groups: Iterable[Group], folder: Path) -> None:
    """Copy the files that make up the groups' tasks into a run's folder, under `source/`.

    Those of the user, and shipped ones that differ from the checkout's commit. A file's name bears a hash of its text,
    so that a run which goes on after a change keeps both versions.
    """
    files = {file for group in groups for file in group.task.code}
    shipped, changed = SHIPPED.folder.resolve(), machine.changed()
    for file in sorted(files):
        if file.resolve() in changed or not file.resolve().is_relative_to(shipped):
            _keep(file, folder / SOURCE_FOLDER / file.parent.name)


def _keep(file: Path, folder: Path) -> None:
    try:
        text = file.read_bytes()
        copy = folder / f"{file.stem}.{hashlib.sha256(text).hexdigest()[:8]}{file.suffix}"
        folder.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(text)
    except OSError as error:
        raise UsageError(f"cannot keep {file} in {folder}: {error.strerror}") from error

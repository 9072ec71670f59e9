"""The folders of a user's own tasks, which RESIDENCY_SUITES names, and the files that are in the wrong place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from residency.harness.discovery import Suites, files_of, has_task
from residency.harness.errors import UsageError
from residency.harness.mistakes import shown

VARIABLE = "RESIDENCY_SUITES"


def named_by(text: str) -> list[Suites]:
    """The suites in the folders that a value of RESIDENCY_SUITES names, each once.

    Raises `UsageError` if one is not a folder or holds no task; the error says where the task should be.
    """
    folders = dict.fromkeys(Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part)
    return [_checked(folder) for folder in folders]


def folders() -> list[str]:
    """The full paths of the user's own suites: a resumed run takes its tasks from there."""
    return [str(suites.folder) for suites in named_by(os.environ.get(VARIABLE, ""))]


def misplaced(suites: Suites) -> Iterator[str]:
    """A message for each file that looks like a task but is in the folder itself, not in a topic's folder."""
    for file in sorted(suites.folder.glob("[!_.]*.py")):
        if has_task(file):
            where = shown(suites.folder / "TOPIC" / file.name)
            yield f"{shown(file)} is in no topic's folder and is left out: move it to {where}"


def _checked(folder: Path) -> Suites:
    if folder.is_file():
        whole = folder.parent.parent
        raise UsageError(
            f"{VARIABLE} names a file, {shown(folder)}: name the folder above its topic's, {VARIABLE}={shown(whole)}"
        )
    if not folder.is_dir():
        raise UsageError(
            f"{VARIABLE}: no folder of suites at {shown(folder)}: name a folder that holds TOPIC/NAME.py, which "
            "docs/own-task.md explains"
        )
    if not files_of(folder):
        raise UsageError(f"{VARIABLE} names {shown(folder)}, which holds no TOPIC/NAME.py{_instead(folder)}")
    return Suites(folder)


def _instead(folder: Path) -> str:
    """Where the tasks are, if they are near; else an example of a right place."""
    if stray := [file for file in sorted(folder.glob("[!_.]*.py")) if has_task(file)]:
        file = stray[0]
        return (
            f": {shown(file)} lies in it directly. To make it {folder.name}/{file.stem}, set {VARIABLE}="
            f"{shown(folder.parent)}; or move it into a topic's folder, {shown(folder / 'TOPIC' / file.name)}"
        )
    if deeper := [file for file in sorted(folder.glob("[!_.]*/[!_.]*/[!_.]*.py")) if has_task(file)]:
        return f": {shown(deeper[0])} lies one folder deeper; set {VARIABLE}={shown(deeper[0].parent.parent)}"
    return f", as {shown(folder / 'tabular' / 'ridge.py')}"

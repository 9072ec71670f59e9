"""What several commands need: the catalogue, consoles, options, and finding a run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from residency.harness import records
from residency.harness.discovery import Catalogue, Suites
from residency.harness.errors import UsageError
from residency.suites import SHIPPED

RESULTS = Path("results") / "runs"
REHEARSALS = Path("results") / "rehearsals"


def catalogue(before: records.RunInfo | None = None) -> Catalogue:
    """Every task: the shipped suites, and the user's own in the folders that RESIDENCY_SUITES names.

    Where it names none, those of the run `before` that is gone on with: from another folder, or in another shell.
    """
    recorded = before.settings.get("suites", []) if before is not None else []
    return Catalogue([SHIPPED, *(Suites(Path(folder)) for folder in own_suites() or recorded)])


def own_suites() -> list[str]:
    """The folders of the user's own suites, absolute."""
    named = os.environ.get("RESIDENCY_SUITES", "")
    return [str(Path(folder).resolve()) for folder in named.split(os.pathsep) if folder]


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command, which says what it has kept; rich would end it with status 1, without a word."""
        raise BrokenPipeError


def output() -> Console:
    """Where results go; as wide as its tables where nobody is looking."""
    return _Console(width=None if sys.stdout.isatty() else 160)


def progress() -> Console:
    """Where progress goes: stderr, so that stdout can be piped."""
    return _Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    print(json.dumps(value, indent=2, default=str))


def find_run(named: Path | None, results: Path) -> records.Records:
    """The run in a folder, or the newest of the results; raises `UsageError` where there is none."""
    if named is not None:
        return records.read(named if named.is_dir() or named.name != records.RUN_FILE else named.parent)
    return records.read(newest_run(results))


def newest_run(results: Path) -> Path:
    """The folder of the run that started last, whatever the folders are called; raises `UsageError` without one.

    What cannot be read is skipped, and said.
    """
    started: list[tuple[str, Path]] = []
    for path in sorted(results.glob(f"*/{records.RUN_FILE}")):
        try:
            started.append((records.read_info(path).started, path.parent))
        except UsageError as error:
            progress().print(f"skipped: {error}", style="yellow", highlight=False, soft_wrap=True, markup=False)
    if not started:
        raise UsageError(f"no run in {results}; `residency run` makes one, or name a run's folder")
    return max(started)[1]

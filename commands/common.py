"""What several commands need: the catalogue, consoles, options, and finding a run."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from residency.harness import own_suites, records
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.task import Task
from residency.suites import SHIPPED

RESULTS = Path("results") / "runs"
REHEARSALS = Path("results") / "rehearsals"


def catalogue(suites: Sequence[str] = ()) -> Catalogue:
    """Every task: the shipped suites, and the user's own in the folders that RESIDENCY_SUITES names.

    `suites` are folders to take where that variable is not set, as those of a run that goes on.
    """
    own = own_suites.named_by(os.environ.get(own_suites.VARIABLE) or os.pathsep.join(suites))
    for one in own:
        for line in own_suites.misplaced(one):
            _say_once(line)
    return Catalogue([SHIPPED, *own])


def own_folders() -> list[str]:
    """The folders of the user's own suites, in full: a run that goes on takes its tasks from there."""
    named = os.environ.get(own_suites.VARIABLE, "")
    return [str(suites.folder) for suites in own_suites.named_by(named)]


def one_task(name: str) -> Task:
    """The one task of that name; raises `UsageError` where there is none, or where a topic with several is named."""
    tasks = catalogue()
    if name in tasks.topics:
        raise UsageError(f"{name}: name one task, as tabular/etl")
    return tasks.select([name])[0]


@functools.cache
def _say_once(line: str) -> None:
    print(f"residency: {line}", file=sys.stderr)


def output() -> Console:
    """Where results go; as wide as its tables where nobody is looking."""
    return Console(width=None if sys.stdout.isatty() else 160)


def progress() -> Console:
    """Where progress goes: stderr, so that stdout can be piped."""
    return Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    print(json.dumps(value, indent=2, default=str))


def find_run(named: Path | None, results: Path) -> records.Records:
    """The run in a folder, or the newest of the results; raises `UsageError` where there is none."""
    if named is not None:
        return records.read(named if named.is_dir() or named.name != records.RUN_FILE else named.parent)
    runs = sorted(path.parent for path in results.glob(f"*/{records.RUN_FILE}"))
    if not runs:
        raise UsageError(f"no run in {results}; `residency run` makes one, or name a run's folder")
    return records.read(runs[-1])

"""Finding tasks by their place: a file `TOPIC/NAME.py` that defines `task` is the task `TOPIC/NAME`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from residency.harness.errors import UsageError, unknown
from residency.harness.task import SIZES, Task


@dataclass(frozen=True)
class Suites:
    """A folder of topics, and the package under which its files are imported; None for a folder outside any package."""

    folder: Path
    package: str | None = None


@dataclass
class Catalogue:
    """Every task of some suites. Files are imported when asked for, so naming one task loads one file."""

    suites: Sequence[Suites]
    _tasks: dict[str, Task] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, tuple[Suites, Path]]:
        """`topic/name` to its file, in alphabetical order."""
        found: dict[str, tuple[Suites, Path]] = {}
        for suites in self.suites:
            if not suites.folder.is_dir():
                raise UsageError(f"no folder of suites at {suites.folder}")
            for file in sorted(suites.folder.glob("[!_.]*/[!_.]*.py")):
                name = f"{file.parent.name}/{file.stem}"
                if name in found:
                    raise UsageError(f"task {name} is defined twice: {found[name][1]} and {file}")
                found[name] = (suites, file)
        return dict(sorted(found.items()))

    @property
    def topics(self) -> list[str]:
        """The topics that have tasks."""
        return sorted({name.partition("/")[0] for name in self.files})

    def task(self, name: str) -> Task:
        """The task `topic/name`; raises `UsageError` with the nearest names."""
        if name not in self._tasks:
            files = self.files
            if name not in files:
                raise unknown("task", name, files)
            self._tasks[name] = load(*files[name])
        return self._tasks[name]

    def select(self, names: Iterable[str]) -> list[Task]:
        """The tasks of the given topics and names, all where none is given, each once."""
        files = self.files
        chosen: list[str] = []
        for name in names:
            if name in files:
                chosen.append(name)
            elif "/" not in name and name in self.topics:
                chosen += [one for one in files if one.startswith(f"{name}/")]
            elif "/" not in name:
                raise unknown("topic or task", name, [*self.topics, *files])
            else:
                raise unknown("task", name, files)
        return [self.task(name) for name in dict.fromkeys(chosen or files)]


def load(suites: Suites, file: Path) -> Task:
    """Import a task's file and bind its task to its place."""
    module = _import(suites, file)
    task = getattr(module, "task", None)
    if not isinstance(task, Task):
        raise UsageError(f"{file} defines no `task = Task(...)`")
    task.topic, task.name, task.file, task.package = file.parent.name, file.stem, file, suites.package
    task.card = inspect.getdoc(module) or ""
    if stray := set(task.sizes) - set(SIZES):
        raise UsageError(f"{file}: unknown sizes {sorted(stray)}; there are {', '.join(SIZES)}")
    return task


def _import(suites: Suites, file: Path) -> ModuleType:
    if suites.package is not None:
        return importlib.import_module(f"{suites.package}.{file.parent.name}.{file.stem}")
    name = f"residency_suite_{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    return module

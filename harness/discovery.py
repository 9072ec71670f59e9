"""Finding tasks by their place: a file `TOPIC/NAME.py` that defines `task` is the task `TOPIC/NAME`.

A user's file that imports its `task` from a shipped one adds implementations to it. At the same place
(`my/tabular/ridge.py`), the task keeps its name and gains the implementations. At another place it is a new task of
that name, with the shipped implementations and the new ones. The catalogue returns a copy: the shipped task's own
object stays as its file made it.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from residency.harness.errors import UsageError, unknown
from residency.harness.mistakes import explained, shown
from residency.harness.task import SIZES, Task, check_unique

NO_TASK = (
    "defines no `task = Task(...)`, and imports none "
    "(`from residency.suites.tabular.ridge import task`); the name of a helper's file begins with _"
)


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
    def files(self) -> dict[str, list[tuple[Suites, Path]]]:
        """`topic/name` to its file, and to the user's files that add to it; names in alphabetical order."""
        found: dict[str, list[tuple[Suites, Path]]] = {}
        seen: set[Path] = set()
        for suites in self.suites:
            for file in files_of(suites.folder):
                if file.resolve() not in seen:
                    seen.add(file.resolve())
                    found.setdefault(f"{file.parent.name}/{file.stem}", []).append((suites, file))
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
            (suites, file), *more = files[name]
            self._tasks[name] = load(suites, file, [addition for _, addition in more])
        return self._tasks[name]

    def select(self, names: Iterable[str]) -> list[Task]:
        """The tasks of the given topics and names, each once; all if none is given."""
        return [self.task(name) for name in self.paths(names)]

    def paths(self, names: Iterable[str]) -> list[str]:
        """The tasks meant by topics, full names, and names without a topic if only one task has the name."""
        files = self.files
        chosen = [path for name in names for path in self._meant(name, files)]
        return list(dict.fromkeys(chosen or files))

    def _meant(self, name: str, files: Mapping[str, object]) -> list[str]:
        if name in files:
            return [name]
        if name in self.topics:
            return [path for path in files if path.startswith(f"{name}/")]
        alike = [path for path in files if path.endswith(f"/{name}")]
        if len(alike) > 1:
            named = ", ".join(f"`{path}`" for path in alike)
            raise UsageError(f"{len(alike)} tasks are called `{name}`: name one of {named}")
        if name.removesuffix(".py") in files:
            return [name.removesuffix(".py")]
        if name.endswith(".py"):
            raise _file_named(Path(name), files)
        return alike or _refuse(name, [*files, *([] if "/" in name else self.topics)])


def files_of(folder: Path) -> list[Path]:
    """The files of tasks in a folder of topics; raises `UsageError` where there is no such folder."""
    if not folder.is_dir():
        raise UsageError(f"no folder of suites at {folder}")
    return [file for file in sorted(folder.glob("[!_.]*/[!_.]*.py")) if file.is_file()]


def has_task(file: Path) -> bool:
    """Whether a file may define or import a name `task`, judged by its text, without running it."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except OSError:
        return False
    except (SyntaxError, ValueError):
        return b"task" in file.read_bytes()
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = [alias for node in nodes if isinstance(node, ast.ImportFrom | ast.Import) for alias in node.names]
    return bool({"task", "*"} & (names | {alias.asname or alias.name for alias in imported}))


def _refuse(name: str, known: Iterable[str]) -> list[str]:
    raise unknown("task" if "/" in name else "topic or task", name, known)


def _file_named(file: Path, files: Mapping[str, object]) -> UsageError:
    """The error for a file's path given instead of a task's name."""
    path = f"{file.resolve().parent.name}/{file.stem}"
    if not file.is_file():
        return unknown("task", str(file.with_suffix("")), files)
    folder = f"RESIDENCY_SUITES={file.resolve().parent.parent}"
    return UsageError(
        f"{file} is a file: name the task, {path}" + (f", with {folder} set" if path not in files else "")
    )


def load(suites: Suites, file: Path, additions: Sequence[Path] = ()) -> Task:
    """Import a task's file and bind its task to its place, with what the user's further files add to it.

    Raises `UsageError`, with the file and the line, where a file cannot be loaded or the task is defined twice.
    """
    module = _import(suites, file)
    made = _task_of(module, file)
    for addition in additions:
        if _task_of(_import(Suites(addition.parent.parent), addition), addition) is not made:
            raise UsageError(_defined_twice(made, suites, file, addition))
    task = copy.copy(made)
    task.topic, task.name, task.file, task.package = file.parent.name, file.stem, file, suites.package
    task.additions = tuple(additions)
    task.card = inspect.getdoc(module) or ast.get_docstring(ast.parse(task.origin.read_bytes())) or ""
    task.implementations = []
    for implementation in made.implementations:
        if task.holds(implementation.file):
            check_unique(task.implementations, implementation)
            task.implementations.append(implementation)
    return task


def _task_of(module: ModuleType, file: Path) -> Task:
    task = getattr(module, "task", None)
    if not isinstance(task, Task):
        raise UsageError(f"{shown(file)}: {NO_TASK}")
    if stray := set(task.sizes) - set(SIZES):
        raise UsageError(f"{shown(file)}: unknown sizes {sorted(stray)}; there are {', '.join(SIZES)}")
    return task


def _defined_twice(made: Task, suites: Suites, file: Path, addition: Path) -> str:
    name = f"{file.parent.name}/{file.stem}"
    text = f"task {name} is defined twice, by {shown(file)} and by {shown(addition)}: rename the second file"
    if suites.package is None:
        return text
    module = f"{suites.package}.{file.parent.name}.{file.stem}"
    return (
        f"{text} to make it a task of its own, or add to the shipped task: "
        f"write `from {module} import task` in place of `task = Task(...)`, and keep only implementations of new names"
    )


def _import(suites: Suites, file: Path) -> ModuleType:
    """A task's file as a module. A user's belongs to a package made for its folder: `from . import _helper` works."""
    try:
        if suites.package is not None:
            return importlib.import_module(f"{suites.package}.{file.parent.name}.{file.stem}")
        if not has_task(file):
            raise UsageError(NO_TASK)
        package = _package(file.parent)
        name = f"{package}.{file.stem.replace('.', '_')}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise UsageError(f"{shown(file)} cannot be imported")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what a file prints must not end up in JSON
                spec.loader.exec_module(module)
        except BaseException:
            _forget(sys.modules.pop(name), file)
            raise
        return module
    except (Exception, SystemExit) as error:
        raise explained(error, file) from error


def _forget(module: ModuleType, file: Path) -> None:
    """Remove what a file had added to a task before its loading failed."""
    task = vars(module).get("task")
    if isinstance(task, Task):
        task.implementations = [one for one in task.implementations if one.file != file]


def _package(folder: Path) -> str:
    """The name of the package that stands for a user's folder: the same in every process."""
    name = f"residency_own_{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [str(folder)]
    return name

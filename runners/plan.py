"""From the user's selection to what will be measured: groups of implementations that share task, data and size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from residency.harness import piped, store
from residency.harness.accelerators import ACCELERATORS
from residency.harness.dataset import DEFAULT_SEED, LEAST_ROWS, Dataset, Request, printable
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError, likely, unknown
from residency.harness.libraries import is_installed, not_installed, remedy, version
from residency.harness.outcomes import Ending, Outcome
from residency.harness.records import Cell
from residency.harness.task import SIZES, Device, Implementation, Place, Task
from residency.runners import builds, environments, machine
from residency.runners.environments import Described

FULL = "full"  # the size of data that is not generated: all of it
KINDS = ("generated", "shipped", "public", "own")
DEVICES: tuple[Device, ...] = ("cpu", "gpu")
PLACES: tuple[Place, ...] = ("local", "cluster")
TIMES_LARGEST = 1_000  # a size may be this many times the largest named one; beyond, numbers of bytes overflow
NUMBER = re.compile("[1-9][0-9]{0,29}")
SHOWN_REASONS = 3
CORES_OF_WORKER = 4  # cores for each worker, if the user does not say how many workers there are


@dataclass(frozen=True)
class Group:
    """Implementations that are compared with each other: one task, one dataset, one size."""

    task: Task
    dataset: Dataset
    request: Request
    size: str
    implementations: tuple[Implementation, ...]

    @property
    def title(self) -> str:
        """Its name for people: `tabular/ridge, linear at smoke`."""
        return f"{self.task.path}, {self.dataset.name} at {self.size}"

    @property
    def scale(self) -> str:
        """The smallest named size with at least as many rows."""
        if self.size in (*SIZES, FULL):
            return self.size
        named = (name for name, rows in self.task.sizes.items() if rows >= int(self.size))
        return next(named, SIZES[-1])

    @property
    def part(self) -> tuple[str, str]:
        """The topic and the scale: they decide how much time is allowed."""
        return self.task.topic, self.scale

    def cell(self, implementation: Implementation, rows: int | None = None) -> Cell:
        """The cell of one of its implementations."""
        return Cell(
            task=self.task.path,
            dataset=self.dataset.name,
            size=self.size,
            rows=rows,
            implementation=implementation.id,
            library=implementation.package,
            device=implementation.device,
            runner=implementation.runner,
            workers=max(1, implementation.workers),
        )


@dataclass(frozen=True)
class Selection:
    """What the user selected, in the words of the command line. Empty means all; for datasets, each task's default."""

    tasks: Sequence[str] = ()
    sizes: Sequence[str] = ("smoke",)  # by name or as a number of rows
    datasets: Sequence[str] = ()  # names or kinds
    devices: Sequence[str] = DEVICES
    implementations: Sequence[str] = ()  # functions, ids or libraries
    runners: Sequence[str] = ("local",)
    workers: Sequence[int] = ()  # of a cluster; by default as many as suit this machine
    path: Path | None = None
    target: str | None = None
    seed: int = DEFAULT_SEED
    environments: Sequence[str] = ()  # run everything local in each of these; by default here alone
    left_out: list[str] = field(default_factory=list)  # messages for the user: what was named and does not apply


def plan(catalogue: Catalogue, selection: Selection) -> list[Group]:
    """The groups that a selection means; raises `UsageError` for names that do not exist, or when nothing is left."""
    for size in selection.sizes:
        _check_size(size)
    for option, values in (("--devices", selection.devices), ("--runner", selection.runners)):
        if not values:
            known = DEVICES if option == "--devices" else PLACES
            raise UsageError(f"{option} is empty: name {', '.join(known)} or both, with a comma between")
    for runner in selection.runners:
        if runner not in PLACES:
            raise unknown("runner", runner, PLACES)
    for device in selection.devices:
        if device not in DEVICES:
            raise unknown("device", device, DEVICES)
    for name in selection.environments:
        if name != environments.HERE:
            environments.environment(name, environments.HERE)
    tasks = catalogue.select(selection.tasks)
    _check_names(catalogue, tasks, selection)
    groups = [group for task in tasks for group in groups_of(task, selection)]
    if not groups:
        reasons = list(dict.fromkeys(selection.left_out)) or ["there is no task"]
        more = f"; and {len(reasons) - SHOWN_REASONS} more" if len(reasons) > SHOWN_REASONS else ""
        which = any(": takes no " in reason for reason in reasons)
        more += "; `residency data list` says which tasks take which data" if which else ""
        raise UsageError(f"nothing to run: {'; '.join(reasons[:SHOWN_REASONS])}{more}")
    return groups


def unavailable(implementation: Implementation, elsewhere: bool = False) -> Ending | None:
    """Why an implementation cannot run on this machine, or on a cluster `elsewhere`; None if it can."""
    modules = [implementation.library, *implementation.needs]
    if implementation.runner == "cluster":
        modules += ["distributed", *(["dask_cuda"] if implementation.device == "gpu" and not elsewhere else [])]
    modules += [ACCELERATORS[implementation.accelerator].needs] if implementation.accelerator else []
    there = environments.described(implementation.environment) if implementation.environment else None
    reasons: list[str] = []
    if implementation.device == "gpu" and not elsewhere:
        gpus, why = machine.gpus()
        if not gpus:
            reasons.append(why)
        elif implementation.workers > len(gpus):
            workers = implementation.workers
            reasons.append(f"{workers} workers need {workers} GPUs; this machine has {len(gpus)}")
    if isinstance(there, Ending):
        return Ending(Outcome.UNAVAILABLE, "; ".join([*reasons, there.reason])) if reasons else there
    missing = [name for name in modules if not _is_there(name, there)]
    if implementation.device == "gpu" and not elsewhere and not reasons:
        reasons += [said for name in modules if name not in missing and (said := _without_cuda(name, there))]
    if missing:
        said = environments.lacking(implementation.environment, modules) if there is not None else None
        reasons.append(said or not_installed(missing, implementation.device))
    return Ending(Outcome.UNAVAILABLE, "; ".join(dict.fromkeys(reasons))) if reasons else None


def _is_there(module: str, there: Described | None) -> bool:
    return is_installed(module) if there is None else there.has(module)


def _without_cuda(module: str, there: Described | None) -> str | None:
    return builds.without_cuda(module) if there is None else there.without_cuda.get(module.partition(".")[0])


def absent(dataset: Dataset) -> Ending | None:
    """Why a dataset is not available on this machine now; None if it is."""
    for module in dataset.needs:
        if not is_installed(module):
            return Ending(Outcome.UNAVAILABLE, f"dataset {dataset.name} needs {module}: {remedy(module)}")
    if dataset.source is not None and not dataset.source.is_here(store.public_folder(dataset)):
        return Ending(Outcome.UNAVAILABLE, f"dataset {dataset.name} is not here: residency data fetch {dataset.name}")
    return None


def _check_size(size: str) -> None:
    """A size must be a name or a plain number; each task decides whether it takes it."""
    if size in SIZES or NUMBER.fullmatch(size):
        return
    several = "; for several sizes, repeat --size" if "," in size else ""
    raise UsageError(
        f"invalid size `{printable(size)}`: use {', '.join(SIZES)} or a whole number of rows, {LEAST_ROWS} at least, "
        f"written as 20000{several}"
    )


def _check_names(catalogue: Catalogue, tasks: Sequence[Task], selection: Selection) -> None:
    """Every dataset and implementation that is named must exist in at least one of the tasks."""
    datasets = {dataset.name: dataset for task in tasks for dataset in task.datasets}
    for name in selection.datasets:
        if name not in datasets and name not in KINDS:
            raise _no_dataset(catalogue, tasks, name)
        if selection.path is None and (name == "own" or (name in datasets and datasets[name].kind == "own")):
            table = name == "own" or datasets[name].table
            whose = "your own table: name it by --data FILE --target COLUMN"
            raise UsageError(f"{name} is {whose if table else 'your own data: name it with --data PATH'}")
    names = {alias for task in tasks for implementation in task.implementations for alias in _aliases(implementation)}
    names |= {implementation.id for task in tasks for implementation in _placed(task, selection)}
    for name in selection.implementations:
        if name not in names:
            short = [one for one in names if not set(one) & set("@+")]  # functions and libraries
            raise unknown("implementation", name, names if likely(name, sorted(names)) else short)
    if selection.path is not None and not selection.path.exists():
        if (origin := piped.origin(selection.path)) is not None:
            raise UsageError(f"what came from {origin} was kept as {selection.path}, and is gone: start a new run")
        raise UsageError(f"--data {printable(selection.path)}: there is no such file or folder")


def _no_dataset(catalogue: Catalogue, tasks: Sequence[Task], name: str) -> UsageError:
    """The error for a dataset that none of these tasks has; another task may have it."""
    known = {dataset.name for task in tasks for dataset in task.datasets if dataset.kind != "own"}
    others = _with_dataset(catalogue, name)
    if not others:
        return unknown("dataset", printable(name), known | set(KINDS))
    asked = tasks[0].path if len(tasks) == 1 else "any of these tasks"
    return UsageError(
        f"{name} is not a dataset of {asked}, but of {', '.join(others)}; there are: "
        f"{', '.join(f'`{dataset}`' for dataset in sorted(known))}"
    )


def groups_of(task: Task, selection: Selection) -> list[Group]:
    """A task's groups in a selection; what does not apply is noted in `left_out`."""
    named = set(selection.implementations)
    chosen = tuple(placed for placed in _placed(task, selection) if not named or named & _aliases(placed))
    if not chosen:
        where = f"{' or '.join(selection.devices)}, {' or '.join(selection.runners)}"
        selection.left_out.append(f"{task.path}: no such implementation on {where}")
        return []
    datasets = _datasets(task, selection)
    if not datasets:
        wanted = "no own data" if selection.path else f"no {' or '.join(selection.datasets)} dataset"
        selection.left_out.append(f"{task.path}: takes {wanted}")
    groups = []
    for dataset in datasets:
        for size in dict.fromkeys(selection.sizes) if dataset.kind == "generated" else (FULL,):
            if size != FULL and (refusal := _refusal(task, dataset, size)) is not None:
                selection.left_out.append(f"{task.path}: {refusal}")
                continue
            request = _request(task, dataset, size, selection)
            groups.append(Group(task, dataset, request, size, chosen))
    return groups


def _with_dataset(catalogue: Catalogue, name: str) -> list[str]:
    """The tasks that have a dataset of that name, among those that can be imported."""
    tasks = []
    for path in catalogue.files:
        try:
            if any(dataset.name == name for dataset in catalogue.task(path).datasets):
                tasks.append(path)
        except UsageError:
            continue
    return tasks


def _refusal(task: Task, dataset: Dataset, size: str) -> str | None:
    """Why a task's dataset cannot be generated at a size; None if it can."""
    if size in SIZES:
        return None if size in task.sizes else f"has no size {size}"
    least = min(dataset.least_rows, *task.sizes.values())
    most = TIMES_LARGEST * max(task.sizes.values())
    return None if least <= int(size) <= most else f"takes from {least} to {most} {task.unit}, not {size}"


def default_workers(device: Device) -> int:
    """Workers of a cluster on this machine: one for each GPU, or one for every four cores, but at least two."""
    if device == "gpu":
        return max(1, len(machine.gpus()[0]))
    return max(2, machine.cores() // CORES_OF_WORKER)


def _placed(task: Task, selection: Selection) -> list[Implementation]:
    """The task's implementations on the selected devices and runners; a cluster's, once for each number of workers."""
    placed: list[Implementation] = []
    for known in task.implementations:
        if known.device in selection.devices and known.runner in selection.runners:
            counts = selection.workers or (default_workers(known.device),)
            local = known.runner == "local"
            placed += _in_environments(task, known, selection) if local else [known.on(n) for n in counts]
    return placed


def _in_environments(task: Task, known: Implementation, selection: Selection) -> list[Implementation]:
    """A local implementation in each selected environment; one that has its own runs there alone."""
    chosen = selection.environments or (environments.HERE,)
    placed: dict[str, Implementation] = {}
    for name in chosen:
        one = task.within(known, "" if name == environments.HERE else name)
        placed.setdefault(one.id, one)
    return list(placed.values())


def _aliases(implementation: Implementation) -> set[str]:
    """The names of an implementation on the command line."""
    named = {implementation.id, implementation.on(0).id, implementation.name, implementation.function_name}
    return {*named, implementation.package, *filter(None, (implementation.accelerator, implementation.environment))}


def _datasets(task: Task, selection: Selection) -> list[Dataset]:
    """The task's datasets that the user selected; its default if none was selected."""
    if selection.path is not None:
        return [dataset for dataset in task.datasets if dataset.kind == "own"]
    if not selection.datasets:
        return [task.datasets[0]]
    wanted = set(selection.datasets)
    return [known for known in task.datasets if known.kind != "own" and {known.name, known.kind} & wanted]


def _request(task: Task, dataset: Dataset, size: str, selection: Selection) -> Request:
    versions = {module: version(module) or "unknown" for module in dataset.needs}
    if dataset.kind == "generated":
        rows = task.sizes[size] if size in SIZES else int(size)
        return Request(dataset.name, rows=rows, seed=selection.seed, versions=versions)
    if dataset.kind == "own" and selection.path is not None:
        path = selection.path.resolve()
        return Request(dataset.name, seed=selection.seed, path=path, target=selection.target, versions=versions)
    source = store.public_folder(dataset) if dataset.source is not None else None
    return Request(dataset.name, seed=selection.seed, source=source, versions=versions)

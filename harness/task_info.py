"""What a run keeps about its tasks: enough to judge and to show its results without the code that made them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from residency.harness.code_lines import lines_of_code
from residency.harness.task import MARK, Task

Way = Literal["plain", "unchanged", "best"]
WAYS: tuple[Way, ...] = get_args(Way)
WORKERS = r"@[0-9]+x"  # of a cluster, in an implementation's id


@dataclass(frozen=True)
class TaskInfo:
    """How a task judges, so that a run can be summarised without the code that made it."""

    title: str
    metric: str
    better: str
    relative: bool
    tolerance: float
    sizes: dict[str, int]
    unit: str = "rows"
    beside: list[str] = field(default_factory=list)  # implementations that do less than the task: never compared
    sampled: bool = False  # the metric is an estimate from the judged items
    datasets: dict[str, str] = field(default_factory=dict)  # their kinds by name
    naive: dict[str, str] = field(default_factory=dict)  # results without a model, and the names of their figures
    question: str = ""  # the question that its file asks
    twins: dict[str, str | None] = field(default_factory=dict)  # by implementation; not recorded in older runs
    in_files: bool = False  # whether implementations read their data from files; not recorded in older runs
    limiter: str = ""  # what limits its time, if it is neither bytes nor operations
    expect: str = ""  # what its file expects as the answer; not recorded in older runs
    ways: dict[str, Way] = field(default_factory=dict)  # of local GPU implementations; not recorded in older runs
    lines: dict[str, int] = field(
        default_factory=dict
    )  # of code, by function or implementation; not recorded in older runs
    stated: str = ""  # what all implementations of an approximate task promise; not recorded in older runs

    @classmethod
    def of(cls, task: Task) -> TaskInfo:
        """What a run keeps about this task."""
        metric, beside = task.quality, [known.id for known in task.implementations if known.beside]
        return cls(
            task.title,
            metric.name,
            metric.better,
            metric.relative,
            task.tolerance,
            dict(task.sizes),
            task.unit,
            beside,
            metric.items is not None,
            {dataset.name: dataset.kind for dataset in task.datasets},
            {name: metric.of(name) for name in task.naive},
            task.question,
            {implementation.id: implementation.twin for implementation in task.implementations},
            any(dataset.in_files for dataset in task.datasets),
            task.limiter,
            task.expect,
            {
                known.id: "unchanged" if known.accelerator else "plain" if known.plain else "best"
                for known in task.implementations
                if known.device == "gpu" and known.runner == "local"
            },
            _lines(task),
            task.stated,
        )

    def way_of(self, implementation: str) -> Way | None:
        """How an implementation uses a GPU; None if the run did not record it."""
        return next((self.ways[name] for name in _names(implementation) if name in self.ways), None)

    def lines_of(self, implementation: str) -> int | None:
        """The lines of code of an implementation's function; None if the run did not record them."""
        function = re.split(rf"[@{MARK}]", implementation)[0]
        return next((self.lines[name] for name in (*_names(implementation), function) if name in self.lines), 0) or None

    def twin_of(self, implementation: str) -> str | None:
        """The id of a pair's other side, on the same number of workers; None if there is none."""
        placed = re.search(WORKERS, implementation)
        registered = re.sub(WORKERS, "@Nx", implementation)
        if registered not in self.twins:
            return twin_by_name(implementation)
        twin = self.twins[registered]
        return twin.replace("@Nx", placed[0]) if twin and placed else twin

    def is_below(self, dataset: str, rows: int | None) -> bool:
        """Whether the user's own data, or generated data, has fewer rows than the task's smallest size."""
        sizable = self.datasets.get(dataset) in {"generated", "own"}
        return sizable and rows is not None and rows < min(self.sizes.values())


def _names(implementation: str) -> tuple[str, str]:
    """The id as it is registered, and without the environment that the command line named."""
    registered = re.sub(WORKERS, "@Nx", implementation)
    name, _, place = registered.partition("@")
    return registered, f"{name.rpartition(MARK)[0]}@{place}"


def _lines(task: Task) -> dict[str, int]:
    """Lines of code by function; by implementation if its function is not the only one of that name."""
    found: dict[str, int] = {}
    for known in task.implementations:
        lines = lines_of_code(known.function)
        if found.setdefault(known.function_name, lines) != lines:
            found[known.id] = lines
    return found


def twin_by_name(implementation: str) -> str:
    """The name of the same function on the other device. Older runs do not record twins; there, this is the twin."""
    function, device = implementation[:-3], implementation[-3:]
    return function + {"cpu": "gpu", "gpu": "cpu"}.get(device, device)

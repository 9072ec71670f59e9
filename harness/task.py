"""A task and its implementations: the interface that every file under `suites/` uses.

    task = Task(datasets=[...], sizes={...}, quality=..., tolerance=..., floor=...)

    @task.pair(cpu="numpy", gpu="cupy")       one function, two implementations: the same lines on both devices
    @task.on_cpu("polars")                    one side only, because the libraries' interfaces really differ
    @task.on_gpu("faiss")
    @task.on_cluster(cpu="pandas", gpu="cudf")   on Dask workers, partitioned frames of that back end
    @task.pair(cpu="pandas", gpu="cudf", plain=True, unchanged="cudf.pandas")
                                              three implementations: the GPU side is a plain port, and `cudf.pandas`
                                              runs the CPU side's lines on the GPU as they are
    @task.on_cpu("xgboost", environment="xgboost-3.4")   it runs in that environment, with its own Python and versions

Every implementation is called as `function(data, run, library)`, with the dataset, the run with its stages, and the
imported library that was registered. On a cluster the function runs in the client: `run.client` is Dask's client,
`run.frame` is `dask.dataframe` with the device's back end, and the data's arrays are mapped from their files, so that
`run.partitions` can tell workers where rows are instead of sending them.

The user's own file may import a shipped `task` and register further implementations on it (docs/own-task.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from residency.harness import registration
from residency.harness.accelerators import ACCELERATORS
from residency.harness.dataset import Dataset
from residency.harness.errors import UsageError, likely, unknown
from residency.harness.memory import UNSAID, Memories, Memory, on
from residency.harness.quality import Metric
from residency.harness.sources import sources_of

Device = Literal["cpu", "gpu"]
Needs = Sequence[str] | Mapping[Device, Sequence[str]]
"""Further modules that must be installed, for every device or by device."""
Environments = str | Mapping[Device, str]
"""The name of the environment that an implementation runs in, for every device or by device; empty: this one."""
Place = Literal["local", "cluster"]
SIZES = ("smoke", "lab", "lecture", "production")
DECORATORS = ("pair", "on_cpu", "on_gpu", "on_cluster")
MARK = "+"  # in an implementation's name, before its accelerator or its environment

F = TypeVar("F", bound=Callable[..., Any])


def _place(device: Device, runner: Place, workers: int = 0) -> str:
    return device if runner == "local" else f"{workers or 'N'}x{device}"


def _inside(name: str, what: str) -> str:
    """An implementation's name, with the accelerator or the environment that it runs in; without one, as it is."""
    return f"{name}{MARK}{what}" if what else name


def _of_device(environments: Environments, device: Device) -> str:
    """The name of the environment of one device; empty if it has none."""
    return environments.get(device, "") if isinstance(environments, Mapping) else environments


@dataclass(frozen=True)
class Implementation:
    """One way to do a task: a library on a device."""

    name: str
    device: Device
    library: str
    function: Callable[..., Any]
    runner: Place = "local"
    twin: str | None = None  # the id of a pair's other side
    needs: tuple[str, ...] = ()  # further modules that must be installed
    workers: int = 0  # of a cluster; 0 if not yet decided
    beside: bool = False  # it does less than the task, as a ready-made model that need not learn: shown, never compared
    file: Path = Path()  # the file that registered it
    line: int = 0  # in that file
    memory: Memory = UNSAID  # how much it holds at its peak
    plain: bool = False  # on the GPU: the CPU's program with another import, not what a practitioner would write
    accelerator: str = ""  # it runs the CPU's library unchanged on the GPU: `cudf.pandas`
    environment: str = ""  # the named environment that it runs in, if it is not this one

    @property
    def id(self) -> str:
        """Its unique name in its task: `normal_equations@gpu`, or `partial_sums@4xgpu` on a cluster of four workers."""
        return f"{self.name}@{_place(self.device, self.runner, self.workers)}"

    @property
    def function_name(self) -> str:
        """The name of its function, without its accelerator or environment: what the user wrote."""
        return self.name.partition(MARK)[0]

    def within(self, environment: str) -> Implementation:
        """The same in a named environment, with its twin as it was: `Task.within` knows that of the twin.

        One that has its own, or is for a cluster, stays as it is.
        """
        if self.environment or self.runner != "local" or not environment:
            return self
        return replace(self, name=_inside(self.name, environment), environment=environment)

    def on(self, workers: int) -> Implementation:
        """The same implementation on this many workers; one that is not for a cluster stays as it is."""
        if self.runner == "local":
            return self
        twin = re.sub(r"@[N0-9]+x", f"@{workers or 'N'}x", self.twin) if self.twin else None
        return replace(self, workers=workers, twin=twin)

    @property
    def place(self) -> str:
        """Where it is registered, to show to people: `my/tabular/ridge.py:7`."""
        return f"{'/'.join(self.file.parts[-3:])}:{self.line}"

    @property
    def package(self) -> str:
        """The library's top-level name, to show to people."""
        return self.library.partition(".")[0]


@dataclass
class Task:
    """One piece of work on one dataset, with its quality metric and tolerance.

    `datasets` share one schema; the first is the default. `sizes` are rows of generated data.
    A result is correct if its quality is at least `floor` and at most `tolerance` worse than the reference. A model
    that learned nothing stays below the floor (see `floor_for`). The task may give a function `reference`: the quality
    of an exact float64 solution on the host. Otherwise the reference is the best quality of any implementation in the
    same run.
    `also` computes further numbers of a result, `function(data, result)` by name, after the clock has stopped. They are
    shown, but judge nothing.
    `naive` makes results that need no model, `function(data)` by what they do. Their quality is shown, and a report
    says if no implementation beats them.
    `unit` is what `sizes` and `rows` count: rows of a table, images, pages, texts.
    `memory` is how much an implementation holds at its peak, unless its own decorator says otherwise.
    `work(data)` is the least work any implementation must do: (floating-point operations, bytes moved). Who takes less
    time than any device needs for it is wrong. `best_work(data)` is the work of the whole algorithm as the best known
    implementation does it, if that is more: a report says how near an implementation comes to the time that the device
    needs for it. `limiter` says in a few words what limits the time instead, if it is neither bytes nor operations.
    `stated` is what all implementations of an approximate task promise, `recall of at least 0.95`: reports show it.
    """

    datasets: Sequence[Dataset]
    sizes: Mapping[str, int]
    quality: Metric
    tolerance: float
    floor: float | Mapping[str, float]  # by dataset if one number would be too loose
    reference: Callable[[Any], float] | None = None
    work: Callable[[Any], tuple[float, float]] | None = None
    best_work: Callable[[Any], tuple[float, float]] | None = None
    limiter: str = ""
    stated: str = ""
    also: Mapping[str, Callable[[Any, Any], float]] = field(default_factory=dict)
    naive: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    unit: str = "rows"
    memory: Memories = UNSAID
    implementations: list[Implementation] = field(default_factory=list, init=False)
    topic: str = field(default="", init=False)  # its folder's name, set by discovery
    name: str = field(default="", init=False)  # its file's name, set by discovery
    file: Path = field(default=Path(), init=False)
    origin: Path = field(default=Path(), init=False)  # the file that called `Task`; it may be an imported one
    additions: tuple[Path, ...] = field(default=(), init=False)  # the user's files that add implementations to it
    package: str | None = field(default=None, init=False)  # the suites' package; None for the user's folder
    card: str = field(default="", init=False)  # its file's docstring

    def __post_init__(self) -> None:
        """Check the arguments, and note the file that calls `Task`."""
        registration.check_task(self.datasets, self.sizes, self.quality, self.tolerance, self.floor)
        registration.check_memory(self.memory)
        self.origin = registration.place_of_loading()[0]

    if not TYPE_CHECKING:  # type checkers find misspelt names by themselves

        def __getattr__(self, name: str) -> NoReturn:
            """Raise an error for a misspelt name that lists the decorators."""
            near = likely(name, DECORATORS)
            meant = f"; did you mean `{near[0]}`?" if near else "."
            raise AttributeError(f"Task has no `{name}`{meant} There are: {', '.join(DECORATORS)}", name=name, obj=self)

    @property
    def path(self) -> str:
        """`tabular/ridge`."""
        return f"{self.topic}/{self.name}"

    @property
    def title(self) -> str:
        """The first line of its file."""
        return self.card.strip().partition("\n")[0]

    @property
    def files(self) -> list[Path]:
        """Its files: the one that calls `Task`, the one that names it, and those that add implementations to it."""
        return list(dict.fromkeys([self.origin, self.file, *self.additions]))

    @property
    def code(self) -> list[Path]:
        """Its files, and the files in their folders that they import. Each may register implementations of the task."""
        folders = {file.parent for file in self.files}
        beside = (source for source in sources_of(*self.files) if source.parent in folders)
        return list(dict.fromkeys([*self.files, *beside]))

    def holds(self, file: Path) -> bool:
        """Whether what a file registers belongs to the task. `files` are tried first, since `code` must read files."""
        place = file.resolve()
        return place in {own.resolve() for own in self.files} or place in {part.resolve() for part in self.code}

    @property
    def own_files(self) -> list[Path]:
        """Those of its files that belong to the user and are not installed with this project."""
        return [*([self.file] if self.package is None else []), *self.additions]

    @property
    def question(self) -> str:
        """Its file's question, in one line."""
        return self._said_after("Question")

    @property
    def expect(self) -> str:
        """What its file expects as the answer, in one line."""
        return self._said_after("Expect")

    def _said_after(self, word: str) -> str:
        """The text of its file after this word, up to the other of the two words or an empty line."""
        said = re.search(rf"^{word}\s+(.*?)(?=\n\s*\n|^Question\b|^Expect\b|\Z)", self.card, re.MULTILINE | re.DOTALL)
        return " ".join(said[1].split()) if said else ""

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name; otherwise raises `UsageError` with the alternatives."""
        for dataset in self.datasets:
            if dataset.name == name:
                return dataset
        raise unknown("dataset", name, (dataset.name for dataset in self.datasets), self.path)

    def implementation(self, identity: str) -> Implementation:
        """The implementation with that id; otherwise raises `UsageError` with the alternatives."""
        for implementation in self.implementations:
            if implementation.id == identity:
                return implementation
        name, _, environment = identity.partition("@")[0].rpartition(MARK)
        for implementation in self.implementations:
            if name == implementation.name and implementation.within(environment).id == identity:
                return self.within(implementation, environment)
            if placed := re.fullmatch(
                rf"{re.escape(implementation.name)}@([1-9][0-9]*)x{implementation.device}", identity
            ):
                return implementation.on(int(placed[1]))
        raise unknown("implementation", identity, (known.id for known in self.implementations), self.path)

    def within(self, implementation: Implementation, environment: str) -> Implementation:
        """An implementation in a named environment, and its twin there, too, unless that has one of its own."""
        twin = implementation.twin and self.implementation(implementation.twin).within(environment).id
        return replace(implementation.within(environment), twin=twin)

    def floor_for(self, dataset: str, rows: int | None = None) -> float | None:
        """The floor on this dataset; None if nobody knows what can be learned from it.

        Nobody knows that for the user's own data, and for generated data with fewer rows than the smallest of `sizes`.
        """
        kind = self.dataset(dataset).kind
        if kind == "own" or (kind == "generated" and rows is not None and rows < min(self.sizes.values())):
            return None
        return self.floor[dataset] if isinstance(self.floor, Mapping) else self.floor

    def pair(
        self,
        *,
        cpu: str,
        gpu: str,
        needs: Needs = (),
        beside: bool = False,
        memory: Memories | None = None,
        plain: bool = False,
        unchanged: str = "",
        environment: Environments = "",
    ) -> Callable[[F], F]:
        """Register one function as two implementations: it gets the CPU library, or its GPU twin.

        `plain` says that the GPU side is the CPU's program with another import. `unchanged` names an accelerator that
        runs the CPU side on the GPU as it is: a third implementation. With `beside` they may do less than the others:
        they are shown, never compared.
        """
        return self._register(
            "pair", {"cpu": cpu, "gpu": gpu}, "local", needs,
            memory=memory, beside=beside, plain=plain, unchanged=unchanged, environment=environment,
        )  # fmt: skip

    def on_cpu(
        self,
        library: str,
        *,
        needs: Needs = (),
        beside: bool = False,
        memory: Memories | None = None,
        unchanged: str = "",
        environment: str = "",
    ) -> Callable[[F], F]:
        """Register a CPU implementation. With `beside` it may do less than the others: it is shown, never compared.

        `unchanged` names an accelerator that runs it on the GPU as it is: a second implementation.
        """
        return self._register(
            "on_cpu", {"cpu": library}, "local", needs,
            memory=memory, beside=beside, unchanged=unchanged, environment=environment,
        )  # fmt: skip

    def on_gpu(
        self,
        library: str,
        *,
        needs: Needs = (),
        memory: Memories | None = None,
        plain: bool = False,
        environment: str = "",
    ) -> Callable[[F], F]:
        """Register a GPU implementation. `plain`: it is the CPU's program with another import."""
        return self._register(
            "on_gpu", {"gpu": library}, "local", needs, memory=memory, plain=plain, environment=environment
        )

    def on_cluster(
        self, *, cpu: str | None = None, gpu: str | None = None, needs: Needs = (), memory: Memories | None = None
    ) -> Callable[[F], F]:
        """Register an implementation on Dask workers, for one device or for both."""
        libraries: dict[Device, str] = {}
        if cpu is not None:
            libraries["cpu"] = cpu
        if gpu is not None:
            libraries["gpu"] = gpu
        return self._register("on_cluster", libraries, "cluster", needs, memory=memory)

    def _register(
        self,
        decorator: str,
        libraries: Mapping[Device, str],
        runner: Place,
        needs: Needs,
        *,
        memory: Memories | None,
        beside: bool = False,
        plain: bool = False,
        unchanged: str = "",
        environment: Environments = "",
    ) -> Callable[[F], F]:
        registration.check_libraries(decorator, libraries)
        registration.check_memory(memory)
        registration.check_needs(decorator, needs)
        registration.check_devices("needs", needs, libraries)
        registration.check_accelerator(decorator, unchanged, libraries.get("cpu", ""))
        registration.check_environment(decorator, environment)
        registration.check_devices("environment", environment, libraries)

        def register(function: F) -> F:
            registration.check_function(decorator, function)
            file, line = registration.place_of_loading()
            name = function.__name__

            def add(called: str, device: Device, library: str, of: Device, twin: str | None, **more: Any) -> None:
                modules = needs.get(of, ()) if isinstance(needs, Mapping) else needs
                made = Implementation(
                    called, device, library, function, runner, None, tuple(modules), beside=beside,
                    file=file, line=line, memory=on(device, self.memory if memory is None else memory), **more,
                )  # fmt: skip
                made = replace(made.within(_of_device(environment, of)), twin=twin)
                check_unique([known for known in self.implementations if known.file == file], made)
                self.implementations.append(made)

            sides = {
                side: f"{_inside(name, _of_device(environment, side))}@{_place(side, runner)}" for side in libraries
            }
            for device, library in libraries.items():
                other = next((sides[side] for side in libraries if side != device), None)
                add(name, device, library, device, other, plain=plain and device == "gpu")
            if unchanged:
                runs_in = ACCELERATORS[unchanged].runs_in
                called = _inside(name, unchanged)
                add(called, "gpu", libraries["cpu"], "cpu", sides["cpu"], accelerator=unchanged, environment=runs_in)
            return function

        return register


def check_unique(known: Sequence[Implementation], added: Implementation) -> None:
    """Raise `UsageError` if an implementation has the id of another; it says where both are."""
    for other in known:
        if other.id == added.id:
            raise UsageError(
                f"{added.id} is registered twice, at {other.place} and at {added.place}: rename one of the functions"
            )

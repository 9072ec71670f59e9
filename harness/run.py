"""What an implementation gets besides its data: stages to time, the device, and a record of its parameters."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from residency.harness import cluster
from residency.harness import device as devices
from residency.harness.errors import WrongResult
from residency.harness.outputs import Outputs
from residency.harness.task import Device

StageKind = Literal["start", "io", "transfer", "compute"]
KINDS: Mapping[str, StageKind] = {
    "import": "start",
    "cluster": "start",
    "load": "io",
    "put": "transfer",
    "get": "transfer",
}

PARTS = 4  # for each lane of a cluster: enough to balance the load, few enough to cost little

T = TypeVar("T")


def stage_kind(name: str) -> StageKind:
    """The kind of a stage, by its name: `load` is io, `put` and `get` are transfers, the task's own are compute."""
    return KINDS.get(name, "compute")


@dataclass(frozen=True)
class Share:
    """The result of an implementation for a single process on its part of the data, and what its run recorded."""

    result: Any
    parameters: dict[str, Any]
    figures: dict[str, float]


@dataclass
class Run:
    """One execution. An implementation opens stages, moves data, and records the parameters that took effect."""

    device: Device
    threads: int = 1
    seed: int = 0
    workers: int = 1  # on a cluster, each with `threads` threads
    client: Any = None  # the Dask client, on a cluster
    frame: Any = None  # dask.dataframe with the device's back end, on a cluster
    part_bytes: int = cluster.LARGEST  # the most for a part of the data; on GPUs a 32nd of the smallest card's memory
    stages: dict[str, float] = field(default_factory=dict)  # seconds, in order of first use
    parameters: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)
    accelerated: bool = False  # the device is a CPU to the implementation, and its library computes on a GPU
    _open: str | None = None

    @property
    def xp(self) -> Any:
        """The array library of the device: NumPy or CuPy."""
        return devices.array_library(self.device)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a named part of the execution. It ends when all work of the device and of the cluster is done.

        A stage that is opened again adds to its time. Stages do not nest: their sum must not count any time twice.
        """
        if self._open is not None:
            raise RuntimeError(f"stage `{name}` opened inside stage `{self._open}`; stages do not nest")
        self._open = name
        start = perf_counter()
        try:
            yield
            devices.synchronise("gpu" if self.accelerated else self.device)
            if self.client is not None:
                cluster.wait(self.client, self.device)
            self.stages[name] = self.stages.get(name, 0.0) + perf_counter() - start
        finally:
            self._open = None

    @property
    def lanes(self) -> int:
        """How many Dask tasks a cluster works on at once: one for each thread of the workers, or for each GPU."""
        return self.workers * (self.threads if self.device == "cpu" else 1)

    @property
    def torch_device(self) -> str:
        """The device's name in Torch: `cpu` or `cuda`."""
        return devices.torch_device(self.device)

    def to_device(self, *arrays: Any, into: Any = None) -> Any:
        """The arrays on the device. On the CPU they are the same arrays (no copy), on the GPU they are CuPy copies.

        With `into=torch` or `into=jax` (the module) they become that framework's arrays on the device. A large array
        travels to a GPU through pinned buffers (`harness/transfer.py`).
        """
        moved = [devices.place(array, self.device, into, self._movers) for array in arrays]
        return moved[0] if len(moved) == 1 else moved

    def to_host(self, value: Any, out: NDArray[Any] | Callable[..., NDArray[Any]] | None = None) -> Any:
        """Data of any framework as NumPy arrays: one array, or a dict of a frame's columns.

        With `out`, one array of that shape and type is copied straight into it. With `out=run.output`, an array that is
        still on a GPU is copied to such memory; one that is already on the host is returned as it is.
        """
        if out is None or callable(out):
            return devices.to_host(value, self._movers, out)
        return devices.to_host_into(value, out, self._movers)

    def output(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Host memory for a large result, to be written in full: its pages are in place, except in the first execution.

        It is not zero: the harness writes a pattern to it before the clock starts.
        """
        return self.outputs.take(shape, dtype)

    @property
    def _movers(self) -> int:
        """The threads that fill and empty pinned buffers on the way to a GPU; none on a CPU."""
        return self.threads if self.device == "gpu" else 0

    def partitions(self, *arrays: NDArray[Any], count: int | None = None) -> list[cluster.Rows]:
        """Split the rows of arrays that belong together into parts for the workers. Nothing is read yet.

        A part is a place in the files; a worker reads its own parts: `run.on_workers(Rows.read, parts)`. There are
        `count` parts. By default there are four for each lane of the cluster, or more if a part exceeds 64 MiB, on GPUs
        a 32nd of the smallest card's memory.
        """
        return cluster.partitions(arrays, count or PARTS * self.lanes, self.part_bytes if count is None else None)

    def partition_bytes(self, total: int) -> int:
        """Bytes for a partition of a frame of `total` bytes, by the same rule: `read_parquet(..., blocksize=...)`."""
        return max(1, min(self.part_bytes, -(-total // (PARTS * self.lanes))))

    def on_workers(
        self,
        function: Callable[..., Any],
        *entries: Sequence[Any],
        at: Sequence[str] | None = None,
        movable: bool = True,
        **same: Any,
    ) -> list[Any]:
        """Call `function` on the cluster for each entry of the lists; returns the futures, in order.

        Every call also gets the keywords `same`. Entries are places of rows, as from `partitions`, or futures. A result
        stays on the worker that made it, and the next call on it runs there, until `run.client.gather`. `at` gives each
        call the address of its worker. If that worker is lost, another takes over, unless `movable` is false.
        No earlier result is reused in place of a call.
        """
        if at is None:
            return list(self.client.map(function, *entries, **same, pure=False))
        options = {"allow_other_workers": movable, "pure": False}
        return [
            self.client.submit(function, *own, **same, workers=[worker], **options)
            for worker, *own in zip(at, *entries, strict=True)
        ]

    def alone(self, implementation: Callable[..., Any], library: Any) -> Callable[[Any], Share]:
        """Wrap an implementation for a single process for `on_workers`: it turns a part of the data into a `Share`.

        Its run has the threads of one lane. The library is imported on the worker.
        """
        lane = {"device": self.device, "threads": self.workers * self.threads // self.lanes, "seed": self.seed}
        return partial(_alone, implementation=implementation, library=library.__name__, lane=lane)

    def array(self, *arrays: NDArray[Any]) -> Any:
        """The data's arrays as Dask arrays, on a cluster: each worker reads its rows from the file onto its device.

        All are split at the same rows, as by `partitions`. They are read only when they are computed or persisted.
        """
        parts = self.partitions(*arrays)
        made = [cluster.dask_array(parts, number, array, self.device) for number, array in enumerate(arrays)]
        return made[0] if len(made) == 1 else made

    def only(self, *, cpu: Mapping[str, Any] | None = None, gpu: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The arguments that only one side of a pair takes: `PCA(8, **run.only(gpu={"output_type": "cupy"}))`."""
        chosen = cpu if self.device == "cpu" else gpu
        return dict(chosen or {})

    def effective(self, model: T = None, /, **parameters: Any) -> T:  # type: ignore[assignment]
        """Record the parameters that decide the result, and those of the estimator if given. Returns the estimator."""
        if model is not None:
            parameters = {**model.get_params(deep=False), **parameters}  # type: ignore[attr-defined]
        self.parameters.update({name: _plain(value) for name, value in parameters.items()})
        return model

    def observe(self, **figures: float) -> None:
        """Record further numbers that only the implementation can measure, such as a latency in seconds.

        Reports show the median over the samples. A name says what was measured and in which unit: `p99_ms_batch_1`.
        """
        self.figures.update({name: float(value) for name, value in figures.items()})


def _alone(data: Any, *, implementation: Callable[..., Any], library: str, lane: Mapping[str, Any]) -> Share:
    """Runs on a worker, in one of its lanes."""
    run = Run(**lane)
    return Share(implementation(data, run, importlib.import_module(library)), run.parameters, run.figures)


def check_result(result: Any) -> None:
    """Raise `WrongResult` if a result is not exactly NumPy arrays on the host, or if it is still being computed."""
    values = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
    if result is None:
        raise WrongResult(
            "a result must be NumPy arrays, but it returned nothing: `return` is missing, as in `return run.to_host(y)`"
        )
    for value in values:
        if type(value) is not np.ndarray:
            devices.refuse_lazy(value)
            kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
            raise WrongResult(f"a result must be NumPy arrays (run.to_host gives them), not {kind}")
        if value.dtype == object and any(callable(getattr(entry, "compute", None)) for entry in value.flat):
            raise WrongResult("a result holds lazy objects")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else str(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape}"
    if isinstance(value, (list, tuple)) and len(value) <= 32:
        return [_plain(entry) for entry in value]
    return str(value)[:200]

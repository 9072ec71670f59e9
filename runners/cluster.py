"""A Dask cluster: started here for one implementation, or running at an address.

On CPUs it is a scheduler and processes on this machine (`LocalCluster`). On GPUs it is Dask-CUDA's, one process for
each GPU (`LocalCUDACluster`). They send each other data by UCX if that is installed: directly between GPUs where the
machine can, not through the host as by TCP. A cluster started here listens only on loopback. The client lives in a
worker process of the runner, like every implementation, so turns, time limits, records and the end of all processes
work as for any other.

What the workers spent on an execution is read from Dask's own counters on each of them: seconds in tasks, in fetching
from other workers, in spilling to disk and back; bytes fetched, exchanged by key and spilled. Rows are exchanged by key
in one of two ways. Tasks that fetch each other's results count as fetched. Dask's P2P has counters of its own, which do
not tell a worker's own share from that of the others: on two workers, about half of the bytes stay where they are. On
GPUs, cuDF counts what it moves to the host's memory and back because a card is full. Events (a worker was lost, came,
or was restarted because it had filled its memory) are read from the scheduler's log.

Not yet seen on a real GPU: the arguments for Dask-CUDA are checked with its own signature.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from residency.harness import device as devices
from residency.harness import driver
from residency.harness.cluster import LARGEST
from residency.harness.discovery import Suites, load
from residency.harness.errors import Unavailable, UsageError
from residency.harness.libraries import is_installed
from residency.harness.outcomes import Ending, Outcome
from residency.harness.task import Device
from residency.runners import nvml
from residency.runners.pools import loaded

CONNECT_SECONDS = 10.0  # for a scheduler to answer, and for a lost one to come back
ARRIVE_SECONDS = 60.0  # for all workers to arrive
NO_WORKERS_SECONDS = 30.0  # that tasks wait if no worker is left
SENT_BY_KEY = ("background-comms", "process", "bytes")  # as Dask's P2P counts it
BACK_ENDS: Mapping[Device, Mapping[str, str]] = {  # as Dask's configuration names them
    "cpu": {"dataframe.backend": "pandas", "array.backend": "numpy"},
    "gpu": {"dataframe.backend": "cudf", "array.backend": "cupy"},
}
FRAMES = {"cudf", "dask_cudf"}  # libraries whose memory cuDF can spill
# Of a card's memory, for UCX. It cannot send memory of CUDA's own pool from GPU to GPU (openucx/ucx#7110), and every
# piece of memory that it sends needs a mapping first, so it needs a pool. The pool grows; what is left is for libraries
# that ask the driver themselves. Mapping a pool of most of the card took a minute on H100s (rapidsmpf#206).
POOL = 0.25
CARD_SHARE = 32  # parts of a card: RAPIDS advises 1/32 to 1/8, and small ones where rows are exchanged
EARLY = (
    "this process had a CUDA context before its cluster was started, so that UCX may do without NVLink, and the "
    "context holds memory on a worker's GPU"
)


@dataclass
class DaskCluster:
    """A cluster from an implementation's first, cold execution to its process's end."""

    device: Device
    workers: int
    threads: int  # of each worker; a worker with a GPU runs one task at a time, which may use them all
    scheduler: str | None = None  # the address of a running scheduler
    memory_limit: int | None = None  # bytes, for each worker that is started here
    dashboard: str | None = None  # where Dask's page of diagnostics is served, `127.0.0.1:8787`
    protocol: str = "tcp"  # between workers with GPUs that are started here: tcp or ucx
    spills: bool = False  # whether cuDF moves data to the host's memory if a worker's card is full
    suites: Sequence[Path] = ()  # a task's files that are not installed, for workers to load
    part_bytes: int = LARGEST  # the most for a part of the data; on GPUs a share of the smallest card
    client: Any = None
    frame: Any = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _spent: dict[str, dict[str, float]] = field(default_factory=dict)  # counters by worker when the execution began
    _since: float = 0.0  # time of the last event before the execution, by the scheduler's clock
    _early: bool = False  # whether there was a CUDA context before the cluster, and this has not been told yet

    @property
    def back_ends(self) -> Mapping[str, str]:
        """The libraries under Dask's own frames and arrays."""
        return BACK_ENDS[self.device]

    def open(self) -> None:
        """Start the cluster, or connect to it; wait for its workers.

        Raises `Unavailable` if no scheduler answers at the address, or too few workers arrive.
        """
        import dask
        from distributed import Client

        dask.config.set(
            {
                **self.back_ends,
                "distributed.comm.timeouts.connect": CONNECT_SECONDS,
                "distributed.scheduler.no-workers-timeout": NO_WORKERS_SECONDS,
                # A paused worker waits until libraries free their memory. They may never do so, and a cluster of paused
                # workers hangs. Without pausing, a worker spills. If that does not help, it is restarted, and Dask logs
                # that.
                "distributed.worker.memory.pause": False,
            }
        )
        self._early = self.device == "gpu" and self.scheduler is None and driver.has_context() is True
        where = self.scheduler or self._start()
        try:
            self.client = self._stack.enter_context(Client(where, set_as_default=True))
        except (OSError, TimeoutError) as error:
            if self.scheduler is None:
                raise
            raise Unavailable(f"no Dask scheduler answers at {self.scheduler}: {type(error).__name__}") from error
        try:
            self.client.wait_for_workers(self.workers, timeout=ARRIVE_SECONDS)
        except TimeoutError:
            here = len(self._nodes())
            raise Unavailable(f"{here} of {self.workers} workers were there after {ARRIVE_SECONDS:g} s") from None
        if self.device == "gpu" and self.scheduler is None:  # others may use a running cluster
            self.client.register_plugin(_one_pool())
        for suite in self.suites:
            self.client.run_on_scheduler(_load, suite)  # the scheduler reads graphs that hold its functions
            self.client.register_plugin(_suite(suite))
        self.frame = importlib.import_module("dask.dataframe")
        if self.device == "gpu":
            self.part_bytes = part_bytes(self.client.run(nvml.total).values())
        self.begin()

    def _start(self) -> Any:
        """A cluster of processes on this machine, on loopback."""
        if self.device == "cpu":
            return self._stack.enter_context(importlib.import_module("distributed").LocalCluster(**self.options()))
        try:
            return self._stack.enter_context(importlib.import_module("dask_cuda").LocalCUDACluster(**self.options()))
        except Exception as error:
            if self.protocol != "tcp":
                error.add_note(f"the cluster was started with {self.protocol}; try --protocol tcp")
            raise

    def options(self) -> dict[str, Any]:
        """The arguments that a cluster on this machine is started with."""
        options: dict[str, Any] = {
            "n_workers": self.workers,
            "threads_per_worker": self.threads if self.device == "cpu" else 1,
            "memory_limit": self.memory_limit or "auto",
            "host": "127.0.0.1",
            "dashboard_address": self.dashboard or "127.0.0.1:0",  # None would take Dask's default port
        }
        if self.device == "cpu":
            return {**options, "processes": True}
        options["protocol"] = self.protocol
        if self.protocol == "ucx" and is_installed("rmm") and (card := nvml.smallest(self.workers)) is not None:
            # In bytes: of a share, Dask-CUDA makes one of the machine's first GPU, and of a whole one that is divided.
            options["rmm_pool_size"] = int(POOL * card) // 256 * 256
        return options | ({"enable_cudf_spill": True, "cudf_spill_stats": 1} if self.spills else {})

    @property
    def parameters(self) -> dict[str, Any]:
        """How workers with GPUs were started, for the record; empty on CPUs."""
        if self.device == "cpu":
            return {}
        known = {"protocol": urlsplit(self.client.scheduler.address).scheme, "part_bytes": self.part_bytes}
        if self.scheduler is not None:
            return known
        return {**known, "cudf_spilling": self.spills}

    def close(self) -> None:
        """Close only what was started here."""
        self._stack.close()

    def spent_so_far(self) -> dict[str, dict[str, float]]:
        """What each worker has spent since it started, in seconds and bytes."""
        return dict(self.client.run(counters, cudf=self.device == "gpu"))

    def begin(self) -> None:
        """An execution begins."""
        self._spent = self.spent_so_far()
        self._since = self.client.run_on_scheduler(_last_event)

    def working(self) -> list[str]:
        """What the workers are still doing; on a cluster that others may use, only what they do for this client."""
        if self.scheduler is None:
            tasks = {key for keys in self.client.processing().values() for key in keys}
        else:
            tasks = {key for key, state in self.client.futures.items() if state.status == "pending"}
        return [f"{len(tasks)} tasks on the cluster"] if tasks else []

    def told(self) -> tuple[dict[str, float], list[str]]:
        """What the workers spent since the execution began, and the events since then."""
        spent: dict[str, float] = {}
        for worker, totals in self.spent_so_far().items():
            before = self._spent.get(worker, {})
            for name, total in totals.items():
                spent[name] = spent.get(name, 0.0) + total - before.get(name, 0.0)
        early, self._early = [EARLY] if self._early else [], False
        return spent, [*early, *self._happened()]

    def memory(self) -> str:
        """What a worker's libraries take a GPU's memory from; all workers of a cluster started here are alike."""
        if self.device == "cpu" or self.scheduler is not None:
            return ""
        told = self.client.run(_memory, workers=list(self._nodes())[:1])
        return str(next(iter(told.values()), ""))

    def pools(self) -> list[dict[str, Any]]:
        """Which BLAS and OpenMP libraries a worker has loaded; all workers are started in the same way."""
        return next(iter(self.client.run(loaded, workers=list(self._nodes())[:1]).values()), [])

    def explain(self, error: BaseException) -> Ending | None:
        """How an execution ended if the cluster ended it; None if it is the implementation's own error."""
        if self.client is None or isinstance(error, Unavailable):
            return None
        if self.client.status != "running":
            return Ending(Outcome.FAILED, f"the scheduler at {self._address} is gone ({type(error).__name__})")
        try:
            happened = self._happened()
        except (OSError, TimeoutError, RuntimeError) as gone:
            return Ending(Outcome.FAILED, f"the scheduler at {self._address} does not answer ({type(gone).__name__})")
        if type(error).__name__ == "KilledWorker":
            filled = [text for text in happened if "memory" in text]
            outcome = Outcome.OUT_OF_MEMORY if filled else Outcome.FAILED
            return Ending(outcome, f"a task's workers were lost again and again: {'; '.join(filled or happened)}")
        if type(error).__name__ in {"NoValidWorkerError", "NoWorkerError"}:
            return Ending(Outcome.FAILED, f"no worker is left: {'; '.join(happened) or error}")
        if isinstance(error, FileNotFoundError):
            name = error.filename or error
            return Ending(
                Outcome.FAILED,
                f"a worker cannot find {name}: every worker must see the data's folder at the same place "
                "(RESIDENCY_CACHE on a file system that all share)",
            )
        return None

    @property
    def _address(self) -> str:
        return self.scheduler or "127.0.0.1"

    def _nodes(self) -> dict[str, Any]:
        return dict(self.client.scheduler_info(n_workers=-1)["workers"])

    def _happened(self) -> list[str]:
        """Workers that came and went since the execution began, and why, as far as the scheduler knows."""
        happened = []
        restarted = self._told_of("worker-restart-memory")
        for event in self._told_of("all"):
            if event.get("action") == "remove-worker":
                again = len(event["processing-tasks"]) + len(event["lost-computed-tasks"])
                happened.append(f"worker {event['worker']} was lost, and {again} of its tasks were computed again")
            elif event.get("action") == "add-worker":
                happened.append(f"worker {event['worker']} came")
        if restarted:
            happened.append(f"workers were restarted {len(restarted)} times because they had filled their memory")
        return happened

    def _told_of(self, topic: str) -> list[dict[str, Any]]:
        return list(self.client.run_on_scheduler(_events, topic=topic, since=self._since))


def _suite(file: Path) -> Any:
    """A plugin that makes every worker, also later ones, load a task's file, which must be at the same path there."""
    from distributed import WorkerPlugin

    class LoadSuite(WorkerPlugin):  # type: ignore[misc]
        name = f"residency {file}"

        def setup(self, worker: Any) -> None:
            _load(file)

    return LoadSuite()


def _one_pool() -> Any:
    """A plugin by which every worker's libraries share a pool: CUDA's, or with UCX that of RMM.

    Dask-CUDA's `rmm_async` would make another pool.
    """
    from distributed import WorkerPlugin

    class ShareMemory(WorkerPlugin):  # type: ignore[misc]
        name = "residency memory"

        def setup(self, worker: Any) -> None:
            _share_memory()

    return ShareMemory()


def _share_memory() -> None:
    """Runs on a worker before its first task. What is imported later, such as cuDF, finds RMM and CuPy as they are."""
    for library in filter(is_installed, ("rmm", "cupy")):
        importlib.import_module(library)
    devices.share_memory("gpu")


def _memory() -> str:
    """Runs on a worker."""
    devices.share_memory("gpu")
    return devices.told("gpu").get("memory", "")


def _load(file: Path) -> None:
    load(Suites(file.parent.parent), file)


def workers_at(scheduler: str) -> tuple[int, int]:
    """Workers of a running scheduler, and the fewest threads of any; raises `UsageError` if no scheduler answers."""
    from distributed import Client

    try:
        with Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            return len(workers), min((worker["nthreads"] for worker in workers), default=0)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {scheduler} ({type(error).__name__})") from None


def _last_event(dask_scheduler: Any) -> float:
    """Runs on the scheduler: the time of its last logged event."""
    return max((at for at, _ in dask_scheduler.get_events("all")), default=0.0)


def _events(dask_scheduler: Any, topic: str, since: float) -> list[dict[str, Any]]:
    """Runs on the scheduler: the events about workers that it has logged since then.

    The whole log cannot be sent: after a `scatter(broadcast=True)` it holds objects that cannot be pickled.
    """
    kept = ("action", "worker", "processing-tasks", "lost-computed-tasks")
    return [
        {name: event[name] for name in kept if name in event}
        for at, event in dask_scheduler.get_events(topic)
        if at > since and (topic != "all" or event.get("action") in {"remove-worker", "add-worker"})
    ]


def counters(dask_worker: Any, cudf: bool) -> dict[str, float]:
    """Runs on a worker: what it has spent since it started, in seconds and bytes; with `cudf` also by cuDF's count.

    What other workers fetched from it is counted here, in the size of the results; the client's share is in it.
    """
    total: dict[str, float] = {"fetched_bytes": dask_worker.transfer_outgoing_bytes_total}
    for name, amount in dask_worker.digests_total.items():
        if not isinstance(name, tuple):
            continue
        activity, label, unit = name[0], name[-2], name[-1]
        if activity == "p2p":  # it writes what it receives to a disk, but that is not spilling
            kind = "shuffled_bytes" if name[2:] == SENT_BY_KEY else None
        else:
            kind = _kind(activity, label, unit)
        if kind is not None:
            total[kind] = total.get(kind, 0.0) + amount
    return total | (_moved_by_cudf() if cudf else {})


def _moved_by_cudf() -> dict[str, float]:
    """What cuDF has moved between this process's GPU and the host's memory; empty if it does not spill."""
    options, spilling = (sys.modules.get(f"cudf.{name}") for name in ("options", "core.buffer.spill_manager"))
    if options is None or spilling is None or not options.get_option("spill"):
        return {}
    manager = spilling.get_global_manager()
    moved = dict(manager.statistics.spill_totals) if manager is not None else {}
    (out, out_seconds), (back, back_seconds) = (moved.get(way, (0, 0.0)) for way in (("gpu", "cpu"), ("cpu", "gpu")))
    return {
        "device_spilled_bytes": float(out),
        "device_unspilled_bytes": float(back),
        "device_spill_seconds": out_seconds + back_seconds,
    }


def part_bytes(cards: Iterable[int | None]) -> int:
    """The most bytes for a part of the data, by the memory of the workers' cards; None is a card that does not tell."""
    known = list(cards)
    amounts = [memory for memory in known if memory is not None]
    return min(amounts) // CARD_SHARE if amounts and len(amounts) == len(known) else LARGEST


def _kind(activity: str, label: str, unit: str) -> str | None:
    """What one of Dask's counters counts, in this project's words; None if it is not used here."""
    if label in {"disk-read", "disk-write"}:
        if unit == "seconds":
            return "spill_seconds"
        return "spilled_bytes" if (label, unit) == ("disk-write", "bytes") else None
    return {"execute": "task_seconds", "gather-dep": "fetch_seconds"}.get(activity) if unit == "seconds" else None

"""A Dask cluster: started here for one implementation, or running at an address.

On CPUs it is a scheduler and processes on this machine (`LocalCluster`). On GPUs it is Dask-CUDA's, one process for
each GPU (`LocalCUDACluster`). A cluster started here listens only on loopback. The client lives in a worker process of
the runner, like every implementation, so turns, time limits, records and the end of all processes work as for any
other.

What the workers spent on an execution is read from Dask's own counters on each of them: seconds in tasks, in fetching
from other workers, in spilling to disk and back; bytes fetched, exchanged by key and spilled. Rows are exchanged by key
in one of two ways. Tasks that fetch each other's results count as fetched. Dask's P2P has counters of its own, which do
not tell a worker's own share from that of the others: on two workers, about half of the bytes stay where they are.
Events (a worker was lost, came, or was restarted because it had filled its memory) are read from the scheduler's log.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.harness.discovery import Suites, load
from residency.harness.errors import Unavailable, UsageError
from residency.harness.libraries import is_installed
from residency.harness.outcomes import Ending, Outcome
from residency.harness.task import Device
from residency.runners.pools import loaded

CONNECT_SECONDS = 10.0  # for a scheduler to answer, and for a lost one to come back
ARRIVE_SECONDS = 60.0  # for all workers to arrive
NO_WORKERS_SECONDS = 30.0  # that tasks wait if no worker is left
SENT_BY_KEY = ("background-comms", "process", "bytes")  # as Dask's P2P counts it
BACK_ENDS: Mapping[Device, Mapping[str, str]] = {  # as Dask's configuration names them
    "cpu": {"dataframe.backend": "pandas", "array.backend": "numpy"},
    "gpu": {"dataframe.backend": "cudf", "array.backend": "cupy"},
}


@dataclass
class DaskCluster:
    """A cluster from an implementation's first, cold execution to its process's end."""

    device: Device
    workers: int
    threads: int  # of each worker; a worker with a GPU runs one task at a time, which may use them all
    scheduler: str | None = None  # the address of a running scheduler
    memory_limit: int | None = None  # bytes, for each worker that is started here
    dashboard: str | None = None  # where Dask's page of diagnostics is served, `127.0.0.1:8787`
    suites: Sequence[Path] = ()  # a task's files that are not installed, for workers to load
    client: Any = None
    frame: Any = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _spent: dict[str, dict[str, float]] = field(default_factory=dict)  # counters by worker when the execution began
    _since: float = 0.0  # time of the last event before the execution, by the scheduler's clock

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
        for suite in self.suites:
            self.client.run_on_scheduler(_load, suite)  # the scheduler reads graphs that hold its functions
            self.client.register_plugin(_suite(suite))
        self.frame = importlib.import_module("dask.dataframe")
        self.begin()

    def _start(self) -> Any:
        """A cluster of processes on this machine, on loopback."""
        if self.device == "gpu":
            return self._stack.enter_context(importlib.import_module("dask_cuda").LocalCUDACluster(**self.options()))
        return self._stack.enter_context(importlib.import_module("distributed").LocalCluster(**self.options()))

    def options(self) -> dict[str, Any]:
        """The arguments that a cluster on this machine is started with."""
        options = {
            "n_workers": self.workers,
            "threads_per_worker": self.threads if self.device == "cpu" else 1,
            "memory_limit": self.memory_limit or "auto",
            "host": "127.0.0.1",
            "dashboard_address": self.dashboard or "127.0.0.1:0",  # None would take Dask's default port
        }
        if self.device == "cpu":
            return {**options, "processes": True}
        return {**options, "rmm_async": True} if is_installed("rmm") else options

    def close(self) -> None:
        """Close only what was started here."""
        self._stack.close()

    def begin(self) -> None:
        """An execution begins."""
        self._spent = self.client.run(_spent)
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
        for worker, totals in self.client.run(_spent).items():
            before = self._spent.get(worker, {})
            for name, total in totals.items():
                spent[name] = spent.get(name, 0.0) + total - before.get(name, 0.0)
        return spent, self._happened()

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


def _spent(dask_worker: Any) -> dict[str, float]:
    """Runs on a worker: what it has spent since it started, in seconds and bytes.

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
    return total


def _kind(activity: str, label: str, unit: str) -> str | None:
    """What one of Dask's counters counts, in this project's words; None if it is not used here."""
    if label in {"disk-read", "disk-write"}:
        if unit == "seconds":
            return "spill_seconds"
        return "spilled_bytes" if (label, unit) == ("disk-write", "bytes") else None
    return {"execute": "task_seconds", "gather-dep": "fetch_seconds"}.get(activity) if unit == "seconds" else None

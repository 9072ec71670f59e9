"""How to measure: all settings except the choice of tasks."""

from __future__ import annotations

from dataclasses import dataclass, field

from residency.harness.libraries import is_installed
from residency.harness.task import Implementation
from residency.runners import machine

ROUNDS, GATE_ROUNDS = 8, 128  # if samples vary by 20 %, a process's median of 32 varies by 1.2 %, of 128 by 0.6 %

PROTOCOLS = ("tcp", "ucx")
UCX = "distributed_ucxx"  # the package by which Dask speaks UCX


def best_protocol() -> str:
    """UCX if it is installed, else TCP."""
    return "ucx" if is_installed(UCX) else "tcp"


@dataclass(frozen=True)
class Settings:
    """How to measure. Times in seconds, memory in bytes; None means the default of this machine or of the size."""

    replicates: int = 5
    rounds: int = ROUNDS
    budget: float | None = None  # after this time nothing is started; what is running ends normally
    timeout: float | None = None
    cold_timeout: float | None = None  # for a process's first execution, if it differs
    threads: int = field(default_factory=machine.cores)
    memory_limit: int | None = None
    gate: bool = False  # pin one-threaded workers and fix their memory layout, to detect small changes
    scheduler: str | None = None  # the address of a running Dask scheduler
    worker_threads: int | None = None  # of each worker of a cluster; by default the threads are divided among them
    dashboard: str | None = None  # where a cluster that is started here serves Dask's page of diagnostics
    precision: float | None = None  # of ratios: measure more replicates until their intervals are this narrow
    limit: float | None = None  # at this time, what is running is interrupted
    protocol: str | None = None  # of PROTOCOLS, between workers with GPUs of a cluster that is started here

    @property
    def between_gpus(self) -> str:
        """The protocol between workers with GPUs: the one asked for, or UCX if it is installed."""
        return self.protocol or best_protocol()

    def threads_of(self, implementation: Implementation) -> int:
        """Threads of the implementation's process; on a cluster, of each of its workers."""
        if implementation.runner == "local":
            return self.threads
        return self.worker_threads or max(1, self.threads // max(1, implementation.workers))

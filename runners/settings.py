"""How to measure: all settings except which tasks."""

from __future__ import annotations

from dataclasses import dataclass, field

from residency.harness.task import Implementation
from residency.runners import machine

ROUNDS, GATE_ROUNDS = 8, 128  # where samples vary by 20 %, 32 leave 1.2 % in a process's median, 128 leave 0.6 %


@dataclass(frozen=True)
class Settings:
    """How to measure. Times in seconds, memory in bytes; None is this machine's or the size's default."""

    replicates: int = 5
    rounds: int = ROUNDS
    budget: float | None = None  # after which nothing is begun; what is under way is finished
    timeout: float | None = None
    cold_timeout: float | None = None  # of a process's first execution, where it is another
    threads: int = field(default_factory=machine.cores)
    memory_limit: int | None = None
    gate: bool = False  # pin one-threaded workers, fix their memory layout: for seeing small changes
    scheduler: str | None = None  # the address of a Dask scheduler that runs already
    worker_threads: int | None = None  # of each worker of a cluster; the threads shared out where None
    dashboard: str | None = None  # where a cluster that is started here serves Dask's page of diagnostics
    precision: float | None = None  # of ratios: go on with more replicates until their intervals are as narrow
    limit: float | None = None  # after which nothing goes on: what is under way is cut

    def threads_of(self, implementation: Implementation) -> int:
        """Threads of the implementation's process, on a cluster of each of its workers."""
        if implementation.runner == "local":
            return self.threads
        return self.worker_threads or max(1, self.threads // max(1, implementation.workers))

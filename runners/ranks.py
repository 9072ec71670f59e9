"""Torch's process groups on the workers of a cluster: each worker is a rank, and ranks communicate directly.

Dask starts the ranks. They send data by Gloo between CPUs and by NCCL between GPUs, never through Dask. They meet at
the first rank's worker, at its address in Dask, so on loopback no other machine can connect. Torch's own `tcp://` would
listen on every address.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from time import time
from typing import Any
from urllib.parse import urlsplit

from residency.harness.run import Run

TIMEOUT = timedelta(seconds=60)  # that a rank waits for the others
STUCK_SECONDS = 90.0  # after one rank has failed, for the others to notice
RESTART_SECONDS = 30.0  # for a worker to end and come back
_stores: dict[int, Any] = {}  # on the first rank's worker, by port: where the ranks meet


class Failure(Exception):
    """A rank's error, and its time in seconds since the epoch: ranks that wait for this one then fail too."""

    def __init__(self, at: float, error: Exception) -> None:
        super().__init__(at, error)
        self.at, self.error = at, error


class Ranks:
    """The workers of a cluster, a rank each."""

    def __init__(self, run: Run) -> None:
        self.client = run.client
        self.addresses = sorted(run.client.scheduler_info(n_workers=-1)["workers"])[: run.workers]
        self.run = Run(run.device, run.threads, run.seed, len(self.addresses))

    def each(self, function: Callable[..., Any], /, *lists: Sequence[Any], **same: Any) -> list[Any]:
        """Futures of the function on every rank, each with its entry of the lists; raises the first error."""
        return self._ended(self._submitted(function, *lists, **same), None)

    def together(self, function: Callable[..., Any], *lists: Sequence[Any]) -> list[Any]:
        """The same on all ranks at the same time, in a process group of all ranks.

        After one rank has failed, the others fail soon. A rank that does not is stuck: its worker is restarted, and a
        note on the error says so.
        """
        place = self.client.submit(meet, workers=self.addresses[:1], pure=False).result()
        return self._ended(self._submitted(partial(in_group, function=function, place=place), *lists), STUCK_SECONDS)

    def _submitted(self, function: Callable[..., Any], *lists: Sequence[Any], **same: Any) -> list[Any]:
        return [
            self.client.submit(function, self.run, rank, *own, **same, workers=[address], pure=False)
            for rank, (address, *own) in enumerate(zip(self.addresses, *lists, strict=True))
        ]

    def _ended(self, futures: list[Any], patience: float | None) -> list[Any]:
        """The futures after all have ended; after an error, the others have this many seconds to end."""
        from distributed import wait

        waiting, errors, notes = futures, list[BaseException](), list[str]()
        while waiting:
            try:
                ended, waiting = wait(waiting, patience if errors else None, "FIRST_COMPLETED")
            except TimeoutError:
                notes = self._restarted(waiting, futures)
                break
            errors += [error for future in ended if (error := future.exception())]
        if errors:
            first = min(errors, key=lambda error: error.at if isinstance(error, Failure) else 0.0)
            error = first.error if isinstance(first, Failure) else first
            for note in notes:
                error.add_note(note)
            raise error
        return futures

    def _restarted(self, stuck: Collection[Any], futures: list[Any]) -> list[str]:
        """Restart the workers of ranks that do not end; return what happened."""
        addresses = [address for future, address in zip(futures, self.addresses, strict=True) if future in stuck]
        self.client.cancel(list(stuck))
        states = self.client.restart_workers(addresses, timeout=RESTART_SECONDS, raise_for_error=False)
        return [
            f"the rank on {address} did not end then, and its worker was restarted ({state})"
            for address, state in states.items()
        ]


def meet() -> tuple[str, int]:
    """Runs on the first rank's worker: where the others will find it."""
    from distributed import get_worker

    torch_distributed: Any = importlib.import_module("torch.distributed")
    host = host_of(get_worker().address)
    place = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    port = int(place.getsockname()[1])
    _stores[port] = torch_distributed.TCPStore(
        host, port, is_master=True, timeout=TIMEOUT, wait_for_workers=False, master_listen_fd=place.detach()
    )
    return host, port


def host_of(address: str) -> str:
    """`127.0.0.1` of `tcp://127.0.0.1:40001`."""
    return str(urlsplit(address).hostname)


def in_group(run: Run, rank: int, *own: Any, function: Callable[..., Any], place: tuple[str, int]) -> Any:
    """Runs on a worker, at the same time on all of them."""
    import torch

    torch.set_num_threads(run.threads)
    with group(run, rank, place):
        return function(run, rank, *own)


@contextmanager
def group(run: Run, rank: int, place: tuple[str, int]) -> Iterator[None]:
    """The process group of all ranks, on the network that the workers use; it is destroyed at the end.

    Raises `Failure` with whatever is raised within.
    """
    import psutil
    from distributed import get_worker

    torch_distributed: Any = importlib.import_module("torch.distributed")
    importlib.import_module("torch.distributed.nn")  # later it would keep the group as a default of its functions
    host = host_of(get_worker().address)
    for network, addresses in psutil.net_if_addrs().items():
        if host in {one.address for one in addresses}:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", network)
            os.environ.setdefault("NCCL_SOCKET_IFNAME", f"={network}")
    os.environ.setdefault("TORCH_NCCL_ASYNC_ERROR_HANDLING", "2")  # who waits in vain fails, and its worker lives on
    backend = "gloo" if run.device == "cpu" else "nccl"
    try:
        store = _stores.pop(place[1]) if rank == 0 else torch_distributed.TCPStore(*place, timeout=TIMEOUT)
        torch_distributed.init_process_group(backend, store=store, rank=rank, world_size=run.workers, timeout=TIMEOUT)
        yield
        torch_distributed.barrier(**run.only(gpu={"device_ids": [0]}))
    except Exception as error:  # noqa: BLE001 (whatever it is, the client is told)
        failure = Failure(time(), error)
        # DistributedDataParallel holds on to the group. Were it the last to do so, as it goes it would wait for Gloo's
        # threads while it has the interpreter's lock, and they wait for that lock: the worker would never answer again.
        # And while the group is there so are its connections, at which the others would wait for a minute.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        raise failure from None
    finally:
        if not torch_distributed.is_initialized():  # what failed to start has been counted, and all must count alike
            torch_distributed.init_process_group("gloo", store=torch_distributed.HashStore(), rank=0, world_size=1)
        torch_distributed.destroy_process_group()

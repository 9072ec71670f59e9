"""Training on several workers at once: each is a rank of one Torch process group, with its share of every batch.

DistributedDataParallel keeps the weights of all ranks the same: while the backward pass still goes on, the gradients
that are ready are averaged over the ranks, and then all take the same step. A rank's loss is the sum over its share,
times the ranks, by the pictures of the batch: so the average is the gradient of the whole batch, however it is split.
The network normalises within a picture, never over a batch, so splitting one changes nothing but the order of sums.

Dask starts the ranks, and they talk to each other directly, by Gloo or NCCL. They meet at the first rank's worker, at
the address that it has for Dask: on loopback nobody else can come. Torch's own `tcp://` would listen on every address.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from time import time
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from residency.datasets.labelled_images import LabelledImages
from residency.datasets.residual import initial
from residency.harness import Run
from residency.harness.cluster import Rows
from residency.suites.image._residual import WIDTHS, torch_layout, torch_network
from residency.suites.image._training import PREDICTED, torch_descent

TIMEOUT = timedelta(seconds=60)  # that a rank waits for the others
_stores: dict[int, Any] = {}  # on the first rank's worker, by port: where the ranks meet


@dataclass(frozen=True)
class Share:
    """What a rank holds, on its device: all pictures to learn from, its own of every step, its own to classify."""

    data: LabelledImages
    order: Any  # (steps, pictures)
    batch: int  # of all ranks


class Failure(Exception):
    """A rank's error, and when it was, in seconds since the epoch: those that wait for the rank then fail as well."""

    def __init__(self, at: float, error: Exception) -> None:
        super().__init__(at, error)
        self.at, self.error = at, error


class Ranks:
    """The workers of a cluster, a rank each."""

    def __init__(self, run: Run) -> None:
        self.client = run.client
        self.addresses = sorted(run.client.scheduler_info(n_workers=-1)["workers"])[: run.workers]
        self.run = Run(run.device, run.threads, run.seed, len(self.addresses))

    def each(self, function: Callable[..., Any], *lists: Sequence[Any], **same: Any) -> list[Any]:
        """Futures of the function on every rank, with its own of the lists; raises what went wrong first."""
        futures = [
            self.client.submit(function, self.run, rank, *own, **same, workers=[address], pure=False)
            for rank, (address, *own) in enumerate(zip(self.addresses, *lists, strict=True))
        ]
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            first = min(errors, key=lambda error: error.at if isinstance(error, Failure) else 0.0)
            raise first.error if isinstance(first, Failure) else first
        return futures

    def load(self, data: LabelledImages, updates: int, batch: int) -> list[Any]:
        """Every rank's `Share`: any picture may be in it, so each reads all to learn from, a byte a pixel."""
        (learnt,) = self.run.partitions(data.x, data.y, count=1)
        (test,) = self.run.partitions(data.x_test, data.y_test, count=1)
        bounds = np.linspace(0, len(test), len(self.addresses) + 1).astype(int).tolist()
        tests = [replace(test, start=start, stop=stop) for start, stop in pairwise(bounds)]
        about = {"classes": data.classes, "mean": data.mean, "deviation": data.deviation}
        return self.each(load, tests, learnt=learnt, about=about, updates=updates, batch=batch)

    def train(self, shares: list[Any]) -> list[Any]:
        """Every rank's weights, which are the same."""
        place = self.client.submit(meet, workers=self.addresses[:1], pure=False).result()
        return self.each(train, shares, place=place)

    def predict(self, shares: list[Any], weights: list[Any]) -> list[Any]:
        """The classes that every rank found of its pictures to classify, in their order."""
        return self.each(predict, shares, weights)


def load(run: Run, rank: int, test: Rows, *, learnt: Rows, about: Mapping[str, Any], updates: int, batch: int) -> Share:
    """Runs on a worker."""
    import torch

    (x, y), (x_test, y_test) = learnt.read(), test.read()
    data = LabelledImages(x, y, x_test, y_test, **about)
    order = data.batches(updates, batch, run.seed)[:, rank :: run.workers]
    x, y, x_test, order = run.to_device(data.x, data.y.astype(np.int64), data.x_test, order, into=torch)
    return Share(replace(data, x=x, y=y, x_test=x_test), order, batch)


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


def train(run: Run, rank: int, share: Share, place: tuple[str, int]) -> dict[str, Any]:
    """Runs on a worker, at the same time on all of them."""
    import torch

    torch.set_num_threads(run.threads)
    torch.backends.cudnn.allow_tf32 = True  # no matter on a CPU
    try:
        with group(run, rank, place), run.stage("fit"):
            return descend(torch, run, share)
    except Exception as error:  # noqa: BLE001 (whatever it is, the client is told)
        failure = Failure(time(), error)
        traceback.clear_frames(error.__traceback__)
        gc.collect()  # closes the connections at which the others would wait for a minute
        raise failure from None


@contextmanager
def group(run: Run, rank: int, place: tuple[str, int]) -> Iterator[None]:
    """The process group of all ranks, on the network that the workers use; afterwards there is none."""
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
    store = _stores.pop(place[1]) if rank == 0 else torch_distributed.TCPStore(*place, timeout=TIMEOUT)
    backend = "gloo" if run.device == "cpu" else "nccl"
    try:
        torch_distributed.init_process_group(backend, store=store, rank=rank, world_size=run.workers, timeout=TIMEOUT)
        yield
        torch_distributed.barrier(**run.only(gpu={"device_ids": [0]}))
    finally:
        if not torch_distributed.is_initialized():  # what failed to start has been counted, and all must count alike
            torch_distributed.init_process_group("gloo", store=torch_distributed.HashStore(), rank=0, world_size=1)
        torch_distributed.destroy_process_group()


def descend(torch: Any, run: Run, share: Share) -> dict[str, Any]:
    """All steps; the weights."""
    data, functional = share.data, torch.nn.functional
    first = torch_layout(initial(data.x.shape[-1], WIDTHS, len(data.classes), run.seed))

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            made = {name: run.to_device(array, into=torch) for name, array in first.items()}
            self.weights = torch.nn.ParameterDict(made)

        def forward(self, x: Any) -> Any:
            return torch_network(functional, self.weights, data, x)

    network = Network()
    shared = torch.nn.parallel.DistributedDataParallel(network)
    optimiser, schedule = torch_descent(torch, network.parameters(), len(share.order))
    for chosen in share.order:
        optimiser.zero_grad()
        loss = functional.cross_entropy(shared(data.x[chosen]), data.y[chosen], reduction="sum")
        (loss * (run.workers / share.batch)).backward()
        optimiser.step()
        schedule.step()
    return {name: weight.detach() for name, weight in network.weights.items()}


def predict(run: Run, rank: int, share: Share, weights: dict[str, Any]) -> NDArray[np.int64]:
    """Runs on a worker."""
    import torch

    torch.set_num_threads(run.threads)
    with torch.inference_mode():
        parts = share.data.x_test.split(PREDICTED)  # type: ignore[attr-defined]
        found = [torch_network(torch.nn.functional, weights, share.data, part).argmax(1) for part in parts]
        classes: NDArray[np.int64] = run.to_host(torch.cat(found))
        return classes

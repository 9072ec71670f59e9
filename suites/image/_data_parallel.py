"""Training on several workers at once: each is a rank of one Torch process group, with its share of every batch.

DistributedDataParallel keeps the weights of all ranks the same: while the backward pass still goes on, the gradients
that are ready are averaged over the ranks, and then all take the same step. A rank's loss is the sum over its share,
times the ranks, by the pictures of the batch: so the average is the gradient of the whole batch, however it is split.
The network normalises within a picture, never over a batch, so splitting one changes nothing but the order of sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.labelled_images import LabelledImages
from residency.datasets.image.residual import initial
from residency.harness import Run
from residency.harness.cluster import Rows
from residency.runners.ranks import Ranks
from residency.suites.image._residual import WIDTHS, torch_layout, torch_network
from residency.suites.image._training import PREDICTED, torch_descent


@dataclass(frozen=True)
class Share:
    """What a rank holds, on its device: all pictures to learn from, its own of every step, its own to classify."""

    data: LabelledImages
    order: Any  # (steps, pictures)
    batch: int  # of all ranks


class DataParallel:
    """What the ranks do, one after the other; each holds on to what it has made."""

    def __init__(self, run: Run) -> None:
        self.ranks = Ranks(run)

    def load(self, data: LabelledImages, updates: int, batch: int) -> list[Any]:
        """Every rank's `Share`: any picture may be in it, so each reads all to learn from, a byte a pixel."""
        run = self.ranks.run
        (learnt,) = run.partitions(data.x, data.y, count=1)
        (test,) = run.partitions(data.x_test, count=1)
        bounds = np.linspace(0, len(test), run.workers + 1).astype(int).tolist()
        tests = [replace(test, start=start, stop=stop) for start, stop in pairwise(bounds)]
        about = {"classes": data.classes, "mean": data.mean, "deviation": data.deviation}
        return self.ranks.each(load, tests, learnt=learnt, about=about, updates=updates, batch=batch)

    def train(self, shares: list[Any]) -> list[Any]:
        """Every rank's weights, which are the same."""
        return self.ranks.together(train, shares)

    def predict(self, shares: list[Any], weights: list[Any]) -> list[Any]:
        """The classes that every rank found of its pictures to classify, in their order."""
        return self.ranks.each(predict, shares, weights)


def load(run: Run, rank: int, test: Rows, *, learnt: Rows, about: Mapping[str, Any], updates: int, batch: int) -> Share:
    """Runs on a worker."""
    import torch

    (x, y), (x_test,) = learnt.read(), test.read()
    data = LabelledImages(x, y, x_test, np.empty(0, np.int32), **about)  # whose classes no worker knows
    order = data.batches(updates, batch, run.seed)[:, rank :: run.workers].astype(np.int64)
    x, y, x_test, order = run.to_device(data.x, data.y.astype(np.int64), data.x_test, order, into=torch)
    return Share(replace(data, x=x, y=y, x_test=x_test), order, batch)


def train(run: Run, rank: int, share: Share) -> dict[str, Any]:
    """Runs on a worker, at the same time on all of them."""
    import torch

    torch.backends.cudnn.allow_tf32 = True  # no matter on a CPU
    with run.stage("fit"):
        return descend(torch, run, share)


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

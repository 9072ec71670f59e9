"""A small residual network: trained from scratch, then used to classify.

Question  What is a GPU worth if each step is little work and the next step needs its result?
Expect    Eight convolutions on 16 x 16 pixels are 6 million operations a picture forwards and twice that backwards: 0.6
          billion for a step of 32 pictures, some ten milliseconds on two CPU cores. A GPU that reaches ten teraflops
          does them in 0.06 ms, but Torch asks for hundreds of kernels a step, one after the other, at five to ten
          microseconds each: milliseconds a step, whatever the arithmetic, and the device is idle most of the time.
          From 100,000 pictures on a step has 512 of them, sixteen times the work in the same launches. JAX compiles
          the step, which fuses what lies between convolutions and asks for the whole as one: fewer launches, after
          seconds of compiling in the first, cold execution. A CUDA graph is a step that was recorded once: one call
          replays all its kernels, at one to two microseconds each. `torch.compile` makes these kernels fewer, and
          bfloat16 halves the bytes that they move. The copy is one byte a pixel, once: nothing. On a cluster
          every step ends when the slowest worker has sent its gradients, 0.3 MB, and has received those of all others.
          With 16 pictures for each worker there is too little work between two exchanges, and two workers may be slower
          than one.

Torch and JAX train the same network from the same weights on the same batches. Only the order of sums differs, but
after a thousand steps that is enough for two networks that misclassify different pictures. Everything is float32 with
channels last, which is how matrix units want convolutions; on a GPU their products may take TF32's shorter factors.
`eager`, `compiled` and `data_parallel` are plain ports: the lines of the CPU, on a GPU. `cuda_graph`, `compiled_graph`
and, in JAX, `donated_bfloat16` ask for fewer and larger pieces of work. The first, cold execution compiles and
records.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.digit_images import digit_images
from residency.datasets.image.face_patches import face_patches
from residency.datasets.image.labelled_images import LabelledImages, accuracy
from residency.datasets.image.own_images import own_labelled
from residency.datasets.image.residual import Weights, initial, operations, torch_layout
from residency.datasets.image.shapes import shapes
from residency.harness import Memory, Run, Task
from residency.harness.cluster import Rows
from residency.runners.ranks import Ranks
from residency.suites._torch_compile import compiling
from residency.suites._torch_graph import recorded

EPOCHS, LEAST_STEPS = 4, 200
WIDTHS = (16, 32, 64)  # channels of the three blocks; each but the first halves the picture's sides
GROUPS, EPSILON = 8, 1e-5  # of channels that are normalised together
RATE, MOMENTUM = 0.15, 0.9  # the rate falls linearly to 0
PREDICTED, PREDICTED_ON_GPU = 1_000, 20_000  # pictures classified at a time
SETTINGS = {"widths": WIDTHS, "optimiser": "SGD, Nesterov", "learning_rate": RATE, "momentum": MOMENTUM}
LAYOUT = {"dtype": "float32", "memory_format": "NHWC"}


def plan(data: LabelledImages) -> tuple[int, int]:
    """The number of steps and the pictures in each: four passes over the data, but at least 200 steps."""
    batch = 512 if len(data.x) >= 100_000 else 32
    return max(LEAST_STEPS, EPOCHS * len(data.x) // batch), batch


def work(data: LabelledImages) -> tuple[float, float]:
    """The convolutions, forwards and twice as much backwards; each step's pictures read once."""
    learned = float(np.prod(plan(data)))
    passes = 3.0 * learned + len(data.x_test)
    return passes * operations(data.x.shape[1:], WIDTHS), learned * data.x[0].nbytes


task = Task(
    datasets=[shapes, digit_images, face_patches, own_labelled],
    sizes={"smoke": 1_200, "lab": 10_000, "lecture": 1_000_000, "production": 120_000_000},  # images
    quality=accuracy,
    tolerance=0.06,  # two of the 40 faces; Torch and JAX differ by up to 0.02 on the other sets
    floor={"shapes": 0.4, "digit_images": 0.8, "face_patches": 0.75},
    work=work,
    limiter="calls for small operations, one after the other",
    unit="images",
    memory={"cpu": Memory(fixed=0.4e9), "gpu": Memory(fixed=1.5e9)},
)


class Scale(NamedTuple):
    """Of the training pictures' grey values."""

    mean: float
    deviation: float


def torch_network(functional: Any, weights: dict[str, Any], data: LabelledImages | Scale, x: Any) -> Any:
    """The classes' scores for pictures (images, height, width, channels).

    Torch's normalisation of groups keeps channels last on a CPU; on a GPU (2.13) it returns them first, so that each
    layer there pays for copies from one layout to the other.
    """

    def convolution(x: Any, name: str, stride: int = 1) -> Any:
        kernel = weights[f"{name} kernel"].permute(0, 3, 1, 2)  # Torch's order of axes; in memory channels are last
        x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        return functional.group_norm(x, GROUPS, weights[f"{name}_norm scale"], weights[f"{name}_norm bias"], EPSILON)

    x = (x.permute(0, 3, 1, 2).float() - data.mean) / data.deviation
    x = convolution(x, "stem").relu()
    for block in range(len(WIDTHS)):
        stride = 2 if block else 1
        y = convolution(convolution(x, f"first{block}", stride).relu(), f"second{block}")
        x = (y + (convolution(x, f"short{block}", stride) if block else x)).relu()
    return x.mean((2, 3)) @ weights["head kernel"] + weights["head bias"]


def torch_descent(torch: Any, weights: Iterable[Any], updates: int) -> tuple[Any, Any]:
    """Torch's optimiser and the schedule of its rate: both take a step, the optimiser first."""
    optimiser = torch.optim.SGD(weights, lr=RATE, momentum=MOMENTUM, nesterov=True)
    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - step / updates)


def drawn(data: LabelledImages, run: Run) -> tuple[NDArray[np.int32], Weights]:
    """The pictures of each step of training and the initial weights: on the host, for both devices."""
    with run.stage("draw"):
        order = data.batches(*plan(data), run.seed)
        return order, initial(data.x.shape[-1], WIDTHS, len(data.classes), run.seed)


@task.pair(cpu="torch", gpu="torch", plain=True)
def eager(data: LabelledImages, run: Run, torch):
    """Torch: Python runs line by line, and the device executes each operation when Python reaches it."""
    updates, batch = plan(data)
    torch.backends.cudnn.allow_tf32 = True  # no matter on a CPU
    run.effective(steps=updates, batch=batch, **SETTINGS, **LAYOUT, **run.only(gpu={"factors": "TF32"}))
    places, first = drawn(data, run)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y.astype(np.int64), data.x_test, into=torch)
        order = run.to_device(places.astype(np.int64), into=torch)
        layout = torch_layout(first).items()
        weights = {name: run.to_device(array, into=torch).requires_grad_() for name, array in layout}
    network = functools.partial(torch_network, torch.nn.functional, weights, data)
    with run.stage("fit"):
        optimiser, schedule = torch_descent(torch, weights.values(), updates)
        for chosen in order:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(x[chosen]), y[chosen]).backward()
            optimiser.step()
            schedule.step()
    run.observe(samples_per_second=updates * batch / run.stages["fit"])
    with run.stage("predict"), torch.inference_mode():
        predicted = torch.cat([network(part).argmax(1) for part in x_test.split(PREDICTED)])
    with run.stage("get"):
        return run.to_host(predicted)


@dataclass(frozen=True)
class Training:
    """A network in training, in memory that stays in place: a recorded step uses the same addresses each time."""

    weights: dict[str, Any]
    optimiser: Any
    rate: Any  # the next step's: one number on the device
    pictures: Any  # the next step's: (batch, height, width, channels)
    labels: Any
    network: Any
    step: Any  # without arguments

    def restart(self, first: Mapping[str, Any]) -> None:
        """Set the initial weights, and no momentum."""
        for name, weight in self.weights.items():
            weight.detach().copy_(first[name])
            self.optimiser.state[weight]["momentum_buffer"].zero_()


@functools.cache  # in the first execution of a process
def torch_training(
    torch: Any, place: str, shape: tuple[int, ...], classes: int, scale: Scale, *, fused: bool
) -> Training:
    """A step for batches of a shape, recorded as a CUDA graph. If `fused`, in bfloat16 and through `torch.compile`."""
    functional = torch.nn.functional
    pictures = torch.zeros(shape, dtype=torch.uint8, device=place)
    labels = torch.zeros(shape[0], dtype=torch.int64, device=place)
    first = torch_layout(initial(shape[-1], WIDTHS, classes, seed=0))
    weights = {
        name: torch.from_numpy(np.ascontiguousarray(array)).to(place).requires_grad_() for name, array in first.items()
    }
    rate = torch.zeros((), device=place)
    optimiser = torch.optim.SGD(weights.values(), lr=rate, momentum=MOMENTUM, nesterov=True, fused=True)
    plain = functools.partial(torch_network, functional, weights, scale)

    def network(x: Any, function: Any = plain) -> Any:
        # A recorded step must convert the weights each time: no copy is kept for later.
        with torch.autocast(place, torch.bfloat16, enabled=fused, cache_enabled=False):
            return function(x).float()

    trained = functools.partial(network, function=torch.compile(plain, dynamic=False) if fused else plain)

    def step() -> None:
        optimiser.zero_grad()
        functional.cross_entropy(trained(pictures), labels).backward()
        optimiser.step()

    with compiling("gpu") if fused else nullcontext():
        replay = recorded(torch, step)
    return Training(weights, optimiser, rate, pictures, labels, network, replay)


@task.on_gpu("torch")
def cuda_graph(data: LabelledImages, run: Run, torch):
    """Torch: a whole step is recorded as a CUDA graph, and one call replays it: the GPU no longer waits for Python."""
    return replayed(data, run, torch, fused=False)


@task.on_gpu("torch")
def compiled_graph(data: LabelledImages, run: Run, torch):
    """Torch: the same, and `torch.compile` fuses what lies between the convolutions, which are in bfloat16.

    The weights, the optimiser and all sums are float32. Compiled code may choose its own layouts, so that nothing is
    copied from channels first to channels last and back.
    """
    return replayed(data, run, torch, fused=True)


def replayed(data: LabelledImages, run: Run, torch: Any, *, fused: bool) -> NDArray[np.int64]:
    """Train by a recorded step, then classify."""
    updates, batch = plan(data)
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True  # all batches have the same shape
    numbers = {"dtype": "bfloat16"} if fused else {"factors": "TF32"}
    run.effective(steps=updates, batch=batch, compiled=fused, **SETTINGS, **(LAYOUT | numbers))
    places, first = drawn(data, run)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y.astype(np.int64), data.x_test, into=torch)
        order = run.to_device(places.astype(np.int64), into=torch)
        rates = run.to_device((RATE * (1.0 - np.arange(updates) / updates)).astype(np.float32), into=torch)
        first_weights = {name: run.to_device(array, into=torch) for name, array in torch_layout(first).items()}
    with run.stage("record"):
        scale, shape = Scale(data.mean, data.deviation), (batch, *data.x.shape[1:])
        training = torch_training(torch, run.torch_device, shape, len(data.classes), scale, fused=fused)
    with run.stage("fit"):
        training.restart(first_weights)
        for chosen, rate in zip(order, rates, strict=True):
            torch.index_select(x, 0, chosen, out=training.pictures)
            torch.index_select(y, 0, chosen, out=training.labels)
            training.rate.copy_(rate)
            training.step()
    run.observe(samples_per_second=updates * batch / run.stages["fit"])
    with run.stage("predict"), torch.no_grad():
        predicted = torch.cat([training.network(part).argmax(1) for part in x_test.split(PREDICTED_ON_GPU)])
    with run.stage("get"):
        classes: NDArray[np.int64] = run.to_host(predicted)
        return classes


def flax_network(classes: int, mean: float, deviation: float, dtype: str) -> Any:
    """The same as a module of Flax, which takes its weights in the names of `datasets/image/residual.py`.

    `dtype` is that of the convolutions and of what lies between them; sums are float32.
    """
    from flax import linen

    class Network(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            def convolution(x: Any, name: str, width: int, side: int = 3, stride: int = 1) -> Any:
                x = linen.Conv(width, (side, side), stride, side // 2, use_bias=False, dtype=dtype, name=name)(x)
                return linen.GroupNorm(GROUPS, epsilon=EPSILON, dtype=dtype, name=f"{name}_norm")(x)

            x = (x.astype(np.float32) - mean) / deviation
            x = linen.relu(convolution(x, "stem", WIDTHS[0]))
            for block, width in enumerate(WIDTHS):
                stride = 2 if block else 1
                y = linen.relu(convolution(x, f"first{block}", width, stride=stride))
                y = convolution(y, f"second{block}", width)
                x = linen.relu(y + (convolution(x, f"short{block}", width, 1, stride) if block else x))
            return linen.Dense(classes, name="head")(x.astype(np.float32).mean((1, 2)))

    return Network()


@functools.cache  # what is compiled stays with these functions: all executions of a process must use the same
def jax_functions(classes: int, updates: int, mean: float, deviation: float, dtype: str) -> tuple[Any, Any, Any]:
    """The optimiser's start, one step of training, and the classification of pictures."""
    import jax
    import optax

    network = flax_network(classes, mean, deviation, dtype)

    def scores(weights: Any, x: Any) -> Any:
        with jax.default_matmul_precision("tensorfloat32"):
            return network.apply({"params": weights}, x)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(scores(weights, x), y).mean()

    optimiser = optax.sgd(optax.linear_schedule(RATE, 0.0, updates), MOMENTUM, nesterov=True)

    @functools.partial(jax.jit, donate_argnums=(0, 1) if dtype == "bfloat16" else ())
    def step(weights: Any, state: Any, pictures: tuple[Any, Any], order: Any, number: int) -> tuple[Any, Any]:
        gradient = jax.grad(loss)(weights, *(part[order[number]] for part in pictures))
        change, state = optimiser.update(gradient, state)
        return optax.apply_updates(weights, change), state

    return optimiser.init, step, jax.jit(lambda weights, x: scores(weights, x).argmax(1))


@task.pair(cpu="jax", gpu="jax", needs=["flax", "optax"], plain=True)
def compiled(data: LabelledImages, run: Run, jax):
    """JAX with Flax and Optax: a step is compiled once in a process, and Python asks for whole steps."""
    return jitted(data, run, jax, "float32")


@task.pair(cpu="jax", gpu="jax", needs=["flax", "optax"])
def donated_bfloat16(data: LabelledImages, run: Run, jax):
    """JAX: the same steps with bfloat16 in and between the convolutions; each writes over the weights it was given.

    The weights, the optimiser and all sums are float32.
    """
    return jitted(data, run, jax, "bfloat16")


def jitted(data: LabelledImages, run: Run, jax: Any, dtype: str) -> NDArray[np.int32]:
    """Train by one call a step, then classify."""
    updates, batch = plan(data)
    factors = run.only(gpu={"factors": "TF32"}) if dtype == "float32" else {}
    run.effective(steps=updates, batch=batch, **SETTINGS, **(LAYOUT | {"dtype": dtype} | factors))
    start, step, predict = jax_functions(len(data.classes), updates, data.mean, data.deviation, dtype)
    places, first = drawn(data, run)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test, into=jax)
        order = run.to_device(places, into=jax)
        weights = jax.tree.map(lambda array: run.to_device(array, into=jax), first)
    with run.stage("fit"):
        # Optax's own numbers are on no device in particular, those of a step are: left so, it would be compiled twice.
        state = jax.tree.map(lambda number: run.to_device(number, into=jax), start(weights))
        for number in range(updates):
            weights, state = step(weights, state, (x, y), order, number)
    run.observe(samples_per_second=updates * batch / run.stages["fit"])
    with run.stage("predict"):
        size = PREDICTED_ON_GPU if run.device == "gpu" and dtype == "bfloat16" else PREDICTED
        parts = [predict(weights, x_test[part : part + size]) for part in range(0, len(x_test), size)]
        predicted = jax.numpy.concatenate(parts)
    with run.stage("get"):
        classes: NDArray[np.int32] = run.to_host(predicted)
        return classes


@task.on_cluster(
    cpu="torch",
    gpu="torch",
    memory={"cpu": Memory(fixed=0.3e9, whole=True), "gpu": Memory(fixed=1e9, whole=True)},
)
def data_parallel(data: LabelledImages, run: Run, torch):
    """Torch on every worker, each with its share of every batch; at every step their gradients are averaged.

    DistributedDataParallel keeps the weights of all ranks the same: while the backward pass still goes on, the
    gradients that are ready are averaged over the ranks, and then all take the same step. A rank's loss is the sum over
    its share, times the ranks, by the pictures of the batch: so the average is the gradient of the whole batch, however
    it is split. The network normalises within a picture, never over a batch, so splitting one changes nothing but the
    order of sums.
    """
    updates, batch = plan(data)
    run.effective(steps=updates, batch=batch, **SETTINGS, **LAYOUT, **run.only(gpu={"factors": "TF32"}))
    ranks = Ranks(run)
    with run.stage("load"):
        shares = shares_of(ranks, data, updates, batch)
    with run.stage("fit"):
        weights = ranks.together(train_share, shares)
    run.observe(samples_per_second=updates * batch / run.stages["fit"])
    with run.stage("predict"):
        predicted = ranks.each(predict_share, shares, weights)
    with run.stage("get"):
        return np.concatenate(run.client.gather(predicted))


@dataclass(frozen=True)
class Share:
    """What a rank holds on its device: all training pictures, its share of every step, and its share to classify."""

    data: LabelledImages
    order: Any  # (steps, pictures)
    batch: int  # of all ranks


def shares_of(ranks: Ranks, data: LabelledImages, updates: int, batch: int) -> list[Any]:
    """Every rank's `Share`. It may need any training picture, so each rank reads all of them, one byte a pixel."""
    run = ranks.run
    (learnt,) = run.partitions(data.x, data.y, count=1)
    (test,) = run.partitions(data.x_test, count=1)
    bounds = np.linspace(0, len(test), run.workers + 1).astype(int).tolist()
    tests = [replace(test, start=start, stop=stop) for start, stop in pairwise(bounds)]
    about = {"classes": data.classes, "mean": data.mean, "deviation": data.deviation}
    return ranks.each(load_share, tests, learnt=learnt, about=about, updates=updates, batch=batch)


def load_share(
    run: Run, rank: int, test: Rows, *, learnt: Rows, about: Mapping[str, Any], updates: int, batch: int
) -> Share:
    """Runs on a worker."""
    import torch

    (x, y), (x_test,) = learnt.read(), test.read()
    data = LabelledImages(x, y, x_test, np.empty(0, np.int32), **about)  # whose classes no worker knows
    order = data.batches(updates, batch, run.seed)[:, rank :: run.workers].astype(np.int64)
    x, y, x_test, order = run.to_device(data.x, data.y.astype(np.int64), data.x_test, order, into=torch)
    return Share(replace(data, x=x, y=y, x_test=x_test), order, batch)


def train_share(run: Run, rank: int, share: Share) -> dict[str, Any]:
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


def predict_share(run: Run, rank: int, share: Share, weights: dict[str, Any]) -> NDArray[np.int64]:
    """Runs on a worker."""
    import torch

    torch.set_num_threads(run.threads)
    with torch.inference_mode():
        parts = share.data.x_test.split(PREDICTED)  # type: ignore[attr-defined]
        found = [torch_network(torch.nn.functional, weights, share.data, part).argmax(1) for part in parts]
        classes: NDArray[np.int64] = run.to_host(torch.cat(found))
        return classes

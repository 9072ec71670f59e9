"""A small residual network, trained from nothing, then used to classify.

Question  What is a GPU worth where each step is little work, and the next needs its result?
Expect    Eight convolutions on 16 x 16 pixels are 6 million operations a picture forwards and twice that backwards: 0.6
          billion for a step of 32 pictures, some ten milliseconds on two CPU cores. A GPU that reaches ten teraflops
          does them in 0.06 ms, but Torch asks for hundreds of kernels a step, one after the other, at five to ten
          microseconds each: milliseconds a step, whatever the arithmetic, and the device is idle most of the time.
          From 100,000 pictures on a step has 512 of them, sixteen times the work in the same launches. JAX compiles
          the step, which fuses what lies between convolutions and asks for the whole as one: fewer launches, after
          seconds of compiling in the first, cold execution. The copy is one byte a pixel, once: nothing. On a cluster
          every step ends when the slowest worker has sent its gradients, 0.3 MB, and has those of all others: with 16
          pictures each there is too little to do between two such meetings, and two workers may be slower than one.

Torch and JAX train the same network from the same weights on the same batches; what differs is the order of sums, and
after a thousand steps that is enough to make two networks that err on different pictures. Everything is float32 with
channels last, which is how matrix units want convolutions; on a GPU their products may take TF32's shorter factors.
`torch.compile` is left out: it needs a C++ compiler on the machine.
"""

from __future__ import annotations

import functools

import numpy as np

from residency.datasets.image.digit_images import digit_images
from residency.datasets.image.face_patches import face_patches
from residency.datasets.image.labelled_images import LabelledImages, accuracy
from residency.datasets.image.own_images import own_labelled
from residency.datasets.image.residual import initial, operations
from residency.datasets.image.shapes import shapes
from residency.harness import Run, Task
from residency.suites.image._data_parallel import DataParallel
from residency.suites.image._residual import WIDTHS, torch_layout, torch_network
from residency.suites.image._training import MOMENTUM, PREDICTED, RATE, jax_functions, torch_descent

EPOCHS, LEAST_STEPS = 4, 200
SETTINGS = {"widths": WIDTHS, "optimiser": "SGD, Nesterov", "learning_rate": RATE, "momentum": MOMENTUM}
LAYOUT = {"dtype": "float32", "memory_format": "NHWC"}


def plan(data: LabelledImages) -> tuple[int, int]:
    """How many steps, of how many pictures: four passes over the data, and 200 steps at least."""
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
    unit="images",
)


@task.pair(cpu="torch", gpu="torch")
def eager(data: LabelledImages, run: Run, torch):
    """Torch: Python reaches one operation after the other and has the device do it."""
    updates, batch = plan(data)
    torch.backends.cudnn.allow_tf32 = True  # no matter on a CPU
    run.effective(steps=updates, batch=batch, **SETTINGS, **LAYOUT, **run.only(gpu={"factors": "TF32"}))
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y.astype(np.int64), data.x_test, into=torch)
        order = run.to_device(data.batches(updates, batch, run.seed).astype(np.int64), into=torch)
        first = torch_layout(initial(data.x.shape[-1], WIDTHS, len(data.classes), run.seed))
        weights = {name: run.to_device(array, into=torch).requires_grad_() for name, array in first.items()}
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


@task.pair(cpu="jax", gpu="jax", needs=["flax", "optax"])
def compiled(data: LabelledImages, run: Run, jax):
    """JAX with Flax and Optax: a step is compiled once in a process, and Python asks for whole steps."""
    updates, batch = plan(data)
    run.effective(steps=updates, batch=batch, **SETTINGS, **LAYOUT, **run.only(gpu={"factors": "TF32"}))
    start, step, predict = jax_functions(len(data.classes), updates, data.mean, data.deviation)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test, into=jax)
        order = run.to_device(data.batches(updates, batch, run.seed), into=jax)
        first = initial(data.x.shape[-1], WIDTHS, len(data.classes), run.seed)
        weights = jax.tree.map(lambda array: run.to_device(array, into=jax), first)
    with run.stage("fit"):
        # Optax's own numbers are on no device in particular, those of a step are: left so, it would be compiled twice.
        state = jax.tree.map(lambda number: run.to_device(number, into=jax), start(weights))
        for number in range(updates):
            weights, state = step(weights, state, (x, y), order, number)
    run.observe(samples_per_second=updates * batch / run.stages["fit"])
    with run.stage("predict"):
        parts = [predict(weights, x_test[part : part + PREDICTED]) for part in range(0, len(x_test), PREDICTED)]
        predicted = jax.numpy.concatenate(parts)
    with run.stage("get"):
        return run.to_host(predicted)


@task.on_cluster(cpu="torch", gpu="torch")
def data_parallel(data: LabelledImages, run: Run, torch):
    """Torch on every worker, each with its share of every batch; at every step their gradients are averaged."""
    updates, batch = plan(data)
    run.effective(steps=updates, batch=batch, **SETTINGS, **LAYOUT, **run.only(gpu={"factors": "TF32"}))
    ranks = DataParallel(run)
    with run.stage("load"):
        shares = ranks.load(data, updates, batch)
    with run.stage("fit"):
        weights = ranks.train(shares)
    run.observe(samples_per_second=updates * batch / run.stages["fit"])
    with run.stage("predict"):
        predicted = ranks.predict(shares, weights)
    with run.stage("get"):
        return np.concatenate(run.client.gather(predicted))

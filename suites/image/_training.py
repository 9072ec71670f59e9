"""The steps by which `classify.py` trains, in Torch and in JAX: Nesterov's momentum, at a rate that falls to 0."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from residency.suites.image._residual import flax_network

RATE, MOMENTUM = 0.15, 0.9  # the rate falls linearly to 0
PREDICTED = 1_000  # pictures classified at a time


def torch_descent(torch: Any, weights: Iterable[Any], updates: int) -> tuple[Any, Any]:
    """Torch's optimiser and the schedule of its rate: both take a step, the optimiser first."""
    optimiser = torch.optim.SGD(weights, lr=RATE, momentum=MOMENTUM, nesterov=True)
    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - step / updates)


@functools.cache  # what is compiled stays with these functions: all executions of a process must use the same
def jax_functions(classes: int, updates: int, mean: float, deviation: float) -> tuple[Any, Any, Any]:
    """The optimiser's start, one step of training, and the classification of pictures."""
    import jax
    import optax

    network = flax_network(classes, mean, deviation)

    def scores(weights: Any, x: Any) -> Any:
        with jax.default_matmul_precision("tensorfloat32"):
            return network.apply({"params": weights}, x)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(scores(weights, x), y).mean()

    optimiser = optax.sgd(optax.linear_schedule(RATE, 0.0, updates), MOMENTUM, nesterov=True)

    @jax.jit
    def step(weights: Any, state: Any, pictures: tuple[Any, Any], order: Any, number: int) -> tuple[Any, Any]:
        gradient = jax.grad(loss)(weights, *(part[order[number]] for part in pictures))
        change, state = optimiser.update(gradient, state)
        return optax.apply_updates(weights, change), state

    return optimiser.init, step, jax.jit(lambda weights, x: scores(weights, x).argmax(1))

"""Forecasting by a recurrent network: step after step through time, in each step of training.

Question  A recurrent network needs the last step's result for the next one. What is a GPU worth for small work in a
          strict order, and which way of writing it asks the GPU least often?
Expect    A gated recurrent unit reads 28 to 104 steps of a window. A step is one product of 32 numbers a window with a
          matrix of 32 x 96, and some element-wise operations: 13 MFLOP for 2,000 windows, a microsecond of arithmetic
          for a GPU, and less than it takes to ask for it. Forwards and backwards these are more than a hundred kernels,
          one after the other, for each of hundreds of steps of training. So the time for launches decides. With 56
          million values we expect a GPU to be 6 to 9 times as fast as 16 cores (an estimate: no GPU has been seen).
          `layer` gives Torch's layer the whole window: on a GPU cuDNN walks through time and asks for its kernels
          itself, without Python. In JAX, `scan` is a compiled loop, and each of its turns asks for kernels.
          `cuda_graph` records a step from its windows to the new weights; Python still cuts the windows, by some
          fifteen calls. `whole_training` is one call for all steps. A CPU has no launches to save, but each call of
          Torch costs microseconds there, too. The copy is 4 bytes a value, a unit and a column: nothing.

Torch and JAX train the same network from the same weights on the same windows, in float32. They differ in the order of
sums only. It is one network for all series; the report shows the quality of repeating the last value or season.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.timeseries.m4_hourly import m4_hourly
from residency.datasets.timeseries.mauna_loa import mauna_loa
from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.retail import retail
from residency.datasets.timeseries.series import Panel, last_value, mase, seasonal_naive, smape
from residency.datasets.timeseries.windows import Windows, batches, cut, ends, initial, operations, windows
from residency.harness import Memory, Run, Task
from residency.suites._torch_graph import recorded

HIDDEN = 32  # numbers that are handed on from step to step
RATE, BETAS, EPSILON = 0.01, (0.9, 0.999), 1e-8  # of Adam; the rate falls linearly to 0
PREDICTED = 10_000  # windows at a time
MANY = 1_000  # windows of a step: below, Torch's threads on a CPU wait for each other longer than they work
SETTINGS = {"hidden": HIDDEN, "optimiser": "Adam", "learning_rate": RATE, "betas": BETAS, "loss": "absolute error"}
LAYER = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def training(data: Panel) -> tuple[int, int]:
    """The number of steps of training, and the windows in each."""
    return (200, 64) if data.rows < 1_000_000 else (400, 256) if data.rows < 10_000_000 else (2_000, 2_048)


def work(data: Panel) -> tuple[float, float]:
    """The products, forwards and twice as much backwards; the values read once."""
    steps, batch = training(data)
    passes = 3.0 * steps * batch + len(data.scale)
    return passes * operations(windows(data), HIDDEN), float(data.value.nbytes)


task = Task(
    datasets=[retail, mauna_loa, m4_hourly, own_series],
    sizes={"smoke": 44_800, "lab": 2_240_000, "lecture": 56_000_000, "production": 1_120_000_000},  # 1,120 a series
    quality=mase,
    also={"sMAPE": smape},
    naive={"repeating the last value": last_value, "repeating the last season": seasonal_naive},
    tolerance=0.05,  # of two libraries and of any seed
    floor={"retail": 0.96, "mauna_loa": 0.9, "m4_hourly": 1.25},  # ceilings: an untrained network has more
    work=work,
    limiter="small steps, each of which needs the result of the one before",
    unit="values",
    memory={"cpu": Memory(copies=2, fixed=0.5e9), "gpu": Memory(copies=2, fixed=2e9)},
)


def on_device(data: Panel, plan: Windows, run: Run, library: Any) -> tuple[Any, ...]:
    """What `cut` needs of the panel."""
    arrays = (data.value, data.unit, data.known, plan.around, plan.back, plan.ahead)
    return tuple(run.to_device(array, into=library) for array in arrays)


class TorchNetwork:
    """The network in Torch, with its weights in place."""

    def __init__(self, torch: Any, weights: dict[str, Any]) -> None:
        """The weights are tensors on the device; they are copied."""
        place = weights["change"].device
        hidden, inputs = HIDDEN, weights[LAYER[0]].shape[1]
        self.layer = torch.nn.GRU(inputs, hidden, num_layers=1, bias=True, batch_first=True, device=place)
        rest = {name: array.clone().requires_grad_() for name, array in weights.items() if name not in LAYER}
        self.weights = dict(self.layer.named_parameters()) | rest
        self.restart(weights)

    def restart(self, weights: dict[str, Any]) -> None:
        """Set the weights."""
        for name, weight in self.weights.items():
            weight.detach().copy_(weights[name])

    def __call__(self, read: Any, told: Any, base: Any) -> Any:
        """The forecast less the level, (windows, horizon)."""
        weights = self.weights
        summary = self.layer(read)[1][0] @ weights["summary"] + weights["bias"]
        answer = (summary[:, None] + told @ weights["step"]).relu()
        return base + (answer @ weights["change"])[:, :, 0]


def torch_forecasts(torch: Any, network: TorchNetwork, plan: Windows, panel: tuple[Any, ...], last: Any) -> Any:
    """The forecasts after these rows, (windows, horizon)."""
    parts = []
    with torch.no_grad():
        for some in last.split(PREDICTED):
            read, told, base, _, level, unit = cut(plan, panel, some, torch)
            parts.append((network(read, told, base) + level) * unit)
    return torch.cat(parts)


def drawn(data: Panel, plan: Windows, run: Run) -> tuple[Any, Any, dict[str, Any]]:
    """The windows of each step, the rows to forecast after, and the initial weights: on the host, for both devices."""
    order = batches(data, plan, *training(data), run.seed)
    return order, ends(data), initial(plan, HIDDEN, run.seed)


def torch_inputs(
    data: Panel, plan: Windows, run: Run, torch: Any, inputs: tuple[Any, Any, dict[str, Any]]
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """On the device: the panel, and what `drawn` has chosen."""
    order, last = (run.to_device(rows.astype(np.int64), into=torch) for rows in inputs[:2])
    first = {name: run.to_device(array, into=torch) for name, array in inputs[2].items()}
    return on_device(data, plan, run, torch), order, last, first


@task.pair(cpu="torch", gpu="torch", plain=True)
def layer(data: Panel, run: Run, torch):
    """Torch: one call of its recurrent layer walks through a window; Python asks for the rest, line by line."""
    steps, batch = training(data)
    threads = run.threads if batch >= MANY else 1
    torch.set_num_threads(threads)  # no matter on a GPU
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    with run.stage("draw"):
        plan = windows(data)
        inputs = drawn(data, plan, run)
    run.effective(steps=steps, batch=batch, **SETTINGS, **plan._asdict(), matmul_precision="float32")
    run.effective(**run.only(cpu={"torch_threads": threads}))
    with run.stage("put"):
        panel, order, last, first = torch_inputs(data, plan, run, torch, inputs)
    with run.stage("fit"):
        network = TorchNetwork(torch, first)
        optimiser = torch.optim.Adam(network.weights.values(), lr=RATE, betas=BETAS, eps=EPSILON)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - step / steps)
        for chosen in order:
            read, told, base, true, _, _ = cut(plan, panel, chosen, torch)
            optimiser.zero_grad()
            (network(read, told, base) - true).abs().mean().backward()
            optimiser.step()
            schedule.step()
    run.observe(windows_per_second=steps * batch / run.stages["fit"])
    with run.stage("predict"):
        forecast = torch_forecasts(torch, network, plan, panel, last)
    with run.stage("get"):
        return run.to_host(forecast)


@dataclass(frozen=True)
class Recorded:
    """A step of training in memory that stays in place: a recorded step uses the same addresses each time."""

    network: TorchNetwork
    optimiser: Any
    rate: Any  # the next step's: one number on the device
    batch: tuple[Any, ...]  # what the network reads and is told, the base and the truth of the next step's windows
    step: Callable[[], None]

    def restart(self, weights: dict[str, Any]) -> None:
        """Set the initial weights; the optimiser forgets."""
        self.network.restart(weights)
        for state in self.optimiser.state.values():
            for number in state.values():
                number.zero_()


@functools.cache  # in the first execution of a process
def torch_step(torch: Any, place: str, plan: Windows, batch: int) -> Recorded:
    """A step of training for batches of a shape, recorded as a CUDA graph."""
    weights = {name: torch.from_numpy(array).to(place) for name, array in initial(plan, HIDDEN, 0).items()}
    told = weights["step"].shape[0]
    shapes = [(batch, plan.reach, 1 + plan.columns), (batch, plan.horizon, told), *[(batch, plan.horizon)] * 2]
    read, known, base, true = held = tuple(torch.zeros(shape, device=place) for shape in shapes)
    network, rate = TorchNetwork(torch, weights), torch.zeros((), device=place)
    optimiser = torch.optim.Adam(
        network.weights.values(), lr=rate, betas=BETAS, eps=EPSILON, fused=True, capturable=True
    )

    def step() -> None:
        optimiser.zero_grad()
        (network(read, known, base) - true).abs().mean().backward()
        optimiser.step()

    return Recorded(network, optimiser, rate, held, recorded(torch, step))


@task.on_gpu("torch")
def cuda_graph(data: Panel, run: Run, torch):
    """Torch: a step of training is recorded as a CUDA graph, and one call replays it."""
    steps, batch = training(data)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    with run.stage("draw"):
        plan = windows(data)
        inputs = drawn(data, plan, run)
    run.effective(steps=steps, batch=batch, **SETTINGS, **plan._asdict(), matmul_precision="float32")
    with run.stage("put"):
        panel, order, last, first = torch_inputs(data, plan, run, torch, inputs)
        rates = run.to_device((RATE * (1.0 - np.arange(steps) / steps)).astype(np.float32), into=torch)
    with run.stage("record"):
        made = torch_step(torch, run.torch_device, plan, batch)
    with run.stage("fit"):
        made.restart(first)
        for chosen, rate in zip(order, rates, strict=True):
            for place, values in zip(made.batch, cut(plan, panel, chosen, torch), strict=False):
                place.copy_(values)
            made.rate.copy_(rate)
            made.step()
    run.observe(windows_per_second=steps * batch / run.stages["fit"])
    with run.stage("predict"):
        forecast = torch_forecasts(torch, made.network, plan, panel, last)
    with run.stage("get"):
        return run.to_host(forecast)


def jax_network(jax: Any, weights: dict[str, Any], read: Any, told: Any, base: Any) -> Any:
    """The same network in JAX: a loop over time that is compiled once for all its turns."""
    numpy, sigmoid = jax.numpy, jax.nn.sigmoid

    def turn(state: Any, now: Any) -> tuple[Any, None]:
        reset, update, new = numpy.split(now, 3, axis=1)
        held = state @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]
        held_reset, held_update, held_new = numpy.split(held, 3, axis=1)
        gate = sigmoid(update + held_update)
        fresh = numpy.tanh(new + sigmoid(reset + held_reset) * held_new)
        return (1.0 - gate) * fresh + gate * state, None

    inputs = numpy.moveaxis(read, 1, 0) @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]  # of all steps at once
    state, _ = jax.lax.scan(turn, numpy.zeros((len(read), HIDDEN)), inputs)
    answer = jax.nn.relu((state @ weights["summary"] + weights["bias"])[:, None] + told @ weights["step"])
    return base + (answer @ weights["change"])[:, :, 0]


@functools.cache  # what is compiled stays with these functions: all executions of a process must use the same
def jax_functions(plan: Windows, steps: int) -> tuple[Any, Any, Any]:
    """One step of training, all steps, and the forecasts after some rows."""
    import jax

    def loss(weights: Any, panel: Any, last: Any) -> Any:
        read, told, base, true, _, _ = cut(plan, panel, last, jax.numpy)
        return abs(jax_network(jax, weights, read, told, base) - true).mean()

    def step(state: Any, panel: Any, order: Any) -> Any:
        """Adam, as Torch has it."""
        weights, mean, square, number = state
        gradient = jax.grad(loss)(weights, panel, order[number])
        mean = jax.tree.map(lambda old, new: BETAS[0] * old + (1 - BETAS[0]) * new, mean, gradient)
        square = jax.tree.map(lambda old, new: BETAS[1] * old + (1 - BETAS[1]) * new**2, square, gradient)
        rate = RATE * (1.0 - number / steps)
        least, most = (1.0 - beta ** (number + 1.0) for beta in BETAS)

        def moved(weight: Any, mean: Any, square: Any) -> Any:
            return weight - rate * (mean / least) / (jax.numpy.sqrt(square / most) + EPSILON)

        return jax.tree.map(moved, weights, mean, square), mean, square, number + 1

    def every_step(state: Any, panel: Any, order: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, state: step(state, panel, order), state)

    def forecasts(weights: Any, panel: Any, last: Any) -> Any:
        read, told, base, _, level, unit = cut(plan, panel, last, jax.numpy)
        return (jax_network(jax, weights, read, told, base) + level) * unit

    return jax.jit(step), jax.jit(every_step), jax.jit(forecasts)


@task.pair(cpu="jax", gpu="jax", plain=True)
def scan(data: Panel, run: Run, jax):
    """JAX: a step of training is compiled, its loop over time too; Python asks for whole steps."""
    return jitted(data, run, jax, at_once=False)


@task.pair(cpu="jax", gpu="jax")
def whole_training(data: Panel, run: Run, jax):
    """JAX: all steps of training are one compiled loop, and Python asks once."""
    return jitted(data, run, jax, at_once=True)


def jitted(data: Panel, run: Run, jax: Any, *, at_once: bool) -> NDArray[np.float32]:
    """Train, then forecast."""
    steps, batch = training(data)
    with run.stage("draw"):
        plan = windows(data)
        rows, after, weights = drawn(data, plan, run)
    run.effective(steps=steps, batch=batch, **SETTINGS, **plan._asdict(), matmul_precision="float32")
    step, every_step, forecasts = jax_functions(plan, steps)
    with jax.default_matmul_precision("float32"):
        with run.stage("put"):
            panel = on_device(data, plan, run, jax)
            order, last = run.to_device(rows, after, into=jax)
            first = {name: run.to_device(array, into=jax) for name, array in weights.items()}
            number = run.to_device(np.zeros((), np.int32), into=jax)
        with run.stage("fit"):
            nothing = jax.tree.map(jax.numpy.zeros_like, first)
            state = (first, nothing, nothing, number)
            if at_once:
                state = every_step(state, panel, order)
            else:
                for _ in range(steps):
                    state = step(state, panel, order)
        run.observe(windows_per_second=steps * batch / run.stages["fit"])
        with run.stage("predict"):
            parts = [
                forecasts(state[0], panel, last[some : some + PREDICTED]) for some in range(0, len(last), PREDICTED)
            ]
            forecast = jax.numpy.concatenate(parts)
        with run.stage("get"):
            found: NDArray[np.float32] = run.to_host(forecast)
            return found

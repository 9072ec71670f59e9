"""Training with differential privacy: what it costs in time, in quality, and for the smaller of two groups.

Question  Nobody should learn from a model whether one row was in the table it was trained on. What does this cost in
          time and in quality, and does each group of rows pay the same?
Expect    DP-SGD (differentially private stochastic gradient descent, Abadi and others 2016) draws the rows of a step at
          random, cuts each row's own gradient to a length of 1, and adds noise to their sum. Epsilon says how much a
          model may tell about one row: less is more private. The noise hardly depends on the number of rows, so many
          rows drown it. On 16,000 rows, epsilon 1 took 0.01 off the AUC. But the smaller group, a tenth of the rows,
          lost 0.04 to 0.11, the larger one 0.005: few gradients stand against the same noise. Epsilon 8 cost the
          smaller group up to 0.03. On 320,000 rows, epsilon 1 cost either group less than 0.005.
          In time, the gradients of single rows are the price: 1,153 numbers a row, which ordinary training never
          holds. Opacus and `per_example` write them to memory. `norms_first` does not: the length of a row's gradient
          follows from what enters each layer and what comes back, some 150 numbers. So each row has its weight before
          gradients are summed, which takes little longer than training without privacy. The network is small: on a
          GPU, launches decide. JAX asks once for all steps, Torch some hundred times for each. The copy is 68 bytes a
          row. With 10 million rows we expect four times with `norms_first`, and a GPU slower than the best CPU side
          with Opacus (an estimate: no GPU has been seen).

The task promises epsilon 1. `epsilon_8`, `not_private` and `torch_not_private` promise less: they are shown, and not
compared. An accountant adds up what all steps tell: Opacus's, which uses Rényi's divergence, finds the noise for an
epsilon, and says which epsilon was spent. The promise may fail with a small probability, delta. No metric can
check the promise, because predictions do not show whether noise was added: implementations record their own epsilon.
Two things are not counted: the columns' means and deviations, and the choice of the learning rate. The noise has a
seed, so that runs can be repeated; a model for others to see must not have one. Figures are of three seeds or fewer.
Between seeds, the gap differs by up to 0.07 on 16,000 rows.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.adult import adult
from residency.datasets.tabular.doctor_visits import doctor_visits
from residency.datasets.tabular.grouped import auc_of_larger, auc_of_smaller, gap
from residency.datasets.tabular.own_grouped import own_grouped
from residency.datasets.tabular.table import Table
from residency.datasets.tabular.two_groups import two_groups
from residency.harness import Memory, Run, Task, quality

EPSILON, LOOSER = 1.0, 8.0
CLIP = 1.0  # the longest gradient of a row
HIDDEN = 64
RATE, MOMENTUM = 1.0, 0.9  # the rate falls linearly to 0
SETTINGS = {"hidden": HIDDEN, "activation": "tanh", "learning_rate": RATE, "momentum": MOMENTUM}
LEAST_SHARE = 4  # a step draws at most one row in four
BEYOND = 8.0  # deviations by which a step may draw more rows than on average: cut off less often than `delta`
FEWEST, SOME = 20, 50  # small tables: steps, and rows for each of them
TINY = 1e-6
MANY = 4_000  # rows of a step: below, Torch's threads on a CPU wait for each other longer than they work


class Plan(NamedTuple):
    """How a network is trained: each step draws each row with probability `rate`, `batch` rows on average.

    So the distances from one drawn row to the next have a geometric distribution: the code draws these distances.
    """

    rows: int
    steps: int
    batch: int

    @property
    def rate(self) -> float:
        """The probability that a row is in a step."""
        return self.batch / self.rows

    @property
    def delta(self) -> float:
        """The probability with which the promise of privacy may fail."""
        return 0.1 / self.rows

    @property
    def most(self) -> int:
        """The most rows that a step of a fixed shape holds."""
        return math.ceil(self.batch + BEYOND * math.sqrt(self.batch))


def training(data: Table) -> Plan:
    """The plan for so many rows."""
    rows = len(data.x)
    steps, batch = (300, 512) if rows < 100_000 else (1_000, 2_048) if rows < 4_000_000 else (2_000, 16_384)
    steps = min(steps, max(FEWEST, rows // SOME))  # each step adds noise, which few rows cannot drown
    return Plan(rows, steps, max(1, min(batch, rows // LEAST_SHARE)))


def work(data: Table) -> tuple[float, float]:
    """The products forwards and backwards, and each row that may be drawn, read once."""
    plan, columns = training(data), data.x.shape[1]
    rows = float(plan.steps * plan.batch)
    return 2.0 * HIDDEN * columns * (2 * rows + len(data.x_test)), 4.0 * columns * min(rows, plan.rows)


task = Task(
    datasets=[two_groups, doctor_visits, adult, own_grouped],
    sizes={"smoke": 20_000, "lab": 400_000, "lecture": 10_000_000, "production": 200_000_000},  # rows of 68 bytes
    quality=quality.auc,
    also={"AUC of the larger group": auc_of_larger, "AUC of the smaller group": auc_of_smaller, "gap": gap},
    tolerance=0.03,  # of two seeds of the noise
    floor={"two_groups": 0.8, "doctor_visits": 0.57, "adult": 0.75},  # a shuffled target: 0.5
    stated=f"epsilon of at most {EPSILON:g}, delta 1 / (10 x rows to learn from)",
    work=work,
    limiter="small steps, each of which needs the weights after the one before",
    memory={"cpu": Memory(copies=3, fixed=0.8e9), "gpu": Memory(copies=3, fixed=2e9)},
)


@functools.cache  # in the first execution of a process
def multiplier_for(epsilon: float, plan: Plan) -> float:
    """The deviation of the noise, in units of the longest gradient, by Opacus's accountant."""
    from opacus.accountants.utils import get_noise_multiplier

    with warnings.catch_warnings():  # the search begins with far too much noise
        warnings.filterwarnings("ignore", "Optimal order is the largest alpha", UserWarning)
        found: float = get_noise_multiplier(
            target_epsilon=epsilon, target_delta=plan.delta, sample_rate=plan.rate, steps=plan.steps, accountant="rdp"
        )
    return found


def account(run: Run, plan: Plan, epsilon: float | None) -> float:
    """The deviation of the noise for an epsilon, recorded with what it was found from; 0 without privacy."""
    run.effective(**SETTINGS, **plan._asdict(), rate=plan.rate)
    if epsilon is None:
        run.effective(epsilon="none: not private", clip="none", noise_multiplier=0.0)
        return 0.0
    with run.stage("account"):
        multiplier = multiplier_for(epsilon, plan)
    run.effective(clip=CLIP, noise_multiplier=multiplier, delta=plan.delta, accountant="rdp", noise="seeded")
    return multiplier


@functools.cache  # likewise
def spent(history: tuple[tuple[float, float, int], ...], delta: float) -> float:
    """The epsilon of steps that were made, by Opacus's accountant: noise, probability of a row, number of steps."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = list(history)
    return float(accountant.get_epsilon(delta=delta))


def spend(run: Run, plan: Plan, *history: tuple[float, float, int]) -> None:
    """Record the epsilon of the steps that were made."""
    with run.stage("account"):
        epsilon = spent(history, plan.delta)
    run.effective(epsilon=epsilon)
    run.observe(epsilon=epsilon)


def initial(columns: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """The weights of the network before training, the same in all libraries."""
    generator = np.random.default_rng(seed)
    weights = {
        "hidden": generator.standard_normal((columns, HIDDEN)) / columns**0.5,
        "bias": np.zeros(HIDDEN),
        "out": generator.standard_normal(HIDDEN) / HIDDEN**0.5,
        "offset": np.zeros(()),
    }
    return {name: weight.astype(np.float32) for name, weight in weights.items()}


@task.pair(cpu="torch", gpu="torch", needs=("opacus",), plain=True)
def opacus(data: Table, run: Run, torch):
    """Opacus: hooks keep the gradient of each row, and its optimiser cuts, sums and adds noise."""
    return torch_trained(data, run, torch, "hooks")


@task.pair(cpu="torch", gpu="torch", needs=("opacus",), plain=True)
def opacus_ghost(data: Table, run: Run, torch):
    """Opacus, "ghost clipping": hooks find the length of each row's gradient; it goes backwards twice instead."""
    return torch_trained(data, run, torch, "ghost")


@task.pair(cpu="torch", gpu="torch", plain=True, beside=True)
def torch_not_private(data: Table, run: Run, torch):
    """The same training in Torch without privacy."""
    return torch_trained(data, run, torch, None)


def torch_trained(data: Table, run: Run, torch: Any, mode: str | None) -> Any:
    """Train in Torch, step by step, then predict: log odds. `mode` is Opacus's; without one it is not private."""
    plan = training(data)
    multiplier = account(run, plan, EPSILON if mode else None)
    threads = run.threads if plan.batch >= MANY else 1
    torch.set_num_threads(threads)  # no matter on a GPU
    run.effective(**run.only(cpu={"torch_threads": threads}))
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test, into=torch)
        first = {name: run.to_device(array, into=torch) for name, array in initial(x.shape[1], run.seed).items()}
    with run.stage("fit"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)  # Opacus's; inputs do not learn
        network = torch_network(torch, first)
        optimiser = torch.optim.SGD(network.parameters(), lr=RATE / plan.batch, momentum=MOMENTUM)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - step / plan.steps)
        generator = torch.Generator(device=x.device).manual_seed(run.seed)
        loss = torch.nn.BCEWithLogitsLoss(reduction="sum")
        made: list[tuple[float, float, int]] = []  # Opacus's accountant counts the steps
        if mode:
            noise = {"plan": plan, "multiplier": multiplier, "generator": generator}
            network, optimiser, loss, made = made_private(mode, network, optimiser, loss, **noise)
        for _ in range(plan.steps):
            places = torch.empty(plan.most, dtype=torch.int64, device=x.device)
            places = places.geometric_(plan.rate, generator=generator).cumsum(0) - 1
            rows = places[places < plan.rows]
            optimiser.zero_grad()
            loss(network(x[rows])[:, 0], y[rows]).backward()
            optimiser.step()
            schedule.step()
    run.observe(steps_per_second=plan.steps / run.stages["fit"])
    if mode:
        spend(run, plan, *made)
    with run.stage("predict"), torch.no_grad():
        odds = network(x_test)[:, 0]
    with run.stage("get"):
        return run.to_host(odds)


def torch_network(torch: Any, weights: dict[str, Any]) -> Any:
    """The network in Torch, with a copy of the weights, which are tensors on the device."""
    columns, hidden = weights["hidden"].shape
    place = weights["hidden"].device
    layers = torch.nn.Linear(columns, hidden, device=place), torch.nn.Tanh(), torch.nn.Linear(hidden, 1, device=place)
    network = torch.nn.Sequential(*layers)
    values = weights["hidden"].T, weights["bias"], weights["out"][None], weights["offset"].reshape(1)
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    return network


def made_private(
    mode: str, network: Any, optimiser: Any, loss: Any, *, plan: Plan, multiplier: float, generator: Any
) -> tuple[Any, Any, Any, list[Any]]:
    """Opacus's parts: the network with hooks, the optimiser, the loss, and the accountant's list of steps.

    They are put together here, because its engine would draw the rows one by one on the host.
    """
    from opacus.accountants import RDPAccountant
    from opacus.grad_sample import get_gsm_class
    from opacus.optimizers import get_optimizer_class
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    accountant, limit = RDPAccountant(), {"max_grad_norm": CLIP}
    hooked = get_gsm_class(mode)(network, loss_reduction="sum", **(limit if mode == "ghost" else {}))
    private = get_optimizer_class(clipping="flat", distributed=False, grad_sample_mode=mode)(
        optimiser, noise_multiplier=multiplier, expected_batch_size=plan.batch, loss_reduction="sum",
        generator=generator, **limit,
    )  # fmt: skip
    private.attach_step_hook(accountant.get_optimizer_hook_fn(sample_rate=plan.rate))
    if mode == "ghost":
        loss = DPLossFastGradientClipping(hooked, private, loss, "sum")
    return hooked, private, loss, accountant.history


Gradients = Callable[[Any, Any, Any, Any], tuple[Any, Callable[[Any], Any]]]
"""From JAX, weights, rows and targets: the length of each row's gradient, and the sum with a weight for each row."""


def lengths_first(jax: Any, weights: Any, x: Any, y: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A layer's gradient for a row is a product of what comes in and what comes back, so its length is one, too."""
    numpy = jax.numpy
    hidden = numpy.tanh(x @ weights["hidden"] + weights["bias"])
    error = jax.nn.sigmoid(hidden @ weights["out"] + weights["offset"]) - y
    back = error[:, None] * weights["out"] * (1.0 - hidden**2)
    length = numpy.sqrt((back**2).sum(1) * (1.0 + (x**2).sum(1)) + error**2 * (1.0 + (hidden**2).sum(1)))

    def summed(share: Any) -> Any:
        some, part = share[:, None] * back, share * error
        return {"hidden": x.T @ some, "bias": some.sum(0), "out": hidden.T @ part, "offset": part.sum()}

    return length, summed


def each_gradient(jax: Any, weights: Any, x: Any, y: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Each row's gradient, by JAX: any network would do."""

    def loss(weights: Any, row: Any, target: Any) -> Any:
        odds = jax_odds(jax, weights, row)
        return jax.nn.softplus(odds) - target * odds

    each = jax.vmap(jax.grad(loss), (None, 0, 0))(weights, x, y)
    length = jax.numpy.sqrt(sum((one.reshape(len(x), -1) ** 2).sum(1) for one in each.values()))
    return length, lambda share: {name: jax.numpy.tensordot(share, one, 1) for name, one in each.items()}


def jax_odds(jax: Any, weights: Any, x: Any) -> Any:
    """The network in JAX: log odds."""
    return jax.numpy.tanh(x @ weights["hidden"] + weights["bias"]) @ weights["out"] + weights["offset"]


def drawn(jax: Any, key: Any, plan: Plan) -> Any:
    """The rows of a step, `plan.most` numbers that rise; those that are not below `plan.rows` count nothing."""
    return jax.random.geometric(key, plan.rate, (plan.most,)).cumsum() - 1


@functools.cache  # what is compiled stays with these functions: all executions of a process must use the same
def jax_functions(plan: Plan, gradients: Gradients, private: bool) -> tuple[Any, Any]:
    """All steps of training, and the prediction."""
    import jax

    numpy = jax.numpy

    def step(number: Any, state: Any, *, x: Any, y: Any, key: Any, multiplier: Any) -> Any:
        weights, speed = state
        for_rows, *for_noise = jax.random.split(jax.random.fold_in(key, number), 1 + len(weights))
        rows = drawn(jax, for_rows, plan)
        share, rows = (rows < plan.rows).astype(numpy.float32), numpy.minimum(rows, plan.rows - 1)
        length, summed = gradients(jax, weights, x[rows], y[rows])
        if private:
            share *= numpy.minimum(1.0, CLIP / (length + TINY))
        total = summed(share)
        if private:
            noise = zip(total.items(), for_noise, strict=True)
            deviation = multiplier * CLIP
            total = {name: one + deviation * jax.random.normal(own, one.shape) for (name, one), own in noise}
        rate = RATE * (1.0 - number / plan.steps)
        speed = {name: MOMENTUM * speed[name] + one / plan.batch for name, one in total.items()}
        return {name: weight - rate * speed[name] for name, weight in weights.items()}, speed

    def train(weights: Any, x: Any, y: Any, seed: Any, multiplier: Any) -> Any:
        key, speed = jax.random.key(seed), jax.tree.map(numpy.zeros_like, weights)
        turn = functools.partial(step, x=x, y=y, key=key, multiplier=multiplier)
        return jax.lax.fori_loop(0, plan.steps, turn, (weights, speed))[0]

    return jax.jit(train), jax.jit(functools.partial(jax_odds, jax))


@task.pair(cpu="jax", gpu="jax", needs=("opacus",))
def norms_first(data: Table, run: Run, jax):
    """JAX: the length of each row's gradient without the gradient, then one weighted sum; all steps are one loop."""
    return jax_trained(data, run, jax, EPSILON, lengths_first)


@task.pair(cpu="jax", gpu="jax", needs=("opacus",))
def per_example(data: Table, run: Run, jax):
    """JAX: the gradient of one row, for all rows of a step at once; all steps are one compiled loop."""
    return jax_trained(data, run, jax, EPSILON, each_gradient)


@task.pair(cpu="jax", gpu="jax", needs=("opacus",), beside=True)
def epsilon_8(data: Table, run: Run, jax):
    """As `norms_first`, but a model may tell more about a row: epsilon 8."""
    return jax_trained(data, run, jax, LOOSER, lengths_first)


@task.pair(cpu="jax", gpu="jax", beside=True)
def not_private(data: Table, run: Run, jax):
    """As `norms_first`, but no gradient is cut, and there is no noise."""
    return jax_trained(data, run, jax, None, lengths_first)


def jax_trained(data: Table, run: Run, jax: Any, epsilon: float | None, gradients: Gradients) -> Any:
    """Train in JAX by one call, then predict: log odds."""
    plan = training(data)
    multiplier = account(run, plan, epsilon)
    train, predict = jax_functions(plan, gradients, epsilon is not None)
    run.effective(matmul_precision="float32")
    with jax.default_matmul_precision("float32"):
        with run.stage("put"):
            x, y, x_test = run.to_device(data.x, data.y, data.x_test, into=jax)
            weights = {name: run.to_device(array, into=jax) for name, array in initial(x.shape[1], run.seed).items()}
            seed, noise = run.to_device(np.array(run.seed, np.int32), np.array(multiplier, np.float32), into=jax)
        with run.stage("fit"):
            weights = train(weights, x, y, seed, noise)
        run.observe(steps_per_second=plan.steps / run.stages["fit"])
        if epsilon is not None:
            spend(run, plan, (multiplier, plan.rate, plan.steps))
        with run.stage("predict"):
            odds = predict(weights, x_test)
        with run.stage("get"):
            return run.to_host(odds)

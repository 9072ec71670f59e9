"""Hierarchical regression by Monte Carlo: coefficients for each shop, all shops learn from each other, with intervals.

Question  A chain of draws takes one step after another, and each step reads all the data. Eight chains need nothing of
          each other. Are they faster one a core on a CPU, or all in one program on a GPU?
Expect    NUTS, the No-U-Turn sampler (Hoffman, Gelman 2014), draws all coefficients at once: it follows the gradient
          until the way turns back. A draw takes 15 steps along it with few shops and 31 with many, so the 450 draws of
          a chain are 7,000 to 14,000 steps in strict order, and more if the warm-up takes longer ones. A step is 36
          operations a value, and some hundred small kernels that choose the way: a few microseconds each on a GPU,
          however few shops there are. On one core of a CPU, a step with 1,000 values takes 20 microseconds in all, and
          with 100,000 values half a millisecond. So a GPU loses until hundreds of thousands of values fill its kernels.
          With 500,000 we expect it to be 4 times as fast as 16 cores (an estimate: no GPU has been seen).
          All chains in one program read the data once for eight chains, but each draw waits for the chain with the most
          steps. Chain after chain, as eight programs, a GPU has eight times the launches.

The logarithm of the sales is a shop's own six coefficients times its columns, plus noise of Student's t distribution.
No sums of the data can replace them there, so each step must read all values. The shops' coefficients have a normal
distribution with an unknown mean and spread, so shops with little data learn from the others. Each chain warms up by
250 draws, which find the length of its steps, and keeps the next 200. Reports show the effective draws a second: draws
of a chain resemble each other, and an effective one is worth an independent one. Among the numbers that all shops share
(means, spreads and noise), the one with the fewest counts; the seconds include the warm-up.

The quality is the coverage: which share of the known numbers lies in its 90 % interval, so about 0.9 is right. R-hat
compares the differences between chains with those within them: above 1.05 chains disagree, and the result is wrong.
So are copied draws, and draws that lie elsewhere or spread much more or less widely than the model says of the data.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np

from residency.datasets.timeseries.groups import (
    CHAINS,
    DEGREES,
    DRAWS,
    MEAN_PRIOR,
    NOISE_PRIOR,
    SPREAD_PRIOR,
    Groups,
    coverage,
    largest_r_hat,
)
from residency.datasets.timeseries.grunfeld import grunfeld
from residency.datasets.timeseries.weekly_sales import weekly_sales
from residency.harness import Memory, Run, Task

WARM_UP = 250  # draws of each chain that are not kept; CHAINS and DRAWS are what the metric asks for
NUTS_OPTIONS = {"target_accept_prob": 0.9, "max_tree_depth": 7, "dense_mass": False}  # at most 127 steps a draw
STEPS = 15  # a draw with few shops: 2^4 - 1; with many, 31
NORMAL, STUDENT = 6.0, 12.0  # operations of a step for each coefficient, and for each value beside its columns


def passes(data: Groups, steps: int) -> tuple[float, float]:
    """Operations and bytes of so many gradients: each value times its columns, and back. Chains share the bytes."""
    groups, columns, _ = data.x.shape
    flops = data.rows * (4.0 * columns + STUDENT) + NORMAL * groups * columns
    return CHAINS * steps * flops, steps * float(data.x.nbytes + data.y.nbytes)


task = Task(
    datasets=[weekly_sales, grunfeld],
    sizes={"smoke": 1_248, "lab": 31_200, "lecture": 499_200, "production": 31_200_000},  # 156 a shop
    quality=coverage,
    also={"R-hat, the largest": largest_r_hat},
    tolerance=0.1,  # the same intervals from other draws: their ends move by a tenth of their width
    floor={"weekly_sales": 0.65, "grunfeld": 0.6},  # eight shops have 48 coefficients, the firms 33 values
    work=lambda data: passes(data, DRAWS),  # one step a draw
    best_work=lambda data: passes(data, STEPS * (WARM_UP + DRAWS)),
    limiter="the chain of steps, if there are few shops",
    stated=f"{CHAINS} chains of {WARM_UP} + {DRAWS} draws, R-hat at most 1.05",
    unit="values",
    memory={"cpu": Memory(copies=90, fixed=0.5e9), "gpu": Memory(copies=90, fixed=1e9)},  # draws are 9 times the data
)


def model(x: Any, y: Any) -> None:
    """The sales of all shops, as NumPyro reads them."""
    import jax.numpy as jnp
    import numpyro
    from numpyro import distributions as dist

    columns = x.shape[1]
    mean = numpyro.sample("mean", dist.Normal(0.0, MEAN_PRIOR).expand([columns]).to_event(1))
    spread = numpyro.sample("spread", dist.Gamma(*SPREAD_PRIOR).expand([columns]).to_event(1))
    noise = numpyro.sample("noise", dist.HalfNormal(NOISE_PRIOR))
    shops = numpyro.sample("coefficients", dist.Normal(mean, spread).expand([len(x), columns]).to_event(2))
    expected = jnp.einsum("skt,sk->st", x, shops)
    numpyro.sample("y", dist.StudentT(DEGREES, expected, noise).to_event(2), obs=y)


def draw(keys: Any, x: Any, y: Any, *, chains: int) -> Any:
    """The draws of some chains by name, shape (chains, draws, ...), and the steps that each draw took."""
    from numpyro.infer import MCMC, NUTS

    options = {"num_chains": chains, "chain_method": "vectorized", "progress_bar": False}
    sampler = MCMC(NUTS(model, **NUTS_OPTIONS), num_warmup=WARM_UP, num_samples=DRAWS, **options)
    sampler.run(keys, x, y, extra_fields=("num_steps",))
    return sampler.get_samples(group_by_chain=True), sampler.get_extra_fields(group_by_chain=True)["num_steps"]


@cache
def compiled(jax: Any, chains: int, groups: int, columns: int, steps: int) -> Any:
    """`draw`, compiled once a process for data of one shape: NumPyro alone compiles again for each new sampler."""
    key = jax.ShapeDtypeStruct((chains, 2) if chains > 1 else (2,), np.uint32)
    x, y = (jax.ShapeDtypeStruct(shape, np.float32) for shape in ((groups, columns, steps), (groups, steps)))
    with jax.default_matmul_precision("float32"):
        return jax.jit(partial(draw, chains=chains)).lower(key, x, y).compile()


def sampled(data: Groups, run: Run, jax: Any, at_once: int) -> dict[str, Any]:
    """The draws of all chains, by a program for so many of them at once."""
    run.effective(chains=CHAINS, at_once=at_once, warm_up=WARM_UP, draws=DRAWS, dtype="float32", **NUTS_OPTIONS)
    with run.stage("put"):
        x, y = (run.to_device(array, into=jax) for array in (data.x, data.y))
        keys = jax.random.split(jax.random.PRNGKey(run.seed), CHAINS)
        keys = list(keys) if at_once == 1 else [keys]
    with run.stage("compile"):  # takes time in the first execution only
        from numpyro.diagnostics import effective_sample_size

        program = compiled(jax, at_once, *data.x.shape)
    with run.stage("sample"), ThreadPoolExecutor(run.threads if run.device == "cpu" else 1) as pool:
        parts = list(pool.map(lambda key: jax.block_until_ready(program(key, x, y)), keys))
    with run.stage("get"):
        found = [run.to_host(draws) for draws, _ in parts]
        steps = np.concatenate([run.to_host(steps) for _, steps in parts])
        joined = {name: np.concatenate([one[name] for one in found]) for name in found[0]} if found[1:] else found[0]
    with run.stage("diagnose"):
        fewest = min(effective_sample_size(joined[name]).min() for name in ("mean", "spread", "noise"))
    run.observe(effective_draws_per_second=fewest / run.stages["sample"], steps_per_draw=steps.mean())
    return joined


@task.pair(cpu="jax", gpu="jax", needs=["numpyro"], plain=True)
def chain_by_chain(data: Groups, run: Run, jax):
    """A program for one chain: a CPU runs as many at once as it has threads, a GPU one after the other."""
    return sampled(data, run, jax, at_once=1)


@task.pair(cpu="jax", gpu="jax", needs=["numpyro"])
def all_chains(data: Groups, run: Run, jax):
    """All chains in one program (NumPyro's `vectorized`): they take their steps together, on the same data."""
    return sampled(data, run, jax, at_once=CHAINS)

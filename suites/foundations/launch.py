"""The price of a call: thousands of tiny steps, each of which needs the result of the one before.

Question  How long does a step take that does almost nothing, and how long if one call asks for all steps?
Expect    A step multiplies 256 whole numbers by a constant: less than a nanosecond of work for a GPU, some ten for a
          core. So the time is that of the call itself. Python finds the function, checks the arguments and calls it:
          half a microsecond in NumPy, three in Torch. For a GPU the driver then hands over a kernel, and the device
          starts it: two to four microseconds more, which overlap with the next call as long as the queue is never
          empty. So five to ten microseconds a step, 5 to 10 ms for a thousand (`smoke`), and a GPU loses by a factor of
          ten. Asked once for many steps, Python's share is gone: a CUDA graph replays a thousand recorded kernels at
          one to two microseconds each, which is what one kernel needs to end and the next to begin. A loop compiled by
          JAX is the same work without a call in between: on a CPU tens of nanoseconds a step, on a GPU a kernel each.
          From this follows the least size worth a kernel: in ten microseconds a GPU reads 30 MB.
"""

from __future__ import annotations

import functools
from typing import Any

from residency.datasets.foundations.generator_states import MULTIPLIER, STATES, States, generator_states, states_correct
from residency.harness import Memory, Run, Task
from residency.suites.foundations._laps import Lap, lap

RECORDED = 1_000  # steps of a graph

task = Task(
    datasets=[generator_states],
    sizes={"smoke": 1_000, "lab": 20_000, "lecture": 200_000, "production": 2_000_000},  # steps
    quality=states_correct,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=lambda data: (float(data.steps * STATES), 8.0 * STATES),  # in one loop the states need not leave registers
    limiter="calls, one after the other",
    unit="steps",
    memory=Memory(copies=2),
)


def observe_steps(run: Run, data: States, stepping: Lap) -> None:
    """Record how long a step took."""
    run.observe(microseconds_per_step=1e6 * stepping.seconds / data.steps)


@task.pair(cpu="numpy", gpu="cupy")
def arrays_step_by_step(data: States, run: Run, xp):
    """An array operation a step."""
    run.effective(states=STATES, calls=data.steps)
    with run.stage("put"):
        state = xp.array(run.to_device(data.first))
    with lap(run, "step") as stepping:
        for _ in range(data.steps):
            state *= MULTIPLIER
    observe_steps(run, data, stepping)
    with run.stage("get"):
        return run.to_host(state)


@task.pair(cpu="torch", gpu="torch")
def tensors_step_by_step(data: States, run: Run, torch):
    """A Torch operation a step."""
    run.effective(states=STATES, calls=data.steps)
    with run.stage("put"):
        state = run.to_device(data.first, into=torch).clone()
    with lap(run, "step") as stepping:
        for _ in range(data.steps):
            state.mul_(MULTIPLIER)
    observe_steps(run, data, stepping)
    with run.stage("get"):
        return run.to_host(state)


@functools.cache
def recorded(torch: Any, device: str) -> tuple[Any, Any]:
    """A buffer for the numbers, and a graph of a thousand steps on it, recorded once in a process, when it is cold."""
    state = torch.ones(STATES, dtype=torch.int32, device=device)
    state.mul_(MULTIPLIER)  # the kernel is loaded before, for nothing may be while recording
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(RECORDED):
            state.mul_(MULTIPLIER)
    return state, graph


@task.on_gpu("torch")
def recorded_graph(data: States, run: Run, torch):
    """A CUDA graph, recorded by Torch: one call for a thousand steps; the remaining steps run one by one."""
    replays, left = divmod(data.steps, RECORDED)
    run.effective(states=STATES, calls=replays + left)
    with run.stage("record"):
        state, graph = recorded(torch, run.torch_device)
    with run.stage("put"):
        state.copy_(run.to_device(data.first, into=torch))
    with lap(run, "step") as stepping:
        for _ in range(replays):
            graph.replay()
        for _ in range(left):
            state.mul_(MULTIPLIER)
    observe_steps(run, data, stepping)
    with run.stage("get"):
        return run.to_host(state.clone())


@functools.cache
def loop(jax: Any) -> Any:
    """All steps as one compiled function of the first numbers; compiled anew for each number of steps."""

    def steps(state: Any, count: int) -> Any:
        return jax.lax.fori_loop(0, count, lambda _, state: state * MULTIPLIER, state)

    return jax.jit(steps, static_argnums=1)


@task.pair(cpu="jax", gpu="jax")
def compiled_loop(data: States, run: Run, jax):
    """JAX compiles the loop: one call for all steps."""
    run.effective(states=STATES, calls=1)
    with run.stage("put"):
        state = run.to_device(data.first, into=jax)
    with lap(run, "step") as stepping:
        state = loop(jax)(state, data.steps)
    observe_steps(run, data, stepping)
    with run.stage("get"):
        return run.to_host(state)

"""The same work twice, and once with 5 % more of it: which differences can this machine detect?

Question  How often does a comparison see a difference that does not exist, and how often does it miss one of 5 %?
Expect    Repeats in one process agree to a fraction of a per cent. Fresh processes do not: the time of pure Python
          varies by several per cent with the place of its objects in memory, the time of compiled work on one thread by
          less than one per cent. Threads that wait for each other wait for the slowest, so beside other work their time
          varies by tens of per cent.
"""

from __future__ import annotations

import numpy as np

from residency.datasets.tabular.answered import answered
from residency.datasets.tabular.table import Table
from residency.harness import Run, Task, quality

LOOPS = 60_000
REPEATS = 200  # sorts of 4,096 numbers
PRODUCTS = 20  # of a table of 1,000 rows with itself
MORE = 1.05

task = Task(
    datasets=[answered],
    sizes={"smoke": 500, "lab": 1_000, "lecture": 2_000},
    quality=quality.r2,
    tolerance=1e-6,
    floor=0.1,
)


def python_loop(data: Table, run: Run, turns: int):
    run.effective(turns=turns)
    with run.stage("loop"):
        total = 0
        for number in range(turns):
            total += number & 7
    return data.expected_test


def native_sorts(data: Table, run: Run, turns: int):
    run.effective(turns=turns)
    numbers = np.random.default_rng(0).standard_normal(4_096)
    with run.stage("sort"):
        for _ in range(turns):
            np.sort(numbers)
    return data.expected_test


def products(data: Table, run: Run, turns: int):
    run.effective(turns=turns)
    x = np.random.default_rng(0).standard_normal((1_000, 128), dtype=np.float32)
    with run.stage("product"):
        for _ in range(turns):
            x.T @ x
    return data.expected_test


@task.on_cpu("numpy")
def python(data: Table, run: Run, np):
    """Pure Python."""
    return python_loop(data, run, LOOPS)


@task.on_cpu("numpy")
def python_again(data: Table, run: Run, np):
    """The same."""
    return python_loop(data, run, LOOPS)


@task.on_cpu("numpy")
def python_slower(data: Table, run: Run, np):
    """5 % more turns."""
    return python_loop(data, run, round(LOOPS * MORE))


@task.on_cpu("numpy")
def native(data: Table, run: Run, np):
    """Compiled code on one thread."""
    return native_sorts(data, run, REPEATS)


@task.on_cpu("numpy")
def native_again(data: Table, run: Run, np):
    """The same."""
    return native_sorts(data, run, REPEATS)


@task.on_cpu("numpy")
def native_slower(data: Table, run: Run, np):
    """5 % more sorts."""
    return native_sorts(data, run, round(REPEATS * MORE))


@task.on_cpu("numpy")
def together(data: Table, run: Run, np):
    """Matrix products on all cores, whose threads wait for each other."""
    return products(data, run, PRODUCTS)


@task.on_cpu("numpy")
def together_again(data: Table, run: Run, np):
    """The same."""
    return products(data, run, PRODUCTS)


@task.on_cpu("numpy")
def together_third(data: Table, run: Run, np):
    """The same work: the fastest of several looks faster than it is."""
    return products(data, run, PRODUCTS)


@task.on_cpu("numpy")
def together_fourth(data: Table, run: Run, np):
    """The same."""
    return products(data, run, PRODUCTS)


@task.on_cpu("numpy")
def together_slower(data: Table, run: Run, np):
    """5 % more products."""
    return products(data, run, round(PRODUCTS * MORE))

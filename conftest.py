"""Run the suites with pytest: `pytest --residency tabular --size smoke --benchmark-json out.json`.

Each implementation becomes a benchmark of pytest-benchmark, with markers for its topic and its device. So `-m gpu`,
`pytest-benchmark compare` and CI actions work as with any other benchmark. Task files are imported by name, never
collected by path. Without `--residency`, pytest runs the tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

collect_ignore = [
    "suites", "datasets", "harness", "runners", "analysis", "reports", "studies", "planner", "commands", "results",
]  # fmt: skip

BENCHMARKS = Path(__file__).parent / "tests" / "suite_benchmarks.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options that say what to measure, with the same names as those of `residency run`."""
    group = parser.getgroup("residency", "run Residency's suites as benchmarks")
    group.addoption("--residency", action="append", metavar="TOPIC[/TASK]", help="a topic, a task, or `all`")
    group.addoption("--size", action="append", help="smoke, lab, lecture or production (default: smoke)")
    group.addoption(
        "--dataset", action="append", help="a dataset, or a kind of datasets (default: each task's first dataset)"
    )
    group.addoption("--rounds", type=int, default=8, help="timed samples of each implementation")


def pytest_configure(config: pytest.Config) -> None:
    """Add markers for topics and devices, and collect the benchmarks instead of the tests."""
    for name, meaning in (("gpu", "runs on a GPU"), ("cpu", "runs on the CPU"), ("cluster", "runs on a Dask cluster")):
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if not config.getoption("residency"):
        return
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("--residency needs pytest-benchmark: pip install pytest-benchmark")
    from residency.commands.common import catalogue
    from residency.harness.errors import UsageError

    try:
        tasks = catalogue()
        tasks.select([name for name in config.getoption("residency") if name != "all"])
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    for topic in tasks.topics:
        config.addinivalue_line("markers", f"{topic}: a task of this topic")
    config.args[:] = [str(BENCHMARKS)]

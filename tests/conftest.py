"""What the tests share: the real command, and a separate folder for every test."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

FIXTURES = Path(__file__).parent / "fixtures" / "suites"
DRIVER = Path(__file__).parent / "fixtures" / "driver"
READERS = {"report", "compare", "history", "plan"}  # commands that start no process (a small plan)
MOST_BYTES = 4 * 2**30
LIBRARIES = {"nvml.c": "libnvidia-ml.so.1", "cuda.c": "libcuda.so.1"}


# Spinning OpenMP threads slow a busy machine by a factor of several. Libraries read this when they are loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--thorough`."""
    parser.addoption(
        "--thorough",
        action="store_true",
        help="also check the contract of unchanged tasks, and kill thirty times instead of six (see `make test-all`)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach what tests start, also in a background job, and give each test process a core of its own.

    A process gets its own core only if there are enough cores. The cache that remains from earlier runs of the tests is
    emptied before the first test if it has become too large.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        cores = sorted(os.sched_getaffinity(0))
        if int(os.environ["PYTEST_XDIST_WORKER_COUNT"]) <= len(cores):
            os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw"))]})
    elif not config.getoption("residency"):
        made = made_data(config)
        if sum(file.stat().st_size for file in made.rglob("*") if file.is_file()) > MOST_BYTES:
            shutil.rmtree(made)


def pytest_runtest_setup() -> None:
    """Leave what is there before a test, such as all imported libraries, out of searches for garbage.

    Every execution searches for garbage first. Where Torch and scikit-learn are imported, each search would take a
    quarter of a second.
    """
    gc.collect()
    gc.freeze()


def made_data(config: pytest.Config) -> Path:
    """The folder of data that tests have made. Its keys are hashes of the code that makes the data."""
    if getattr(config, "cache", None) is None:
        raise pytest.UsageError("the tests keep their data in pytest's cache: do not turn off its cacheprovider")
    return Path(config.cache.mkdir("residency"))


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Residency = Callable[..., Done]


def command() -> list[str]:
    """The installed command of the environment that runs the tests."""
    return [str(Path(sys.executable).parent / "residency")]


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether everything is tested, however long it takes."""
    return bool(request.config.getoption("thorough"))


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    """One cache of data for all tests, separate from the user's. `pytest --cache-clear` empties it."""
    return made_data(request.config)


@pytest.fixture(scope="session", autouse=True)
def in_that_cache(request: pytest.FixtureRequest) -> None:
    """Use this cache for data that tests make in their own process; suites run as benchmarks use the user's."""
    if not request.config.getoption("residency"):
        os.environ["RESIDENCY_CACHE"] = str(made_data(request.config))


@pytest.fixture(scope="session")
def environment(cache: Path) -> dict[str, str]:
    """The command's environment: this cache, no colours, and neither suites nor a mirror of the user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESIDENCY_")}
    return {**kept, "RESIDENCY_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def residency_in(environment: dict[str, str]) -> Callable[..., Done]:
    """Run the real command in a folder. Commands that only read records run in this process, which is faster."""

    def run(folder: Path, *arguments: str | Path, timeout: float = 300, **extra: str) -> Done:
        words = list(map(str, arguments))
        if "--help" in words or (words[0] in READERS and "--confirm" not in words):
            return in_this_process(folder, words, {**environment, **extra})
        done = subprocess.run(
            [*command(), *words],
            cwd=folder,
            env={**environment, **extra},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def in_this_process(folder: Path, words: list[str], environment: dict[str, str]) -> Done:
    """Run the command in this process, with the environment and the folder that a separate process would have."""
    from residency.commands.main import main

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["residency", *words]),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def refused(environment: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """The error line of a command that refuses with status 2, before it has written anything or started a process."""

    def line(*arguments: str | Path) -> str:
        done = in_this_process(tmp_path, list(map(str, arguments)), environment)
        assert done.status == 2, done.err
        assert done.out == ""
        assert "Traceback" not in done.err
        assert not (tmp_path / "results").exists()
        (said,) = done.err.strip().splitlines()
        return said

    return line


@pytest.fixture
def residency(residency_in: Callable[..., Done], tmp_path: Path) -> Residency:
    """Run the real command in the folder of this test."""
    return lambda *arguments, **options: residency_in(tmp_path, *arguments, **options)


@pytest.fixture(scope="session")
def stand_in_gpu(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """A function that makes stand-ins for GPUs and their driver's libraries. It returns the environment to use.

    `stand_in_gpu(gpus=8, memory=80 * 10**9)` makes eight equal GPUs. Facts of one GPU come in its dict of `each`, or
    with its number: `**{"3.clock": 300}`; facts of a pair with both: `**{"0.3.peer": 1}`. `tests/fixtures/driver` names
    the facts.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) to make a stand-in for a GPU's driver with")
    built: Path = tmp_path_factory.mktemp("driver")
    for source, library in LIBRARIES.items():
        options = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-shared", "-fPIC", f"-Wl,-soname,{library}"]
        subprocess.run([compiler, *options, "-o", built / library, DRIVER / source], check=True)
    path = os.pathsep.join([str(built), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])

    def make(gpus: int = 1, each: Sequence[Mapping[str, object]] = (), **facts: object) -> dict[str, str]:
        device: Path = tmp_path_factory.mktemp("gpu") / "dev" / "nvidia0"
        device.parent.mkdir()
        own = {f"{gpu}.{name}": value for gpu, known in enumerate(each) for name, value in known.items()}
        count = max(gpus, len(each))
        lines = {"gpus": count, **facts, **own}
        device.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        visible = ",".join(map(str, range(count)))
        return {"LD_LIBRARY_PATH": path, "FAKE_GPU": str(device), "CUDA_VISIBLE_DEVICES": visible}

    return make

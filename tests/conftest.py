"""What tests share: the real command, and folders of its own for every test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent / "fixtures" / "suites"


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
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of made data for all tests, apart from the user's."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def environment(cache: Path) -> dict[str, str]:
    """The command's environment: that cache, no colours, no suites or mirror of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESIDENCY_")}
    quiet = {"OMP_WAIT_POLICY": "passive"}  # spinning OpenMP threads make a test machine with other work very slow
    return {**kept, **quiet, "RESIDENCY_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def residency_in(environment: dict[str, str]) -> Callable[..., Done]:
    """Run the real command in a folder."""

    def run(folder: Path, *arguments: str | Path, timeout: float = 300, **extra: str) -> Done:
        done = subprocess.run(
            [*command(), *map(str, arguments)],
            cwd=folder,
            env={**environment, **extra},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def residency(residency_in: Callable[..., Done], tmp_path: Path) -> Residency:
    """Run the real command in a folder of the test's own."""
    return lambda *arguments, **options: residency_in(tmp_path, *arguments, **options)

"""Named environments, in which a worker has another Python or other versions of libraries than this process.

`environments.toml` beside this file describes them; `RESIDENCY_ENVIRONMENTS` may name a file with more, which are made
beside it. Each is a virtual environment with this project's own code in it:

    python -m residency.runners.environments NAME [--python PATH]     make it, or make it again

What is recorded of an environment is what its worker says of itself: its Python, its versions, and a hash of this
project's code there. If that code is not the code that asks, nothing is measured: the two would not mean the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from residency.harness import registration, store
from residency.harness.errors import ResidencyError, UsageError, unknown
from residency.harness.libraries import NAMED, PROJECT, normal, source
from residency.harness.outcomes import Ending, Outcome
from residency.harness.task import Implementation
from residency.runners.about import code
from residency.runners.process import Ended, Worker

SHIPPED = Path(__file__).with_name("environments.toml")
HERE = registration.HERE
VARIABLE = "RESIDENCY_ENVIRONMENTS"
HOUSE = Path(__file__).resolve().parent.parent
IN_CHECKOUT = (HOUSE / "Makefile").is_file()
MADE = "made.json"  # written last: without it, an environment is not complete
PATIENCE = 120.0  # seconds for a worker to tell what it runs in
NOT_DESCRIBED = f"is not described: residency doctor lists the environments, and {VARIABLE}=FILE names more"
FIELDS = ("why", "python", "requirements")


@dataclass(frozen=True)
class Environment:
    """A named environment, as a file describes it."""

    name: str
    why: str
    requirements: tuple[str, ...]  # for pip
    file: Path  # that describes it
    python: str = ""  # such as 3.12; empty: the Python of this process

    @property
    def folder(self) -> Path:
        """Where it is made: in the checkout, or, if this project is installed, in the cache; an own one by its file."""
        if self.file != SHIPPED:
            return self.file.parent / ".envs" / self.name
        return (HOUSE / ".envs" if IN_CHECKOUT else store.cache_folder() / "environments") / self.name

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def remedy(self) -> str:
        """The command that makes it."""
        if IN_CHECKOUT and self.file == SHIPPED:
            return f"make environment NAME={self.name}"
        return f"python -m residency.runners.environments {self.name}"

    @property
    def definition(self) -> str:
        """A hash of how it is described: what is made of another description is stale."""
        told = json.dumps([self.requirements, self.python])
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def missing(self) -> str:
        """Why it cannot be used as it is, with the remedy; empty if it can."""
        try:
            made = json.loads((self.folder / MADE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return f"environment {self.name} is not here: {self.remedy}"
        if made.get("definition") != self.definition or not self.interpreter.exists():
            return f"environment {self.name} is no longer as it is described: {self.remedy}"
        return ""

    def make(self, python: str = "") -> None:
        """Make it, from nothing; raises `UsageError` if its Python is not here or pip fails."""
        chosen = python or (_python(self.python) if self.python else sys.executable)
        can = [chosen, "-c", "import ensurepip, venv"]
        _run(can, f"environment {self.name}: {chosen} makes no environment")  # before the one that is there is removed
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _run([chosen, "-m", "venv", str(self.folder)], f"environment {self.name}: {chosen} makes no environment")
        own = self.folder / "constraints.txt"
        own.write_text(self._constraints(), encoding="utf-8")
        install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--disable-pip-version-check",
            "--constraint",
            str(own),
        ]
        _run(
            [str(self.interpreter), *install, *_this_project(), *self.requirements],
            f"environment {self.name}: pip could not install {', '.join(self.requirements)}",
        )
        (self.folder / MADE).write_text(json.dumps({"definition": self.definition}), encoding="utf-8")

    def _constraints(self) -> str:
        """This project's constraints, without those of what the environment asks for itself, and of its parts.

        Polars, for example, needs `polars-runtime-32` in its own version.
        """
        pins = HOUSE / "constraints.txt"
        if not pins.is_file() or self.python:  # another Python has other versions
            return ""
        asked = {normal(found[0]) for one in self.requirements if (found := NAMED.match(one))}
        lines = pins.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not ((found := NAMED.match(line)) and _is_part(normal(found[0]), asked))]
        return "\n".join(kept) + "\n"


@dataclass(frozen=True)
class Described:
    """What the worker of an environment says of itself."""

    python: str
    versions: dict[str, str]
    code: str
    packages: frozenset[str]  # that can be imported
    without_cuda: dict[str, str]  # why some of them cannot use a GPU

    def has(self, module: str) -> bool:
        """Whether a module's package can be imported there."""
        return module.partition(".")[0] in self.packages

    @property
    def record(self) -> dict[str, Any]:
        """What a run keeps of it."""
        return {"python": self.python, "versions": self.versions, "code": self.code}


def known() -> dict[str, Environment]:
    """All environments by name; raises `UsageError` if a file cannot be read."""
    files = [
        SHIPPED,
        *(Path(part).expanduser().absolute() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part),
    ]
    return {name: one for file in files for name, one in _read(file).items()}


def environment(name: str, *others: str) -> Environment:
    """The environment of that name; raises `UsageError` with the alternatives, `others` among them."""
    found = known()
    if name not in found:
        raise unknown("environment", name, [*others, *found])
    return found[name]


def described(name: str) -> Described | Ending:
    """What runs in an environment, by its own word; the reason if nothing can."""
    one = known().get(name)
    if one is None:
        return Ending(Outcome.UNAVAILABLE, f"environment {name} {NOT_DESCRIBED}")
    if one.missing:
        return Ending(Outcome.UNAVAILABLE, one.missing)
    return _described(one, (one.folder / MADE).stat().st_mtime_ns)


@cache
def _described(one: Environment, _made: int) -> Described | Ending:
    try:
        with Worker("cpu", 1, python=one.interpreter) as worker:
            told = worker.ask({"do": "about"}, PATIENCE)
    except Ended as ended:
        return Ending(Outcome.FAILED, f"environment {one.name}: {ended.ending.reason}; make it again: {one.remedy}")
    if told["code"] != code().hex():
        why = f"environment {one.name} has other code of this project: make it again: {one.remedy}"
        return Ending(Outcome.FAILED, why)
    return Described(**{**told, "packages": frozenset(told["packages"])})


def lacking(name: str, modules: Sequence[str]) -> str | None:
    """Why an environment cannot import all of these modules; None if it can."""
    there = described(name)
    if isinstance(there, Ending):
        return there.reason
    missing = dict.fromkeys(module for module in modules if not there.has(module))
    return f"environment {name} has no {', '.join(missing)}" if missing else None


def interpreter(name: str) -> Path | None:
    """The Python of an environment; None for this process's own, which has no name."""
    return environment(name).interpreter if name else None


def record(name: str) -> dict[str, Any] | None:
    """What a run keeps of an environment; None if nothing can run in it."""
    told = described(name)
    return told.record if isinstance(told, Described) else None


def of(implementations: Sequence[Implementation]) -> list[str]:
    """The names of the environments that these run in, without this process's own."""
    return sorted({one.environment for one in implementations if one.environment})


def _read(file: Path) -> dict[str, Environment]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{VARIABLE}: {file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not TOML: {error}") from None
    return {name: _of(file, name, table) for name, table in tables.items()}


def _of(file: Path, name: str, table: Any) -> Environment:
    where = f"{file}: environment {name}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) or name == HERE:
        raise UsageError(f"{where}: a name has small letters, digits, '.', '_' and '-', and is not `{HERE}`")
    if not isinstance(table, dict):
        raise UsageError(f"{where} must be a table: [{name}]")
    for field, value in table.items():
        if field not in FIELDS:
            raise unknown("field", field, FIELDS, where)
        if field != "requirements" and not isinstance(value, str):
            raise UsageError(f"{where}: {field} must be a text, not {value!r}")
    requirements = table.get("requirements", [])
    if not isinstance(requirements, list) or not requirements or not all(isinstance(one, str) for one in requirements):
        raise UsageError(f'{where}: requirements must be a list for pip, as ["xgboost-cpu==3.4.0"]')
    python = table.get("python", "")
    if python and not re.fullmatch(r"3\.\d+", python):
        raise UsageError(f"{where}: python must be a version such as '3.12', not {python!r}")
    return Environment(name, table.get("why", ""), tuple(requirements), file, python)


def _python(version: str) -> str:
    """An interpreter of that version; raises `UsageError` if there is none."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, pyenv), *_of_uv(version)):
        if candidate and _is_of(candidate, version):
            return candidate
    raise UsageError(
        f"Python {version} is not here: install it with your system's packages or with `uv python install {version}`, "
        "or name one: --python PATH (make environment NAME=... PYTHON=PATH)"
    )


def _of_uv(version: str) -> list[str]:
    if (uv := shutil.which("uv")) is None:
        return []
    found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True, check=False)
    return found.stdout.split("\n")[:1]


def _is_of(python: str, version: str) -> bool:
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.stdout.strip() == version


def _this_project() -> list[str]:
    """This project's own code, for pip."""
    if (HOUSE / "pyproject.toml").is_file():
        return ["--editable", str(HOUSE)]
    place = source()
    if place is None:
        return [f"{PROJECT}=={metadata.version(PROJECT)}"]
    return [str(place)] if isinstance(place, Path) else [f"{PROJECT} @ {place}"]


def _is_part(name: str, asked: set[str]) -> bool:
    """Whether it is one of these distributions, or is named as a part of one."""
    return any(f"{name}-".startswith(f"{one}-") for one in asked)


def _run(command: Sequence[str], said: str) -> None:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError as error:
        raise UsageError(f"{said}: {error.strerror}") from None
    if done.returncode:
        last = (done.stdout.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise UsageError(f"{said}: {last}")


def main() -> None:
    """Make an environment."""
    parser = argparse.ArgumentParser(
        prog="python -m residency.runners.environments", description="Make an environment."
    )
    parser.add_argument("name", help="its name in environments.toml")
    parser.add_argument("--python", default="", help="the Python to make it with")
    asked = parser.parse_args()
    try:
        one = environment(asked.name)
        print(f"making environment {one.name} in {one.folder}: {', '.join(one.requirements)}", flush=True)  # noqa: T201
        one.make(asked.python)
        told = described(one.name)
    except ResidencyError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"interrupted: environment {asked.name} is not complete", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    if isinstance(told, Ending):
        sys.exit(told.reason)
    print(f"environment {one.name} is ready: Python {told.python}")  # noqa: T201


if __name__ == "__main__":
    main()

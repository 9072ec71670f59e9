"""Finding labs: a folder with `lab.py` is a lab. What a resident gets is made from it.

A teacher's own labs lie in folders that RESIDENCY_LABS names, separated as in PATH: each holds a folder for every lab.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from residency.harness.errors import UsageError, unknown
from residency.harness.mistakes import explained, shown
from residency.labs.lab import Lab

HERE = Path(__file__).parent
VARIABLE = "RESIDENCY_LABS"
OWN = f"for a lab of your own, set {VARIABLE} to the folder that holds it"
MAKE = "residency lab author NAME --into DIR"
REPORT, TEAM = "report.md", "team.toml"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
NOBODY = """# Who is in this team. The address is the one that you commit with: git config user.email
name = ""
"""
MEMBER = '\n[[member]]\nname = ""\nemail = ""\n'
ANSWER = re.compile(r"""^([a-z_]+) = (?:"[^"]*"|[0-9._]+)""")  # a line of `answers.toml`: its comment stays


def labs() -> dict[str, Lab]:
    """All labs in the order in which they are taught, by name; raises `UsageError`."""
    found = [load(folder) for folder in _folders().values()]
    return {lab.name: lab for lab in sorted(found, key=lambda lab: lab.place)}


def lab(name: str) -> Lab:
    """The lab of this name, or a lab's folder; raises `UsageError` if there is none."""
    if (folder := Path(name)).is_dir() and (folder / "lab.py").is_file():
        return load(folder.resolve())
    found = _folders()
    if name in found:
        return load(found[name])
    error = unknown("lab", name, found)
    raise UsageError(f"{error}; {OWN}") if not os.environ.get(VARIABLE) else error


def names() -> list[str]:
    """The names of all labs, without loading them."""
    return sorted(_folders())


def is_found(lab: Lab) -> bool:
    """Whether `residency lab` finds this lab by its name."""
    return _folders().get(lab.name) == lab.folder


def _folders() -> dict[str, Path]:
    """The folder of every lab, by name: those that come with Residency, and those of RESIDENCY_LABS."""
    found: dict[str, Path] = {}
    for root in (HERE, *_own()):
        for file in sorted(root.glob("[!_.]*/lab.py")):
            name = file.parent.name.replace("_", "-")
            if name in found:
                raise UsageError(
                    f"two labs are called {name}: {shown(found[name])} and {shown(file.parent)}; rename one folder"
                )
            found[name] = file.parent
    return found


def _own() -> list[Path]:
    """The folders that RESIDENCY_LABS names, each once; raises `UsageError` if one holds no lab."""
    parts = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    folders = list(dict.fromkeys(Path(part).expanduser().resolve() for part in parts))
    for folder in folders:
        if (folder / "lab.py").is_file():
            raise UsageError(
                f"{VARIABLE} names a lab, {shown(folder)}: name the folder above it, {VARIABLE}={shown(folder.parent)}"
            )
        if not any(folder.glob("[!_.]*/lab.py")):
            raise UsageError(f"{VARIABLE} names {shown(folder)}, which holds no NAME/lab.py; make one with: {MAKE}")
    return [folder for folder in folders if folder != HERE]


@cache
def load(folder: Path) -> Lab:
    """Load a lab's `lab.py`, which belongs to the teacher and is trusted; raises `UsageError` with the faulty line."""
    name, file = f"residency_lab_{folder.name}", folder / "lab.py"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what a file prints must not end up in JSON
            spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"{shown(file)}: {error}; install it, or import it in the function that needs it") from error
    except Exception as error:
        raise explained(error, file) from error
    found = getattr(module, "lab", None)
    if not isinstance(found, Lab):
        raise UsageError(f"{shown(file)} defines no `lab`: it needs a line such as lab = Lab(title=..., entry=...)")
    found.folder = folder
    return found


def starter(text: str, place: str = "work.py") -> str:
    """A teacher's file without its solution: each region becomes a line that raises, or `# your code here`.

    A region that is the whole body of a function raises `NotImplementedError`, so that the bare starter fails at once.
    In a file of answers a region keeps its keys, each with an empty text as its value.
    """
    kept: list[str] = []
    inside = False
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        marker = line.strip()
        if marker == BEGIN:
            if inside:
                raise UsageError(f"{place}, line {number}: a solution begins inside another")
            inside = True
            if place.endswith(".toml"):
                continue
            indent = line[: len(line) - len(line.lstrip())]
            said = 'raise NotImplementedError("your code here")' if indent else "# your code here"
            kept.append(f"{indent}{said}\n")
        elif marker == END:
            if not inside:
                raise UsageError(f"{place}, line {number}: a solution ends that never began")
            inside = False
        elif not inside:
            kept.append(line)
        elif place.endswith(".toml"):
            kept.append(ANSWER.sub(r'\1 = ""', line))
    if inside:
        raise UsageError(f"{place}: a solution begins and never ends")
    return "".join(kept)


def solution(text: str) -> str:
    """A teacher's file without the markers."""
    return "".join(line for line in text.splitlines(keepends=True) if line.strip() not in (BEGIN, END))


def protected(lab: Lab) -> dict[str, bytes]:
    """The files of a resident's repository that belong to the teacher, by path: grading uses the teacher's copies."""
    given = {"README.md": (lab.folder / "README.md").read_bytes()}
    for file in below(lab.folder / "support"):
        given[str(file.relative_to(lab.folder / "support"))] = file.read_bytes()
    if (lab.folder / "baseline.py").is_file():
        given["baseline.py"] = (lab.folder / "baseline.py").read_bytes()
    given["lab.toml"] = f'# Which lab this repository belongs to.\nlab = "{lab.name}"\n'.encode()
    return given


def begun(lab: Lab) -> dict[str, bytes]:
    """All files that a resident starts with, by path."""
    edited = {name: starter((lab.folder / name).read_text(), name).encode() for name in lab.files}
    if (lab.folder / REPORT).is_file():
        edited[REPORT] = (lab.folder / REPORT).read_bytes()
    if lab.team > 1:
        edited[TEAM] = (NOBODY + lab.team * MEMBER).encode()
    return {**protected(lab), **edited}


def below(folder: Path) -> Iterable[Path]:
    """The files below a folder, sorted by path."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)

"""Finding labs: a folder with `lab.py` is a lab. What a resident gets is made from it."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from residency.harness.errors import UsageError, unknown
from residency.labs.lab import Lab

HERE = Path(__file__).parent
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ANSWER = re.compile(r"""^([a-z_]+) = (?:"[^"]*"|[0-9._]+)""")  # a line of `answers.toml`: its comment stays


def labs(root: Path = HERE) -> dict[str, Lab]:
    """All labs in the order in which they are taught, by name."""
    found = [load(file.parent) for file in root.glob("*/lab.py")]
    return {lab.name: lab for lab in sorted(found, key=lambda lab: (lab.order, lab.name))}


def lab(name: str, root: Path = HERE) -> Lab:
    """The lab of this name, or a lab's folder; raises `UsageError` if there is none."""
    if (folder := Path(name)).is_dir() and (folder / "lab.py").is_file():
        return load(folder.resolve())
    folder = root / name.replace("-", "_")
    if re.fullmatch(r"[a-z0-9-]+", name) and (folder / "lab.py").is_file():
        return load(folder)
    raise unknown("lab", name, names(root))


def names(root: Path = HERE) -> list[str]:
    """The names of all labs, without loading them."""
    return sorted(file.parent.name.replace("_", "-") for file in root.glob("*/lab.py"))


@cache
def load(folder: Path) -> Lab:
    """Load a lab's `lab.py`, which belongs to the teacher and is trusted."""
    name = f"residency_lab_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / "lab.py")
    if spec is None or spec.loader is None:
        raise UsageError(f"{folder / 'lab.py'} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    found = getattr(module, "lab", None)
    if not isinstance(found, Lab):
        raise UsageError(f"{folder / 'lab.py'} defines no `lab`")
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
    for file in _below(lab.folder / "support"):
        given[str(file.relative_to(lab.folder / "support"))] = file.read_bytes()
    if (lab.folder / "baseline.py").is_file():
        given["baseline.py"] = (lab.folder / "baseline.py").read_bytes()
    given["lab.toml"] = f'# Which lab this repository belongs to.\nlab = "{lab.name}"\n'.encode()
    return given


def begun(lab: Lab) -> dict[str, bytes]:
    """All files that a resident starts with, by path."""
    edited = {name: starter((lab.folder / name).read_text(), name).encode() for name in lab.files}
    return {**protected(lab), **edited}


def _below(folder: Path) -> Iterable[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)

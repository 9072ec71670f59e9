"""How many lines of code an implementation takes: its function, and what that uses in the files of the suites."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from residency.harness.sources import HOUSE, origins

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class _File:
    """What is at the top of a file; all is empty if it cannot be read."""

    lines: list[str] = field(default_factory=list)
    definitions: dict[str, Definition] = field(default_factory=dict)  # by name
    functions: dict[tuple[str, int], Definition] = field(default_factory=dict)  # by name and line, a decorator's if any
    # By name, the file and the name there; a module itself has no name there.
    imported: dict[str, tuple[Path, str]] = field(default_factory=dict)


def lines_of_code(function: Callable[..., Any]) -> int:
    """The lines of code of a function at the top of a file; 0 if its text is not known.

    The functions, classes and constants that it uses from the same file, and from other files of the suites, count too,
    because a reader must read them. Decorators, docstrings, comments and empty lines do not, and neither does what
    comes from datasets, the harness and libraries.
    """
    try:
        own = inspect.unwrap(function)
        path = Path(inspect.getsourcefile(own) or "")
    except (TypeError, ValueError):
        return 0
    written = _read(path).functions.get((own.__name__, own.__code__.co_firstlineno))
    if written is None:
        return 0
    found = {(path, own.__name__): written}
    wanted = _used(path, written)
    while wanted:
        place = wanted.pop()
        definition = _read(place[0]).definitions.get(place[1])
        if definition is not None and place not in found:
            found[place] = definition
            wanted |= _used(place[0], definition)
    return len({(file, line) for (file, _), one in found.items() for line in _code(one, _read(file).lines)})


@cache
def _read(path: Path) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return _File()
    imported = {name: origin for name, origin in origins(path, tree).items() if _is_of_suites(origin[0])}
    file = _File(text.splitlines(), imported=imported)
    for one in tree.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            file.definitions[one.name] = one
            file.functions[one.name, min([one.lineno, *(each.lineno for each in one.decorator_list)])] = one
        elif isinstance(one, ast.Assign | ast.AnnAssign):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            file.definitions.update(dict.fromkeys(names, one))
    return file


def _is_of_suites(file: Path) -> bool:
    """Whether it is one of the suites' files, or the user's own."""
    return file.is_relative_to(HOUSE / "suites") or not file.is_relative_to(HOUSE)


def _used(path: Path, one: Definition) -> set[tuple[Path, str]]:
    """The names that a definition uses, and the files of the suites in which they may be defined."""
    file, used = _read(path), set()
    for each in ast.walk(_undecorated(one)):
        if isinstance(each, ast.Name) and each.id in file.definitions:
            used.add((path, each.id))
        elif isinstance(each, ast.Name) and each.id in file.imported:
            used.add(file.imported[each.id])
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id in file.imported:
            used.add((file.imported[each.value.id][0], each.attr))
    return used


def _undecorated(one: Definition) -> Definition:
    """Without decorators, which name the task and not the work."""
    bare = copy(one)
    if not isinstance(bare, ast.Assign | ast.AnnAssign):
        bare.decorator_list = []
    return bare


def _code(one: Definition, lines: list[str]) -> Iterator[int]:
    """The numbers of the lines that hold code."""
    left = {line for doc in _docstrings(one) for line in range(doc.lineno, (doc.end_lineno or doc.lineno) + 1)}
    for number in range(one.lineno, (one.end_lineno or one.lineno) + 1):
        text = lines[number - 1].strip()
        if number not in left and text and not text.startswith("#"):
            yield number


def _docstrings(one: Definition) -> Iterator[ast.stmt]:
    for each in ast.walk(one):
        if (
            isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and ast.get_docstring(each) is not None
        ):
            yield each.body[0]

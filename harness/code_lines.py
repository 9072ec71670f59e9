"""How many lines of code an implementation takes: its function, and what that uses in the same file."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


def lines_of_code(function: Callable[..., Any]) -> int:
    """The lines of code of a function at the top of a file; 0 if its text is not known.

    The functions, classes and constants that it uses from the same file count too, because a reader must read them.
    Decorators, docstrings, comments and empty lines do not, and neither does what is imported.
    """
    try:
        own = inspect.unwrap(function)
        path = inspect.getsourcefile(own)
        lines, definitions, functions = _read(Path(path or ""))
    except (OSError, TypeError, SyntaxError, ValueError):
        return 0
    written = functions.get((own.__name__, own.__code__.co_firstlineno))
    if written is None:
        return 0
    found = {own.__name__: written}
    wanted = _names(written)
    while wanted:
        name = wanted.pop()
        if name in definitions and name not in found:
            found[name] = definitions[name]
            wanted |= _names(found[name])
    return len({line for one in found.values() for line in _code(one, lines)})


@cache
def _read(path: Path) -> tuple[list[str], dict[str, Definition], dict[tuple[str, int], Definition]]:
    """A file's lines, its definitions by name, and its functions by name and first line, that of a decorator."""
    text = path.read_text(encoding="utf-8")
    found: dict[str, Definition] = {}
    functions: dict[tuple[str, int], Definition] = {}
    for one in ast.parse(text).body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[one.name] = one
            functions[one.name, min([one.lineno, *(each.lineno for each in one.decorator_list)])] = one
        elif isinstance(one, ast.Assign | ast.AnnAssign):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            found |= {each.id: one for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return text.splitlines(), found, functions


def _names(one: Definition) -> set[str]:
    """The names that a definition uses."""
    return {each.id for each in ast.walk(_undecorated(one)) if isinstance(each, ast.Name)}


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

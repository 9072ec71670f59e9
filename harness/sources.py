"""Which files a dataset or a task rests on: itself, and of this project and of the files beside it what it imports.

The keys of made data, of what a task says of it and of measured samples are made of these files' texts. So a file that
is touched makes anew what imports it, itself or through others, and nothing else.

Imports are read in the text: nothing is run, so no library is loaded, and an import inside a function counts as one at
the top. All modules of this project count that are reached, the harness's too: which of its functions shape data is
not to be told by a list that somebody must keep, and a list that is wrong leaves stale data behind. Not followed are

    a package's `__init__.py`   unless something is taken from it: `from residency.harness.dataset import generated`
                                runs the harness's, which imports most of it, but takes nothing there
    libraries                   their versions are in the keys by themselves
    names made at run time      `import_module(f"...")`
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent  # whose folders are the packages of `residency`
PACKAGE = "residency"
PARTS = ("body", "orelse", "finalbody", "handlers", "cases")  # of a statement that hold statements


def sources_of(*files: Path) -> tuple[Path, ...]:
    """These files and all that they import, directly or through each other, each once, in the order of their paths."""
    reached: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += imported_by(file)
    return tuple(sorted(reached))


def hash_of_sources(*files: Path) -> str:
    """SHA-256 over the names and texts of these files' sources, wherever they lie; raises `OSError` without one."""
    texts = {f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in sources_of(*files)}
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def imported_by(file: Path) -> tuple[Path, ...]:
    """The files that this one imports itself; none where it is not there or is no Python."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return _imported_by(file, status.st_mtime_ns, status.st_size)


@cache  # for as long as the file stays as it is
def _imported_by(file: Path, _changed: int, _size: int) -> tuple[Path, ...]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()  # whoever loads it says what is wrong
    places = (_module(file, level, names) for node in _statements(tree) for level, names in _named(node))
    return tuple(sorted({place for place in places if place is not None}))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements of a file, those in functions and branches too: expressions hold no imports, and take the time."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for part in PARTS:
            waiting += getattr(node, part, ())


def _named(node: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """What a statement imports: how many packages up it begins, 0 for none, and the names on the way from there.

    The last name may be a module's or one inside a module.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield 0, alias.name.split(".")
    elif isinstance(node, ast.ImportFrom):
        way = node.module.split(".") if node.module else []
        for alias in node.names:
            yield node.level, [*way, alias.name]


def _module(file: Path, level: int, names: Sequence[str]) -> Path | None:
    """The module's file, where it is one of this project or lies beside the file that imports it."""
    if level > len(file.parents) - 1:
        return None
    if level:
        folder = file.parents[level - 1]
        return _first_file(folder.parent, [folder.name, *names])
    if names[0] == PACKAGE:
        return _first_file(HOUSE, names[1:])
    if names[0] in sys.stdlib_module_names:
        return None
    return _first_file(file.parent, names)  # as where PYTHONPATH names the folder; libraries do not lie there


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    """The file of the module of that name under a folder, else of the module that the last name is taken from."""
    return next((file for way in (names, names[:-1]) for file in _files(folder, way) if file.is_file()), None)


def _files(folder: Path, names: Sequence[str]) -> list[Path]:
    """Where a module of that name may be: Python takes a package before a file of its name."""
    if not names:
        return []
    *packages, name = names
    place = folder.joinpath(*packages)
    return [place / name / "__init__.py", place / f"{name}.py"]

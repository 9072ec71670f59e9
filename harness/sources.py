"""The source files of a dataset or a task: its own file, and what that imports from this project or from beside itself.

The keys of made data, of the facts that a task computes from it, and of measured samples contain the hash of these
files. So a change to a file invalidates what imports it, directly or through other files, and nothing else.

Imports are found by parsing: nothing is run, so no library is loaded, and an import inside a function counts like one
at the top. Every module of this project that is reached counts, the harness's too. A list of the functions that shape
data would have to be maintained, and a wrong list would leave stale data behind. Not followed are

    a package's `__init__.py`   unless a name is imported from it: `from residency.harness.dataset import generated`
                                runs the harness's, which imports most of the harness, but imports no name from it
    libraries                   the keys already contain their versions
    names made at run time      `import_module(f"...")`
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent  # its folders are the packages of `residency`
PACKAGE = "residency"
PARTS = ("body", "orelse", "finalbody", "handlers", "cases")  # the parts of a statement that hold statements


def sources_of(*files: Path) -> tuple[Path, ...]:
    """These files and all that they import, directly or through other files. Each appears once, sorted by path."""
    reached: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += imported_by(file)
    return tuple(sorted(reached))


def hash_of_sources(*files: Path) -> str:
    """SHA-256 over the names and texts of these files' sources, in any folder; raises `OSError` if one is missing."""
    texts = {f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in sources_of(*files)}
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def imported_by(file: Path) -> tuple[Path, ...]:
    """The files that this one imports directly; none if it is missing or is not Python."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return _imported_by(file, status.st_mtime_ns, status.st_size)


def origins(file: Path, tree: ast.Module) -> dict[str, tuple[Path, str]]:
    """The names that a file imports from this project or from beside itself: the file of each, and its name in it.

    The second is empty if the name is the module itself.
    """
    found = {}
    for node in _statements(tree):
        for alias, (level, names) in zip(getattr(node, "names", ()), _named(node), strict=False):
            place = _module(file, level, names)
            if place is not None:
                found[alias.asname or alias.name] = (place, "" if place.stem == names[-1] else names[-1])
    return found


@cache  # for as long as the file stays as it is
def _imported_by(file: Path, _changed: int, _size: int) -> tuple[Path, ...]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()  # loading the file will report what is wrong
    places = (_module(file, level, names) for node in _statements(tree) for level, names in _named(node))
    return tuple(sorted({place for place in places if place is not None}))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements of a file, also in functions and branches. Expressions are skipped: they hold no imports."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for part in PARTS:
            waiting += getattr(node, part, ())


def _named(node: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """What a statement imports: how many packages up the path begins (0: absolute), and the names along the path.

    The last name may be a module or a name inside a module.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield 0, alias.name.split(".")
    elif isinstance(node, ast.ImportFrom):
        way = node.module.split(".") if node.module else []
        for alias in node.names:
            yield node.level, [*way, alias.name]


def _module(file: Path, level: int, names: Sequence[str]) -> Path | None:
    """The module's file, if it belongs to this project or lies beside the file that imports it."""
    if level > len(file.parents) - 1:
        return None
    if level:
        folder = file.parents[level - 1]
        return _first_file(folder.parent, [folder.name, *names])
    if names[0] == PACKAGE:
        return _first_file(HOUSE, names[1:])
    if names[0] in sys.stdlib_module_names:
        return None
    return _first_file(file.parent, names)  # as if PYTHONPATH named the folder; libraries are not there


def _first_file(folder: Path, names: Sequence[str]) -> Path | None:
    """The file of the module of that name under a folder, else of the module that holds the last name."""
    return next((file for way in (names, names[:-1]) for file in _files(folder, way) if file.is_file()), None)


def _files(folder: Path, names: Sequence[str]) -> list[Path]:
    """Where a module of that name may be: Python prefers a package to a file of the same name."""
    if not names:
        return []
    *packages, name = names
    place = folder.joinpath(*packages)
    return [place / name / "__init__.py", place / f"{name}.py"]

"""The documentation of installed libraries, read from their source files: real text in any environment.

Files are found through the import system and parsed; no library is imported or run. Parsing all eight libraries takes
half a minute on a slow core, so their docstrings are kept in the cache for the next dataset that is made from them.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from residency.datasets.nlp.texts import Texts, prepared
from residency.harness.dataset import shipped
from residency.harness.files import write_whole
from residency.harness.store import cache_folder

LIBRARIES = ("networkx", "numpy", "pandas", "polars", "scipy", "sklearn", "statsmodels", "torch")
SKIPPED = {  # folders: tests, code copied from other libraries, and PyTorch's compilers, which document only themselves
    *("tests", "testing", "_testing"),
    *("externals", "_external", "vendored", "_vendored", "_vendor", "array_api_compat", "array_api_extra"),
    *("_dynamo", "_functorch", "_inductor"),
}
SHORTEST = 200  # characters
# The libraries' names anywhere; and the short names that users import them by, as whole words or between underscores.
NAMES = re.compile(
    r"networkx|numpy|pandas|polars|scipy|scikit|sklearn|statsmodels|pytorch|torch"
    r"|(?<![a-z0-9])(nx|np|pd|pl|sp|sm|smf|sms)(?![a-z0-9])",
    re.IGNORECASE,
)


@shipped(*LIBRARIES)
def docstrings(seed: int) -> Texts:
    """Docstrings of eight installed libraries: which one does this documentation come from?

    NetworkX, NumPy, pandas, Polars, SciPy, scikit-learn, statsmodels and PyTorch, in the installed versions: about
    18,000 texts of modules, classes and functions, of at least 200 characters, each different from all others. Left
    out: tests, and code that a library has copied from others. Removed: the names of all eight libraries, anywhere, and
    the short names that they are imported by (np, pd, ...). Kept: a library's own terms (DataFrame, Tensor, graph),
    which are what a classifier learns, and similar texts (for example of pandas' Series and DataFrame), which make the
    task easier than it looks: macro-F1 is about 0.92. The classes differ in size by a factor of four. The bytes depend
    on the versions, which are recorded. Each text belongs to its library, under that library's licence (BSD, or MIT for
    Polars); it is read where it is installed and never distributed.
    """
    texts, labels = [], []
    for label, library in enumerate(LIBRARIES):
        for text in read_docstrings(library):
            texts.append(NAMES.sub("", text))
            labels.append(label)
    unique = {text: place for place, text in reversed(list(enumerate(texts)))}
    kept = sorted(unique.values())
    return prepared([texts[place] for place in kept], np.array(labels)[kept], LIBRARIES, seed)


def read_docstrings(library: str) -> list[str]:
    """The docstrings of an installed library that are long enough, file by file."""
    files = list(_files_of(library))
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file, status in ((file, file.stat()) for file in files):
        digest.update(f"{file} {status.st_size} {status.st_mtime_ns}".encode())
    kept = cache_folder() / "docstrings" / f"{library}-{digest.hexdigest()[:16]}.json"
    if kept.exists():
        return list(json.loads(kept.read_bytes()))
    texts = [text for file in files for text in _docstrings_of(file)]
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, json.dumps(texts))
    return texts


def _files_of(library: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(library)
    for folder in map(Path, (spec and spec.submodule_search_locations) or ()):
        for file in sorted(folder.rglob("*.py")):
            if SKIPPED.isdisjoint(file.relative_to(folder).parts):
                yield file


def _docstrings_of(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # a template, or code for another version of Python
        return
    for node in _statements(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
            if len(text) >= SHORTEST:
                yield text


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """As `ast.walk`, but without expressions: these are nine nodes of ten and hold no docstrings."""
    waiting = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for parts in ("body", "handlers", "orelse", "finalbody", "cases"):
            waiting.extend(getattr(node, parts, ()))

"""`work.py` as a notebook: Jupytext pairs `work.ipynb` with it, and saving one writes the other.

`work.py` is what is checked and graded. The notebook holds outputs, so Git leaves it out.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from residency.harness.errors import UsageError
from residency.harness.libraries import how_to_install
from residency.labs.lab import Lab

SOURCE, NOTEBOOK = "work.py", "work.ipynb"
FORMAT = "py:light"  # any Python file reads as a notebook of this format, without marks for its cells
PAIRED = f"""# Jupytext: saving {NOTEBOOK} writes {SOURCE}, which is checked and graded.
formats = "ipynb,{FORMAT}"
notebook_metadata_filter = "-all"
cell_metadata_filter = "-all"
"""
IGNORED = "*.ipynb\n.ipynb_checkpoints/\n"
CHECK = "!residency lab check"


def files(lab: Lab) -> dict[str, bytes]:
    """What a repository needs so that its `work.py` is a notebook, too; raises `UsageError` where that cannot be."""
    if SOURCE not in lab.files:
        raise UsageError(f"lab {lab.name} has no code: answer its questions in {lab.files[0]}")
    _jupytext()
    return {"jupytext.toml": PAIRED.encode(), ".gitignore": IGNORED.encode()}


def write(folder: Path) -> None:
    """Write `work.ipynb` beside `work.py`, with a last cell that checks the work."""
    jupytext = _jupytext()
    notebook = jupytext.reads((folder / SOURCE).read_text(), fmt=FORMAT)
    notebook.cells.append(importlib.import_module("nbformat.v4").new_code_cell(CHECK))
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    jupytext.write(notebook, folder / NOTEBOOK)


def refuse_unsaved(folder: Path) -> None:
    """Raise `UsageError` if the notebook was changed after `work.py`, and says something else."""
    source, notebook = folder / SOURCE, folder / NOTEBOOK
    if not notebook.is_file() or not source.is_file() or notebook.stat().st_mtime <= source.stat().st_mtime:
        return
    if _code(notebook) != _code(source):
        raise UsageError(
            f"{NOTEBOOK} is newer than {SOURCE}, which is checked and graded; write it with: jupytext --sync {notebook}"
        )


def _code(file: Path) -> list[str]:
    """The cells of a notebook, or of a Python file that is read as one, without the cell that checks the work."""
    jupytext = _jupytext()
    try:
        notebook = jupytext.read(file, fmt="ipynb" if file.suffix == ".ipynb" else FORMAT)
    except Exception as error:  # of the libraries that read notebooks, which have many kinds
        raise UsageError(f"{file} is not a readable notebook: {type(error).__name__}") from error
    return [cell.source.strip() for cell in notebook.cells if cell.source.strip() not in ("", CHECK)]


def _jupytext() -> ModuleType:
    try:
        return importlib.import_module("jupytext")
    except ModuleNotFoundError:
        raise UsageError(f"a notebook needs Jupytext: {how_to_install('[notebooks]')}") from None

"""The documentation of installed libraries, line by line: real prose, code and tables in any environment."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.nlp.docstrings import LIBRARIES, read_docstrings
from residency.datasets.nlp.prose import Prose, counted
from residency.harness.dataset import shipped


@shipped(*LIBRARIES)
def docstring_prose(folder: Path) -> Prose:
    """The lines of the docstrings of eight installed libraries, as they stand in the source files.

    NetworkX, NumPy, pandas, Polars, SciPy, scikit-learn, statsmodels and PyTorch, the versions that are installed:
    about 660,000 lines of 18,000 docstrings of at least 200 characters, 22 MB, a sixth of the lines empty. Examples,
    tables and formulae stand beside sentences; `array` is the most frequent word. Words are counted one after the other
    by Python's dictionary. Bytes depend on the versions, which are on record. Each text is its library's, under that
    library's licence (BSD, or MIT for Polars); it is read where it is installed and never passed on.
    """
    texts = (text for library in LIBRARIES for text in read_docstrings(library))
    lines = (line.encode(errors="replace").decode() for text in texts for line in text.splitlines())
    return counted(folder / "lines.parquet", lines)

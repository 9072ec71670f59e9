"""The documentation of installed libraries, line by line: real prose, code and tables in any environment."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.nlp.docstrings import LIBRARIES, read_docstrings
from residency.datasets.nlp.prose import Prose, counted
from residency.harness.dataset import shipped


@shipped(*LIBRARIES)
def docstring_prose(folder: Path) -> Prose:
    """The lines of the docstrings of eight installed libraries, as they stand in the source files.

    NetworkX, NumPy, pandas, Polars, SciPy, scikit-learn, statsmodels and PyTorch, in the installed versions: about
    660,000 lines of 18,000 docstrings of at least 200 characters, 22 MB; a sixth of the lines are empty. There are
    sentences, examples, tables and formulae; `array` is the most frequent word. Words are counted one after the other
    by Python's dictionary. The bytes depend on the versions, which are recorded. Each text belongs to its library,
    under that library's licence (BSD, or MIT for Polars); it is read where it is installed and never distributed.
    """
    texts = (text for library in LIBRARIES for text in read_docstrings(library))
    lines = (line.encode(errors="replace").decode() for text in texts for line in text.splitlines())
    return counted(folder / "lines.parquet", lines)

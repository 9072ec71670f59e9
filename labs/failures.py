"""What a resident reads when a submission raised, ended or was ended. All of it comes from lists that are known here.

A submission chooses its exceptions' names, messages and lines, its exit status and its answer's type. Any of them could
carry a hidden input out, so only what is in these lists is told. A resident who runs the visible checks also reads the
message.
"""

from __future__ import annotations

import builtins
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from residency.harness.errors import visible
from residency.labs.lab import Verdict

EXCEPTIONS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)
RETURNED = {
    "builtins.object": "an object",
    "builtins.set": "a set",
    "builtins.frozenset": "a set",
    "builtins.complex": "a complex number",
    "builtins.function": "a function",
    "builtins.coroutine": "a coroutine",
    "numpy.matrix": "a NumPy matrix",
    "numpy.ndarray": "an array of Python objects or records",
    "numpy.ma.MaskedArray": "a masked array",
    "numpy.memmap": "a memory map",
    "pandas.DataFrame": "a pandas DataFrame",
    "pandas.Series": "a pandas Series",
    "pandas.core.frame.DataFrame": "a pandas DataFrame",
    "pandas.core.series.Series": "a pandas Series",
    "cupy.ndarray": "a CuPy array",
    "torch.Tensor": "a PyTorch tensor",
}
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
WRITTEN = "the channel to the grader was written to"
LARGEST_FILE = 4 << 20
LONGEST_MESSAGE = 200  # characters that are shown


def lines(folder: Path) -> dict[str, int]:
    """How many lines each Python file of a submission has, by its path."""
    counted = {}
    for file in folder.rglob("*.py"):
        with file.open("rb") as opened:
            counted[str(file.relative_to(folder))] = opened.read(LARGEST_FILE).count(b"\n") + 1
    return counted


def raised(error: Any, files: Mapping[str, int], when: str, *, own: bool = False) -> Verdict:
    """An exception of a submission; `own`: with the first line of its message, for its author."""
    if not isinstance(error, dict):
        return Verdict("failed", WRITTEN)
    kind = error.get("type")
    if kind == "NotImplementedError":
        return Verdict("failed", "not implemented yet: replace the line that raises NotImplementedError")
    if kind == "TooLarge":
        return Verdict("type", "it returned too many values outside arrays: put them into NumPy arrays")
    if kind == "WireError":
        returned = error.get("returned")
        what = RETURNED.get(returned, "something else") if isinstance(returned, str) else "something else"
        return Verdict("type", f"it returned {what}: return plain NumPy arrays, numbers, texts, or lists of them")
    name = kind if isinstance(kind, str) and kind in EXCEPTIONS else "an exception"
    return Verdict("failed", f"{name}{_where(error, files)}, {when}{_message(error) if own else ''}")


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    lines = message.strip().splitlines() if isinstance(message, str) else []
    return f": {visible(lines[0].strip()[:LONGEST_MESSAGE])}" if lines else ""


def _where(error: Mapping[str, Any], files: Mapping[str, int]) -> str:
    file, line = error.get("file"), error.get("line")
    if not isinstance(file, str) or type(line) is not int or not 0 < line <= files.get(file, 0):
        return ""
    return f" in line {line}" if file == "work.py" else f" in line {line} of {file}"


def ended(code: int | None) -> str:
    """How a process ended without an answer: `code` as `subprocess` tells it, or 128 and a signal's number."""
    number = -code if code is not None and code < 0 else (code or 0) - 128
    crash = next((f": it crashed in compiled code ({known.name})" for known in CRASHES if known == number), "")
    return f"the process ended without an answer{crash}"

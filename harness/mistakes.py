"""The message for a mistake in a task's file: one line with the file, its line, what is wrong and what to do."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from residency.harness import registration
from residency.harness.errors import ResidencyError, UsageError, likely
from residency.harness.task import Task

CALL = re.compile(r"Task\.(\w+)\(\) (.*)")
KEYWORD = re.compile(r"unexpected keyword argument '(\w+)'")
SUITES = "residency.suites."


def shown(file: Path) -> str:
    """A file's path to show to people: relative if it is below the working folder, else in full."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def explained(error: BaseException, file: Path) -> UsageError:
    """The one-line error for an exception that was raised while a task's file was loaded."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return UsageError(f"{shown(Path(error.filename))}:{error.lineno}: {type(error).__name__}: {error.msg}")
    return UsageError(f"{_where(error, file)}: {_what(error, file)}")


def _where(error: BaseException, file: Path) -> str:
    """The deepest line in the file, or in a file beside it."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve().parent == file.resolve().parent
    ]
    return f"{shown(Path(own[-1].filename))}:{own[-1].lineno}" if own else shown(file)


def _what(error: BaseException, file: Path) -> str:
    text = " ".join(str(error).split()) or "(no message)"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{text}{_missing(error.name, file)}"
    if isinstance(error, TypeError) and (call := CALL.fullmatch(text)):
        return _wrong_call(call[1], call[2])
    if isinstance(error, ResidencyError):
        return text
    if isinstance(error, SystemExit):
        return f"calls sys.exit({error.code!r}): a task's file only defines things, the harness runs them"
    return f"{type(error).__name__}: {text}"


def _wrong_call(method: str, text: str) -> str:
    """Python's message about a call with wrong names, and how to write the call."""
    function = getattr(Task, method)
    name = "Task" if method == "__init__" else f"task.{method}"
    written = registration.how_called(function, name)
    near = []
    if wrong := KEYWORD.search(text):
        near = likely(
            wrong[1],
            function.__code__.co_varnames[1 : function.__code__.co_argcount + function.__code__.co_kwonlyargcount],
        )
    meant = f"; did you mean `{near[0]}`?" if near else "."
    return f"{name}() {text.partition('. Did you mean')[0]}{meant} It is written {written}"


def _missing(module: str, file: Path) -> str:
    """What to do if a module is not found while a file is loaded."""
    if module.startswith("residency."):
        return "; residency list shows which tasks there are" if module.startswith(SUITES) else ""
    if (file.parent / f"{module}.py").exists():
        return f"; a file beside this one is imported with `from . import {module}`"
    top = module.partition(".")[0]
    return (
        f". Libraries are imported when an implementation runs: leave the import out, name `{top}` in the decorator, "
        f'as @task.on_cpu("{top}"), and take it as the function\'s third argument'
    )
